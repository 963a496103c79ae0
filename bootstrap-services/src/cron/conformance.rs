//! What every store of claims passes.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;

#[cfg(feature = "database")]
use crate::cron::ClaimWork;
use crate::cron::CronStore;

const NAME: &str = "conformance";
const DAY: u64 = 86_400;

/// Checks a store of claims. The store is empty, and keeps what the checks claim.
///
/// `make` returns a store over the same claims each time, as another instance would have it.
///
/// # Panics
///
/// Panics if the store does not do what [`CronStore`] says.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use bootstrap_services::cron::{MemoryCronStore, conformance};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = Arc::new(MemoryCronStore::default());
/// conformance::check(async || store.clone()).await;
/// # }
/// ```
pub async fn check<S: CronStore>(make: impl AsyncFn() -> Arc<S>) {
    let make = async || {
        let store: Arc<dyn CronStore> = make().await;
        store
    };
    a_claim_is_kept(&make).await;
    an_occurrence_is_claimed_once(&make).await;
    an_earlier_occurrence_is_not_claimed(&make).await;
    names_are_apart(&make).await;
    of_many_racers_one_wins(&make).await;
    a_time_far_ahead_is_overwritten(&make).await;
    a_claim_outlives_its_instance(&make).await;
    #[cfg(feature = "database")]
    the_work_of_a_claim_is_done_if_it_is_claimed(&make).await;
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

async fn claim(store: &Arc<dyn CronStore>, name: &str, occurrence: u64, now: u64) -> bool {
    let claimed = store.claim(name, at(occurrence), at(now)).await;
    claimed.expect("the store answers")
}

async fn last(store: &Arc<dyn CronStore>, name: &str) -> Option<SystemTime> {
    store.last(name).await.expect("the store answers")
}

async fn a_claim_is_kept(make: &impl AsyncFn() -> Arc<dyn CronStore>) {
    let store = make().await;
    assert_eq!(last(&store, NAME).await, None, "nothing is claimed yet");
    assert!(
        claim(&store, NAME, 10, 10).await,
        "the first claim succeeds"
    );
    assert_eq!(last(&store, NAME).await, Some(at(10)));
}

async fn an_occurrence_is_claimed_once(make: &impl AsyncFn() -> Arc<dyn CronStore>) {
    let (one, other) = (make().await, make().await);
    assert!(!claim(&one, NAME, 10, 11).await, "by the same instance");
    assert!(!claim(&other, NAME, 10, 11).await, "by another instance");
    assert!(claim(&other, NAME, 20, 21).await, "the next one");
    assert!(!claim(&one, NAME, 20, 21).await);
}

async fn an_earlier_occurrence_is_not_claimed(make: &impl AsyncFn() -> Arc<dyn CronStore>) {
    let store = make().await;
    assert!(
        !claim(&store, NAME, 15, 30).await,
        "the clock was set back, or a claim came late"
    );
    assert_eq!(
        last(&store, NAME).await,
        Some(at(20)),
        "and nothing changed"
    );
}

async fn names_are_apart(make: &impl AsyncFn() -> Arc<dyn CronStore>) {
    let store = make().await;
    // The empty one is that of the health check.
    for name in ["other", "Other", "naïve ☃", "a'b\"c\\d", ""] {
        assert!(
            claim(&store, name, 5, 5).await,
            "`{name}` has a time of its own"
        );
        assert_eq!(last(&store, name).await, Some(at(5)));
    }
    assert_eq!(last(&store, NAME).await, Some(at(20)));
}

async fn of_many_racers_one_wins(make: &impl AsyncFn() -> Arc<dyn CronStore>) {
    let mut stores = Vec::new();
    for _ in 0..5 {
        stores.push(make().await);
    }
    for round in 0..10 {
        let (occurrence, store) = (100 + round, |i: usize| &stores[i % stores.len()]);
        let racers = (0..20).map(|i| claim(store(i), NAME, occurrence, occurrence));
        let winners = join_all(racers)
            .await
            .into_iter()
            .filter(|won| *won)
            .count();
        assert_eq!(winners, 1, "of 20 claims of one occurrence");
    }
}

async fn a_time_far_ahead_is_overwritten(make: &impl AsyncFn() -> Arc<dyn CronStore>) {
    let store = make().await;
    assert!(
        claim(&store, NAME, 400 * DAY, 400 * DAY).await,
        "by a clock that is a year ahead"
    );
    assert!(
        !claim(&store, NAME, 399 * DAY, 399 * DAY).await,
        "within a day of it, nothing is doubled"
    );
    assert!(
        claim(&store, NAME, 2 * DAY, 2 * DAY).await,
        "by a clock that is right"
    );
    assert_eq!(last(&store, NAME).await, Some(at(2 * DAY)));
}

/// An instance that was killed after its claim: its occurrence does not run again.
async fn a_claim_outlives_its_instance(make: &impl AsyncFn() -> Arc<dyn CronStore>) {
    let killed = make().await;
    assert!(claim(&killed, NAME, 3 * DAY, 3 * DAY).await);
    drop(killed);
    let next = make().await;
    assert!(
        !claim(&next, NAME, 3 * DAY, 3 * DAY + 5).await,
        "at most once"
    );
    assert!(claim(&next, NAME, 4 * DAY, 4 * DAY).await);
}

/// Counts the calls, and fails if it is told to.
#[cfg(feature = "database")]
struct Calls {
    count: std::sync::atomic::AtomicUsize,
    fails: bool,
}

#[cfg(feature = "database")]
#[bootstrap::extend::async_trait]
impl ClaimWork for Calls {
    async fn run(&self, _: &mut dyn crate::database::Transaction) -> bootstrap::Result<()> {
        self.count
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        anyhow::ensure!(!self.fails, "the work fails");
        Ok(())
    }
}

/// With a store that has transactions.
#[cfg(feature = "database")]
async fn the_work_of_a_claim_is_done_if_it_is_claimed(make: &impl AsyncFn() -> Arc<dyn CronStore>) {
    let store = make().await;
    let claim = async |fails| {
        let calls = Calls {
            count: 0.into(),
            fails,
        };
        let claimed = store.claim_in("work", at(10), at(10), &calls).await;
        (claimed.ok(), calls.count.into_inner())
    };
    match claim(true).await {
        (Some(None), 0) => return,
        failed => assert_eq!(failed, (None, 1), "the error of the work is returned"),
    }
    assert_eq!(last(&store, "work").await, None, "the claim is rolled back");
    assert_eq!(claim(false).await, (Some(Some(true)), 1));
    assert_eq!(last(&store, "work").await, Some(at(10)));
    let again = claim(false).await;
    assert_eq!(again, (Some(Some(false)), 0), "it is claimed already");
}
