//! The statements.

use std::time::SystemTime;

use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, SqlitePool};

use crate::audit::{AuditError, Entry, Filter, Recorded};
use crate::database::embedded;
use crate::database::times::{millis, time};

/// How many entries one transaction deletes, so that it does not hold the lock for writing for long.
const BATCH: u32 = 1_000;

pub(super) fn migrations() -> Migrator {
    embedded(&[(
        "audit",
        include_str!("../../migrations/audit/0001_audit.sql"),
    )])
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    at: SystemTime,
    entry: Entry,
    request: Option<String>,
) -> Result<(), AuditError> {
    const INSERT: &str =
        "INSERT INTO _audit (at, action, actor, target_kind, target, request, details)
        VALUES (?, ?, ?, ?, ?, ?, ?)";
    let (entry, details) = entry.checked(request.as_deref())?;
    let (kind, target) = entry.target.unzip();
    let insert = sqlx::query(INSERT)
        .bind(millis(at))
        .bind(entry.action)
        .bind(entry.actor);
    let insert = insert.bind(kind).bind(target).bind(request).bind(details);
    insert.execute(connection).await?;
    Ok(())
}

/// Whether there are entries before a time.
pub(super) async fn has_before(pool: &SqlitePool, before: SystemTime) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM _audit WHERE at < ?)");
    found.bind(millis(before)).fetch_one(pool).await
}

/// Deletes at most [`BATCH`] entries before a time, and returns how many they were.
pub(super) async fn delete(
    connection: &mut SqliteConnection,
    before: SystemTime,
) -> sqlx::Result<u64> {
    let before = millis(before);
    let allow = sqlx::query("UPDATE _audit_kept SET since = ?").bind(before);
    allow.execute(&mut *connection).await?;
    let delete =
        "DELETE FROM _audit WHERE id IN (SELECT id FROM _audit WHERE at < ? ORDER BY at LIMIT ?)";
    let delete = sqlx::query(delete).bind(before).bind(BATCH);
    Ok(delete.execute(connection).await?.rows_affected())
}

/// The query for one more entry than the page has.
pub(super) fn select(filter: &Filter) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(
        "SELECT id, at, action, actor, target_kind, target, request, details FROM _audit WHERE TRUE",
    );
    let equal = [
        (" AND action = ", &filter.action),
        (" AND actor = ", &filter.actor),
        (" AND target_kind = ", &filter.target_kind),
        (" AND target = ", &filter.target),
        (" AND request = ", &filter.request),
    ];
    for (condition, value) in equal {
        if let Some(value) = value {
            query.push(condition).push_bind(value.clone());
        }
    }
    if let Some(prefix) = &filter.actions {
        query
            .push(" AND substr(action, 1, length(")
            .push_bind(prefix.clone());
        query.push(")) = ").push_bind(prefix.clone());
    }
    let since = filter.since.map(millis);
    let until = filter.until.map(millis);
    for (condition, value) in [
        (" AND at >= ", since),
        (" AND at < ", until),
        (" AND id < ", filter.before),
    ] {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
        }
    }
    query
        .push(" ORDER BY id DESC LIMIT ")
        .push_bind(i64::from(filter.entries()) + 1);
    query
}

pub(super) fn recorded(row: &SqliteRow) -> sqlx::Result<Recorded> {
    let details: Option<String> = row.try_get("details")?;
    let details = details.map_or(Ok(serde_json::Value::Null), |details| {
        serde_json::from_str(&details)
    });
    Ok(Recorded {
        id: row.try_get("id")?,
        at: time(row.try_get("at")?),
        action: row.try_get("action")?,
        actor: row.try_get("actor")?,
        target_kind: row.try_get("target_kind")?,
        target: row.try_get("target")?,
        request: row.try_get("request")?,
        details: details.map_err(|error| sqlx::Error::Decode(error.into()))?,
    })
}
