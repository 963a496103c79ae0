//! What every [`SharedCache`] does, as a test for authors of engines.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::timeout;

use crate::cache::{Invalidation, Invalidations, SharedCache};

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_hours(1);
const SHORT: Duration = Duration::from_millis(200);

/// Checks that an engine does what the docs of [`SharedCache`] promise. It uses regions whose names begin with `conformance-`.
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
/// use bootstrap_services::cache::{MemorySharedCache, conformance};
/// use bootstrap_services::testing::VirtualClock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
/// let engine = MemorySharedCache::new(time.clock());
/// conformance::shared_cache(&engine, async |duration| time.advance(duration).await).await;
/// # }
/// ```
pub async fn shared_cache(engine: &dyn SharedCache, wait: impl AsyncFn(Duration)) {
    for region in [ONE, TWO] {
        cleared(engine, region).await;
    }
    entries_are_kept_by_region_and_key(engine).await;
    any_bytes_and_keys_are_kept(engine).await;
    a_new_value_replaces_the_old_one_and_its_time(engine, &wait).await;
    entries_expire(engine, &wait).await;
    removals_are_complete(engine).await;
    messages_arrive_in_order(engine).await;
    for region in [ONE, TWO] {
        cleared(engine, region).await;
    }
}

const ONE: &str = "conformance-1";
const TWO: &str = "conformance-1-2";

async fn cleared(engine: &dyn SharedCache, region: &str) {
    engine.clear(region).await.expect("`clear` succeeds");
}

async fn set(engine: &dyn SharedCache, region: &str, key: &str, value: &[u8], ttl: Duration) {
    let set = engine.set(region, key, value, ttl).await;
    set.expect("`set` succeeds");
}

async fn value(engine: &dyn SharedCache, region: &str, key: &str) -> Option<Vec<u8>> {
    let entry = engine.get(region, key).await.expect("`get` succeeds");
    entry.map(|entry| entry.value)
}

async fn entries_are_kept_by_region_and_key(engine: &dyn SharedCache) {
    assert_eq!(
        value(engine, ONE, "a").await,
        None,
        "an entry that was not set is not there"
    );
    set(engine, ONE, "a", b"1", LONG).await;
    set(engine, ONE, "b", b"2", LONG).await;
    set(engine, TWO, "a", b"3", LONG).await;
    let found = [(ONE, "a"), (ONE, "b"), (TWO, "a")];
    for ((region, key), expected) in found.into_iter().zip([b"1", b"2", b"3"]) {
        let found = value(engine, region, key).await;
        assert_eq!(
            found.as_deref(),
            Some(&expected[..]),
            "entries differ by region and by key"
        );
    }
    assert_eq!(
        value(engine, TWO, "b").await,
        None,
        "regions have keys of their own"
    );
}

async fn any_bytes_and_keys_are_kept(engine: &dyn SharedCache) {
    let large: Vec<u8> = (0..1 << 20).map(|it: u32| it.to_le_bytes()[0]).collect();
    for bytes in [&b""[..], b"\0\xff\r\n", &large] {
        for key in ["", "\"a b\"", "*", "[a-z]?", "a:b", "ä\u{0}\n"] {
            set(engine, ONE, key, bytes, LONG).await;
            let found = value(engine, ONE, key).await;
            assert!(
                found.as_deref() == Some(bytes),
                "any bytes are kept, at any key: `{key:?}`"
            );
        }
    }
}

async fn a_new_value_replaces_the_old_one_and_its_time(
    engine: &dyn SharedCache,
    wait: &impl AsyncFn(Duration),
) {
    set(engine, ONE, "replaced", b"1", SHORT).await;
    set(engine, ONE, "replaced", b"2", Duration::MAX).await;
    wait(SHORT * 2).await;
    let found = value(engine, ONE, "replaced").await;
    assert_eq!(
        found.as_deref(),
        Some(&b"2"[..]),
        "a new value has a time of its own"
    );
}

async fn entries_expire(engine: &dyn SharedCache, wait: &impl AsyncFn(Duration)) {
    set(engine, ONE, "short", b"1", SHORT).await;
    set(engine, ONE, "long", b"2", LONG).await;
    let entry = engine.get(ONE, "long").await.expect("`get` succeeds");
    let ttl = entry.expect("an entry lives as long as its `ttl`").ttl;
    assert!(
        ttl <= LONG && ttl > LONG / 2,
        "the rest of the time is returned: {ttl:?}"
    );
    wait(SHORT * 2).await;
    assert_eq!(value(engine, ONE, "short").await, None, "entries expire");
    assert!(
        value(engine, ONE, "long").await.is_some(),
        "entries expire alone"
    );
}

async fn removals_are_complete(engine: &dyn SharedCache) {
    for key in ["x", "y"] {
        set(engine, ONE, key, b"1", LONG).await;
        set(engine, TWO, key, b"1", LONG).await;
    }
    for _ in 0..2 {
        let removed = engine.remove(ONE, "x").await;
        removed.expect("`remove` succeeds, also if there is no entry");
    }
    assert_eq!(value(engine, ONE, "x").await, None, "an entry is removed");
    assert!(
        value(engine, ONE, "y").await.is_some(),
        "an entry is removed alone"
    );
    cleared(engine, ONE).await;
    assert_eq!(value(engine, ONE, "y").await, None, "a region is cleared");
    assert!(
        value(engine, TWO, "y").await.is_some(),
        "a region is cleared alone"
    );
}

async fn messages_arrive_in_order(engine: &dyn SharedCache) {
    let message = |key: Option<&str>| Invalidation {
        origin: u64::MAX,
        region: ONE.to_owned(),
        key: key.map(str::to_owned),
    };
    let sent = [message(Some("\"a\"")), message(None), message(Some("ä\n"))];
    let mut one = engine.subscribe().await.expect("`subscribe` succeeds");
    let mut two = engine
        .subscribe()
        .await
        .expect("`subscribe` succeeds twice");
    for message in &sent {
        let published = engine.publish(message).await;
        published.expect("`publish` succeeds");
    }
    for stream in [&mut one, &mut two] {
        for expected in &sent {
            assert_eq!(
                &next(stream).await,
                expected,
                "messages arrive at all, in order"
            );
        }
    }
}

/// The next message of this test: an engine in use has others.
async fn next(stream: &mut Invalidations) -> Invalidation {
    let mut own = stream.filter(|message| std::future::ready(message.region == ONE));
    let next = timeout(PATIENCE, own.next()).await;
    next.expect("a message arrives within 10 seconds")
        .expect("the stream does not end")
}
