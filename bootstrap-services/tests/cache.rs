//! The cache.
#![allow(clippy::unwrap_used)]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::bail;
use bootstrap::prelude::*;
use bootstrap::{Running, plugin_fn};
use bootstrap_services::cache::{
    Cache, CachePlugin, MemorySharedCache, MemorySharedCachePlugin, Region, RegionError,
    conformance,
};
use bootstrap_services::testing::VirtualClock;
use tokio::sync::{Barrier, Notify};
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

struct Kit {
    time: VirtualClock,
    running: Running,
}

impl Kit {
    async fn new() -> Self {
        let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
        let app = App::new().supply(time.clock());
        let running = app.with(CachePlugin::default()).boot().await.unwrap();
        Self { time, running }
    }

    /// A process of several, which share a cache.
    async fn sharing(time: &VirtualClock, shared: &MemorySharedCache) -> Self {
        let app = App::new().supply(time.clock());
        let app = app.with(MemorySharedCachePlugin::new(shared.clone()));
        let before = shared.subscribers();
        let running = app.with(CachePlugin::default()).boot().await.unwrap();
        let kit = Self {
            time: time.clone(),
            running,
        };
        until(|| shared.subscribers() > before).await;
        kit
    }

    fn cache(&self) -> State<Cache> {
        self.running.try_get().unwrap()
    }

    fn region(&self) -> Region<u32, String> {
        self.cache().region("names").capacity(100).build().unwrap()
    }

    fn shared(&self) -> Region<u32, String> {
        self.cache().region("names").shared().build().unwrap()
    }

    async fn close(self) {
        timeout(PATIENCE, self.running.close())
            .await
            .unwrap()
            .unwrap();
    }
}

fn shared() -> (VirtualClock, MemorySharedCache) {
    let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
    let shared = MemorySharedCache::new(time.clock());
    (time, shared)
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let waits = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waits).await.unwrap();
}

async fn text(region: &Region<u32, String>, key: u32) -> Option<String> {
    region.get(&key).await.map(|it| it.to_string())
}

#[tokio::test]
async fn the_loader_that_panics_lets_the_next_caller_load() {
    let kit = Kit::new().await;
    let region = kit.region();
    let gate = Arc::new(Notify::new());
    let first = tokio::spawn({
        let (region, gate) = (region.clone(), gate.clone());
        async move {
            let load = async || {
                gate.notified().await;
                panic!("the loader")
            };
            region.get_or_load(&1, load).await
        }
    });
    until(|| region.stats().loads == 1).await;
    let second = tokio::spawn({
        let region = region.clone();
        async move { region.get_or_load(&1, async || Ok("two".to_owned())).await }
    });
    until(|| region.stats().misses == 2).await;
    gate.notify_one();
    assert!(
        timeout(PATIENCE, first)
            .await
            .unwrap()
            .unwrap_err()
            .is_panic()
    );
    let value = timeout(PATIENCE, second).await.unwrap().unwrap().unwrap();
    assert_eq!(*value, "two");
    assert_eq!(text(&region, 1).await.as_deref(), Some("two"));
    kit.close().await;
}

#[tokio::test]
async fn the_loader_that_is_cancelled_lets_the_next_caller_load() {
    let kit = Kit::new().await;
    let region = kit.region();
    let first = tokio::spawn({
        let region = region.clone();
        async move { region.get_or_load(&1, async || pending().await).await }
    });
    until(|| region.stats().loads == 1).await;
    let second = tokio::spawn({
        let region = region.clone();
        async move { region.get_or_load(&1, async || Ok("two".to_owned())).await }
    });
    until(|| region.stats().misses == 2).await;
    first.abort();
    let value = timeout(PATIENCE, second).await.unwrap().unwrap().unwrap();
    assert_eq!(*value, "two");
    // A load without other callers leaves nothing behind.
    let alone = region.get_or_load(&2, async || pending().await);
    assert!(timeout(Duration::ZERO, alone).await.is_err());
    let value = region.get_or_load(&2, async || Ok("late".to_owned())).await;
    assert_eq!(*value.unwrap(), "late");
    kit.close().await;
}

