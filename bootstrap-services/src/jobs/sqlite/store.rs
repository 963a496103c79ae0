//! The statements for everything but a worker's turn.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Row as _, Sqlite, SqliteConnection, SqlitePool};

use crate::database::times::time;
use crate::jobs::{Enqueued, JobCount, JobFilter, JobId, JobInfo, JobState, NewJob};

/// A time as whole milliseconds since 1970.
pub(super) fn millis(at: SystemTime) -> Result<i64> {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).context("the time is too far away")
}

/// The number of a job, if its id is one of this engine.
pub(super) fn number(id: &JobId) -> Option<i64> {
    id.as_str().parse().ok()
}

pub(super) const fn code(state: JobState) -> i64 {
    match state {
        JobState::Scheduled => 0,
        JobState::Ready => 1,
        JobState::Running => 2,
        JobState::Done => 3,
        JobState::Dead => 4,
        JobState::Cancelled => 5,
    }
}

fn state(code: i64) -> Result<JobState> {
    let state = JobState::ALL
        .into_iter()
        .find(|state| self::code(*state) == code);
    state.with_context(|| format!("a newer version of this program has stored the state {code}"))
}

pub(super) async fn push(
    connection: &mut SqliteConnection,
    job: &NewJob,
    now: i64,
) -> Result<Enqueued> {
    const PUSH: &str = "INSERT INTO _jobs
            (name, version, state, priority, run_at, attempts, crashes, unique_key, payload, traceparent, enqueued_at, wakes, resumes)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (name, unique_key) WHERE unique_key IS NOT NULL AND state < 3 DO NOTHING RETURNING id";
    const OTHER: &str = "SELECT id FROM _jobs WHERE name = ? AND unique_key = ? AND state < 3";
    let at = millis(job.run_at)?;
    let state = if at <= now {
        JobState::Ready
    } else {
        JobState::Scheduled
    };
    let push = sqlx::query_scalar(PUSH)
        .bind(&job.name)
        .bind(job.version)
        .bind(code(state));
    let push = push
        .bind(job.priority)
        .bind(at)
        .bind(job.attempts)
        .bind(job.crashes);
    let push = push
        .bind(&job.unique)
        .bind(&job.payload)
        .bind(&job.traceparent)
        .bind(now)
        .bind(job.wakes.as_ref().and_then(number))
        .bind(&job.resumes);
    let pushed: Option<i64> = push.fetch_optional(&mut *connection).await?;
    if let Some(id) = pushed {
        return Ok(Enqueued::New(JobId::new(id)));
    }
    let other = sqlx::query_scalar(OTHER).bind(&job.name).bind(&job.unique);
    let other: i64 = other.fetch_one(connection).await?;
    Ok(Enqueued::Already(JobId::new(other)))
}

const COLUMNS: &str = "id, name, version, state, payload, priority, attempt, attempts, crash, unique_key, traceparent, resumes, progress, result, error,
    enqueued_at, run_at, ended_at";

pub(super) async fn find(pool: &SqlitePool, id: &JobId) -> Result<Option<JobInfo>> {
    let Some(id) = number(id) else {
        return Ok(None);
    };
    let find = format!("SELECT {COLUMNS} FROM _jobs WHERE id = ?");
    let row = sqlx::query(AssertSqlSafe(find))
        .bind(id)
        .fetch_optional(pool)
        .await?;
    row.map(|row| info(&row)).transpose()
}

pub(super) async fn list(pool: &SqlitePool, filter: &JobFilter) -> Result<Vec<JobInfo>> {
    let mut query = QueryBuilder::<Sqlite>::new(format!("SELECT {COLUMNS} FROM _jobs WHERE TRUE"));
    // Most jobs are ready or done: those are found in the order of the ids, and the few others by the index of their state. `SQLite` knows an
    // index for some states only by a literal, and would prefer the order of the ids.
    let mut order = "id";
    if let Some(state) = filter.state {
        let code = code(state);
        match state {
            JobState::Ready | JobState::Done => query.push(format!(" AND +state = {code}")),
            _ => {
                order = "+id";
                let ended = if state.has_ended() {
                    " AND state > 2"
                } else {
                    ""
                };
                query.push(format!("{ended} AND state = {code}"))
            }
        };
    }
    if let Some(name) = &filter.name {
        query.push(" AND name = ").push_bind(name.clone());
    }
    if let Some(before) = &filter.before {
        query
            .push(" AND id < ")
            .push_bind(number(before).unwrap_or_default());
    }
    query
        .push(format!(" ORDER BY {order} DESC LIMIT "))
        .push_bind(filter.limit);
    let rows = query.build().fetch_all(pool).await?;
    rows.iter().map(info).collect()
}

