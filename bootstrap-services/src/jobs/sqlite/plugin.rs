//! The plugin `jobs-sqlite`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use sqlx::migrate::Migrator;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::database::values::Time;
use crate::database::{Database, Transaction, embedded};
use crate::jobs::context::Notes;
use crate::jobs::sqlite::shift::Shift;
use crate::jobs::sqlite::store;
use crate::jobs::{
    Enqueued, JobCount, JobEngine, JobFilter, JobId, JobInfo, JobState, NewJob, Work,
};

/// Keeps jobs in the database of the app, for all instances that use the same file, at the port [`JobEngine`]. It joins a collected app in which a plugin
/// requires [`Jobs`](crate::jobs::Jobs), unless `jobs.engine` has another value than `sqlite`.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `jobs.engine` | `sqlite` | the engine |
/// | `jobs.lease` | `30s` | how long a worker may be silent before others take over its jobs, 1 s to 1 h |
/// | `jobs.poll` | `500ms` | how often a worker looks for what other processes have enqueued, 10 ms to 1 min |
///
/// Its tables are `_jobs`, `_job_workers` and `_job_queues`. A worker that runs jobs says each third of `jobs.lease` that it lives. If its process has died on the same machine,
/// others take over its jobs after `jobs.poll`; otherwise after `jobs.lease` and at most 2 seconds more, in which it could write. The time of day plays no part in it.
///
/// # Errors
///
/// The boot fails if a value is out of its range, or if the tables can't be migrated.
#[plugin(
    name = "jobs-sqlite",
    ports = [dyn JobEngine],
    collect = needed,
    enabled = ("jobs.engine", is = "sqlite", default = true)
)]
#[derive(Debug)]
pub struct SqliteJobsPlugin {
    database: State<Database>,
    clock: State<Clock>,
    #[option(config = "jobs.lease", default = Time(Duration::from_secs(30)), setter = false)]
    lease: Time,
    #[option(config = "jobs.poll", default = Time(Duration::from_millis(500)), setter = false)]
    poll: Time,
}

impl SqliteJobsPlugin {
    /// How long a worker may be silent before others take over its jobs: `jobs.lease`, 30 s.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        self.lease = Time(time);
        self
    }

    /// How often a worker looks for what other processes have enqueued: `jobs.poll`, 500 ms.
    #[must_use]
    pub fn poll(mut self, time: Duration) -> Self {
        self.poll = Time(time);
        self
    }
}

impl Hooks for SqliteJobsPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Arc<dyn JobEngine>> {
        let (Time(lease), Time(poll)) = (self.lease, self.poll);
        if !(Duration::from_secs(1)..=Duration::from_hours(1)).contains(&lease) {
            let wrong = format!("`jobs.lease` is {lease:?}");
            return Err(cx
                .config_error("jobs.lease", wrong, "set it to a time from `1s` to `1h`")
                .into());
        }
        if !(Duration::from_millis(10)..=Duration::from_mins(1)).contains(&poll) {
            let wrong = format!("`jobs.poll` is {poll:?}");
            return Err(cx
                .config_error("jobs.poll", wrong, "set it to a time from `10ms` to `1m`")
                .into());
        }
        self.database.migrate("jobs", migrations()).await?;
        Ok(Arc::new(SqliteJobs {
            database: Database::clone(&self.database),
            clock: Clock::clone(&self.clock),
            lease,
            poll,
            signals: Arc::default(),
        }))
    }
}

fn migrations() -> Migrator {
    embedded(&[
        (
            "jobs",
            include_str!("../../../migrations/jobs/0001_jobs.sql"),
        ),
        (
            "wakes",
            include_str!("../../../migrations/jobs/0002_wakes.sql"),
        ),
        (
            "resumes",
            include_str!("../../../migrations/jobs/0003_resumes.sql"),
        ),
    ])
}

pub(super) struct SqliteJobs {
    pub(super) database: Database,
    pub(super) clock: Clock,
    pub(super) lease: Duration,
    pub(super) poll: Duration,
    pub(super) signals: Arc<Signals>,
}

/// What callers of this process tell its worker.
pub(super) struct Signals {
    /// Something may be ready.
    pub(super) woken: Notify,
    /// When the next job that this process knows of is ready, in milliseconds since 1970.
    next: AtomicI64,
    /// What runs, by job: the worker, and how to cancel it.
    running: Mutex<HashMap<i64, (i64, Notes)>>,
}

/// A run of a job: the job, and the number of the worker that claimed it. A process may run a job that others have taken over and that it has
/// claimed again, under another number, at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RunId {
    pub(super) job: i64,
    pub(super) worker: i64,
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            woken: Notify::new(),
            next: AtomicI64::new(i64::MAX),
            running: Mutex::default(),
        }
    }
}

impl Signals {
    /// A job is ready at this time.
    pub(super) fn expect(&self, at: i64) {
        self.next.fetch_min(at, Ordering::Relaxed);
        self.woken.notify_one();
    }

    /// There is something to do at this time, which is no news for the worker itself.
    pub(super) fn learn(&self, at: i64) {
        self.next.fetch_min(at, Ordering::Relaxed);
    }