#[tokio::test]
async fn all_callers_get_the_error_and_the_next_one_loads_again() {
    let kit = Kit::new().await;
    let region = kit.region();
    let gate = Arc::new(Barrier::new(2));
    let callers: Vec<_> = (0..10)
        .map(|_| {
            let (region, gate) = (region.clone(), gate.clone());
            tokio::spawn(async move {
                let load = async || {
                    gate.wait().await;
                    Err(std::io::Error::other("no database").into())
                };
                region.get_or_load(&1, load).await
            })
        })
        .collect();
    until(|| region.stats().misses == 10).await;
    timeout(PATIENCE, gate.wait()).await.unwrap();
    for caller in callers {
        let error = timeout(PATIENCE, caller)
            .await
            .unwrap()
            .unwrap()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "a value of the cache region `names` can't be loaded"
        );
        assert!(error.error().is::<std::io::Error>());
        let error = format!("{:#}", anyhow::Error::from(error));
        assert!(error.ends_with("can't be loaded: no database"), "{error}");
    }
    let stats = region.stats();
    assert_eq!((stats.loads, stats.load_errors), (1, 1));
    // Errors are not kept.
    let value = region.get_or_load(&1, async || Ok("one".to_owned())).await;
    assert_eq!(*value.unwrap(), "one");
    kit.close().await;
}

/// A fault of the original: ten callers loaded ten times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_callers_at_one_time_load_once() {
    let kit = Kit::new().await;
    let region = kit.region();
    for key in 0..50 {
        let start = Arc::new(Barrier::new(10));
        let callers: Vec<_> = (0..10)
            .map(|_| {
                let (region, start) = (region.clone(), start.clone());
                tokio::spawn(async move {
                    start.wait().await;
                    let load = async || {
                        tokio::task::yield_now().await;
                        Ok(key.to_string())
                    };
                    region.get_or_load(&key, load).await.unwrap().to_string()
                })
            })
            .collect();
        for caller in callers {
            assert_eq!(
                timeout(PATIENCE, caller).await.unwrap().unwrap(),
                key.to_string()
            );
        }
        assert_eq!(region.stats().loads, u64::from(key) + 1);
    }
    kit.close().await;
}

#[tokio::test]
async fn a_value_that_was_removed_while_it_was_loaded_is_not_kept() {
    let kit = Kit::new().await;
    let region = kit.region();
    for remove in 0..4 {
        let gate = Arc::new(Notify::new());
        let loads = region.stats().loads;
        let old = tokio::spawn({
            let (region, gate) = (region.clone(), gate.clone());
            async move {
                let load = async || {
                    gate.notified().await;
                    Ok("old".to_owned())
                };
                region.get_or_load(&1, load).await.unwrap()
            }
        });
        until(|| region.stats().loads == loads + 1).await;
        match remove {
            0 => region.remove(&1).await,
            1 => region.invalidate_all().await,
            2 => assert_eq!(region.remove_where(|_, _| false).await, 0),
            _ => region.insert(1, "new".to_owned()).await,
        }
        // A caller after the removal does not wait for the old value.
        let new = region.get_or_load(&1, async || Ok("new".to_owned()));
        assert_eq!(*timeout(PATIENCE, new).await.unwrap().unwrap(), "new");
        gate.notify_one();
        assert_eq!(*timeout(PATIENCE, old).await.unwrap().unwrap(), "old");
        assert_eq!(text(&region, 1).await.as_deref(), Some("new"));
        region.remove(&1).await;
    }
    kit.close().await;
}

/// A fault of the original: a time to live of zero was one without an end.
#[tokio::test]
async fn settings_that_keep_nothing_are_errors_that_name_the_region() {
    let kit = Kit::new().await;
    let cache = kit.cache();
    let region = || "names".to_owned();
    let error = cache
        .region::<u32, u32>("names")
        .ttl(Duration::ZERO)
        .build()
        .unwrap_err();
    assert_eq!(error, RegionError::ZeroTtl { region: region() });
    assert!(
        error
            .to_string()
            .starts_with("the cache region `names` has a time to live of zero")
    );
    for none in [
        cache.region::<u32, u32>("names").capacity(0),
        cache.region("names").capacity_bytes(0, |_, _| 1),
    ] {
        let error = none.build().unwrap_err();
        assert_eq!(error, RegionError::ZeroCapacity { region: region() });
    }
    for name in ["", "a b", "a:b", &"a".repeat(65)] {
        let error = cache.region::<u32, u32>(name).build().unwrap_err();
        assert!(matches!(error, RegionError::Name { .. }), "{name}");
    }
    kit.close().await;
}

