//! Storing how runs ended.

use anyhow::Result;
use sqlx::SqliteConnection;

use crate::jobs::Outcome;

/// A run that has ended, and is not stored yet.
pub(super) struct Ended {
    pub(super) id: i64,
    /// The worker that claimed it. If another one has taken it over since, the outcome does not count.
    pub(super) worker: i64,
    pub(super) outcome: Outcome,
}

/// Stores how runs ended.
pub(super) async fn store(tx: &mut SqliteConnection, ended: &[Ended], now: i64) -> Result<()> {
    const DONE: &str = "UPDATE _jobs SET state = 3, ended_at = ?, worker = NULL, error = NULL
        WHERE id IN (SELECT value FROM json_each(?)) AND worker = ? AND state = 2";
    for run in ended.chunk_by(|one, other| one.worker == other.worker) {
        let is_plain = |it: &&Ended| matches!(it.outcome, Outcome::Done(None));
        let done: Vec<i64> = run.iter().filter(is_plain).map(|it| it.id).collect();
        if !done.is_empty() {
            let ids = serde_json::to_string(&done)?;
            let done = sqlx::query(DONE).bind(now).bind(ids).bind(run[0].worker);
            done.execute(&mut *tx).await?;
        }
        for it in run.iter().filter(|it| !is_plain(it)) {
            store_one(tx, it, now).await?;
        }
    }
    Ok(())
}

async fn store_one(tx: &mut SqliteConnection, ended: &Ended, now: i64) -> Result<()> {
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
    let (id, worker) = (ended.id, ended.worker);
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
    update.execute(tx).await?;
    Ok(())
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
