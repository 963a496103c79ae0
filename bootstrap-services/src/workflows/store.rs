//! The statements for callers: starting, looking, signalling, and removing.

use anyhow::{Context as _, Result};
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow, QueryBuilder, Row as _, Sqlite, SqlitePool};

use crate::database::Tx;
use crate::database::times::{length, time};
use crate::jobs::LATEST;
use crate::workflows::api::New;
use crate::workflows::engine::Head;
use crate::workflows::journal::{Row, state, undo};
use crate::workflows::{FlowFilter, FlowId, FlowInfo, FlowState, StepInfo, StepKind, StepState};

/// Stores a workflow. Returns its number, unless its id is taken.
pub(super) async fn insert(tx: &mut Tx, id: &FlowId, new: &New, now: i64) -> Result<Option<i64>> {
    const INSERT: &str = "INSERT INTO _flows (id, name, version, input, parent, traceparent, time_limit, deadline, due_at, started_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 + ?7, ?8, ?8) ON CONFLICT (id) DO NOTHING RETURNING number";
    let insert = sqlx::query_scalar(INSERT)
        .bind(id.as_str())
        .bind(new.name)
        .bind(new.version);
    let insert = insert
        .bind(&new.input)
        .bind(new.parent)
        .bind(&new.traceparent);
    let limit = new.timeout.map(|timeout| length(timeout.min(LATEST)));
    let insert = insert.bind(limit).bind(now);
    Ok(insert.fetch_optional(&mut **tx).await?)
}

/// The name and the parent of a workflow.
pub(super) async fn name(tx: &mut Tx, id: &FlowId) -> Result<(String, Option<i64>)> {
    const NAME: &str = "SELECT name, parent FROM _flows WHERE id = ?";
    let name = sqlx::query_as(NAME).bind(id.as_str());
    Ok(name.fetch_one(&mut **tx).await?)
}

/// The number of a workflow that has not ended, and how many signals it has not waited for.
pub(super) async fn signals(tx: &mut Tx, id: &FlowId) -> Result<Option<(i64, i64)>> {
    const SIGNALS: &str =
        "SELECT number, (SELECT count(*) FROM _flow_signals WHERE flow = _flows.number)
        FROM _flows WHERE id = ? AND state < 2";
    let signals = sqlx::query_as(SIGNALS).bind(id.as_str());
    Ok(signals.fetch_optional(&mut **tx).await?)
}

/// Stores a signal. Returns whether the workflow waits for it, or may soon.
pub(super) async fn signal(tx: &mut Tx, flow: i64, name: &str, value: &str) -> Result<bool> {
    const SIGNAL: &str = "INSERT INTO _flow_signals (flow, name, value) VALUES (?, ?, ?)";
    const WAITS: &str = "SELECT EXISTS (SELECT 1 FROM _flow_steps WHERE flow = ?1 AND kind = 2 AND state = 0 AND awaited = ?2)
        OR (SELECT job IS NOT NULL FROM _flows WHERE number = ?1)";
    let signal = sqlx::query(SIGNAL).bind(flow).bind(name).bind(value);
    signal.execute(&mut **tx).await?;
    let waits = sqlx::query_scalar(WAITS).bind(flow).bind(name);
    Ok(waits.fetch_one(&mut **tx).await?)
}

/// Marks a workflow to be cancelled. Returns its number, unless it has ended, or is undone for another reason.
pub(super) async fn cancel(tx: &mut Tx, id: &FlowId) -> Result<Option<i64>> {
    const CANCEL: &str = "UPDATE _flows SET is_unwanted = 1 WHERE id = ? AND (state = 0 OR state = 1 AND ending = 4) RETURNING number";
    let cancel = sqlx::query_scalar(CANCEL).bind(id.as_str());
    Ok(cancel.fetch_optional(&mut **tx).await?)
}

/// How a workflow has ended that is retried.
#[derive(FromRow)]
struct Failed {
    number: i64,
    /// The step whose error ended it.
    #[sqlx(rename = "failed_step")]
    step: Option<String>,
}