#[tokio::test]
async fn a_name_stands_for_one_region() {
    let kit = Kit::new().await;
    let cache = kit.cache();
    let one = cache
        .region::<u32, String>("names")
        .capacity(5)
        .build()
        .unwrap();
    let same = cache
        .region::<u32, String>("names")
        .capacity(5)
        .build()
        .unwrap();
    one.insert(1, "ada".into()).await;
    assert_eq!(text(&same, 1).await.as_deref(), Some("ada"));

    let differs = |error: RegionError| match error {
        RegionError::Conflict { region, differs } if region == "names" => differs,
        other => panic!("{other}"),
    };
    let names = || cache.region::<u32, String>("names");
    let other = cache.region::<u64, String>("names").capacity(5).build();
    assert_eq!(differs(other.unwrap_err()), "other types");
    let other = names().capacity(6).build();
    assert_eq!(differs(other.unwrap_err()), "another capacity");
    let other = names().capacity_bytes(5, |_, name| name.len()).build();
    assert_eq!(differs(other.unwrap_err()), "another capacity");
    let other = names().capacity(5).ttl(SECOND).build();
    assert_eq!(differs(other.unwrap_err()), "another `ttl`");
    let other = names().capacity(5).shared().build();
    assert_eq!(differs(other.unwrap_err()), "another choice of `shared`");
    for index in 1..1_000 {
        cache
            .region::<u32, u32>(format!("r{index}"))
            .build()
            .unwrap();
    }
    let error = cache.region::<u32, u32>("more").build().unwrap_err();
    assert!(matches!(error, RegionError::TooMany { .. }));
    kit.close().await;
}

/// D38: each value has a time to live.
#[tokio::test]
async fn values_expire_on_the_clock_of_the_app() {
    let kit = Kit::new().await;
    let region = kit.region();
    region.insert(1, "ada".into()).await;
    region.insert_with_ttl(2, "bob".into(), SECOND * 10).await;
    region.insert_with_ttl(3, "eve".into(), Duration::MAX).await;
    kit.time.advance(SECOND * 9).await;
    assert!(region.contains(&2));
    kit.time.advance(SECOND).await;
    assert!(!region.contains(&2));
    assert_eq!(text(&region, 2).await, None);
    // 5 minutes by default.
    kit.time.advance(SECOND * 289).await;
    assert!(region.contains(&1));
    kit.time.advance(SECOND).await;
    assert_eq!(text(&region, 1).await, None);
    let value = region.get_or_load(&1, async || Ok("new".to_owned())).await;
    assert_eq!(*value.unwrap(), "new");
    kit.time.advance(SECOND * 86_400).await;
    assert_eq!(region.keys(), [3]);
    kit.close().await;
}

#[tokio::test]
async fn a_value_whose_time_is_zero_removes_the_one_before() {
    let kit = Kit::new().await;
    let region = kit.region();
    region.insert(1, "ada".into()).await;
    region
        .insert_with_ttl(1, "bob".into(), Duration::ZERO)
        .await;
    assert_eq!(text(&region, 1).await, None);
    kit.close().await;
}

#[tokio::test]
async fn the_memory_of_expired_values_is_freed_without_access() {
    let kit = Kit::new().await;
    let region = kit
        .cache()
        .region::<u32, Arc<()>>("held")
        .ttl(SECOND)
        .build()
        .unwrap();
    let held = Arc::new(());
    for key in 0..1_000 {
        region.insert(key, held.clone()).await;
    }
    kit.time.advance(SECOND * 2).await;
    assert_eq!(Arc::strong_count(&held), 1_001);
    kit.time.advance(SECOND * 60).await;
    assert_eq!(region.stats().entries, 0);
    kit.close().await;
}

