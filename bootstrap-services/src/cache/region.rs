//! A region: values of one kind, by key.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use moka::ops::compute::Op;
use moka::sync::Cache as Store;
use tokio::task::yield_now;

use crate::cache::error::LoadError;
use crate::cache::flights::{Flights, Outcome, Seat};
use crate::cache::stats::{Counters, RegionStats};
use crate::cache::tier::SharedRegion;
use crate::clock::Clock;

/// How many entries are looked at before other tasks of the thread may run.
const BATCH: usize = 256;

/// Values of one kind, by key, in memory: made by [`Cache::region`](crate::cache::Cache::region). Clones are the same region.
///
/// Values are returned as `Arc<V>`, so that a hit copies nothing. They expire, are replaced, and are evicted when the region is full:
/// by `TinyLFU`, which keeps what is used often and recently, and may decline a new value that is used less than the others.
///
/// Methods that take a key take a reference to what the key can be borrowed as: `&str` for `String`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap::prelude::*;
/// use bootstrap_services::cache::{Cache, CachePlugin, Region};
/// use bootstrap_services::clock::ClockPlugin;
///
/// struct Users(Region<u64, String>);
///
/// impl Users {
///     async fn name(&self, id: u64) -> Result<String> {
///         let name = self.0.get_or_load(&id, async || Ok(format!("user {id}"))).await?;
///         Ok(name.to_string())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// # let app = App::new().with(ClockPlugin).with(CachePlugin::default());
/// # let running = app.boot().await?;
/// # let cache = running.try_get::<State<Cache>>()?;
/// let users = Users(cache.region("users").ttl(Duration::from_mins(1)).build()?);
/// assert_eq!(users.name(7).await?, "user 7");
/// assert_eq!(users.name(7).await?, "user 7");
/// assert_eq!((users.0.stats().loads, users.0.stats().hits), (1, 1));
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct Region<K: Hash + Eq, V>(Arc<Inner<K, V>>);

pub(super) struct Inner<K: Hash + Eq, V> {
    pub(super) name: Arc<str>,
    pub(super) entries: Store<K, Entry<V>>,
    pub(super) clock: Clock,
    pub(super) ttl: Duration,
    pub(super) counters: Arc<Counters>,
    pub(super) flights: Flights<K, V>,
    pub(super) shared: Option<SharedRegion<K, V>>,
}

/// A value with its deadline, as the clock of the app measures it: the clock of the store is its own, and no test can move it.
pub(super) struct Entry<V> {
    pub(super) value: Arc<V>,
    expires: Duration,
}

/// What the plugin does with a region of any types.
pub(super) trait AnyRegion: Send + Sync {
    fn stats(&self) -> RegionStats;

    /// Removes expired entries, and does the maintenance of the store, which otherwise happens on access only.
    fn tend(&self) -> BoxFuture<'_, ()>;

    /// Removes what another process has changed: a key, or all.
    fn forget(&self, key: Option<&str>);

    fn is_shared(&self) -> bool;
}

impl<V> Entry<V> {
    fn is_live(&self, now: Duration) -> bool {
        now < self.expires
    }
}

