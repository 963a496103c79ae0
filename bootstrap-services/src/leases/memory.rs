//! The engine in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bootstrap::extend::async_trait;
use bootstrap::prelude::*;

use crate::leases::{Claim, LeaseEngine, Record, Version};

/// Leases in memory: for tests, and for an app that runs as a single process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryLeases(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    records: HashMap<String, Record>,
    occurrences: HashMap<String, SystemTime>,
}

impl MemoryLeases {
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a record that is held with this token, and returns whether it is.
    fn change(&self, name: &str, token: u64, change: impl FnOnce(&mut Record)) -> bool {
        let mut content = self.lock();
        let record = content.records.get_mut(name);
        let Some(record) = record.filter(|record| record.held && record.version.token == token)
        else {
            return false;
        };
        record.version.beat += 1;
        change(record);
        true
    }
}

#[async_trait]
impl LeaseEngine for MemoryLeases {
    async fn read(&self, name: &str) -> Result<Option<Record>> {
        Ok(self.lock().records.get(name).cloned())
    }

    async fn take(&self, name: &str, seen: Option<Version>, claim: &Claim) -> Result<Option<u64>> {
        let mut content = self.lock();
        let found = content.records.get(name).map(|record| record.version);
        if found != seen {
            return Ok(None);
        }
        let version = found.map_or(Version { token: 1, beat: 1 }, |version| Version {
            token: version.token + 1,
            beat: version.beat + 1,
        });
        let claim = claim.clone();
        let record = Record {
            version,
            held: true,
            claim,
        };
        content.records.insert(name.to_owned(), record);
        Ok(Some(version.token))
    }

    async fn renew(&self, name: &str, token: u64, at: SystemTime) -> Result<bool> {
        Ok(self.change(name, token, |record| record.claim.renewed_at = at))
    }

    async fn release(&self, name: &str, token: u64) -> Result<()> {
        self.change(name, token, |record| record.held = false);
        Ok(())
    }

    async fn claim(&self, name: &str, at: SystemTime) -> Result<bool> {
        let mut content = self.lock();
        let last = content.occurrences.get(name);
        if last.is_some_and(|last| *last >= at) {
            return Ok(false);
        }
        content.occurrences.insert(name.to_owned(), at);
        Ok(true)
    }

    async fn last(&self, name: &str) -> Result<Option<SystemTime>> {
        Ok(self.lock().occurrences.get(name).copied())
    }
}

/// Provides an engine in memory at the port [`LeaseEngine`]. Register it for tests, or for an app that runs as a single process
/// without a database.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::ClockPlugin;
/// use bootstrap_services::leases::{Leases, LeasesPlugin, MemoryLeasesPlugin};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(ClockPlugin).with(MemoryLeasesPlugin::default()).with(LeasesPlugin::default());
/// let running = app.boot().await?;
/// let leases = running.try_get::<State<Leases>>()?;
/// assert!(leases.hold("mailer").await?.is_held());
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(name = "leases-memory", ports = [dyn LeaseEngine], collect = never)]
#[derive(Debug)]
pub struct MemoryLeasesPlugin {
    /// The leases, which several apps of a test can share.
    #[option(default = MemoryLeases::default())]
    pub leases: MemoryLeases,
}

impl Hooks for MemoryLeasesPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn LeaseEngine>> {
        Ok(Arc::new(self.leases.clone()))
    }
}