/// A fault of the original: it evicted another key.
#[tokio::test]
async fn a_new_value_for_a_key_of_a_full_region_evicts_nothing() {
    let kit = Kit::new().await;
    let region = kit
        .cache()
        .region::<u32, String>("full")
        .capacity(3)
        .build()
        .unwrap();
    for key in 0..3 {
        region.insert(key, "old".into()).await;
    }
    kit.time.advance(SECOND * 15).await;
    for _ in 0..10 {
        region.insert(1, "new".into()).await;
        kit.time.advance(SECOND * 15).await;
    }
    let mut keys = region.keys();
    keys.sort_unstable();
    assert_eq!(keys, [0, 1, 2]);
    assert_eq!(text(&region, 1).await.as_deref(), Some("new"));
    assert_eq!(region.stats().evictions, 0);
    kit.close().await;
}

#[tokio::test]
async fn a_full_region_keeps_what_is_used() {
    let kit = Kit::new().await;
    let region = kit
        .cache()
        .region::<u32, String>("full")
        .capacity(10)
        .build()
        .unwrap();
    for key in 0..10 {
        region.insert(key, "used".into()).await;
    }
    for _ in 0..5 {
        for key in 0..10 {
            assert!(region.get(&key).await.is_some());
        }
    }
    kit.time.advance(SECOND * 15).await;
    for key in 10..1_000 {
        region.insert(key, "once".into()).await;
    }
    kit.time.advance(SECOND * 15).await;
    let stats = region.stats();
    assert_eq!((stats.entries, stats.evictions, stats.hits), (10, 990, 50));
    let kept = (0..10).filter(|key| region.contains(key)).count();
    assert!(kept >= 8, "{kept}");
    kit.close().await;
}

/// A fault of the original: its list of keys was searched at each access. Here the time of an access does not depend on the number of entries:
/// these take seconds, and would take minutes with a search.
#[tokio::test]
async fn a_large_region_is_as_fast_as_a_small_one() {
    let kit = Kit::new().await;
    let region = kit
        .cache()
        .region::<u32, ()>("large")
        .capacity(50_000)
        .build()
        .unwrap();
    let work = async {
        for key in 0..50_000 {
            region.insert(key, ()).await;
        }
        for key in 0..50_000 {
            region.get(&key).await;
        }
    };
    timeout(Duration::from_mins(1), work).await.unwrap();
    kit.close().await;
}

#[tokio::test]
async fn a_capacity_in_bytes_counts_what_the_function_returns() {
    let kit = Kit::new().await;
    let bytes = |_: &u32, value: &Vec<u8>| value.len();
    let region = kit
        .cache()
        .region("bytes")
        .capacity_bytes(1_000, bytes)
        .build()
        .unwrap();
    for key in 0..100 {
        region.insert(key, vec![0; 100]).await;
    }
    region.insert(100, vec![0; 2_000]).await;
    kit.time.advance(SECOND * 15).await;
    let stats = region.stats();
    assert_eq!((stats.entries, stats.size), (10, 1_000));
    assert!(
        !region.contains(&100),
        "an entry that is too large is not kept"
    );
    kit.close().await;
}

#[tokio::test]
async fn entries_are_removed_by_key_by_a_condition_and_all() {
    let kit = Kit::new().await;
    let region = kit.cache().region::<String, u32>("pages").build().unwrap();
    for (key, value) in [("a/1", 1), ("a/2", 2), ("b/1", 1), ("b/2", 2)] {
        region.insert(key.to_owned(), value).await;
    }
    region.remove("a/1").await;
    assert!(region.get("a/1").await.is_none());
    assert_eq!(
        region
            .remove_where(|key, value| key.starts_with('b') && *value == 2)
            .await,
        1
    );
    let mut keys = region.keys();
    keys.sort();
    assert_eq!(keys, ["a/2", "b/1"]);
    region.invalidate_all().await;
    assert_eq!(region.keys(), Vec::<String>::new());
    assert!(region.get("b/1").await.is_none());
    kit.close().await;
}

