//! The state `Limits`, and the check of a limit.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bootstrap::Port;

use crate::limits::error::{StoreFailed, UnknownLimit};
use crate::limits::memory::Memory;
use crate::limits::{Quota, RateStore, WhenDown};
use crate::remote::Remote;

/// The rate limits of an app, by name: the state of [`LimitsPlugin`](crate::limits::LimitsPlugin).
#[derive(Debug)]
pub struct Limits {
    limits: BTreeMap<String, Limit>,
    store: Option<Arc<Store>>,
}

/// A rate limit. Clones count together.
///
/// # Examples
///
/// ```
/// use bootstrap_services::limits::Limits;
///
/// async fn log_in(limits: &Limits, user: &str) -> anyhow::Result<()> {
///     let decision = limits.named("login")?.check(user).await?;
///     anyhow::ensure!(decision.allowed, "try again in {:?}", decision.retry_after);
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Limit(Arc<Inner>);

struct Inner {
    name: String,
    quota: Quota,
    engine: Engine,
    allowed: AtomicU64,
    limited: AtomicU64,
    failed: AtomicU64,
}

pub(super) enum Engine {
    Memory(Memory),
    Store(Arc<Store>),
}

/// A store, which all limits of an app share.
pub(super) struct Store {
    pub(super) engine: Port<dyn RateStore>,
    pub(super) remote: Remote,
}

/// What a limit says to one check.
///
/// Times are rounded up to what the rate gives back in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may happen. Then it is counted; what is refused is not.
    pub allowed: bool,
    /// The burst: how many may happen at once at most.
    pub limit: u32,
    /// How many more may happen now.
    pub remaining: u32,
    /// After which time the key has its whole burst again.
    pub reset: Duration,
    /// After which time one more may happen; zero if this one may.
    pub retry_after: Duration,
}

/// What a limit has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitStats {
    /// How many checks were allowed.
    pub allowed: u64,
    /// How many checks were refused.
    pub limited: u64,
    /// How many checks could not ask the store.
    pub failed: u64,
    /// How many keys are kept in memory.
    pub keys: u64,
}

impl Limits {
    pub(super) fn new(limits: impl Iterator<Item = Limit>, store: Option<Arc<Store>>) -> Self {
        let limits = limits.map(|limit| (limit.0.name.clone(), limit)).collect();
        Self { limits, store }
    }

    /// Returns a limit.
    ///
    /// # Errors
    ///
    /// If no limit has this name; the error has a near name, or all names.
    pub fn named(&self, name: &str) -> Result<Limit, UnknownLimit> {
        let limit = self.limits.get(name).cloned();
        limit.ok_or_else(|| UnknownLimit::new(name, self.limits.keys().map(String::as_str)))
    }

    /// All limits, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Limit> {
        self.limits.values()
    }

    /// Asks the [`RateStore`], if the app has one: what the health check of the plugin does.
    ///
    /// # Errors
    ///
    /// If the store fails, does not answer within the limit, or has just failed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn check(&self) -> anyhow::Result<()> {
        match &self.store {
            Some(store) => store.check().await,
            None => Ok(()),
        }
    }
}

/// A limit that no user can name.
const HEALTH: &str = "health:";

impl Limit {
    pub(super) fn new(name: String, quota: Quota, engine: Engine) -> Self {
        Self(Arc::new(Inner {
            name,
            quota,
            engine,
            allowed: AtomicU64::new(0),
            limited: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }))
    }

    /// The name of the limit.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What the limit allows each key.
    pub fn quota(&self) -> Quota {
        self.0.quota
    }

    /// Takes one of what the limit allows `key`, if there is one left: any text or bytes, as the id of a user. In memory it takes no
    /// time; the function is `async` for a [`RateStore`].
    ///
    /// # Errors
    ///
    /// If the store has failed, and the quota says [`WhenDown::Deny`]. With [`WhenDown::Allow`] the decision is then that it may happen.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, a store may have counted the check.
    pub async fn check(&self, key: impl AsRef<[u8]>) -> Result<Decision, StoreFailed> {
        let inner = &*self.0;
        let decision = match &inner.engine {
            Engine::Memory(memory) => memory.take(key.as_ref()),
            Engine::Store(store) => {
                let taken = store.take(&inner.name, &inner.quota, key.as_ref());
                // In a box: a large future takes longer to move than a check in memory takes.
                match Box::pin(taken).await {
                    Ok(decision) => decision,
                    Err(error) => return inner.failed(error),
                }
            }
        };
        let counter = if decision.allowed {
            &inner.allowed
        } else {
            &inner.limited
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(decision)
    }

    /// What the limit has done.
    pub fn stats(&self) -> LimitStats {
        let inner = &*self.0;
        LimitStats {
            allowed: inner.allowed.load(Ordering::Relaxed),
            limited: inner.limited.load(Ordering::Relaxed),
            failed: inner.failed.load(Ordering::Relaxed),
            keys: match &inner.engine {
                Engine::Memory(memory) => memory.keys() as u64,
                Engine::Store(_) => 0,
            },
        }
    }

    pub(super) fn maintain(&self) {
        if let Engine::Memory(memory) = &self.0.engine {
            memory.maintain();
        }
    }
}

impl Inner {
    fn failed(&self, error: anyhow::Error) -> Result<Decision, StoreFailed> {
        self.failed.fetch_add(1, Ordering::Relaxed);
        match self.quota.on_failure() {
            WhenDown::Allow => Ok(Decision {
                allowed: true,
                limit: self.quota.burst_size(),
                remaining: self.quota.burst_size(),
                reset: Duration::ZERO,
                retry_after: Duration::ZERO,
            }),
            WhenDown::Deny => Err(StoreFailed {
                limit: self.name.clone(),
                error,
            }),
        }
    }
}

impl Store {
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        let quota = Quota::per_second(1_000);
        self.take(HEALTH, &quota, b"").await?;
        Ok(())
    }

    async fn take(&self, limit: &str, quota: &Quota, key: &[u8]) -> anyhow::Result<Decision> {
        self.remote.call(self.engine.take(limit, quota, key)).await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("name", &self.0.name)
            .field("quota", &self.0.quota)
            .finish_non_exhaustive()
    }
}
