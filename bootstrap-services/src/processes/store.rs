//! The statements.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::child::{Exit, Identity};
use crate::database::times::millis;
use crate::database::{Database, DatabaseError, embedded};
use crate::processes::{ProcessId, ProcessInfo, ProcessStatus};

pub(super) fn migrations() -> Migrator {
    embedded(&[
        (
            "processes",
            include_str!("../../migrations/processes/0001_processes.sql"),
        ),
        (
            "heartbeats",
            include_str!("../../migrations/processes/0002_heartbeats.sql"),
        ),
    ])
}

/// The table of processes.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) database: Database,
    /// Rows of other folders belong to other instances.
    folder: String,
}

/// A process of an earlier instance that was not ended there.
pub(super) struct Left {
    pub(super) id: ProcessId,
    pub(super) name: String,
    pub(super) status: ProcessStatus,
    pub(super) token: String,
    pub(super) metadata: String,
    pub(super) restarts: u32,
    pub(super) identity: Option<Identity>,
    /// The heartbeat that it was started with, zero for none. `None` if an older version of this library has started it, which did not store that.
    pub(super) heartbeat: Option<Duration>,
}

impl Store {
    pub(super) fn new(database: Database, folder: &Path) -> Self {
        let folder = folder.to_string_lossy().into_owned();
        Self { database, folder }
    }

    pub(super) async fn insert(
        &self,
        name: &str,
        metadata: &str,
        at: SystemTime,
    ) -> Result<ProcessId, DatabaseError> {
        const INSERT: &str =
            "INSERT INTO _processes (name, folder, status, metadata, created_at, changed_at)
            VALUES (?1, ?2, 'starting', ?3, ?4, ?4) RETURNING id";
        self.database
            .write(async |mut tx| {
                let insert = sqlx::query_scalar(INSERT).bind(name).bind(&self.folder);
                let id = insert.bind(metadata).bind(millis(at));
                Ok(ProcessId(id.fetch_one(&mut *tx).await?))
            })
            .await
    }

    /// Notes that a process is about to be started, with a token of this start.
    pub(super) async fn starting(
        &self,
        id: ProcessId,
        token: &str,
        restarts: u32,
        at: SystemTime,
    ) -> Result<(), DatabaseError> {
        const UPDATE: &str = "UPDATE _processes SET status = 'starting', token = ?2, acknowledged = 0, restarts = ?3, identity = NULL,
            changed_at = ?4 WHERE id = ?1";
        self.database
            .write(async |mut tx| {
                let update = sqlx::query(UPDATE).bind(id.0).bind(token);
                let update = update.bind(restarts).bind(millis(at));
                update.execute(&mut *tx).await?;
                Ok(())
            })
            .await
    }

    pub(super) async fn started(
        &self,
        id: ProcessId,
        identity: Option<&Identity>,
        heartbeat: Option<Duration>,
    ) -> Result<(), DatabaseError> {
        const UPDATE: &str =
            "UPDATE _processes SET status = 'running', identity = ?2, heartbeat = ?3 WHERE id = ?1";
        let identity = identity.map(ToString::to_string);
        let heartbeat = heartbeat.unwrap_or_default().as_millis();
        let heartbeat = i64::try_from(heartbeat).unwrap_or(i64::MAX);
        self.database
            .write(async |mut tx| {
                let update = sqlx::query(UPDATE).bind(id.0).bind(identity.as_deref());
                update.bind(heartbeat).execute(&mut *tx).await?;
                Ok(())
            })
            .await
    }

    pub(super) async fn set(
        &self,
        id: ProcessId,
        status: ProcessStatus,
        exit: Option<Exit>,
        at: SystemTime,
    ) -> Result<(), DatabaseError> {
        const UPDATE: &str = "UPDATE _processes SET status = ?2, exit_code = ?3, exit_signal = ?4, changed_at = ?5 WHERE id = ?1";
        let (code, signal) = match exit {
            Some(Exit::Code(code)) => (Some(code), None),
            Some(Exit::Signal(signal)) => (None, Some(signal)),
            _ => (None, None),
        };
        self.database
            .write(async |mut tx| {
                let update = sqlx::query(UPDATE).bind(id.0).bind(status.text());
                let update = update.bind(code).bind(signal).bind(millis(at));
                update.execute(&mut *tx).await?;
                Ok(())
            })
            .await
    }

    pub(super) async fn remove(&self, id: ProcessId) -> Result<(), DatabaseError> {
        self.database
            .write(async |mut tx| {
                let delete = sqlx::query("DELETE FROM _processes WHERE id = ?");
                delete.bind(id.0).execute(&mut *tx).await?;
                Ok(())
            })
            .await
    }