/// Makes a workflow active again that failed or timed out. Returns what is to be resumed.
pub(super) async fn retry(tx: &mut Tx, id: &FlowId, now: i64) -> Result<Option<(Head, i64)>> {
    const FAILED: &str = "SELECT number, failed_step FROM _flows WHERE id = ? AND state IN (3, 5)";
    const RETRY: &str = "UPDATE _flows SET state = 0, ending = NULL, error = NULL, failed_step = NULL, ended_at = NULL, epoch = epoch + 1, run = run + 1,
            job = NULL, crashes = 0, is_woken = 0, is_unwanted = 0, deadline = ?1 + time_limit, due_at = ?1
        WHERE number = ?2 RETURNING number, id, name, version, traceparent, epoch";
    #[derive(FromRow)]
    struct Retried {
        #[sqlx(flatten)]
        head: Head,
        epoch: i64,
    }
    let failed = sqlx::query_as(FAILED).bind(id.as_str());
    let failed: Option<Failed> = failed.fetch_optional(&mut **tx).await?;
    let Some(failed) = failed else {
        return Ok(None);
    };
    retry_steps(tx, &failed).await?;
    let retry = sqlx::query_as(RETRY).bind(now).bind(failed.number);
    let Retried { head, epoch } = retry.fetch_one(&mut **tx).await?;
    Ok(Some((head, epoch)))
}

/// Opens the steps that are done again.
async fn retry_steps(tx: &mut Tx, failed: &Failed) -> Result<()> {
    // The code may go another way from the first step on that is done again. What it did after that stays.
    const OPTIONAL: &str = "UPDATE _flow_steps SET is_optional = 1
        WHERE flow = ?1 AND seq > (SELECT min(seq) FROM _flow_steps WHERE flow = ?1 AND (undo = 2 OR name = ?2))";
    // A workflow gets a new id, which has the number of its attempt.
    const STEPS: &str = "UPDATE _flow_steps SET state = 0, result = NULL, error = NULL, due_at = NULL, ended_at = NULL, awaited = NULL,
            attempts = CASE kind WHEN 4 THEN attempts ELSE 0 END, undo = 0, undo_attempts = 0
        WHERE flow = ?1 AND (undo = 2 OR state = 2 AND (name = ?2
            OR seq > (SELECT coalesce(max(seq), 0) FROM _flow_steps WHERE flow = ?1 AND state = 1)))";
    const AGAIN: &str = "UPDATE _flow_steps SET undo = 1, undo_attempts = 0, error = NULL WHERE flow = ?1 AND undo = 3";
    for steps in [OPTIONAL, STEPS, AGAIN] {
        let steps = sqlx::query(AssertSqlSafe(steps)).bind(failed.number);
        let steps = steps.bind(&failed.step);
        steps.execute(&mut **tx).await?;
    }
    Ok(())
}

const COLUMNS: &str =
    "id, name, version, state, job, input, result, error, started_at, due_at, ended_at";

pub(super) async fn find(pool: &SqlitePool, id: &FlowId) -> Result<Option<FlowInfo>> {
    let find = format!("SELECT {COLUMNS} FROM _flows WHERE id = ?");
    let find = sqlx::query(AssertSqlSafe(find)).bind(id.as_str());
    let row = find.fetch_optional(pool).await?;
    row.map(|row| info(&row)).transpose()
}

/// The result of a workflow that is done.
pub(super) async fn result(pool: &SqlitePool, id: &FlowId) -> Result<Option<String>> {
    const RESULT: &str =
        "SELECT result FROM _flows WHERE id = ? AND state = 2 AND result IS NOT NULL";
    let result = sqlx::query_scalar(RESULT).bind(id.as_str());
    Ok(result.fetch_optional(pool).await?)
}

pub(super) async fn list(pool: &SqlitePool, filter: &FlowFilter) -> Result<Vec<FlowInfo>> {
    let mut query = QueryBuilder::<Sqlite>::new(format!("SELECT {COLUMNS} FROM _flows WHERE TRUE"));
    if let Some(state) = filter.state {
        query.push(" AND state = ").push_bind(state.code());
        match state {
            FlowState::Waiting => query.push(" AND job IS NULL"),
            FlowState::Running => query.push(" AND job IS NOT NULL"),
            _ => &mut query,
        };
    }
    if let Some(name) = &filter.name {
        query.push(" AND name = ").push_bind(name.clone());
    }
    if let Some(before) = &filter.before {
        query.push(" AND number < (SELECT number FROM _flows WHERE id = ");
        query.push_bind(before.as_str().to_owned()).push(")");
    }
    query
        .push(" ORDER BY number DESC LIMIT ")
        .push_bind(filter.limit);
    let rows = query.build().fetch_all(pool).await?;
    rows.iter().map(info).collect()
}

