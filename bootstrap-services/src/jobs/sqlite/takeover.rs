//! Taking over the jobs of workers that have died.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use sqlx::{SqliteConnection, SqlitePool};

use crate::jobs::sqlite::process;

/// What is known of other workers, by the clock of this process. So the time of day plays no part.
#[derive(Default)]
pub(super) struct Others(HashMap<i64, Other>);

/// What is known of a worker.
#[derive(Clone, Copy)]
struct Other {
    /// Its last beat, and since when it has not changed.
    beat: i64,
    since: Duration,
    /// When this worker could write, after the other one had been silent for the whole lease.
    written: Option<Duration>,
}

/// A worker that has died, and its last beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dead {
    worker: i64,
    beat: i64,
}

/// What a look at the other workers has shown.
#[derive(Default)]
pub(super) struct Look {
    pub(super) dead: Vec<Dead>,
    /// Whether one was silent for the whole lease. It may have been unable to write.
    pub(super) is_silent: bool,
}

impl Others {
    /// Looks at the other workers. One has died if its process has, or if it was silent for the whole lease and has not used its `chance` since.
    pub(super) async fn look(
        &mut self,
        pool: &SqlitePool,
        own: Option<i64>,
        now: Duration,
        (lease, chance): (Duration, Duration),
    ) -> Result<Look> {
        const OTHERS: &str = "SELECT id, process, beat, EXISTS (SELECT 1 FROM _jobs WHERE state = 2 AND worker = _job_workers.id)
            FROM _job_workers WHERE id IS NOT ?";
        let others: Vec<(i64, String, i64, bool)> =
            sqlx::query_as(OTHERS).bind(own).fetch_all(pool).await?;
        self.0
            .retain(|id, _| others.iter().any(|(other, ..)| other == id));
        let mut look = Look::default();
        for (worker, process, beat, has_jobs) in others {
            let seen = Other {
                beat,
                since: now,
                written: None,
            };
            let other = self.0.entry(worker).or_insert(seen);
            if other.beat != beat {
                *other = seen;
            }
            let is_silent = now.saturating_sub(other.since) >= lease;
            let had_chance = match other.written {
                Some(at) => now.saturating_sub(at) >= chance,
                // Nothing is taken from it: it goes on under another number.
                None => is_silent && !has_jobs,
            };
            if had_chance || process::has_died(&process) {
                look.dead.push(Dead { worker, beat });
            } else if is_silent && other.written.is_none() {
                look.is_silent = true;
            }
        }
        Ok(look)
    }

    /// Notes that this worker could write: so those that are silent can as well, from now on.
    pub(super) fn wrote(&mut self, now: Duration, lease: Duration) {
        for other in self.0.values_mut() {
            if now.saturating_sub(other.since) >= lease {
                other.written.get_or_insert(now);
            }
        }
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