#[tokio::test]
async fn hits_misses_and_loads_are_counted() {
    let kit = Kit::new().await;
    let region = kit.region();
    assert_eq!(text(&region, 1).await, None);
    region
        .get_or_load(&1, async || Ok("one".to_owned()))
        .await
        .unwrap();
    region
        .get_or_load(&1, async || bail!("not called"))
        .await
        .unwrap();
    text(&region, 1).await;
    region
        .get_or_load(&2, async || bail!("called"))
        .await
        .unwrap_err();
    let stats = region.stats();
    assert_eq!((stats.hits, stats.misses), (2, 3));
    assert_eq!((stats.loads, stats.load_errors), (2, 1));
    let all = kit.cache().stats();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].0, "names");
    kit.close().await;
}

#[tokio::test]
async fn a_memory_engine_passes_the_conformance_of_shared_caches() {
    let (time, shared) = shared();
    let run = conformance::shared_cache(&shared, async |duration| time.advance(duration).await);
    timeout(PATIENCE, run).await.unwrap();
}

#[tokio::test]
async fn a_shared_cache_that_fails_is_a_miss() {
    let (time, shared) = shared();
    let kit = Kit::sharing(&time, &shared).await;
    let region = kit.shared();
    region.insert(1, "one".into()).await;
    shared.fail();
    assert_eq!(text(&region, 1).await.as_deref(), Some("one"));
    assert_eq!(text(&region, 2).await, None);
    let value = region.get_or_load(&2, async || Ok("two".to_owned())).await;
    assert_eq!(*value.unwrap(), "two");
    kit.cache().check().await.unwrap_err();
    assert!(region.stats().shared_errors >= 1);
    // It is left alone for a second.
    let calls = shared.calls();
    assert_eq!(text(&region, 3).await, None);
    assert_eq!(shared.calls(), calls);
    shared.recover();
    time.advance(SECOND * 2).await;
    kit.cache().check().await.unwrap();
    kit.close().await;
}

#[tokio::test]
async fn a_shared_cache_that_hangs_is_left_after_its_timeout() {
    let (time, shared) = shared();
    let kit = Kit::sharing(&time, &shared).await;
    let region = kit.shared();
    shared.hang();
    let load = tokio::spawn({
        let region = region.clone();
        async move {
            region
                .get_or_load(&1, async || Ok("one".to_owned()))
                .await
                .unwrap()
        }
    });
    let calls = shared.calls();
    until(|| shared.calls() > calls).await;
    time.advance(Duration::from_millis(250)).await;
    assert_eq!(*timeout(PATIENCE, load).await.unwrap().unwrap(), "one");
    kit.close().await;
}

