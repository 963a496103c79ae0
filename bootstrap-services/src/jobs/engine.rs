//! What an engine does.

use std::fmt;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use bootstrap::extend::async_trait;
use serde::Serialize;
use serde_json::Value;

use crate::database::Transaction;
use crate::jobs::job::JobPolicy;
use crate::jobs::work::Work;

/// Keeps jobs and hands them out: a port. [`SqliteJobsPlugin`](crate::jobs::SqliteJobsPlugin) is the embedded engine.
///
/// An engine may have a loop of its own: [`work`](Self::work) passes it the handlers. With the feature `testing`, `jobs::conformance::check` checks
/// what all engines have to do.
///
/// # Cancel safety
///
/// The future of each method may be dropped where it waits. What it writes is then written as a whole, or not at all.
#[async_trait]
pub trait JobEngine: Send + Sync + 'static {
    /// Stores a job. It is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// An error if the engine can't be reached. The job may have been stored all the same.
    async fn push(&self, job: NewJob) -> Result<Enqueued>;

    /// Stores a job as part of a transaction.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OtherDatabase`](crate::database::DatabaseError::OtherDatabase) if the transaction is one of another database, or if the engine has no
    /// transactions.
    async fn push_in(&self, tx: &mut dyn Transaction, job: NewJob) -> Result<Enqueued>;

    /// Claims jobs and runs them, until [`Work::stopped`] is ready. Then it claims no more, ends those that run as [`Work`] says, and returns.
    ///
    /// # Errors
    ///
    /// An error that no retry can help. While the engine can't be reached, it tries again.
    async fn work(&self, work: Work) -> Result<()>;

    /// Returns a job.
    ///
    /// # Errors
    ///
    /// An error if the engine can't be reached.
    async fn find(&self, id: &JobId) -> Result<Option<JobInfo>>;

    /// Lists jobs, the newest first.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    async fn list(&self, filter: &JobFilter) -> Result<Vec<JobInfo>>;

    /// Counts the jobs of each name and state.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    async fn counts(&self) -> Result<Vec<JobCount>>;

    /// Returns the names of the jobs that are ready, and since when the oldest of each is.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    async fn waiting(&self) -> Result<Vec<(String, SystemTime)>>;

    /// Makes a job that is dead or cancelled ready again, with all its attempts. Returns whether it was one, and no other job has its unique key.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    async fn requeue(&self, id: &JobId) -> Result<bool>;

    /// Cancels a job, unless it [resumes](NewJob::resumes) a workflow. One that runs is asked to end, also in another process. Returns whether it is, or will
    /// be, cancelled.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    async fn cancel(&self, id: &JobId) -> Result<bool>;

    /// Removes a job that has ended. Returns whether it was one.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    async fn remove(&self, id: &JobId) -> Result<bool>;

    /// Removes jobs that have ended and are of this state, if that is longer ago. Returns how many.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    async fn purge(&self, state: JobState, older_than: Duration) -> Result<u64>;
}

/// The id of a job: what its engine calls it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// The id with this text. An id that the engine has not given is that of no job.
    pub fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A job to be stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewJob {
    /// Its name.
    pub name: String,
    /// The version of its payload.
    pub version: u16,
    /// JSON of at most 1 MiB.
    pub payload: String,
    /// When it may begin.
    pub run_at: SystemTime,
    /// The highest begins first.
    pub priority: i16,
    /// How many times it may fail, at least 1.
    pub attempts: u32,
    /// How many times the process may die while it runs, at least 2: before the last of these crashes it runs alone, so that no other job is to blame.
    pub crashes: u32,
    /// No other job of this name with this key is stored until this one has ended.
    pub unique: Option<String>,
    /// The trace that it is enqueued in.
    pub traceparent: Option<String>,
    /// A job that waits for its time, and is ready as soon as this one has ended, however it ended: done, dead or cancelled. The
    /// engine makes it ready together with that end, so that it can't be lost.
    pub wakes: Option<JobId>,
    /// The id of the workflow that it resumes, if it does. [`JobEngine::cancel`] leaves such a job as it is.
    pub resumes: Option<String>,
}

impl NewJob {
    /// A job with a payload of version 1, whose priority, attempts and crashes are those of [`JobPolicy::new`]. Set the fields that differ.
    pub fn new(name: impl Into<String>, payload: impl Into<String>, run_at: SystemTime) -> Self {
        let policy = JobPolicy::new();
        Self {
            name: name.into(),
            version: 1,
            payload: payload.into(),
            run_at,
            priority: policy.priority,
            attempts: policy.attempts,
            crashes: policy.crashes,
            unique: None,
            traceparent: None,
            wakes: None,
            resumes: None,
        }
    }
}

/// Whether a job is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// The job was enqueued.
    New(JobId),
    /// It was not: this job has the same name and unique key, and has not ended.
    Already(JobId),
}

impl Enqueued {
    /// The id of the new job, or of the one that was there.
    pub fn into_id(self) -> JobId {
        match self {
            Self::New(id) | Self::Already(id) => id,
        }
    }

