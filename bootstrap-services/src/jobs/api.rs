//! The state `Jobs`.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
#[cfg(feature = "web")]
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use crate::clock::Clock;
use crate::database::{DatabaseError, Transaction};
#[cfg(feature = "web")]
use crate::jobs::JobWorker;
use crate::jobs::context::encode;
use crate::jobs::engine::{
    Enqueued, JobCount, JobEngine, JobFilter, JobId, JobInfo, JobState, NewJob,
};
use crate::jobs::error::JobError;
use crate::jobs::{Job, metrics, work};

/// The most bytes of a unique key.
const LONGEST_KEY: usize = 500;
/// The latest time for a job, the beginning of the year 9999, since 1970.
pub(crate) const LATEST: Duration = Duration::from_hours(24 * 2_932_532);
/// How often [`Jobs::ended`] looks.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Enqueues jobs, looks at them, and cancels them: the state of [`JobsPlugin`](crate::jobs::JobsPlugin).
///
/// Clones are handles to the same jobs.
#[derive(Clone)]
pub struct Jobs {
    engine: Arc<dyn JobEngine>,
    clock: Clock,
    /// The worker of the app, for the page for operators: routes that required the worker would require its handlers, which may require the web.
    #[cfg(feature = "web")]
    worker: Arc<std::sync::Mutex<Option<JobWorker>>>,
    #[cfg(feature = "testing")]
    pub(super) work: Arc<std::sync::Mutex<Option<work::WeakWork>>>,
}

impl Jobs {
    pub(crate) fn new(engine: Arc<dyn JobEngine>, clock: Clock) -> Self {
        Self {
            engine,
            clock,
            #[cfg(feature = "web")]
            worker: Arc::default(),
            #[cfg(feature = "testing")]
            work: Arc::default(),
        }
    }

    pub(crate) fn engine(&self) -> &Arc<dyn JobEngine> {
        &self.engine
    }

