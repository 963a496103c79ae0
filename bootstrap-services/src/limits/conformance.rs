//! What every [`RateStore`] does, as a test for authors of engines.

use std::time::Duration;

use futures_util::future::join_all;

use crate::limits::{Decision, Quota, RateStore};

/// One comes back in 400 ms.
const QUOTA: Quota = Quota::new(5, Duration::from_secs(2)).burst(3);
const INTERVAL: Duration = Duration::from_millis(400);
/// A rate that gives nothing back while a test runs.
const SLOW: Quota = Quota::per_hour(1).burst(20);

/// Checks that an engine does what the docs of [`RateStore`] promise. It uses limits whose names begin with `conformance-`, and needs a
/// store that has not been used for 24 hours, or is new.
///
/// `wait` lets time pass for the engine: `tokio::time::sleep`, or `VirtualClock::advance` for one that reads a virtual clock.
///
/// # Panics
///
/// If the engine fails, or does something else; the message names the rule.
///
/// # Examples
///
/// ```
/// use std::time::SystemTime;
///
/// use bootstrap_services::limits::{MemoryRateStore, conformance};
/// use bootstrap_services::testing::VirtualClock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
/// let engine = MemoryRateStore::new(time.clock());
/// conformance::rate_store(&engine, async |duration| time.advance(duration).await).await;
/// # }
/// ```
pub async fn rate_store(store: &dyn RateStore, wait: impl AsyncFn(Duration)) {
    a_burst_is_allowed_and_no_more(store).await;
    keys_and_limits_are_counted_apart(store).await;
    callers_at_one_time_get_what_there_is(store).await;
    what_was_used_comes_back_evenly(store, &wait).await;
    a_refused_check_is_not_counted(store, &wait).await;
}

async fn take(store: &dyn RateStore, limit: &str, quota: &Quota, key: &str) -> Decision {
    let decision = store.take(limit, quota, key.as_bytes()).await;
    decision.expect("`take` succeeds")
}

async fn a_burst_is_allowed_and_no_more(store: &dyn RateStore) {
    for used in 1..=20 {
        let decision = take(store, "conformance-burst", &SLOW, "a").await;
        assert!(
            decision.allowed,
            "a key that was not used has its whole burst"
        );
        let counts = (decision.limit, decision.remaining);
        assert_eq!(counts, (20, 20 - used), "the rest of the burst is returned");
        assert_eq!(
            decision.retry_after,
            Duration::ZERO,
            "what is allowed need not wait"
        );
        assert!(!decision.reset.is_zero(), "the burst is not whole");
    }
    let decision = take(store, "conformance-burst", &SLOW, "a").await;
    assert!(!decision.allowed, "no more than the burst is allowed");
    assert_eq!(
        (decision.limit, decision.remaining),
        (20, 0),
        "nothing remains"
    );
    let hour = Duration::from_hours(1);
    let is_near = decision.retry_after <= hour && decision.retry_after > hour / 2;
    assert!(
        is_near,
        "one comes back in an hour, not in {:?}",
        decision.retry_after
    );
    assert!(
        decision.reset >= hour * 19,
        "the whole burst comes back in 20 hours"
    );
}

async fn keys_and_limits_are_counted_apart(store: &dyn RateStore) {
    for (limit, key) in [
        ("conformance-burst", "b"),
        ("conformance-burst", "\0"),
        ("conformance-burst", ""),
        ("conformance-other", "a"),
        ("conformance-burst-a", ""),
    ] {
        let decision = take(store, limit, &SLOW, key).await;
        assert_eq!(
            decision.remaining, 19,
            "`{key:?}` of `{limit}` has a burst of its own"
        );
    }
}

async fn callers_at_one_time_get_what_there_is(store: &dyn RateStore) {
    let all = (0..100).map(|_| take(store, "conformance-crowd", &SLOW, "a"));
    let decisions = join_all(all).await;
    let allowed = decisions.iter().filter(|it| it.allowed).count();
    assert_eq!(
        allowed, 20,
        "100 callers at one time get the burst together"
    );
}

async fn what_was_used_comes_back_evenly(store: &dyn RateStore, wait: &impl AsyncFn(Duration)) {
    let limit = "conformance-rate";
    for _ in 0..3 {
        assert!(
            take(store, limit, &QUOTA, "a").await.allowed,
            "the burst is allowed"
        );
    }
    assert!(
        !take(store, limit, &QUOTA, "a").await.allowed,
        "the burst is used"
    );
    wait(INTERVAL + INTERVAL / 4).await;
    assert!(
        take(store, limit, &QUOTA, "a").await.allowed,
        "one has come back"
    );
    assert!(
        !take(store, limit, &QUOTA, "a").await.allowed,
        "only one has come back"
    );
    wait(INTERVAL * 10).await;
    let decision = take(store, limit, &QUOTA, "a").await;
    assert_eq!(decision.remaining, 2, "no more than the burst comes back");
}

async fn a_refused_check_is_not_counted(store: &dyn RateStore, wait: &impl AsyncFn(Duration)) {
    let limit = "conformance-refused";
    for _ in 0..50 {
        take(store, limit, &QUOTA, "a").await;
    }
    wait(INTERVAL * 4).await;
    assert!(
        take(store, limit, &QUOTA, "a").await.allowed,
        "refused checks cost nothing"
    );
}