    pub(super) async fn left(&self) -> Result<Vec<Left>, DatabaseError> {
        const SELECT: &str = "SELECT id, name, status, token, metadata, restarts, identity, heartbeat FROM _processes
            WHERE folder = ? AND status IN ('starting', 'running', 'waiting', 'stopping') ORDER BY id";
        let select = sqlx::query(SELECT).bind(&self.folder);
        let rows = select.fetch_all(self.database.read()).await?;
        let left = rows.iter().map(left).collect::<sqlx::Result<_>>();
        Ok(left?)
    }

    /// The folders of other instances that have processes.
    pub(super) async fn other_folders(&self) -> Result<Vec<String>, DatabaseError> {
        const SELECT: &str = "SELECT DISTINCT folder FROM _processes
            WHERE folder <> ? AND status IN ('starting', 'running', 'waiting', 'stopping')";
        let select = sqlx::query_scalar(SELECT).bind(&self.folder);
        Ok(select.fetch_all(self.database.read()).await?)
    }

    /// The last event of the start with this token that was acknowledged.
    pub(super) async fn acknowledged(
        &self,
        id: ProcessId,
        token: &str,
    ) -> Result<Option<u64>, DatabaseError> {
        let select =
            sqlx::query_scalar("SELECT acknowledged FROM _processes WHERE id = ? AND token = ?");
        let select = select.bind(id.0).bind(token);
        let found: Option<i64> = select.fetch_optional(self.database.read()).await?;
        Ok(found.map(i64::unsigned_abs))
    }

    /// Returns a process that is not supervised: one that has ended.
    pub(super) async fn get(&self, id: ProcessId) -> Result<Option<ProcessInfo>, DatabaseError> {
        const SELECT: &str = "SELECT id, name, status, metadata, restarts, acknowledged, exit_code, exit_signal FROM _processes
            WHERE id = ? AND folder = ?";
        let select = sqlx::query(SELECT).bind(id.0).bind(&self.folder);
        let row = select.fetch_optional(self.database.read()).await?;
        Ok(row.map(|row| info(&row)).transpose()?)
    }

    /// Deletes what has ended before a time.
    pub(super) async fn purge(&self, before: SystemTime) -> Result<(), DatabaseError> {
        const DELETE: &str = "DELETE FROM _processes WHERE folder = ? AND status IN ('stopped', 'crashed') AND changed_at < ?";
        self.database
            .write(async |mut tx| {
                let delete = sqlx::query(DELETE).bind(&self.folder);
                delete.bind(millis(before)).execute(&mut *tx).await?;
                Ok(())
            })
            .await
    }
}

/// Stores the number of the last event that was handled, and returns whether `from` was the last one before that.
pub(super) async fn acknowledge(
    connection: &mut SqliteConnection,
    id: ProcessId,
    token: &str,
    from: u64,
    to: u64,
) -> sqlx::Result<bool> {
    const UPDATE: &str =
        "UPDATE _processes SET acknowledged = ? WHERE id = ? AND token = ? AND acknowledged = ?";
    let update = sqlx::query(UPDATE)
        .bind(number(to))
        .bind(id.0)
        .bind(token)
        .bind(number(from));
    Ok(update.execute(connection).await?.rows_affected() == 1)
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn left(row: &SqliteRow) -> sqlx::Result<Left> {
    let identity: Option<String> = row.try_get("identity")?;
    let heartbeat: Option<i64> = row.try_get("heartbeat")?;
    Ok(Left {
        id: ProcessId(row.try_get("id")?),
        name: row.try_get("name")?,
        status: status(row)?,
        token: row.try_get("token")?,
        metadata: row.try_get("metadata")?,
        restarts: row.try_get("restarts")?,
        identity: identity.and_then(|text| text.parse().ok()),
        heartbeat: heartbeat.map(|millis| Duration::from_millis(millis.unsigned_abs())),
    })
}

fn status(row: &SqliteRow) -> sqlx::Result<ProcessStatus> {
    let text: String = row.try_get("status")?;
    ProcessStatus::parse(&text)
        .ok_or_else(|| sqlx::Error::Decode(format!("`{text}` is no status of a process").into()))
}

fn info(row: &SqliteRow) -> sqlx::Result<ProcessInfo> {
    let metadata: String = row.try_get("metadata")?;
    let code: Option<i32> = row.try_get("exit_code")?;
    let signal: Option<i32> = row.try_get("exit_signal")?;
    let acknowledged: i64 = row.try_get("acknowledged")?;
    Ok(ProcessInfo {
        id: ProcessId(row.try_get("id")?),
        name: row.try_get("name")?,
        status: status(row)?,
        pid: None,
        connected: false,
        restarts: row.try_get("restarts")?,
        exit: code.map(Exit::Code).or(signal.map(Exit::Signal)),
        usage: None,
        acknowledged: acknowledged.unsigned_abs(),
        metadata: serde_json::from_str(&metadata).unwrap_or(Value::Null),
    })
}
