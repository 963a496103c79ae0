//! Taking over the jobs of workers that have died.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use sqlx::{SqliteConnection, SqlitePool};

use crate::jobs::sqlite::process;

/// What is known of other workers: their last beat, and since when it has not changed, by the clock of this process. So the time of day
/// plays no part.
#[derive(Default)]
pub(super) struct Others(HashMap<i64, (i64, Duration)>);

/// A worker that has died, and its last beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dead {
    worker: i64,
    beat: i64,
    /// Its process does not exist any more. Otherwise, it was silent for the whole lease.
    pub(super) is_gone: bool,
}

impl Others {
    /// Looks at the other workers. Returns those that have died.
    pub(super) async fn look(
        &mut self,
        pool: &SqlitePool,
        own: Option<i64>,
        now: Duration,
        lease: Duration,
    ) -> Result<Vec<Dead>> {
        const OTHERS: &str = "SELECT id, process, beat FROM _job_workers WHERE id IS NOT ?";
        let others: Vec<(i64, String, i64)> =
            sqlx::query_as(OTHERS).bind(own).fetch_all(pool).await?;
        self.0
            .retain(|id, _| others.iter().any(|(other, ..)| other == id));
        let mut dead = Vec::new();
        for (worker, process, beat) in others {
            let (last, since) = self.0.entry(worker).or_insert((beat, now));
            if *last != beat {
                (*last, *since) = (beat, now);
            }
            let is_gone = process::has_died(&process);
            if is_gone || now.saturating_sub(*since) >= lease {
                dead.push(Dead {
                    worker,
                    beat,
                    is_gone,
                });
            }
        }
        Ok(dead)
    }
}

/// A job that was taken over.
#[derive(sqlx::FromRow)]
pub(super) struct TakenOver {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) crash: i64,
    pub(super) is_dead: bool,
}

/// Takes over the jobs of a worker, unless it has given a sign of life since.
pub(super) async fn take_over(
    tx: &mut SqliteConnection,
    dead: Dead,
    now: i64,
) -> Result<Vec<TakenOver>> {
    const BURY: &str = "DELETE FROM _job_workers WHERE id = ? AND beat = ?";
    const TAKE_OVER: &str = "UPDATE _jobs SET crash = crash + 1, worker = NULL,
            error = 'its process died, or was silent for too long, while it ran',
            ended_at = CASE WHEN is_unwanted = 1 OR crash + 1 >= crashes THEN ?2 END,
            state = CASE WHEN is_unwanted = 1 THEN 5 WHEN crash + 1 >= crashes THEN 4 ELSE 1 END
        WHERE worker = ?1 AND state = 2 RETURNING id, name, crash, state = 4 AS is_dead";
    let bury = sqlx::query(BURY).bind(dead.worker).bind(dead.beat);
    if bury.execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(Vec::new());
    }
    let take_over = sqlx::query_as(TAKE_OVER).bind(dead.worker).bind(now);
    Ok(take_over.fetch_all(tx).await?)
}
