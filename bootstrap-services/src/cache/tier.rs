//! The shared cache behind the regions of a process.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bootstrap::Port;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::shared::{Invalidation, SharedCache};
use crate::cache::stats::Counters;
use crate::clock::Clock;
use crate::remote::Remote;

/// A region that no user can name.
const HEALTH: &str = "health:";

/// The shared cache of an app.
pub(super) struct Tier {
    pub(super) engine: Port<dyn SharedCache>,
    pub(super) remote: Remote,
    /// Tells the messages of this cache from those of others.
    pub(super) origin: u64,
}

/// How keys and values are written.
pub(super) struct Codec<K, V> {
    write_key: fn(&K) -> serde_json::Result<String>,
    read_key: fn(&str) -> serde_json::Result<K>,
    write: fn(&V) -> serde_json::Result<Vec<u8>>,
    read: fn(&[u8]) -> serde_json::Result<V>,
}

/// The part of a region in the shared cache.
pub(super) struct SharedRegion<K, V> {
    tier: Arc<Tier>,
    codec: Codec<K, V>,
    name: Arc<str>,
    counters: Arc<Counters>,
    /// How many changes did not reach the shared cache. The region is cleared there before it is used again.
    lost: AtomicU64,
    /// How many of them were there when it was cleared.
    cleared: AtomicU64,
    /// An entry could not be read or written, which is logged once.
    is_unreadable: AtomicBool,
}

impl Tier {
    pub(super) fn new(
        engine: Port<dyn SharedCache>,
        clock: Clock,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        let limit = ("shared_timeout", timeout);
        Ok(Self {
            engine,
            remote: Remote::new("the shared cache", clock, limit)?,
            // A number that no other process has.
            origin: RandomState::new().hash_one(std::process::id()),
        })
    }

    pub(super) async fn check(&self) -> anyhow::Result<()> {
        self.remote.call(self.engine.get(HEALTH, "")).await?;
        Ok(())
    }
}

impl fmt::Debug for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tier")
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

impl<K, V> Codec<K, V> {
    pub(super) fn json() -> Self
    where
        K: Serialize + DeserializeOwned,
        V: Serialize + DeserializeOwned,
    {
        Self {
            write_key: |key| serde_json::to_string(key),
            read_key: |text| serde_json::from_str(text),
            write: |value| serde_json::to_vec(value),
            read: |bytes| serde_json::from_slice(bytes),
        }
    }
}

impl<K: Hash + Eq, V> SharedRegion<K, V> {
    pub(super) fn new(
        tier: Arc<Tier>,
        codec: Codec<K, V>,
        name: &Arc<str>,
        counters: &Arc<Counters>,
    ) -> Self {
        Self {
            tier,
            codec,
            name: Arc::clone(name),
            counters: Arc::clone(counters),
            lost: AtomicU64::default(),
            cleared: AtomicU64::default(),
            is_unreadable: AtomicBool::new(false),
        }
    }

    pub(super) fn key(&self, text: &str) -> Option<K> {
        self.coded((self.codec.read_key)(text))
    }

    /// The value of a key, and how long it lives.
    pub(super) async fn get(&self, key: &K) -> Option<(V, Duration)> {
        let key = self.coded((self.codec.write_key)(key))?;
        let engine = &*self.tier.engine;
        self.refresh().await?;
        let entry = self.call(engine.get(&self.name, &key)).await??;
        let value = self.coded((self.codec.read)(&entry.value))?;
        self.counters.shared_hits.add();
        Some((value, entry.ttl))
    }

    /// Sets a value that was loaded: it is the same for all processes.
    pub(super) async fn fill(&self, key: &K, value: &V, ttl: Duration) {
        let key = self.coded((self.codec.write_key)(key));
        let value = self.coded((self.codec.write)(value));
        if let (Some(key), Some(value)) = (key, value)
            && self.refresh().await.is_some()
        {
            let engine = &*self.tier.engine;
            self.call(engine.set(&self.name, &key, &value, ttl)).await;
        }
    }

    /// Sets a value that may differ from the one before.
    pub(super) async fn set(&self, key: &K, value: &V, ttl: Duration) {
        let engine = &*self.tier.engine;
        let set = async {
            let key = self.coded((self.codec.write_key)(key))?;
            let value = self.coded((self.codec.write)(value))?;
            self.refresh().await?;
            self.call(engine.set(&self.name, &key, &value, ttl)).await
        };
        let is_set = set.await.is_some();
        self.stale_unless(is_set);
    }

    pub(super) async fn remove(&self, key: &K) {
        let engine = &*self.tier.engine;
        let removed = async {
            let key = self.coded((self.codec.write_key)(key))?;
            self.call(engine.remove(&self.name, &key)).await
        };
        let is_removed = removed.await.is_some();
        self.stale_unless(is_removed);
    }

    pub(super) async fn clear(&self) {
        let is_cleared = self
            .call(self.tier.engine.clear(&self.name))
            .await
            .is_some();
        self.stale_unless(is_cleared);
    }

    /// Tells other processes that a key has changed; `None` for all keys.
    pub(super) async fn publish(&self, key: Option<&K>) {
        let key = match key.map(|key| self.coded((self.codec.write_key)(key))) {
            Some(None) => return,
            Some(key) => key,
            None => None,
        };
        let message = Invalidation {
            origin: self.tier.origin,
            region: self.name.to_string(),
            key,
        };
        self.call(self.tier.engine.publish(&message)).await;
    }

    fn stale_unless(&self, is_done: bool) {
        if !is_done {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Clears the region if a change did not reach it. `None` if that fails.
    async fn refresh(&self) -> Option<()> {
        let lost = self.lost.load(Ordering::Relaxed);
        if lost != self.cleared.load(Ordering::Relaxed) {
            self.call(self.tier.engine.clear(&self.name)).await?;
            self.cleared.store(lost, Ordering::Relaxed);
        }
        Some(())
    }

    async fn call<T>(&self, call: impl Future<Output = anyhow::Result<T>>) -> Option<T> {
        let result = self.tier.remote.call(call).await;
        if result.is_err() {
            self.counters.shared_errors.add();
        }
        result.ok()
    }

    fn coded<T>(&self, result: serde_json::Result<T>) -> Option<T> {
        if let Err(error) = &result {
            self.counters.shared_errors.add();
            if !self.is_unreadable.swap(true, Ordering::Relaxed) {
                let region = &self.name;
                tracing::warn!(
                    "an entry of the cache region `{region}` can't be read or written as JSON: {error}"
                );
            }
        }
        result.ok()
    }
}
