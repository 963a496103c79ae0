//! The plugin `audit`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::bail;
use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;

use crate::audit::{Audit, metrics, store};
use crate::clock::Clock;
use crate::database::Database;
use crate::database::values::Time;

const DAY: Duration = Duration::from_hours(24);

/// How often entries that are too old are deleted.
const INTERVAL: Duration = Duration::from_hours(1);
/// How soon a purge that failed is repeated, so that the health check reports for no longer than the database fails.
const RETRY: Duration = Duration::from_secs(1);

/// Provides [`Audit`]. It joins a collected app in which a plugin requires it.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `audit.keep` | `90d` | how long entries are kept, 1 day to 100 years |
///
/// The log is in the tables `_audit` and `_audit_kept` of the database of the app. Each hour, entries that are too old are deleted; the health
/// check fails while that fails.
///
/// # Errors
///
/// The boot fails if `audit.keep` is out of its range, or if the tables can't be migrated.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::audit::{Audit, AuditPlugin, Entry, Filter};
/// use bootstrap_services::clock::ClockPlugin;
/// use bootstrap_services::database::DatabasePlugin;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(ClockPlugin).with(DatabasePlugin::memory()).with(AuditPlugin::default());
/// let running = app.boot().await?;
/// let audit = running.try_get::<State<Audit>>()?;
/// audit.record(Entry::new("user.delete").actor("ada").target("user", 7)).await?;
/// let page = audit.query(&Filter::new().target("user", 7)).await?;
/// assert_eq!(page.entries[0].action, "user.delete");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(
    name = "audit",
    states = [Audit],
    ports = [self as dyn HealthCheck],
    collect = needed
)]
#[derive(Debug)]
pub struct AuditPlugin {
    database: State<Database>,
    clock: State<Clock>,
    #[option(config = "audit.keep", default = Time(90 * DAY), setter = false)]
    keep: Time,
    /// Why the last purge failed.
    #[local]
    fault: Mutex<Option<String>>,
}

impl AuditPlugin {
    /// How long entries are kept: `audit.keep`, 90 days.
    #[must_use]
    pub fn keep(mut self, time: Duration) -> Self {
        self.keep = Time(time);
        self
    }

    fn fault(&self) -> MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the result of a purge, and logs the first of several failures.
    fn set_fault(&self, fault: Option<String>) {
        let mut last = self.fault();
        if let (None, Some(error)) = (&*last, &fault) {
            tracing::warn!(
                error,
                "old entries of the audit log were not deleted; another attempt follows"
            );
        }
        *last = fault;
    }
}

impl Hooks for AuditPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Audit> {
        let Time(keep) = self.keep;
        if !(DAY..=36_525 * DAY).contains(&keep) {
            let wrong = format!("`audit.keep` is {keep:?}");
            return Err(cx
                .config_error(
                    "audit.keep",
                    wrong,
                    "set it to a time from `1d` to `36525d`",
                )
                .into());
        }
        self.database.migrate("audit", store::migrations()).await?;
        Ok(Audit::new(
            Database::clone(&self.database),
            Clock::clone(&self.clock),
            keep,
        ))
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        metrics::describe();
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let audit = cx.states();
        let purging = self.clock.work(async {
            loop {
                let fault = audit.purge().await.err().map(|error| error.to_string());
                let pause = if fault.is_some() { RETRY } else { INTERVAL };
                self.set_fault(fault);
                self.clock.sleep(pause).await;
            }
        });
        tokio::select! {
            () = purging => {}
            () = cx.stopped() => {}
        }
        Ok(())
    }
}

#[async_trait]
impl HealthCheck for AuditPlugin {
    async fn check(&self) -> Result<()> {
        match self.fault().clone() {
            Some(error) => bail!("old entries of the audit log can't be deleted: {error}"),
            None => Ok(()),
        }
    }

    /// Entries are recorded all the same.
    fn critical(&self) -> bool {
        false
    }
}