#[tokio::test]
async fn a_change_that_does_not_reach_the_shared_cache_clears_the_region_there() {
    let (time, shared) = shared();
    let (one, two) = (
        Kit::sharing(&time, &shared).await,
        Kit::sharing(&time, &shared).await,
    );
    let region = one.shared();
    region.insert(1, "old".into()).await;
    shared.fail();
    region.remove(&1).await;
    shared.recover();
    time.advance(SECOND * 2).await;
    // The old value is still there, and must not come back.
    assert_eq!(text(&region, 1).await, None);
    assert_eq!(text(&two.shared(), 1).await, None);
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn processes_share_values_for_the_rest_of_their_time() {
    let (time, shared) = shared();
    let (one, two) = (
        Kit::sharing(&time, &shared).await,
        Kit::sharing(&time, &shared).await,
    );
    let loads = AtomicUsize::new(0);
    let load = async || {
        loads.fetch_add(1, Ordering::Relaxed);
        Ok("ada".to_owned())
    };
    one.shared().get_or_load(&1, load).await.unwrap();
    time.advance(SECOND * 200).await;
    two.shared().get_or_load(&1, load).await.unwrap();
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    assert_eq!(two.shared().stats().shared_hits, 1);
    // It was 200 seconds old when it was read.
    time.advance(SECOND * 99).await;
    assert!(two.shared().contains(&1));
    time.advance(SECOND).await;
    assert!(!two.shared().contains(&1));
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn changes_reach_the_memory_of_other_processes() {
    let (time, shared) = shared();
    let (one, two) = (
        Kit::sharing(&time, &shared).await,
        Kit::sharing(&time, &shared).await,
    );
    let (here, there) = (one.shared(), two.shared());
    here.insert(1, "old".into()).await;
    assert_eq!(text(&there, 1).await.as_deref(), Some("old"));

    here.insert(1, "new".into()).await;
    assert!(here.contains(&1), "a process ignores its own messages");
    until(|| !there.contains(&1)).await;
    assert_eq!(text(&there, 1).await.as_deref(), Some("new"));

    here.remove(&1).await;
    until(|| !there.contains(&1)).await;
    assert_eq!(text(&there, 1).await, None);

    here.insert(2, "two".into()).await;
    assert!(text(&there, 2).await.is_some());
    here.invalidate_all().await;
    until(|| !there.contains(&2)).await;
    assert_eq!(text(&there, 2).await, None);

    here.insert(3, "three".into()).await;
    assert!(text(&there, 3).await.is_some());
    assert_eq!(here.remove_where(|key, _| *key == 3).await, 1);
    until(|| !there.contains(&3)).await;
    assert_eq!(text(&there, 3).await, None);
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn a_process_that_has_missed_messages_drops_what_was_shared() {
    let (time, shared) = shared();
    let kit = Kit::sharing(&time, &shared).await;
    let (region, own) = (
        kit.shared(),
        kit.cache().region::<u32, u32>("own").build().unwrap(),
    );
    region.insert(1, "one".into()).await;
    own.insert(1, 1).await;
    // Ends the subscription.
    shared.fail();
    shared.recover();
    assert!(region.contains(&1));
    time.advance(SECOND * 5).await;
    until(|| shared.subscribers() == 1 && !region.contains(&1)).await;
    assert!(own.contains(&1));
    kit.close().await;
}

#[tokio::test]
async fn a_shared_value_that_can_not_be_read_is_a_miss() {
    use bootstrap_services::cache::SharedCache;
    let (time, shared) = shared();
    let kit = Kit::sharing(&time, &shared).await;
    shared
        .set("names", "1", b"not JSON", SECOND * 60)
        .await
        .unwrap();
    let region = kit.shared();
    let value = region.get_or_load(&1, async || Ok("one".to_owned())).await;
    assert_eq!(*value.unwrap(), "one");
    assert_eq!(region.stats().shared_errors, 1);
    kit.close().await;
}

#[tokio::test]
async fn a_region_is_its_own_without_a_shared_cache() {
    let kit = Kit::new().await;
    let region = kit.shared();
    region.insert(1, "one".into()).await;
    assert_eq!(text(&region, 1).await.as_deref(), Some("one"));
    kit.cache().check().await.unwrap();
    kit.close().await;
}

#[tokio::test]
async fn the_cache_joins_a_collected_app_that_requires_it() {
    #[plugin(name = "reader", collect = never)]
    struct Reader {
        cache: State<Cache>,
    }
    impl Hooks for Reader {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            self.cache.region::<u32, u32>("numbers").build()?;
            Ok(())
        }
    }
    let running = App::collect().with(Reader::default()).boot().await.unwrap();
    assert!(running.try_get::<State<Cache>>().is_ok());
    running.close().await.unwrap();
    let running = App::collect()
        .with(plugin_fn("alone", async |_| Ok(())))
        .boot()
        .await
        .unwrap();
    assert!(running.try_get::<State<Cache>>().is_err());
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_shared_cache_without_time_to_answer_is_an_error_of_the_boot() {
    let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
    let plugin = CachePlugin::default().shared_timeout(Duration::ZERO);
    let shared = MemorySharedCachePlugin::new(MemorySharedCache::new(time.clock()));
    let app = App::new().supply(time.clock()).with(shared).with(plugin);
    let booted = app.boot().await;
    let text = booted.unwrap_err().render();
    assert!(text.contains("[cache] Plugin load failed"), "{text}");
    assert!(text.contains("`shared_timeout` is zero"), "{text}");
}
