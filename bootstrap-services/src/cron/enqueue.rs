//! Schedules that enqueue a job at each occurrence.

use std::panic::{AssertUnwindSafe, Location};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyhow::anyhow;
use bootstrap::Result;
use bootstrap::extend::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::cron::engine::Engine;
use crate::cron::entry::{Entry, Work};
use crate::cron::error::Place;
use crate::cron::metrics;
use crate::cron::{ClaimWork, Cron, CronError, Outcome, Overlap, Schedule};
use crate::database::Transaction;
use crate::jobs::{self, Job, JobError, Jobs};
use crate::panic;

/// Enqueues the job of an occurrence, in a transaction if there is one. Returns whether it is new.
pub(super) type Enqueue = Arc<
    dyn for<'a> Fn(Option<&'a mut dyn Transaction>, SystemTime) -> BoxFuture<'a, Result<bool>>
        + Send
        + Sync,
>;

impl Cron {
    /// Adds a schedule that enqueues a job at each occurrence: the one that `job` makes from its time.
    ///
    /// If the claims are in the database of the jobs (`cron.store = "database"`), an occurrence is claimed and its job is enqueued in one
    /// transaction: no crash loses it or doubles it. A store without transactions claims first: an occurrence is lost if the process dies
    /// before its job is stored. A store in another database than the jobs enqueues first: the job may be enqueued twice.
    ///
    /// With [`Overlap::Skip`], the default, an occurrence is skipped if the job of an earlier one has not ended; otherwise each has its
    /// job, and the queue of the job limits how many run. [`Schedule::missed`] is as for tasks. The time limit is that of the job.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add); and an error if the schedule has a timeout.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::SystemTime;
    ///
    /// use bootstrap::prelude::*;
    /// use bootstrap_services::cron::{Cron, Schedule};
    /// use bootstrap_services::jobs::{Job, Jobs};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Report {
    ///     until: SystemTime,
    /// }
    ///
    /// impl Job for Report {
    ///     const NAME: &'static str = "report";
    /// }
    ///
    /// #[plugin]
    /// struct Reports {
    ///     cron: State<Cron>,
    ///     jobs: State<Jobs>,
    /// }
    ///
    /// impl Hooks for Reports {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
    ///         let nightly = Schedule::new("report", "30 2 * * *").zone("Europe/Berlin");
    ///         self.cron.enqueue(&self.jobs, nightly, |at| Report { until: at })?;
    ///         Ok(())
    ///     }
    /// }
    /// ```
    #[track_caller]
    pub fn enqueue<J: Job>(
        &self,
        jobs: &Jobs,
        schedule: Schedule,
        job: impl Fn(SystemTime) -> J + Send + Sync + 'static,
    ) -> Result<(), CronError> {
        let place = Place(Location::caller());
        if schedule.timeout.is_some() {
            let wrong = "a schedule that enqueues a job has no timeout";
            let help = "remove it, and set `JobPolicy::timeout`";
            return Err(CronError::option(&schedule.name, wrong, help));
        }
        let key = (schedule.overlap == Overlap::Skip).then(|| format!("cron {}", schedule.name));
        let (jobs, job) = (jobs.clone(), Arc::new(job));
        let enqueue: Enqueue = Arc::new(move |tx, at| {
            let (jobs, job, key) = (jobs.clone(), Arc::clone(&job), key.clone());
            let enqueued = async move { push(&jobs, tx, || job(at), key.as_deref()).await };
            // The code that makes the job may panic.
            let caught = AssertUnwindSafe(enqueued).catch_unwind();
            caught
                .map(|caught| caught.unwrap_or_else(|panic| Err(panicked(&*panic))))
                .boxed()
        });
        self.insert(schedule, Work::Enqueue(enqueue), place)
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> anyhow::Error {
    let message = panic::message(panic).unwrap_or("no message");
    anyhow!("the closure that makes the job panicked: {message}")
}

fn keyed<'a>(enqueue: jobs::Enqueue<'a>, key: Option<&str>) -> jobs::Enqueue<'a> {
    match key {
        Some(key) => enqueue.unique(key),
        None => enqueue,
    }
}