    /// Whether the job is new.
    pub const fn is_new(&self) -> bool {
        matches!(self, Self::New(_))
    }
}

/// What has become of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum JobState {
    /// It waits for its time: for the first attempt, or for the next one.
    Scheduled,
    /// It waits for a worker.
    Ready,
    /// A worker runs it.
    Running,
    /// It succeeded.
    Done,
    /// It is a dead letter: no attempt is left.
    Dead,
    /// It was cancelled.
    Cancelled,
}

impl JobState {
    /// All states, in their order.
    pub const ALL: [Self; 6] = [
        Self::Scheduled,
        Self::Ready,
        Self::Running,
        Self::Done,
        Self::Dead,
        Self::Cancelled,
    ];

    /// Whether the job has ended.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Dead | Self::Cancelled)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheduled => "scheduled",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        })
    }
}

/// A stored job.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobInfo {
    /// Its id.
    pub id: JobId,
    /// Its name.
    pub name: String,
    /// The version of its payload.
    pub version: u16,
    /// What has become of it.
    pub state: JobState,
    /// The payload.
    pub payload: Value,
    /// The highest begins first.
    pub priority: i16,
    /// How many attempts have failed.
    pub failures: u32,
    /// How many may fail.
    pub attempts: u32,
    /// How many times the process has died while it ran.
    pub crashes: u32,
    /// No other job of its name has this key until this one has ended.
    pub unique: Option<String>,
    /// The trace that it was enqueued in.
    pub traceparent: Option<String>,
    /// The workflow that it resumes, if it does: only that can be cancelled.
    pub resumes: Option<String>,
    /// What the handler said about its progress.
    pub progress: Option<String>,
    /// What the handler set as its result.
    pub result: Option<Value>,
    /// Why the last attempt failed, with all causes; at most 8 KiB.
    pub error: Option<String>,
    /// When it was enqueued.
    pub enqueued_at: SystemTime,
    /// When it may begin, or could when it began.
    pub run_at: SystemTime,
    /// When it ended.
    pub ended_at: Option<SystemTime>,
}

impl JobInfo {
    /// A job that an engine has just stored, and that has never run. Set the fields that differ.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// use bootstrap_services::jobs::{JobId, JobInfo, JobState, NewJob};
    ///
    /// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
    /// let mut job = JobInfo::new(JobId::new(7), NewJob::new("report", r#"{"day":3}"#, now), JobState::Ready, now);
    /// assert_eq!((job.payload["day"].as_u64(), job.failures), (Some(3), 0));
    /// job.state = JobState::Done;
    /// job.ended_at = Some(now);
    /// ```
    pub fn new(id: JobId, job: NewJob, state: JobState, enqueued_at: SystemTime) -> Self {
        let payload = serde_json::from_str(&job.payload);
        Self {
            id,
            name: job.name,
            version: job.version,
            state,
            payload: payload.unwrap_or(Value::String(job.payload)),
            priority: job.priority,
            failures: 0,
            attempts: job.attempts,
            crashes: 0,
            unique: job.unique,
            traceparent: job.traceparent,
            resumes: job.resumes,
            progress: None,
            result: None,
            error: None,
            enqueued_at,
            run_at: job.run_at,
            ended_at: None,
        }
    }
}

/// Which jobs [`Jobs::list`](crate::jobs::Jobs::list) returns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobFilter {
    /// Only jobs with this name.
    pub name: Option<String>,
    /// Only jobs in this state.
    pub state: Option<JobState>,
    /// Only jobs that are older than this one.
    pub before: Option<JobId>,
    /// The most jobs that are returned. [`limit`](Self::limit) sets at most 1,000.
    pub limit: u32,
}

impl JobFilter {
    /// The newest 100 jobs.
    pub const fn new() -> Self {
        Self {
            name: None,
            state: None,
            before: None,
            limit: 100,
        }
    }

    /// Only jobs with this name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only jobs in this state.
    #[must_use]
    pub const fn state(mut self, state: JobState) -> Self {
        self.state = Some(state);
        self
    }

    /// Only jobs that are older than this one: for the next page.
    #[must_use]
    pub fn before(mut self, id: JobId) -> Self {
        self.before = Some(id);
        self
    }

    /// At most this many, up to 1,000.
    #[must_use]
    pub const fn limit(mut self, limit: u32) -> Self {
        self.limit = if limit < 1_000 { limit } else { 1_000 };
        self
    }
}

impl Default for JobFilter {
    fn default() -> Self {
        Self::new()
    }
}

/// How many jobs of one name are in one state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JobCount {
    /// The name of the jobs.
    pub name: String,
    /// The state of the jobs.
    pub state: JobState,
    /// Their number.
    pub count: u64,
}

impl JobCount {
    /// Creates a count.
    pub fn new(name: impl Into<String>, state: JobState, count: u64) -> Self {
        let name = name.into();
        Self { name, state, count }
    }
}
