//! The tests that each [`LeaseEngine`] passes.
//!
//! [`run`] takes two handles to the same empty store, as two instances have them. A test of an engine calls it:
//!
//! ```
//! use std::sync::Arc;
//!
//! use bootstrap_services::leases::{MemoryLeases, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let store = MemoryLeases::default();
//! conformance::run(Arc::new(store.clone()), Arc::new(store)).await;
//! # }
//! ```

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::clock::VirtualClock;
use crate::leases::{Claim, LeaseEngine, Leases, Version};

const TTL: Duration = Duration::from_secs(30);

const START: SystemTime = SystemTime::UNIX_EPOCH;

/// Runs all tests.
///
/// # Panics
///
/// If the engine fails one; the message is the rule that it breaks.
pub async fn run(one: Arc<dyn LeaseEngine>, other: Arc<dyn LeaseEngine>) {
    a_record_has_what_was_stored(&*one).await;
    a_version_is_taken_once(&one, &other).await;
    only_the_holder_renews_and_releases(&*one).await;
    an_occurrence_is_claimed_once(&one, &other).await;
    a_lease_is_held_by_one_instance(&one, &other).await;
    a_dead_holder_is_replaced(&one, &other).await;
    a_wall_clock_that_is_set_changes_no_holder(&one, &other).await;
}

fn claim(holder: &str) -> Claim {
    Claim {
        holder: holder.to_owned(),
        ttl: TTL,
        renewed_at: START + Duration::from_millis(1_500),
    }
}

async fn version(engine: &dyn LeaseEngine, name: &str) -> Option<Version> {
    let record = answer(engine.read(name).await);
    record.map(|record| record.version)
}

#[track_caller]
fn answer<T>(result: anyhow::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("the engine failed: {error:#}"))
}

async fn a_record_has_what_was_stored(engine: &dyn LeaseEngine) {
    let name = "stored, with \"'; -- ä";
    assert_eq!(
        answer(engine.read(name).await),
        None,
        "an unknown name has no record"
    );
    let token = answer(engine.take(name, None, &claim("a")).await);
    let record = answer(engine.read(name).await);
    assert_eq!(
        record.as_ref().map(|record| record.version.token),
        token,
        "a record has the token"
    );
    assert!(
        record.as_ref().is_some_and(|record| record.held),
        "a lease that was taken is held"
    );
    assert_eq!(
        record.map(|record| record.claim),
        Some(claim("a")),
        "a record has the claim"
    );
}

async fn a_version_is_taken_once(one: &Arc<dyn LeaseEngine>, other: &Arc<dyn LeaseEngine>) {
    let name = "race";
    let mut tokens = Vec::new();
    for _ in 0..10 {
        let seen = version(&**one, name).await;
        let tasks = (0..8).map(|number| {
            let engine = if number % 2 == 0 {
                one.clone()
            } else {
                other.clone()
            };
            tokio::spawn(async move { engine.take(name, seen, &claim("racer")).await })
        });
        let tasks: Vec<_> = tasks.collect();
        let mut winners = Vec::new();
        for task in tasks {
            let taken = task
                .await
                .unwrap_or_else(|error| panic!("the engine panicked: {error}"));
            winners.extend(answer(taken));
        }
        assert_eq!(winners.len(), 1, "one of the racers takes a version");
        tokens.extend(winners);
    }
    assert!(
        tokens.is_sorted_by(|a, b| a < b),
        "tokens grow with each acquisition: {tokens:?}"
    );
}

async fn only_the_holder_renews_and_releases(engine: &dyn LeaseEngine) {
    let name = "renewed";
    let later = START + Duration::from_secs(20);
    let first = answer(engine.take(name, None, &claim("a")).await).unwrap_or_default();
    let seen = version(engine, name).await;
    assert!(
        answer(engine.renew(name, first, later).await),
        "the holder renews"
    );
    assert_ne!(
        version(engine, name).await,
        seen,
        "a renewal changes the version"
    );
    assert_eq!(
        answer(engine.take(name, seen, &claim("b")).await),
        None,
        "a version that was renewed is not taken"
    );
    let record = answer(engine.read(name).await);
    assert_eq!(
        record.map(|record| record.claim.renewed_at),
        Some(later),
        "a renewal stores its time"
    );

    let seen = version(engine, name).await;
    let second = answer(engine.take(name, seen, &claim("b")).await).unwrap_or_default();
    assert!(second > first, "the token of the next holder is greater");
    assert!(
        !answer(engine.renew(name, first, later).await),
        "a former holder does not renew"
    );
    answer(engine.release(name, first).await);
    assert!(
        answer(engine.renew(name, second, later).await),
        "a former holder does not release"
    );
    answer(engine.release(name, second).await);
    assert!(
        !answer(engine.renew(name, second, later).await),
        "a lease that was released is not renewed"
    );
    let record = answer(engine.read(name).await);
    assert!(
        record.is_some_and(|record| !record.held),
        "a lease that was released is free"
    );
    let seen = version(engine, name).await;
    let third = answer(engine.take(name, seen, &claim("c")).await);
    assert!(third > Some(second), "tokens grow after a release");
}

