//! The state `Cache`: the regions of an app.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;

use crate::cache::builder::{RegionBuilder, Settings};
use crate::cache::error::RegionError;
use crate::cache::metrics::publish;
use crate::cache::region::{AnyRegion, Region};
use crate::cache::shared::Invalidation;
use crate::cache::stats::RegionStats;
use crate::cache::tier::Tier;
use crate::clock::Clock;

/// How many regions an app may have: they are never removed.
const MOST_REGIONS: usize = 1_000;

/// The caches of an app: the state of [`CachePlugin`](crate::cache::CachePlugin). Each kind of value has a [`Region`] in it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap::prelude::*;
/// use bootstrap_services::cache::{Cache, Region};
///
/// pub struct Rates(Region<String, f64>);
///
/// #[plugin(states = [Rates])]
/// struct RatesPlugin {
///     cache: State<Cache>,
/// }
///
/// impl Hooks for RatesPlugin {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Rates> {
///         let rates = self.cache.region("rates").capacity(500).ttl(Duration::from_secs(30));
///         Ok(Rates(rates.build()?))
///     }
/// }
/// # fn main() {}
/// ```
pub struct Cache {
    clock: Clock,
    tier: Option<Arc<Tier>>,
    regions: Mutex<HashMap<String, Known>>,
}

/// A region that was made.
struct Known {
    settings: Settings,
    /// A [`Region`], for callers that make it again.
    region: Box<dyn Any + Send + Sync>,
    any: Arc<dyn AnyRegion>,
}

impl Cache {
    pub(super) fn new(clock: Clock, tier: Option<Arc<Tier>>) -> Self {
        Self {
            clock,
            tier,
            regions: Mutex::default(),
        }
    }

    /// Describes a region, which [`RegionBuilder::build`] makes. Its types may be written here: `cache.region::<u64, String>("names")`.
    pub fn region<K, V>(&self, name: impl Into<String>) -> RegionBuilder<'_, K, V>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        RegionBuilder::new(self, name.into())
    }

    /// What each region has done, by name.
    pub fn stats(&self) -> Vec<(String, RegionStats)> {
        let regions = self.regions();
        let stats = regions
            .iter()
            .map(|(name, it)| (name.clone(), it.any.stats()));
        let mut stats: Vec<_> = stats.collect();
        stats.sort_by(|(left, _), (right, _)| left.cmp(right));
        stats
    }

    /// Asks the shared cache for an entry, if the app has one: what the health check of the plugin does.
    ///
    /// # Errors
    ///
    /// If the shared cache fails, does not answer within the limit, or has just failed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn check(&self) -> anyhow::Result<()> {
        match &self.tier {
            Some(tier) => tier.check().await,
            None => Ok(()),
        }
    }

    pub(super) fn find_or_make<K, V>(
        &self,
        name: String,
        settings: Settings,
        make: impl FnOnce() -> Region<K, V>,
    ) -> Result<Region<K, V>, RegionError>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        let mut regions = self.regions();
        let is_full = regions.len() >= MOST_REGIONS;
        match regions.entry(name) {
            Entry::Occupied(known) => known.get().reuse(known.key(), &settings),
            Entry::Vacant(slot) if is_full => Err(RegionError::TooMany {
                region: slot.key().clone(),
            }),
            Entry::Vacant(slot) => {
                let region = make();
                slot.insert(Known {
                    settings,
                    region: Box::new(region.clone()),
                    any: region.any(),
                });
                Ok(region)
            }
        }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn tier(&self) -> Option<&Arc<Tier>> {
        self.tier.as_ref()
    }

    /// Removes what has expired, does the maintenance of all regions, and publishes their counters.
    pub(super) async fn tend(&self) {
        for (name, region) in self.all() {
            region.tend().await;
            publish(&name, &region.stats());
        }
    }

    /// Applies the messages of other processes until they end. What was shared before may have changed unheard.
    pub(super) async fn listen(&self, tier: &Tier) -> anyhow::Result<()> {
        let mut messages = tier.remote.call(tier.engine.subscribe()).await?;
        for (_, region) in self.all() {
            if region.is_shared() {
                region.forget(None);
            }
        }
        while let Some(message) = messages.next().await {
            self.apply(tier, &message);
        }
        Ok(())
    }

    fn apply(&self, tier: &Tier, message: &Invalidation) {
        if message.origin == tier.origin {
            return;
        }
        let region = self
            .regions()
            .get(&message.region)
            .map(|it| Arc::clone(&it.any));
        if let Some(region) = region {
            region.forget(message.key.as_deref());
        }
    }

    /// The regions, without the lock: what is done with them calls code of the user.
    fn all(&self) -> Vec<(String, Arc<dyn AnyRegion>)> {
        let regions = self.regions();
        let all = regions
            .iter()
            .map(|(name, it)| (name.clone(), Arc::clone(&it.any)));
        all.collect()
    }

    fn regions(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn reuse<K, V>(&self, name: &str, settings: &Settings) -> Result<Region<K, V>, RegionError>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        let conflict = |differs| RegionError::Conflict {
            region: name.to_owned(),
            differs,
        };
        let region = self.region.downcast_ref::<Region<K, V>>();
        let region = region.ok_or_else(|| conflict("other types"))?;
        match self.settings.difference(settings) {
            Some(differs) => Err(conflict(differs)),
            None => Ok(region.clone()),
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("regions", &self.regions().len())
            .finish_non_exhaustive()
    }
}
