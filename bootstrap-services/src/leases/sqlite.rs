//! The engine on the database of the app.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use sqlx::Row as _;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteRow;

use crate::database::{Database, embedded};
use crate::leases::{Claim, LeaseEngine, Record, Version};

/// Stores leases in the database of the app, at the port [`LeaseEngine`]: instances that use the same file share them. It joins a
/// collected app in which a plugin requires [`Leases`](crate::leases::Leases), unless `leases.engine` has another value than
/// `sqlite`.
///
/// Its tables are `_leases` and `_occurrences`. Each acquisition, renewal and release is one small transaction.
///
/// # Errors
///
/// The boot fails if the tables can't be migrated.
#[plugin(
    name = "leases-sqlite",
    ports = [dyn LeaseEngine],
    collect = needed,
    enabled = ("leases.engine", is = "sqlite", default = true)
)]
#[derive(Debug)]
pub struct SqliteLeasesPlugin {
    database: State<Database>,
}

impl Hooks for SqliteLeasesPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn LeaseEngine>> {
        self.database.migrate("leases", migrations()).await?;
        let database = Database::clone(&self.database);
        Ok(Arc::new(SqliteLeases { database }))
    }
}

fn migrations() -> Migrator {
    embedded(&[(
        "leases",
        include_str!("../../migrations/leases/0001_leases.sql"),
    )])
}

struct SqliteLeases {
    database: Database,
}

#[async_trait]
impl LeaseEngine for SqliteLeases {
    async fn read(&self, name: &str) -> Result<Option<Record>> {
        let select = sqlx::query(
            "SELECT token, beat, held, holder, ttl, renewed_at FROM _leases WHERE name = ?",
        );
        let row = select
            .bind(name)
            .fetch_optional(self.database.read())
            .await?;
        row.map(|row| record(&row)).transpose()
    }

    async fn take(&self, name: &str, seen: Option<Version>, claim: &Claim) -> Result<Option<u64>> {
        const NEW: &str = "INSERT INTO _leases (held, beat, token, name, holder, ttl, renewed_at) VALUES (1, 1, 1, ?3, ?4, ?5, ?6)
            ON CONFLICT DO NOTHING RETURNING token";
        const NEXT: &str = "UPDATE _leases SET held = 1, beat = beat + 1, token = token + 1, holder = ?4, ttl = ?5, renewed_at = ?6
            WHERE name = ?3 AND token = ?1 AND beat = ?2 RETURNING token";
        let statement = if seen.is_some() { NEXT } else { NEW };
        let seen = seen.unwrap_or(Version { token: 0, beat: 0 });
        let (token, beat) = (i64::try_from(seen.token)?, i64::try_from(seen.beat)?);
        let ttl = i64::try_from(claim.ttl.as_millis())?;
        let renewed_at = millis(claim.renewed_at)?;
        let token = self.database.write(async |mut tx| -> Result<Option<i64>> {
            let query = sqlx::query_scalar(statement)
                .bind(token)
                .bind(beat)
                .bind(name);
            let query = query.bind(&claim.holder).bind(ttl).bind(renewed_at);
            Ok(query.fetch_optional(&mut *tx).await?)
        });
        let token = token.await?;
        Ok(token.map(u64::try_from).transpose()?)
    }

    async fn renew(&self, name: &str, token: u64, at: SystemTime) -> Result<bool> {
        const RENEW: &str = "UPDATE _leases SET beat = beat + 1, renewed_at = ? WHERE name = ? AND token = ? AND held";
        let (token, at) = (i64::try_from(token)?, millis(at)?);
        let renewed = self.database.write(async |mut tx| -> Result<bool> {
            let update = sqlx::query(RENEW).bind(at).bind(name).bind(token);
            Ok(update.execute(&mut *tx).await?.rows_affected() == 1)
        });
        renewed.await
    }

    async fn release(&self, name: &str, token: u64) -> Result<()> {
        const RELEASE: &str =
            "UPDATE _leases SET held = 0, beat = beat + 1 WHERE name = ? AND token = ? AND held";
        let token = i64::try_from(token)?;
        let released = self.database.write(async |mut tx| -> Result<()> {
            sqlx::query(RELEASE)
                .bind(name)
                .bind(token)
                .execute(&mut *tx)
                .await?;
            Ok(())
        });
        released.await
    }

    async fn claim(&self, name: &str, at: SystemTime) -> Result<bool> {
        const CLAIM: &str = "INSERT INTO _occurrences (name, last) VALUES (?, ?)
            ON CONFLICT (name) DO UPDATE SET last = excluded.last WHERE excluded.last > last";
        let at = millis(at)?;
        let claimed = self.database.write(async |mut tx| -> Result<bool> {
            let insert = sqlx::query(CLAIM).bind(name).bind(at);
            Ok(insert.execute(&mut *tx).await?.rows_affected() == 1)
        });
        claimed.await
    }

    async fn last(&self, name: &str) -> Result<Option<SystemTime>> {
        let select = sqlx::query_scalar("SELECT last FROM _occurrences WHERE name = ?");
        let last: Option<i64> = select
            .bind(name)
            .fetch_optional(self.database.read())
            .await?;
        last.map(time).transpose()
    }
}

fn record(row: &SqliteRow) -> Result<Record> {
    let number =
        |column: &str| -> Result<u64> { Ok(u64::try_from(row.try_get::<i64, _>(column)?)?) };
    Ok(Record {
        version: Version {
            token: number("token")?,
            beat: number("beat")?,
        },
        held: row.try_get("held")?,
        claim: Claim {
            holder: row.try_get("holder")?,
            ttl: Duration::from_millis(number("ttl")?),
            renewed_at: time(row.try_get("renewed_at")?)?,
        },
    })
}

/// A time as whole milliseconds since 1970, negative ones before.
fn millis(at: SystemTime) -> Result<i64> {
    let millis = match at.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()),
        Err(before) => i64::try_from(before.duration().as_millis()).map(|before| -before),
    };
    millis.context("the time is too far away")
}

fn time(millis: i64) -> Result<SystemTime> {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    time.context("the time is too far away")
}