async fn an_occurrence_is_claimed_once(one: &Arc<dyn LeaseEngine>, other: &Arc<dyn LeaseEngine>) {
    let name = "occurrence";
    assert_eq!(
        answer(one.last(name).await),
        None,
        "an unknown name has no occurrence"
    );
    for minute in [1, 2, 4] {
        let at = START + Duration::from_mins(minute);
        let tasks = (0..8).map(|number| {
            let engine = if number % 2 == 0 {
                one.clone()
            } else {
                other.clone()
            };
            tokio::spawn(async move { engine.claim(name, at).await })
        });
        let tasks: Vec<_> = tasks.collect();
        let mut claims = 0;
        for task in tasks {
            let claimed = task
                .await
                .unwrap_or_else(|error| panic!("the engine panicked: {error}"));
            claims += usize::from(answer(claimed));
        }
        assert_eq!(claims, 1, "one of the racers claims an occurrence");
        assert_eq!(
            answer(other.last(name).await),
            Some(at),
            "all instances see the last occurrence"
        );
    }
    let earlier = START + Duration::from_mins(3);
    assert!(
        !answer(one.claim(name, earlier).await),
        "an earlier occurrence is not claimed"
    );
    let next = START + Duration::from_mins(4) + Duration::from_millis(1);
    assert!(
        answer(one.claim(name, next).await),
        "an occurrence a millisecond later is claimed"
    );
}

/// Two instances that share a clock.
struct Pair {
    time: VirtualClock,
    one: Leases,
    other: Leases,
}

impl Pair {
    fn new(one: &Arc<dyn LeaseEngine>, other: &Arc<dyn LeaseEngine>) -> Self {
        let time = VirtualClock::starting_at(START + Duration::from_hours(1_000));
        Self {
            one: Leases::new(one.clone(), time.clock(), TTL),
            other: Leases::new(other.clone(), time.clock(), TTL),
            time,
        }
    }
}

async fn a_lease_is_held_by_one_instance(one: &Arc<dyn LeaseEngine>, other: &Arc<dyn LeaseEngine>) {
    let pair = Pair::new(one, other);
    let lease = acquired(&pair.one, "held")
        .await
        .unwrap_or_else(|| panic!("a free lease is acquired"));
    assert!(
        acquired(&pair.other, "held").await.is_none(),
        "a lease that is held is not acquired"
    );
    assert!(
        acquired(&pair.one, "held").await.is_none(),
        "a lease is not acquired twice by one instance"
    );
    pair.time.advance(TTL * 10).await;
    assert!(lease.is_held(), "a lease is renewed");
    assert!(
        acquired(&pair.other, "held").await.is_none(),
        "a lease that is renewed is not acquired"
    );
    let token = lease.token();
    lease.release().await;
    let next = acquired(&pair.other, "held").await;
    assert!(
        next.is_some_and(|next| next.token() > token),
        "a lease that was released is acquired at once"
    );
    pair.one.close().await;
    pair.other.close().await;
}

async fn acquired(leases: &Leases, name: &str) -> Option<crate::leases::Lease> {
    let lease = leases.acquire(name, TTL).await;
    lease.unwrap_or_else(|error| panic!("the engine failed: {error}"))
}

/// The record of an instance that died just now.
async fn dead(engine: &dyn LeaseEngine, name: &str, pair: &Pair) -> u64 {
    let claim = Claim {
        renewed_at: pair.time.clock().now(),
        ..claim("dead")
    };
    answer(engine.take(name, None, &claim).await).unwrap_or_else(|| panic!("a free lease is taken"))
}

async fn a_dead_holder_is_replaced(one: &Arc<dyn LeaseEngine>, other: &Arc<dyn LeaseEngine>) {
    let pair = Pair::new(one, other);
    let token = dead(&**one, "dead", &pair).await;
    assert!(
        acquired(&pair.other, "dead").await.is_none(),
        "a fresh lease is not acquired"
    );
    pair.time.advance(TTL).await;
    let lease = acquired(&pair.other, "dead").await;
    assert!(
        lease.is_some_and(|lease| lease.token() > token),
        "an expired lease is acquired"
    );
    pair.other.close().await;
}

async fn a_wall_clock_that_is_set_changes_no_holder(
    one: &Arc<dyn LeaseEngine>,
    other: &Arc<dyn LeaseEngine>,
) {
    let pair = Pair::new(one, other);
    let lease = acquired(&pair.one, "clock")
        .await
        .unwrap_or_else(|| panic!("a free lease is acquired"));
    let now = pair.time.clock().now();
    pair.time.set(now + Duration::from_hours(1)).await;
    let waiting = {
        let other = pair.other.clone();
        let clock = pair.time.clock();
        tokio::spawn(clock.work(async move { acquired(&other, "clock").await.is_none() }))
    };
    pair.time.advance(TTL).await;
    let refused = waiting.await.unwrap_or(false);
    assert!(
        refused && lease.is_held(),
        "a clock set forward does not lose a lease"
    );
    lease.release().await;

    dead(&**one, "clock back", &pair).await;
    pair.time.set(now - Duration::from_hours(1)).await;
    assert!(
        acquired(&pair.other, "clock back").await.is_none(),
        "a fresh lease is not acquired"
    );
    pair.time.advance(TTL).await;
    assert!(
        acquired(&pair.other, "clock back").await.is_some(),
        "a clock set back does not keep a lease"
    );
    pair.one.close().await;
    pair.other.close().await;
}
