//! Claims in the database of the app.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use sqlx::migrate::Migrator;

use crate::cron::store::MOST_AHEAD;
use crate::cron::{ClaimWork, CronStore};
use crate::database::{Database, Tx, embedded};

/// Keeps the claims in the database of the app, for all instances that use the same file. It joins a collected app in
/// which cron is required and `cron.store` is `database`.
///
/// Its table is `_cron`, with one row for each schedule. Each claim is one small transaction.
///
/// # Errors
///
/// The boot fails if the table can't be migrated.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::ClockPlugin;
/// use bootstrap_services::cron::{CronPlugin, DatabaseCronStore};
/// use bootstrap_services::database::DatabasePlugin;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(ClockPlugin).with(DatabasePlugin::memory()).with(CronPlugin::default());
/// let mut app = app.configure(bootstrap::Configuration::new().set("cron.store", "database"));
/// app.register(DatabaseCronStore::default());
/// let running = app.boot().await?;
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(
    name = "cron-store-database",
    ports = [dyn CronStore],
    collect = needed,
    enabled = ("cron.store", is = "database")
)]
#[derive(Debug)]
pub struct DatabaseCronStore {
    database: State<Database>,
}

impl Hooks for DatabaseCronStore {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn CronStore>> {
        self.database.migrate("cron", migrations()).await?;
        let database = Database::clone(&self.database);
        Ok(Arc::new(Claims { database }))
    }
}

fn migrations() -> Migrator {
    embedded(&[("cron", include_str!("../../migrations/cron/0001_cron.sql"))])
}

struct Claims {
    database: Database,
}

#[async_trait]
impl CronStore for Claims {
    async fn claim(&self, name: &str, occurrence: SystemTime, now: SystemTime) -> Result<bool> {
        let claimed = self
            .database
            .write(async |mut tx| claim(&mut tx, name, occurrence, now).await);
        claimed.await
    }

    async fn claim_in(
        &self,
        name: &str,
        occurrence: SystemTime,
        now: SystemTime,
        work: &dyn ClaimWork,
    ) -> Result<Option<bool>> {
        let claimed = self.database.write(async |mut tx| -> Result<bool> {
            let is_claimed = claim(&mut tx, name, occurrence, now).await?;
            if is_claimed {
                work.run(&mut tx).await?;
            }
            Ok(is_claimed)
        });
        claimed.await.map(Some)
    }

    async fn last(&self, name: &str) -> Result<Option<SystemTime>> {
        let select = sqlx::query_scalar("SELECT last FROM _cron WHERE name = ?");
        let last: Option<i64> = select
            .bind(name)
            .fetch_optional(self.database.read())
            .await?;
        last.map(time).transpose()
    }
}

async fn claim(tx: &mut Tx, name: &str, occurrence: SystemTime, now: SystemTime) -> Result<bool> {
    const CLAIM: &str = "INSERT INTO _cron (name, last) VALUES (?1, ?2)
        ON CONFLICT (name) DO UPDATE SET last = ?2 WHERE last < ?2 OR last > ?3";
    let (occurrence, ahead) = (millis(occurrence)?, millis(now + MOST_AHEAD)?);
    let claim = sqlx::query(CLAIM).bind(name).bind(occurrence).bind(ahead);
    Ok(claim.execute(&mut **tx).await?.rows_affected() == 1)
}

fn millis(at: SystemTime) -> Result<i64> {
    let since = at
        .duration_since(UNIX_EPOCH)
        .context("the time is before 1970")?;
    Ok(i64::try_from(since.as_millis())?)
}

fn time(millis: i64) -> Result<SystemTime> {
    let since = u64::try_from(millis).context("the stored time is before 1970")?;
    Ok(UNIX_EPOCH + Duration::from_millis(since))
}