impl<K, V> Region<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    pub(super) fn new(inner: Inner<K, V>) -> Self {
        Self(Arc::new(inner))
    }

    pub(super) fn any(&self) -> Arc<dyn AnyRegion> {
        Arc::<Inner<K, V>>::clone(&self.0)
    }

    /// The name of the region.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns a value that has not expired. A [shared](crate::cache::RegionBuilder::shared) region looks it up in the shared cache if it is not
    /// in memory.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn get<Q>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let inner = &*self.0;
        if let Some(value) = inner.find(key) {
            return Some(value);
        }
        inner.shared.as_ref()?;
        // In a box, as the load below: a large future takes longer to move than a hit takes.
        Box::pin(inner.look_up(key.to_owned())).await
    }

    /// Returns a value, which is loaded if it is not there or has expired. All callers that wait for a key share one load, and its error.
    ///
    /// The load runs in the future of the first caller. If that panics or is dropped, the next one runs its own `load`. Errors are not
    /// kept: the next call loads again. A value is not kept if the key was removed or set while it was loaded, as it may be
    /// older; callers after the removal load it again. A loader that loads the same key waits for itself without an end.
    ///
    /// # Errors
    ///
    /// The error of `load`.
    ///
    /// # Cancel safety
    ///
    /// Another caller that waits for the key loads it when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_services::cache::{LoadError, Region};
    /// use std::sync::Arc;
    ///
    /// async fn page(pages: &Region<String, String>, path: &str) -> Result<Arc<String>, LoadError> {
    ///     pages.get_or_load(path, async || Ok(std::fs::read_to_string(path)?)).await
    /// }
    /// ```
    pub async fn get_or_load<Q, F, Fut>(&self, key: &Q, load: F) -> Result<Arc<V>, LoadError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = anyhow::Result<V>>,
    {
        let inner = &*self.0;
        if let Some(value) = inner.find(key) {
            return Ok(value);
        }
        let seat = inner.flights.join(key.to_owned());
        Box::pin(async move { seat.outcome(inner.load(&seat, load)).await }).await
    }

    /// Sets a value, which expires after the `ttl` of the region. A shared region tells other processes to drop theirs.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the value may be set for this process, for all, or not at all.
    pub async fn insert(&self, key: K, value: V) {
        self.insert_with_ttl(key, value, self.0.ttl).await;
    }

    /// Sets a value, which expires after `ttl`, precise to 10 ms. `Duration::MAX` is a value that does not expire. A `ttl` of zero has expired already: it removes the
    /// value that is there.
    ///
    /// # Cancel safety
    ///
    /// As [`insert`](Self::insert).
    pub async fn insert_with_ttl(&self, key: K, value: V, ttl: Duration) {
        if ttl.is_zero() {
            return self.remove(&key).await;
        }
        let inner = &*self.0;
        if let Some(shared) = &inner.shared {
            shared.set(&key, &value, ttl).await;
        }
        inner.flights.detach(&key);
        inner.put(key.clone(), &Arc::new(value), ttl);
        if let Some(shared) = &inner.shared {
            shared.publish(Some(&key)).await;
        }
    }

    /// Removes a value. What is loaded for the key at the moment is not kept.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the value is removed from this process; the shared cache and other processes may have it until it expires.
    pub async fn remove<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let inner = &*self.0;
        inner.drop_key(key);
        if let Some(shared) = &inner.shared {
            let key = key.to_owned();
            shared.remove(&key).await;
            // It may have been read from there in the meantime.
            inner.drop_key(key.borrow());
            shared.publish(Some(&key)).await;
        }
    }

    /// Removes all values of the region. What is loaded at the moment is not kept.
    ///
    /// # Cancel safety
    ///
    /// As [`remove`](Self::remove).
    pub async fn invalidate_all(&self) {
        let inner = &*self.0;
        inner.drop_all();
        if let Some(shared) = &inner.shared {
            shared.clear().await;
            inner.drop_all();
            shared.publish(None).await;
        }
    }

    /// Removes the values for which `is_meant` returns `true`, and returns how many this process had. It looks at all of them. What is
    /// loaded at the moment is not kept.
    ///
    /// The other processes of a shared region, and the shared cache, drop the whole region: they can't call `is_meant`.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, some of the values are removed.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_services::cache::Region;
    ///
    /// async fn forget_tenant(pages: &Region<String, String>, tenant: &str) -> usize {
    ///     pages.remove_where(|path, _| path.starts_with(tenant)).await
    /// }
    /// ```
    pub async fn remove_where(&self, mut is_meant: impl FnMut(&K, &V) -> bool) -> usize {
        let inner = &*self.0;
        if let Some(shared) = &inner.shared {
            shared.clear().await;
        }
        inner.flights.detach_all();
        let now = inner.clock.elapsed_coarse();
        let mut removed = 0;
        for (index, (key, entry)) in inner.entries.iter().enumerate() {
            if index % BATCH == BATCH - 1 {
                yield_now().await;
            }
            if entry.is_live(now) && is_meant(&key, &entry.value) {
                inner.entries.invalidate(&*key);
                removed += 1;
            }
        }
        if let Some(shared) = &inner.shared {
            shared.publish(None).await;
        }
        removed
    }

    /// Whether this process has a value in memory that has not expired. Not counted as a hit or a miss.
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.live(key).is_some()
    }

    /// The keys of all values in memory that have not expired, in no order. It looks at all of them.
    pub fn keys(&self) -> Vec<K> {
        let now = self.0.clock.elapsed_coarse();
        let entries = self.0.entries.iter();
        let live = entries.filter(|(_, entry)| entry.is_live(now));
        live.map(|(key, _)| K::clone(&key)).collect()
    }

    /// What the region has done, and how large it is.
    pub fn stats(&self) -> RegionStats {
        self.0.stats()
    }
}

