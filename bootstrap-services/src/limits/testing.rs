//! A store of rates in memory, for tests.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::bail;
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;

use crate::clock::Clock;
use crate::limits::memory::Memory;
use crate::limits::{Decision, Quota, RateStore};

/// A [`RateStore`] in the memory of a test, which can fail on demand. Clones count together, so that several apps in one test are
/// several processes.
///
/// # Examples
///
/// ```
/// use std::time::SystemTime;
///
/// use bootstrap::prelude::*;
/// use bootstrap_services::limits::{Limits, LimitsPlugin, MemoryRateStore, MemoryRateStorePlugin, Quota};
/// use bootstrap_services::testing::VirtualClock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let clock = VirtualClock::starting_at(SystemTime::UNIX_EPOCH).clock();
/// let store = MemoryRateStore::new(clock.clone());
/// let limits = LimitsPlugin::default().limit("login", Quota::per_minute(5));
/// let app = App::new().supply(clock).with(MemoryRateStorePlugin::new(store.clone())).with(limits);
/// let running = app.boot().await?;
/// let login = running.try_get::<State<Limits>>()?.named("login")?;
/// store.fail();
/// assert!(login.check("ada").await?.allowed);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryRateStore {
    clock: Clock,
    inner: Arc<Mutex<Inner>>,
}

/// Provides a [`MemoryRateStore`] at the port [`RateStore`].
#[plugin(name = "memory-rate-store", ports = [dyn RateStore], collect = never)]
#[derive(Debug)]
pub struct MemoryRateStorePlugin {
    /// The store.
    #[option(required)]
    pub store: MemoryRateStore,
}

#[derive(Default)]
struct Inner {
    limits: HashMap<String, Memory>,
    failure: Failure,
    calls: u64,
}

#[derive(Clone, Copy, Default)]
enum Failure {
    #[default]
    None,
    Error,
    Hang,
}

impl Hooks for MemoryRateStorePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn RateStore>> {
        Ok(Arc::new(self.store.clone()))
    }
}

impl MemoryRateStore {
    /// A store without keys, which reads `clock`.
    pub fn new(clock: Clock) -> Self {
        let inner = Arc::default();
        Self { clock, inner }
    }

    /// Lets all calls fail from now on.
    pub fn fail(&self) {
        self.inner().failure = Failure::Error;
    }

    /// Lets no call return from now on.
    pub fn hang(&self) {
        self.inner().failure = Failure::Hang;
    }

    /// Lets calls succeed again.
    pub fn recover(&self) {
        self.inner().failure = Failure::None;
    }

    /// How many calls there were, with those that failed.
    pub fn calls(&self) -> u64 {
        self.inner().calls
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RateStore for MemoryRateStore {
    async fn take(&self, limit: &str, quota: &Quota, key: &[u8]) -> Result<Decision> {
        let failure = {
            let mut inner = self.inner();
            inner.calls += 1;
            inner.failure
        };
        match failure {
            Failure::None => {}
            Failure::Error => bail!("the connection is lost"),
            Failure::Hang => std::future::pending().await,
        }
        let mut inner = self.inner();
        if let Some(memory) = inner.limits.get(limit) {
            return Ok(memory.take(key));
        }
        let memory = Memory::new(quota, &self.clock)?;
        let decision = memory.take(key);
        inner.limits.insert(limit.to_owned(), memory);
        Ok(decision)
    }
}

impl fmt::Debug for MemoryRateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRateStore").finish_non_exhaustive()
    }
}