    #[cfg(feature = "web")]
    pub(super) fn set_worker(&self, worker: &JobWorker) {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker.clone());
    }

    /// The worker of the app, if it has one.
    #[cfg(feature = "web")]
    pub(crate) fn worker(&self) -> Option<JobWorker> {
        let worker = self.worker.lock();
        worker.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Enqueues a job when it is awaited. It is on the disk then, and a worker of this process begins at once.
    ///
    /// # Errors
    ///
    /// See [`JobError`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may have been enqueued or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # use bootstrap_services::jobs::{Enqueued, Job, JobError, Jobs};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Report { day: u32 }
    /// # impl Job for Report { const NAME: &'static str = "report"; }
    /// async fn request(jobs: &Jobs, day: u32) -> Result<bool, JobError> {
    ///     let report = jobs.enqueue(Report { day }).after(Duration::from_hours(1)).unique(day).priority(5);
    ///     Ok(report.await?.is_new())
    /// }
    /// ```
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a job that was enqueued is no longer that of the caller"
    )]
    pub fn enqueue<J: Job>(&self, job: J) -> Enqueue<'_> {
        Enqueue::new(self, None, &job)
    }

    /// Enqueues a job as part of a transaction, when it is awaited: the job exists if, and only if, the transaction is committed.
    ///
    /// # Errors
    ///
    /// See [`JobError`]. It is a [`JobError::OtherDatabase`] if the transaction is not one of the database of the jobs.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may be part of the transaction or not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyhow::Result;
    /// # use bootstrap_services::database::Database;
    /// # use bootstrap_services::jobs::{Job, Jobs};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Welcome { user: i64 }
    /// # impl Job for Welcome { const NAME: &'static str = "welcome"; }
    /// async fn sign_up(database: &Database, jobs: &Jobs, name: &str) -> Result<i64> {
    ///     database
    ///         .write(async |mut tx| {
    ///             let add = sqlx::query_scalar("INSERT INTO users (name) VALUES (?) RETURNING id").bind(name);
    ///             let user = add.fetch_one(&mut *tx).await?;
    ///             jobs.enqueue_in(&mut tx, Welcome { user }).await?;
    ///             Ok(user)
    ///         })
    ///         .await
    /// }
    /// ```
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a job that was enqueued is no longer that of the caller"
    )]
    pub fn enqueue_in<'a, J: Job>(&'a self, tx: &'a mut dyn Transaction, job: J) -> Enqueue<'a> {
        Enqueue::new(self, Some(tx), &job)
    }

    async fn push(&self, job: NewJob) -> anyhow::Result<Enqueued> {
        let name = job.name.clone();
        let enqueued = self.engine.push(job).await?;
        if enqueued.is_new() {
            metrics::enqueued(&name);
        }
        Ok(enqueued)
    }

    /// Enqueues a job that may be one of another service.
    pub(crate) async fn push_in(
        &self,
        tx: &mut dyn Transaction,
        job: NewJob,
    ) -> anyhow::Result<Enqueued> {
        let name = job.name.clone();
        let enqueued = self.engine.push_in(tx, job).await?;
        if enqueued.is_new() {
            tx.after_commit(Box::new(move || metrics::enqueued(&name)));
        }
        Ok(enqueued)
    }

    /// Returns a job, if there is one with this id.
    ///
    /// # Errors
    ///
    /// [`JobError::Engine`] if the engine can't be reached.
    pub async fn find(&self, id: &JobId) -> Result<Option<JobInfo>, JobError> {
        let found = self.engine.find(id).await;
        found.map_err(engine(|| format!("find the job {id}")))
    }

    /// Lists jobs, the newest first.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap_services::jobs::{JobError, JobFilter, JobState, Jobs};
    /// async fn requeue_mails(jobs: &Jobs) -> Result<(), JobError> {
    ///     let dead = JobFilter::new().name("send-mail").state(JobState::Dead);
    ///     for job in jobs.list(&dead).await? {
    ///         println!("{}: {:?}", job.id, job.error);
    ///         jobs.requeue(&job.id).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn list(&self, filter: &JobFilter) -> Result<Vec<JobInfo>, JobError> {
        let listed = self.engine.list(filter).await;
        listed.map_err(engine(|| "list the jobs".to_owned()))
    }

    /// Counts the jobs of each name and state, sorted by both. It reads an entry for each job.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub async fn counts(&self) -> Result<Vec<JobCount>, JobError> {
        let counts = self.engine.counts().await;
        counts.map_err(engine(|| "count the jobs".to_owned()))
    }

    /// Makes a job that is dead or cancelled ready again, with all its attempts. Returns whether it was one, and no other job has its unique key.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may be ready or not.
    pub async fn requeue(&self, id: &JobId) -> Result<bool, JobError> {
        let requeued = self.engine.requeue(id).await;
        requeued.map_err(engine(|| format!("requeue the job {id}")))
    }

    /// Cancels a job. One that runs is asked to end, also in another process, and dropped a second later. Returns `false` if it has ended, or [resumes](JobInfo::resumes) a
    /// workflow, which can be cancelled itself. A job that runs is done, and not cancelled, if its handler returns `Ok` all the same.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may have been cancelled or not.
    pub async fn cancel(&self, id: &JobId) -> Result<bool, JobError> {
        let cancelled = self.engine.cancel(id).await;
        cancelled.map_err(engine(|| format!("cancel the job {id}")))
    }

    /// Removes a job that has ended: done, dead or cancelled. Returns whether it was one.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may have been removed or not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap_services::jobs::{JobError, JobId, Jobs};
    /// async fn give_up(jobs: &Jobs, id: &JobId) -> Result<bool, JobError> {
    ///     jobs.cancel(id).await?;
    ///     jobs.ended(id).await?;
    ///     jobs.remove(id).await
    /// }
    /// ```
    pub async fn remove(&self, id: &JobId) -> Result<bool, JobError> {
        let removed = self.engine.remove(id).await;
        removed.map_err(engine(|| format!("remove the job {id}")))
    }

    /// Removes the jobs that ended in this state longer ago than that, and returns how many. Nothing is removed in a state in which a job has not ended.
    ///
    /// Jobs that are done or cancelled are removed by themselves after `jobs.keep`, dead letters only by this
    /// and by [`remove`](Self::remove).
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some of the jobs may have been removed.
    pub async fn purge(&self, state: JobState, older_than: Duration) -> Result<u64, JobError> {
        let purged = self.engine.purge(state, older_than).await;
        purged.map_err(engine(|| format!("purge the {state} jobs")))
    }

    /// Waits until a job has ended, and returns it; `None` if there is no job with this id.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub async fn ended(&self, id: &JobId) -> Result<Option<JobInfo>, JobError> {
        loop {
            let found = self.find(id).await?;
            if found.as_ref().is_none_or(|job| job.state.has_ended()) {
                return Ok(found);
            }
            self.clock.sleep(LOOK_AGAIN).await;
        }
    }

    /// Returns what the handler of a job set as its result, if the job is done and has one.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find), and [`JobError::Unreadable`] if it is not an `R`.
    pub async fn result<R: DeserializeOwned>(&self, id: &JobId) -> Result<Option<R>, JobError> {
        let found = self.find(id).await?;
        let result = found.and_then(|job| job.result);
        let read = result.map(serde_json::from_value).transpose();
        read.map_err(|source| JobError::Unreadable {
            id: id.to_string(),
            source,
        })
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}