fn info(row: &SqliteRow) -> Result<FlowInfo> {
    let is_suspended = row.try_get::<Option<String>, _>("job")?.is_none();
    let code = row.try_get("state")?;
    let state = FlowState::of(code, is_suspended);
    Ok(FlowInfo {
        id: FlowId::new(row.try_get::<String, _>("id")?),
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        state: state.with_context(|| {
            format!("a newer version of this program has stored the state {code}")
        })?,
        input: json(row.try_get("input")?),
        result: row.try_get::<Option<String>, _>("result")?.map(json),
        error: row.try_get("error")?,
        started_at: time(row.try_get("started_at")?),
        due_at: row.try_get::<Option<i64>, _>("due_at")?.map(time),
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(time),
    })
}

fn json(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

pub(super) async fn history(pool: &SqlitePool, id: &FlowId) -> Result<Vec<StepInfo>> {
    const HISTORY: &str = "SELECT _flow_steps.* FROM _flow_steps JOIN _flows ON _flows.number = flow WHERE _flows.id = ? ORDER BY seq";
    let rows: Vec<Row> = sqlx::query_as(HISTORY)
        .bind(id.as_str())
        .fetch_all(pool)
        .await?;
    rows.into_iter().map(step).collect()
}

/// The newest steps, the oldest of them first, each with the first characters of its result as it is stored.
#[cfg(feature = "web")]
pub(super) async fn newest(
    pool: &SqlitePool,
    id: &FlowId,
    most: u32,
    characters: u32,
) -> Result<Vec<(StepInfo, Option<String>)>> {
    // The results of the others are not read.
    const NEWEST: &str = "SELECT name, seq, kind, state, attempts, substr(result, 1, ?2) AS result, error, due_at, awaited, undo, undo_attempts,
            began_at, ended_at, is_optional
        FROM _flow_steps WHERE flow = (SELECT number FROM _flows WHERE id = ?1) ORDER BY seq DESC LIMIT ?3";
    let select = sqlx::query_as(NEWEST).bind(id.as_str());
    let select = select.bind(characters).bind(most);
    let rows: Vec<Row> = select.fetch_all(pool).await?;
    let with_result = |mut row: Row| {
        let result = row.result.take();
        Ok((step(row)?, result))
    };
    rows.into_iter().rev().map(with_result).collect()
}

fn step(row: Row) -> Result<StepInfo> {
    let kind = StepKind::ALL
        .into_iter()
        .find(|kind| kind.code() == row.kind);
    let state = match (row.state, row.undo) {
        (_, undo::DONE) => StepState::Undone,
        (_, undo::FAILED) => StepState::NotUndone,
        (state::DONE, _) => StepState::Done,
        (state::FAILED, _) => StepState::Failed,
        _ => StepState::Waiting,
    };
    Ok(StepInfo {
        name: row.name,
        kind: kind.context("a newer version of this program has stored a kind of steps")?,
        state,
        attempts: row.attempts,
        result: row.result.map(json),
        error: row.error,
        began_at: time(row.began_at),
        ended_at: row.ended_at.map(time),
    })
}

/// Removes workflows that have ended, with their steps.
pub(super) async fn purge(tx: &mut Tx, state: FlowState, before: i64, most: u64) -> Result<u64> {
    const OLD: &str = "SELECT json_group_array(number) FROM
        (SELECT number FROM _flows WHERE state > 1 AND state = ? AND ended_at < ? ORDER BY ended_at LIMIT ?)";
    const STEPS: &str = "DELETE FROM _flow_steps WHERE flow IN (SELECT value FROM json_each(?))";
    const FLOWS: &str = "DELETE FROM _flows WHERE number IN (SELECT value FROM json_each(?))";
    let old = sqlx::query_scalar(OLD).bind(state.code()).bind(before);
    let old: String = old.bind(i64::try_from(most)?).fetch_one(&mut **tx).await?;
    sqlx::query(STEPS).bind(&old).execute(&mut **tx).await?;
    let purged = sqlx::query(FLOWS).bind(&old).execute(&mut **tx).await?;
    Ok(purged.rows_affected())
}

/// The workflow whose next step is overdue for longest: its name and its id.
pub(super) async fn overdue(pool: &SqlitePool, before: i64) -> Result<Option<(String, String)>> {
    const OVERDUE: &str =
        "SELECT name, id FROM _flows WHERE state < 2 AND due_at < ? ORDER BY due_at LIMIT 1";
    let overdue = sqlx::query_as(OVERDUE).bind(before);
    Ok(overdue.fetch_optional(pool).await?)
}