    /// When the next job is ready, if that is known.
    pub(super) fn next(&self) -> i64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Forgets what was expected up to `now`.
    pub(super) fn passed(&self, now: i64) {
        let forget = |next| (next <= now).then_some(i64::MAX);
        // Unchanged if it lies ahead.
        let _ = self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, forget);
    }

    pub(super) fn began(&self, run: RunId, notes: Notes) {
        self.running().insert(run.job, (run.worker, notes));
    }

    pub(super) fn ended(&self, run: RunId) {
        let mut running = self.running();
        // Unless this process has claimed the job again.
        if running
            .get(&run.job)
            .is_some_and(|(worker, _)| *worker == run.worker)
        {
            running.remove(&run.job);
        }
    }

    fn cancel(&self, job: i64) {
        if let Some((_, notes)) = self.running().get(&job) {
            notes.cancel();
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<i64, (i64, Notes)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SqliteJobs {
    /// The time of day, in milliseconds since 1970.
    pub(super) fn now(&self) -> Result<i64> {
        store::millis(self.clock.now())
    }
}

#[async_trait]
impl JobEngine for SqliteJobs {
    async fn push(&self, job: NewJob) -> Result<Enqueued> {
        let (now, at) = (self.now()?, store::millis(job.run_at)?);
        let pushed = self
            .database
            .write(async |mut tx| store::push(&mut tx, &job, now).await);
        let pushed = pushed.await?;
        self.signals.expect(at);
        Ok(pushed)
    }

    async fn push_in(&self, tx: &mut dyn Transaction, job: NewJob) -> Result<Enqueued> {
        let (now, at) = (self.now()?, store::millis(job.run_at)?);
        let tx = self.database.join(tx)?;
        let pushed = store::push(tx, &job, now).await?;
        let signals = Arc::clone(&self.signals);
        tx.after_commit(move || signals.expect(at));
        Ok(pushed)
    }

    async fn work(&self, work: Work) -> Result<()> {
        Shift::new(self, work).work().await;
        Ok(())
    }

    async fn find(&self, id: &JobId) -> Result<Option<JobInfo>> {
        store::find(self.database.read(), id).await
    }

    async fn list(&self, filter: &JobFilter) -> Result<Vec<JobInfo>> {
        store::list(self.database.read(), filter).await
    }

    async fn counts(&self) -> Result<Vec<JobCount>> {
        store::counts(self.database.read()).await
    }

    async fn waiting(&self) -> Result<Vec<(String, std::time::SystemTime)>> {
        store::waiting(self.database.read(), self.now()?).await
    }

    async fn requeue(&self, id: &JobId) -> Result<bool> {
        const REQUEUE: &str = "UPDATE OR IGNORE _jobs SET state = 1, attempt = 0, crash = 0, run_at = ?, ended_at = NULL,
            is_unwanted = 0, progress = NULL WHERE id = ? AND state IN (4, 5)";
        let Some(id) = store::number(id) else {
            return Ok(false);
        };
        let now = self.now()?;
        let requeued = self.database.write(async |mut tx| -> Result<bool> {
            let requeue = sqlx::query(REQUEUE).bind(now).bind(id);
            Ok(requeue.execute(&mut *tx).await?.rows_affected() == 1)
        });
        let requeued = requeued.await?;
        self.signals.expect(now);
        Ok(requeued)
    }

    async fn cancel(&self, id: &JobId) -> Result<bool> {
        const CANCEL: &str =
            "UPDATE _jobs SET is_unwanted = 1, ended_at = CASE WHEN state < 2 THEN ? END,
            state = CASE WHEN state < 2 THEN 5 ELSE state END WHERE id = ? AND state < 3 AND resumes IS NULL";
        let Some(id) = store::number(id) else {
            return Ok(false);
        };
        let now = self.now()?;
        let cancelled = self.database.write(async |mut tx| -> Result<bool> {
            let cancel = sqlx::query(CANCEL).bind(now).bind(id);
            Ok(cancel.execute(&mut *tx).await?.rows_affected() == 1)
        });
        if !cancelled.await? {
            return Ok(false);
        }
        // One that it wakes may be ready.
        self.signals.expect(now);
        // If it runs in another process, that process looks for it.
        self.signals.cancel(id);
        Ok(true)
    }

    async fn remove(&self, id: &JobId) -> Result<bool> {
        const REMOVE: &str = "DELETE FROM _jobs WHERE id = ? AND state > 2";
        let Some(id) = store::number(id) else {
            return Ok(false);
        };
        let removed = self.database.write(async |mut tx| -> Result<bool> {
            let removed = sqlx::query(REMOVE).bind(id).execute(&mut *tx).await?;
            Ok(removed.rows_affected() == 1)
        });
        removed.await
    }

    async fn purge(&self, state: JobState, older_than: Duration) -> Result<u64> {
        /// So that other writers get their turn.
        const AT_ONCE: u64 = 1_000;
        if !state.has_ended() {
            return Ok(0);
        }
        let age = i64::try_from(older_than.as_millis()).context("the time is too long")?;
        let before = self.now()?.saturating_sub(age);
        let mut purged = 0;
        loop {
            let deleted = self
                .database
                .write(async |mut tx| store::purge(&mut tx, state, before, AT_ONCE).await);
            let deleted = deleted.await?;
            purged += deleted;
            if deleted < AT_ONCE {
                return Ok(purged);
            }
        }
    }
}