impl<K, V> Inner<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// A live value, which counts as a hit; otherwise a miss.
    fn find<Q>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let value = self.live(key);
        let counter = match value {
            Some(_) => &self.counters.hits,
            None => &self.counters.misses,
        };
        counter.add();
        value
    }

    fn live<Q>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let entry = self.entries.get(key)?;
        entry
            .is_live(self.clock.elapsed_coarse())
            .then_some(entry.value)
    }

    fn put(&self, key: K, value: &Arc<V>, ttl: Duration) {
        let entry = Entry {
            value: Arc::clone(value),
            expires: self.clock.elapsed_coarse().saturating_add(ttl),
        };
        self.entries.insert(key, entry);
    }

    /// A value of the shared cache, which is kept.
    async fn look_up(&self, key: K) -> Option<Arc<V>> {
        let seat = self.flights.join(key);
        // A load that is under way finds it too, or knows better.
        let (value, ttl) = self.fetch(&seat.key).await?;
        seat.keep(|| self.put(seat.key.clone(), &value, ttl));
        Some(value)
    }

    async fn load<F, Fut>(&self, seat: &Seat<'_, K, V>, load: F) -> Outcome<V>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = anyhow::Result<V>>,
    {
        // The load before this one may have ended since the caller has looked.
        if let Some(value) = self.live(&seat.key) {
            seat.land(|| {});
            return Ok(value);
        }
        if let Some((value, ttl)) = self.fetch(&seat.key).await {
            seat.land(|| self.put(seat.key.clone(), &value, ttl));
            return Ok(value);
        }
        self.counters.loads.add();
        let value = match load().await {
            Ok(value) => Arc::new(value),
            Err(error) => {
                self.counters.load_errors.add();
                seat.land(|| {});
                return Err(LoadError::new(&self.name, error));
            }
        };
        let is_kept = seat.land(|| self.put(seat.key.clone(), &value, self.ttl));
        if let Some(shared) = &self.shared
            && is_kept
        {
            shared.fill(&seat.key, &value, self.ttl).await;
        }
        Ok(value)
    }

    /// A value of the shared cache, and how long it lives here.
    async fn fetch(&self, key: &K) -> Option<(Arc<V>, Duration)> {
        let (value, ttl) = self.shared.as_ref()?.get(key).await?;
        Some((Arc::new(value), ttl))
    }

    fn drop_key<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.flights.detach(key);
        self.entries.invalidate(key);
    }

    fn drop_all(&self) {
        self.flights.detach_all();
        self.entries.invalidate_all();
    }
}

impl<K, V> AnyRegion for Inner<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn stats(&self) -> RegionStats {
        let (entries, size) = (self.entries.entry_count(), self.entries.weighted_size());
        self.counters.stats(entries, size)
    }

    fn tend(&self) -> BoxFuture<'_, ()> {
        let now = self.clock.elapsed_coarse();
        Box::pin(async move {
            for (index, (key, entry)) in self.entries.iter().enumerate() {
                if index % BATCH == BATCH - 1 {
                    yield_now().await;
                }
                if !entry.is_live(now) {
                    // It may have been replaced since.
                    let expired = self.entries.entry_by_ref(&*key);
                    expired.and_compute_with(|current| match current {
                        Some(current) if !current.value().is_live(now) => Op::Remove,
                        _ => Op::Nop,
                    });
                }
            }
            self.entries.run_pending_tasks();
        })
    }

    fn forget(&self, key: Option<&str>) {
        let Some(shared) = &self.shared else { return };
        match key.map(|key| shared.key(key)) {
            Some(Some(key)) => self.drop_key(&key),
            // All of them, if the key can't be read.
            Some(None) | None => self.drop_all(),
        }
    }

    fn is_shared(&self) -> bool {
        self.shared.is_some()
    }
}

impl<K: Hash + Eq, V> Clone for Region<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

// The store asks for it; the value itself is not copied.
impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            expires: self.expires,
        }
    }
}

impl<K: Hash + Eq, V> fmt::Debug for Region<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}