async fn push<J: Job>(
    jobs: &Jobs,
    tx: Option<&mut dyn Transaction>,
    job: impl Fn() -> J,
    key: Option<&str>,
) -> Result<bool> {
    if let Some(tx) = tx {
        match keyed(jobs.enqueue_in(tx, job()), key).await {
            // It is stored before the claim is, so it may be enqueued twice, and is not lost.
            Err(JobError::OtherDatabase { .. }) => {}
            enqueued => return Ok(enqueued?.is_new()),
        }
    }
    Ok(keyed(jobs.enqueue(job()), key).await?.is_new())
}

/// The job of an occurrence.
struct JobOf<'a> {
    enqueue: &'a Enqueue,
    at: SystemTime,
    /// Whether it was enqueued: no job of an earlier occurrence is in its place.
    is_new: AtomicBool,
    /// Why it can't be enqueued, however often that is tried.
    fault: Mutex<Option<anyhow::Error>>,
}

impl JobOf<'_> {
    async fn push(&self, tx: Option<&mut dyn Transaction>) -> Result<()> {
        match (self.enqueue)(tx, self.at).await {
            Ok(is_new) => {
                self.is_new.store(is_new, Ordering::Relaxed);
                Ok(())
            }
            Err(error) if matches!(error.downcast_ref(), Some(JobError::Engine { .. })) => {
                Err(error)
            }
            Err(error) => {
                *self.fault() = Some(error);
                Err(anyhow!("the job can't be enqueued"))
            }
        }
    }

    fn fault(&self) -> MutexGuard<'_, Option<anyhow::Error>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is tried again is the outer error.
    fn settle<T>(&self, result: Result<T>) -> Result<Result<T>> {
        match (result, self.fault().take()) {
            (Err(_), Some(fault)) => Ok(Err(fault)),
            (result, _) => result.map(Ok),
        }
    }
}

#[async_trait]
impl ClaimWork for JobOf<'_> {
    async fn run(&self, tx: &mut dyn Transaction) -> Result<()> {
        self.push(Some(tx)).await
    }
}

impl Engine {
    /// Claims an occurrence and enqueues its job: in one transaction, if the store has them. Returns whether this instance did.
    pub(super) async fn claim_job(
        &self,
        entry: &Entry,
        enqueue: &Enqueue,
        at: SystemTime,
    ) -> Result<bool> {
        let (name, store, clock) = (entry.name(), &self.store, &self.clock);
        let job = JobOf {
            enqueue,
            at,
            is_new: AtomicBool::new(true),
            fault: Mutex::default(),
        };
        let claim = || {
            let claim = store.claim_in(name, at, clock.now(), &job);
            claim.map(|claimed| job.settle(claimed)).boxed()
        };
        let is_claimed = if let Some(is_claimed) = self.call(entry, claim).await?? {
            is_claimed
        } else {
            let claim = || store.claim(name, at, clock.now());
            let is_claimed = self.call(entry, claim).await?;
            if is_claimed {
                let push = || job.push(None).map(|pushed| job.settle(pushed)).boxed();
                self.call(entry, push).await??;
            }
            is_claimed
        };
        if !is_claimed {
            return Ok(false);
        }
        if job.is_new.into_inner() {
            metrics::fired(name, clock.now().duration_since(at).unwrap_or_default());
            entry.enqueued(at);
        } else {
            metrics::skipped(name);
            entry.skipped();
        }
        Ok(true)
    }
}

/// What has become of an occurrence.
pub(super) const fn outcome(is_new: bool) -> Outcome {
    if is_new {
        Outcome::Succeeded
    } else {
        Outcome::Skipped
    }
}