/// The error of an engine, and what was attempted.
fn engine(doing: impl FnOnce() -> String) -> impl FnOnce(anyhow::Error) -> JobError {
    |source| JobError::Engine {
        doing: doing(),
        source,
    }
}

/// A job that is enqueued when this is awaited.
#[must_use = "nothing is enqueued until this is awaited"]
pub struct Enqueue<'a> {
    jobs: &'a Jobs,
    tx: Option<&'a mut dyn Transaction>,
    job: Result<NewJob, JobError>,
}

impl<'a> Enqueue<'a> {
    fn new<J: Job>(jobs: &'a Jobs, tx: Option<&'a mut dyn Transaction>, job: &J) -> Self {
        let policy = J::policy();
        let now = jobs.clock.now();
        let job = encode(J::NAME, "payload", job).map(|payload| NewJob {
            version: J::VERSION,
            priority: policy.priority,
            attempts: policy.attempts.max(1),
            crashes: policy.crashes,
            traceparent: work::traceparent(),
            ..NewJob::new(J::NAME, payload, now)
        });
        Self { jobs, tx, job }
    }

    /// The job begins after this time, at the earliest.
    pub fn after(self, time: Duration) -> Self {
        let at = self.jobs.clock.now().checked_add(time);
        self.set(|job| job.run_at = at.unwrap_or(SystemTime::UNIX_EPOCH + 2 * LATEST))
    }

    /// The job begins at this time, at the earliest.
    pub fn at(self, time: SystemTime) -> Self {
        self.set(|job| job.run_at = time)
    }

    /// Overrides the priority of the policy: of the jobs that are ready, those with a higher priority begin first.
    pub fn priority(self, priority: i16) -> Self {
        self.set(|job| job.priority = priority)
    }

    /// Enqueues the job unless one with the same name and key has not ended yet. The key has 1 to 500 bytes.
    pub fn unique(self, key: impl fmt::Display) -> Self {
        self.set(|job| job.unique = Some(key.to_string()))
    }

    /// The trace that the job belongs to, as the header `traceparent` has it. Without this, a job that a handler enqueues is in the trace of its own job,
    /// and with the feature `web`, one that a request enqueues is in the trace of the request.
    pub fn traceparent(self, traceparent: impl Into<String>) -> Self {
        self.set(|job| job.traceparent = Some(traceparent.into()))
    }

    fn set(mut self, set: impl FnOnce(&mut NewJob)) -> Self {
        if let Ok(job) = &mut self.job {
            set(job);
        }
        self
    }

    async fn push(self) -> Result<Enqueued, JobError> {
        let job = check(self.job?)?;
        let name = job.name.clone();
        let pushed = match self.tx {
            Some(tx) => self.jobs.push_in(tx, job).await,
            None => self.jobs.push(job).await,
        };
        pushed.map_err(|error| not_enqueued(name, error))
    }
}

/// The error of an engine that has not enqueued a job.
fn not_enqueued(name: String, error: anyhow::Error) -> JobError {
    match error.downcast_ref() {
        Some(DatabaseError::OtherDatabase { .. }) => JobError::OtherDatabase {
            name,
            source: error,
        },
        _ => engine(|| format!("enqueue the job `{name}`"))(error),
    }
}

/// What an engine relies on.
fn check(job: NewJob) -> Result<NewJob, JobError> {
    let is_in_time = job.run_at <= SystemTime::UNIX_EPOCH + LATEST;
    if !is_in_time {
        return Err(JobError::TooLate { name: job.name });
    }
    let bytes = job.unique.as_ref().map(String::len);
    match bytes {
        Some(bytes) if !(1..=LONGEST_KEY).contains(&bytes) => Err(JobError::InvalidKey {
            name: job.name,
            bytes,
        }),
        _ => Ok(job),
    }
}

impl<'a> IntoFuture for Enqueue<'a> {
    type Output = Result<Enqueued, JobError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.push())
    }
}

impl fmt::Debug for Enqueue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueue")
            .field("job", &self.job)
            .finish_non_exhaustive()
    }
}
