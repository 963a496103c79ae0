//! A shared cache in memory, for tests.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::bail;
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use crate::cache::{Invalidation, Invalidations, SharedCache, SharedEntry};
use crate::clock::Clock;

/// How many messages a subscriber may be behind before its stream ends.
const BACKLOG: usize = 1_024;

/// A [`SharedCache`] in the memory of a test, which can fail on demand. Clones share their entries, so that several apps in one
/// test are several processes.
///
/// # Examples
///
/// ```
/// use std::time::SystemTime;
///
/// use bootstrap::prelude::*;
/// use bootstrap_services::cache::{Cache, CachePlugin, MemorySharedCache, MemorySharedCachePlugin};
/// use bootstrap_services::clock::Clock;
/// use bootstrap_services::testing::VirtualClock;
///
/// async fn boot(clock: &Clock, shared: &MemorySharedCache) -> Result<bootstrap::Running> {
///     let shared = MemorySharedCachePlugin::new(shared.clone());
///     let app = App::new().supply(clock.clone()).with(shared).with(CachePlugin::default());
///     Ok(app.boot().await?)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let clock = VirtualClock::starting_at(SystemTime::UNIX_EPOCH).clock();
/// let shared = MemorySharedCache::new(clock.clone());
/// let (one, two) = (boot(&clock, &shared).await?, boot(&clock, &shared).await?);
/// let names = one.try_get::<State<Cache>>()?.region::<u64, String>("names").shared().build()?;
/// names.insert(7, "ada".into()).await;
/// let names = two.try_get::<State<Cache>>()?.region::<u64, String>("names").shared().build()?;
/// assert!(names.get(&7).await.is_some());
/// # one.close().await?;
/// # two.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemorySharedCache {
    clock: Clock,
    inner: Arc<Mutex<Inner>>,
}

/// Provides a [`MemorySharedCache`] at the port [`SharedCache`].
#[plugin(name = "memory-shared-cache", ports = [dyn SharedCache], collect = never)]
#[derive(Debug)]
pub struct MemorySharedCachePlugin {
    /// The cache.
    #[option(required)]
    pub cache: MemorySharedCache,
}

struct Inner {
    entries: HashMap<(String, String), Kept>,
    messages: Sender<Invalidation>,
    failure: Failure,
    calls: u64,
}

struct Kept {
    value: Vec<u8>,
    expires: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Failure {
    None,
    Error,
    Hang,
}

impl Hooks for MemorySharedCachePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn SharedCache>> {
        Ok(Arc::new(self.cache.clone()))
    }
}

impl MemorySharedCache {
    /// A cache without entries, which expire on `clock`.
    pub fn new(clock: Clock) -> Self {
        let inner = Inner {
            entries: HashMap::new(),
            messages: channel(BACKLOG).0,
            failure: Failure::None,
            calls: 0,
        };
        Self {
            clock,
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// Lets all calls fail from now on, and ends all subscriptions.
    pub fn fail(&self) {
        self.set(Failure::Error);
    }

    /// Lets no call return from now on, and ends all subscriptions.
    pub fn hang(&self) {
        self.set(Failure::Hang);
    }

    /// Lets calls succeed again.
    pub fn recover(&self) {
        self.inner().failure = Failure::None;
    }

    /// How many calls there were, with those that failed.
    pub fn calls(&self) -> u64 {
        self.inner().calls
    }

    /// How many subscriptions there are.
    pub fn subscribers(&self) -> usize {
        self.inner().messages.receiver_count()
    }

    fn set(&self, failure: Failure) {
        let mut inner = self.inner();
        inner.failure = failure;
        inner.messages = channel(BACKLOG).0;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reach(&self) -> Result<()> {
        let failure = {
            let mut inner = self.inner();
            inner.calls += 1;
            inner.failure
        };
        match failure {
            Failure::None => Ok(()),
            Failure::Error => bail!("the connection is lost"),
            Failure::Hang => std::future::pending().await,
        }
    }
}

fn key(region: &str, key: &str) -> (String, String) {
    (region.to_owned(), key.to_owned())
}

#[async_trait]
impl SharedCache for MemorySharedCache {
    async fn get(&self, region: &str, text: &str) -> Result<Option<SharedEntry>> {
        self.reach().await?;
        let inner = self.inner();
        let kept = inner.entries.get(&key(region, text));
        let entry = kept.and_then(|kept| {
            let ttl = kept.expires.checked_sub(self.clock.elapsed())?;
            (!ttl.is_zero()).then(|| SharedEntry {
                value: kept.value.clone(),
                ttl,
            })
        });
        Ok(entry)
    }

    async fn set(&self, region: &str, text: &str, value: &[u8], ttl: Duration) -> Result<()> {
        self.reach().await?;
        let kept = Kept {
            value: value.to_vec(),
            expires: self.clock.elapsed().saturating_add(ttl),
        };
        self.inner().entries.insert(key(region, text), kept);
        Ok(())
    }

    async fn remove(&self, region: &str, text: &str) -> Result<()> {
        self.reach().await?;
        self.inner().entries.remove(&key(region, text));
        Ok(())
    }

    async fn clear(&self, region: &str) -> Result<()> {
        self.reach().await?;
        self.inner().entries.retain(|(own, _), _| own != region);
        Ok(())
    }

    async fn publish(&self, message: &Invalidation) -> Result<()> {
        self.reach().await?;
        // An error is no subscriber.
        let _ = self.inner().messages.send(message.clone());
        Ok(())
    }

    async fn subscribe(&self) -> Result<Invalidations> {
        self.reach().await?;
        let messages = self.inner().messages.subscribe();
        Ok(unfold(messages, next).boxed())
    }
}

/// The next message; `None` if one was lost.
async fn next(
    mut messages: Receiver<Invalidation>,
) -> Option<(Invalidation, Receiver<Invalidation>)> {
    let message = messages.recv().await.ok()?;
    Some((message, messages))
}

impl fmt::Debug for MemorySharedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySharedCache").finish_non_exhaustive()
    }
}