fn info(row: &SqliteRow) -> Result<JobInfo> {
    let count =
        |column: &str| -> Result<u32> { Ok(u32::try_from(row.try_get::<i64, _>(column)?)?) };
    let json = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(JobInfo {
        id: JobId::new(row.try_get::<i64, _>("id")?),
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        state: state(row.try_get("state")?)?,
        payload: json(row.try_get("payload")?),
        priority: row.try_get("priority")?,
        failures: count("attempt")?,
        attempts: count("attempts")?,
        crashes: count("crash")?,
        unique: row.try_get("unique_key")?,
        traceparent: row.try_get("traceparent")?,
        resumes: row.try_get("resumes")?,
        progress: row.try_get("progress")?,
        result: row.try_get::<Option<String>, _>("result")?.map(json),
        error: row.try_get("error")?,
        enqueued_at: time(row.try_get("enqueued_at")?),
        run_at: time(row.try_get("run_at")?),
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(time),
    })
}

pub(super) async fn counts(pool: &SqlitePool) -> Result<Vec<JobCount>> {
    const COUNTS: &str =
        "SELECT name, state, count(*) FROM _jobs GROUP BY name, state ORDER BY name, state";
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(COUNTS).fetch_all(pool).await?;
    let count = |(name, code, count): (String, i64, i64)| {
        let (state, count) = (state(code)?, u64::try_from(count)?);
        Ok(JobCount { name, state, count })
    };
    rows.into_iter().map(count).collect()
}

/// The oldest ready job of each name. Of a million jobs it reads one for each name and priority.
pub(super) async fn waiting(pool: &SqlitePool, now: i64) -> Result<Vec<(String, SystemTime)>> {
    const READY: &str = "WITH RECURSIVE
            names(name) AS (
                SELECT min(name) FROM _jobs WHERE state = 1 AND crash = 0
                UNION ALL
                SELECT (SELECT min(j.name) FROM _jobs j WHERE j.state = 1 AND j.crash = 0 AND j.name > names.name)
                    FROM names WHERE names.name IS NOT NULL
            ),
            levels(name, priority) AS (
                SELECT n.name, (SELECT max(j.priority) FROM _jobs j WHERE j.state = 1 AND j.crash = 0 AND j.name = n.name)
                    FROM names n WHERE n.name IS NOT NULL
                UNION ALL
                SELECT l.name, (SELECT max(j.priority) FROM _jobs j
                        WHERE j.state = 1 AND j.crash = 0 AND j.name = l.name AND j.priority < l.priority)
                    FROM levels l WHERE l.priority IS NOT NULL
            )
        SELECT l.name, (SELECT min(j.run_at) FROM _jobs j
                WHERE j.state = 1 AND j.crash = 0 AND j.name = l.name AND j.priority = l.priority)
            FROM levels l WHERE l.priority IS NOT NULL";
    // Few: those that were taken over, and those whose time has come since a worker looked.
    const OTHERS: &str = "SELECT name, run_at FROM _jobs WHERE state = 1 AND crash > 0
        UNION ALL SELECT name, run_at FROM _jobs WHERE state = 0 AND run_at <= ?";
    let mut rows: Vec<(String, i64)> = sqlx::query_as(READY).fetch_all(pool).await?;
    rows.extend(
        sqlx::query_as::<_, (String, i64)>(OTHERS)
            .bind(now)
            .fetch_all(pool)
            .await?,
    );
    rows.sort();
    rows.dedup_by(|later, earlier| later.0 == earlier.0);
    Ok(rows
        .into_iter()
        .map(|(name, at)| (name, time(at)))
        .collect())
}

pub(super) async fn purge(
    connection: &mut SqliteConnection,
    state: JobState,
    before: i64,
    most: u64,
) -> Result<u64> {
    const PURGE: &str = "DELETE FROM _jobs WHERE id IN
        (SELECT id FROM _jobs WHERE state > 2 AND state = ? AND ended_at < ? ORDER BY ended_at LIMIT ?)";
    let purge = sqlx::query(PURGE)
        .bind(code(state))
        .bind(before)
        .bind(i64::try_from(most)?);
    Ok(purge.execute(connection).await?.rows_affected())
}
