//! Storing how runs ended.

use anyhow::Result;
use sqlx::SqliteConnection;

use crate::jobs::Outcome;
use crate::jobs::sqlite::plugin::RunId;

/// A run that has ended, and is not stored yet.
pub(super) struct Ended {
    /// If another worker has taken it over since, the outcome does not count.
    pub(super) run: RunId,
    pub(super) outcome: Outcome,
}

/// Stores how runs ended. Returns how many of this worker were still its own.
pub(super) async fn store(
    tx: &mut SqliteConnection,
    ended: &[Ended],
    own: Option<i64>,
    now: i64,
) -> Result<u64> {
    const DONE: &str = "UPDATE _jobs SET state = 3, ended_at = ?, worker = NULL, error = NULL
        WHERE id IN (SELECT value FROM json_each(?)) AND worker = ? AND state = 2";
    let mut stored = 0;
    for runs in ended.chunk_by(|one, other| one.run.worker == other.run.worker) {
        let worker = runs[0].run.worker;
        let is_plain = |it: &&Ended| matches!(it.outcome, Outcome::Done(None));
        let done: Vec<i64> = runs.iter().filter(is_plain).map(|it| it.run.job).collect();
        let mut rows = 0;
        if !done.is_empty() {
            let ids = serde_json::to_string(&done)?;
            let done = sqlx::query(DONE).bind(now).bind(ids).bind(worker);
            rows += done.execute(&mut *tx).await?.rows_affected();
        }
        for it in runs.iter().filter(|it| !is_plain(it)) {
            rows += store_one(tx, it, now).await?;
        }
        if Some(worker) == own {
            stored += rows;
        }
    }
    Ok(stored)
}

async fn store_one(tx: &mut SqliteConnection, ended: &Ended, now: i64) -> Result<u64> {
    const DONE: &str =
        "UPDATE _jobs SET state = 3, ended_at = ?, worker = NULL, error = NULL, result = ?
        WHERE id = ? AND worker = ? AND state = 2";
    const DEAD: &str = "UPDATE _jobs SET state = CASE is_unwanted WHEN 1 THEN 5 ELSE 4 END, ended_at = ?, worker = NULL,
        attempt = attempt + 1, error = ? WHERE id = ? AND worker = ? AND state = 2";
    const FAILED: &str = "UPDATE _jobs SET state = CASE is_unwanted WHEN 1 THEN 5 ELSE 0 END, worker = NULL,
        ended_at = CASE is_unwanted WHEN 1 THEN ?5 END, attempt = attempt + 1, error = ?2, run_at = ?1
        WHERE id = ?3 AND worker = ?4 AND state = 2";
    const CANCELLED: &str = "UPDATE _jobs SET state = 5, ended_at = ?, worker = NULL WHERE id = ? AND worker = ? AND state = 2";
    const RELEASED: &str =
        "UPDATE _jobs SET state = CASE is_unwanted WHEN 1 THEN 5 ELSE 1 END, worker = NULL,
        ended_at = CASE is_unwanted WHEN 1 THEN ? END WHERE id = ? AND worker = ? AND state = 2";
    let RunId { job: id, worker } = ended.run;
    let update = match &ended.outcome {
        Outcome::Done(result) => sqlx::query(DONE)
            .bind(now)
            .bind(result)
            .bind(id)
            .bind(worker),
        Outcome::Failed { error, again: None } => sqlx::query(DEAD)
            .bind(now)
            .bind(error)
            .bind(id)
            .bind(worker),
        Outcome::Failed {
            error,
            again: Some(again),
        } => {
            let again = now.saturating_add(i64::try_from(again.as_millis()).unwrap_or(i64::MAX));
            sqlx::query(FAILED)
                .bind(again)
                .bind(error)
                .bind(id)
                .bind(worker)
                .bind(now)
        }
        Outcome::Cancelled => sqlx::query(CANCELLED).bind(now).bind(id).bind(worker),
        Outcome::Released => sqlx::query(RELEASED).bind(now).bind(id).bind(worker),
    };
    Ok(update.execute(tx).await?.rows_affected())
}

/// When the next attempt of a run begins, if there is one.
pub(super) fn again(ended: &[Ended], now: i64) -> Option<i64> {
    let again = ended.iter().filter_map(|it| match it.outcome {
        Outcome::Failed { again, .. } => again,
        _ => None,
    });
    let first = again.min()?;
    Some(now.saturating_add(i64::try_from(first.as_millis()).unwrap_or(i64::MAX)))
}
