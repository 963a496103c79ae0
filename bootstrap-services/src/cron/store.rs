//! Where the claims of occurrences are kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bootstrap::extend::async_trait;
use bootstrap::prelude::*;

#[cfg(feature = "database")]
use crate::database::Transaction;

/// A stored time that is further ahead than this comes from a clock that was wrong.
pub(super) const MOST_AHEAD: Duration = Duration::from_hours(24);

/// Where the instances of an app claim occurrences: a port. Of all instances that share a store, the one that
/// claims an occurrence runs it.
///
/// The store keeps one time for each schedule: that of its last claim. [`MemoryCronStore`] is for one instance;
/// `DatabaseCronStore` is for those that share a database.
///
/// A claim is not given back. If a process is killed between the claim and the end of the task, that occurrence does
/// not run again: an occurrence runs at most once.
///
/// # Cancel safety
///
/// The future of each method may be dropped where it waits. The claim is then made or not, with its work.
#[async_trait]
pub trait CronStore: Send + Sync + 'static {
    /// Claims an occurrence: returns whether the caller runs it.
    ///
    /// True, and stored, if no time is stored for `name`, if the stored time is before `occurrence`, or if it is more
    /// than a day after `now`. Otherwise false. The comparison and the change are one step for all instances.
    ///
    /// The name has up to 200 bytes. It is empty when the health check asks whether a store that has failed works again.
    ///
    /// # Errors
    ///
    /// An error if the store can't be reached. The caller tries again for a minute.
    async fn claim(&self, name: &str, occurrence: SystemTime, now: SystemTime) -> Result<bool>;

    /// Claims an occurrence and runs `work` in one transaction. Returns `Some(true)` if both were committed, `Some(false)` if the occurrence was
    /// claimed before, and `None` if the store has no transactions, which is the default: nothing was claimed then.
    ///
    /// # Errors
    ///
    /// An error if the store can't be reached, or of the work. Nothing was claimed then, as far as is known.
    #[cfg(feature = "database")]
    async fn claim_in(
        &self,
        _name: &str,
        _occurrence: SystemTime,
        _now: SystemTime,
        _work: &dyn ClaimWork,
    ) -> Result<Option<bool>> {
        Ok(None)
    }

    /// The occurrence that was claimed last, by any instance.
    ///
    /// # Errors
    ///
    /// As [`claim`](Self::claim).
    async fn last(&self, name: &str) -> Result<Option<SystemTime>>;
}

/// What belongs to a claim, and is done in its transaction: see [`CronStore::claim_in`].
#[cfg(feature = "database")]
#[async_trait]
pub trait ClaimWork: Send + Sync {
    /// Does the work of the claim in its transaction. It may be called again if that was rolled back.
    ///
    /// # Errors
    ///
    /// An error rolls the claim back.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the claim is rolled back.
    async fn run(&self, tx: &mut dyn Transaction) -> Result<()>;
}

/// Whether a claim succeeds: the rule of all engines.
pub(super) fn may_claim(last: Option<SystemTime>, occurrence: SystemTime, now: SystemTime) -> bool {
    last.is_none_or(|last| last < occurrence || last > now + MOST_AHEAD)
}

/// Keeps the claims in memory: for one instance, which forgets them when it ends. The default engine, chosen by
/// `cron.store = "memory"` or without the key.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::ClockPlugin;
/// use bootstrap_services::cron::{Cron, CronPlugin, MemoryCronStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(ClockPlugin).with(MemoryCronStore::default()).with(CronPlugin::default());
/// let running = app.boot().await?;
/// assert!(running.try_get::<State<Cron>>()?.list().is_empty());
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(
    name = "cron-store-memory",
    ports = [self as dyn CronStore],
    collect = needed,
    enabled = ("cron.store", is = "memory", default = true)
)]
#[derive(Debug)]
pub struct MemoryCronStore {
    #[option(setter = false)]
    last: Mutex<HashMap<String, SystemTime>>,
}

impl Hooks for MemoryCronStore {}

#[async_trait]
impl CronStore for MemoryCronStore {
    async fn claim(&self, name: &str, occurrence: SystemTime, now: SystemTime) -> Result<bool> {
        let mut all = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = may_claim(all.get(name).copied(), occurrence, now);
        if is_free {
            all.insert(name.to_owned(), occurrence);
        }
        Ok(is_free)
    }

    async fn last(&self, name: &str) -> Result<Option<SystemTime>> {
        let all = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(all.get(name).copied())
    }
}
