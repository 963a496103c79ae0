//! How a region is made.

use std::any::TypeId;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::sync::Cache as Store;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::error::RegionError;
use crate::cache::flights::Flights;
use crate::cache::region::{Entry, Inner, Region};
use crate::cache::regions::Cache;
use crate::cache::stats::Counters;
use crate::cache::tier::{Codec, SharedRegion};

const LONGEST_NAME: usize = 64;

/// A region that is being described: made by [`Cache::region`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap_services::cache::{Cache, Region, RegionError};
///
/// fn pages(cache: &Cache) -> Result<Region<String, Vec<u8>>, RegionError> {
///     let bytes = |path: &String, page: &Vec<u8>| path.len() + page.len();
///     cache.region("pages").capacity_bytes(64 << 20, bytes).ttl(Duration::from_mins(1)).build()
/// }
/// ```
#[must_use = "a region is made by `build`"]
pub struct RegionBuilder<'c, K, V> {
    cache: &'c Cache,
    name: String,
    settings: Settings,
    weigh: Option<Weigh<K, V>>,
    codec: Option<Codec<K, V>>,
}

type Weigh<K, V> = Box<dyn Fn(&K, &V) -> usize + Send + Sync>;

/// What is compared if the region is made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    capacity: u64,
    /// The function that measures entries; `None` if they are counted.
    weigher: Option<TypeId>,
    ttl: Duration,
    is_shared: bool,
}

impl Settings {
    /// What differs, for the message about it.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        if (self.capacity, self.weigher) != (other.capacity, other.weigher) {
            Some("another capacity")
        } else if self.ttl != other.ttl {
            Some("another `ttl`")
        } else if self.is_shared != other.is_shared {
            Some("another choice of `shared`")
        } else {
            None
        }
    }
}

impl<'c, K, V> RegionBuilder<'c, K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    pub(super) fn new(cache: &'c Cache, name: String) -> Self {
        Self {
            cache,
            name,
            settings: Settings {
                capacity: 10_000,
                weigher: None,
                ttl: Duration::from_mins(5),
                is_shared: false,
            },
            weigh: None,
            codec: None,
        }
    }

    /// Sets how many entries the region keeps. 10,000 by default.
    pub fn capacity(mut self, entries: u64) -> Self {
        self.settings.capacity = entries;
        self.settings.weigher = None;
        self.weigh = None;
        self
    }

    /// Sets how many bytes the entries of the region have together, in place of how many entries there are. `bytes_of` returns the bytes of
    /// an entry; it is called once, when the entry is set. An entry with more than `bytes` is not kept.
    pub fn capacity_bytes<F>(mut self, bytes: u64, bytes_of: F) -> Self
    where
        F: Fn(&K, &V) -> usize + Send + Sync + 'static,
    {
        self.settings.capacity = bytes;
        self.settings.weigher = Some(TypeId::of::<F>());
        self.weigh = Some(Box::new(bytes_of));
        self
    }

    /// Sets how long a value lives, from when it is set or loaded. 5 minutes by default. `Duration::MAX` is a value that does not expire.
    ///
    /// It is precise to 10 ms: hits read a clock that is updated only that often.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.settings.ttl = ttl;
        self
    }

    /// Puts the [`SharedCache`](crate::cache::SharedCache) of the app behind the region, if it has one: what is not in memory is looked up there, and what
    /// is set or loaded is set there, as JSON. Removals and new values reach the other processes.
    ///
    /// While the shared cache fails, the region works as if it were not there. Once it answers again, the region is cleared there if a
    /// change did not reach it.
    pub fn shared(mut self) -> Self
    where
        K: Serialize + DeserializeOwned,
        V: Serialize + DeserializeOwned,
    {
        self.settings.is_shared = true;
        self.codec = Some(Codec::json());
        self
    }

    /// Makes the region, or returns the one that was made before with this name, these types and these settings.
    ///
    /// # Errors
    ///
    /// If the name has other letters than those of ASCII, digits, `-`, `_` and `.`, or more than 64; if the capacity or the `ttl` is zero; if a region with the
    /// name has other types or settings; and if there are 1,000 regions.
    pub fn build(self) -> Result<Region<K, V>, RegionError> {
        self.check()?;
        let (cache, name, settings) = (self.cache, self.name.clone(), self.settings.clone());
        cache.find_or_make(name, settings, || self.make())
    }

    fn check(&self) -> Result<(), RegionError> {
        let region = self.name.clone();
        let is_letter = |it: u8| it.is_ascii_alphanumeric() || b"-_.".contains(&it);
        if region.is_empty() || region.len() > LONGEST_NAME || !region.bytes().all(is_letter) {
            Err(RegionError::Name { region })
        } else if self.settings.capacity == 0 {
            Err(RegionError::ZeroCapacity { region })
        } else if self.settings.ttl.is_zero() {
            Err(RegionError::ZeroTtl { region })
        } else {
            Ok(())
        }
    }

    fn make(self) -> Region<K, V> {
        let name: Arc<str> = self.name.into();
        let counters = Arc::new(Counters::default());
        let evicted = Arc::clone(&counters);
        let mut store = Store::builder()
            .max_capacity(self.settings.capacity)
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    evicted.evictions.add();
                }
            });
        if let Some(weigh) = self.weigh {
            store = store.weigher(move |key, entry: &Entry<V>| {
                u32::try_from(weigh(key, &entry.value)).unwrap_or(u32::MAX)
            });
        }
        let tier = self.cache.tier().cloned();
        let shared = tier.zip(self.codec);
        let shared = shared.map(|(tier, codec)| SharedRegion::new(tier, codec, &name, &counters));
        Region::new(Inner {
            name,
            entries: store.build(),
            clock: self.cache.clock().clone(),
            ttl: self.settings.ttl,
            counters,
            flights: Flights::new(),
            shared,
        })
    }
}

impl<K, V> fmt::Debug for RegionBuilder<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegionBuilder")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
