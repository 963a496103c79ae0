//! Jobs in tests.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::jobs::work::{Stops, WeakWork, Work};
use crate::jobs::{Job, JobError, JobFilter, JobInfo, JobState, Jobs};

/// How long [`Jobs::drain`] waits for handlers, in real time.
const LONGEST: Duration = Duration::from_secs(10);

/// What [`Jobs::drain`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// How many jobs succeeded.
    pub done: u64,
    /// How many wait for another attempt, or for their time.
    pub scheduled: u64,
}

impl Jobs {
    /// Runs all jobs that are ready, and those that they enqueue, until none is. An app of [`testing::only`](crate::testing::only) runs jobs
    /// only here.
    ///
    /// A job that failed waits for its next attempt: advance the clock, and call this again.
    ///
    /// # Errors
    ///
    /// An error if a job has become a dead letter, if no handler of the app knows a job, and if handlers have not ended after 10 seconds of real time.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, handlers are as well. Their jobs are running until another worker takes them over.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::extend::async_trait;
    /// use bootstrap::prelude::*;
    /// use bootstrap_services::jobs::{Handles, Job, JobContext, Jobs, job_handler};
    /// use bootstrap_services::testing;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Debug, PartialEq)]
    /// struct Remind(String);
    ///
    /// impl Job for Remind {
    ///     const NAME: &'static str = "remind";
    /// }
    ///
    /// #[job_handler(Remind)]
    /// struct Reminders {}
    ///
    /// impl Hooks for Reminders {}
    ///
    /// #[async_trait]
    /// impl Handles<Remind> for Reminders {
    ///     async fn handle(&self, _: Remind, _: &JobContext) -> Result<()> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let (app, time) = testing::only(Reminders::default());
    /// let running = app.boot().await?;
    /// let jobs = running.try_get::<State<Jobs>>()?;
    /// jobs.enqueue(Remind("tea".to_owned())).after(Duration::from_hours(1)).await?;
    /// assert_eq!(jobs.enqueued::<Remind>().await?, [Remind("tea".to_owned())]);
    /// assert_eq!(jobs.drain().await?.done, 0);
    /// time.advance(Duration::from_hours(1)).await;
    /// assert_eq!(jobs.drain().await?.done, 1);
    /// # drop(jobs);
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn drain(&self) -> Result<Drained> {
        let work = self.work();
        let work = work.context(
            "no plugin of this app handles jobs: boot it with the plugin of a `#[job_handler(..)]`",
        )?;
        let (done, dead) = (self.count(JobState::Done).await?, self.dead().await?);
        let stops = Stops::default();
        let work = work.with(stops.clone());
        let (engine, clock) = (self.engine(), work.clock().clone());
        let watching = async {
            let watched = self.until_idle().await;
            stops.closing.cancel();
            stops.cancelled.cancel();
            watched
        };
        let (watched, worked) = tokio::join!(watching, clock.work(engine.work(work)));
        watched.and(worked)?;
        let died = self.dead().await?;
        let died = died
            .iter()
            .filter(|job| !dead.iter().any(|other| other.id == job.id));
        let died: Vec<_> = died.map(describe).collect();
        ensure!(
            died.is_empty(),
            "jobs have become dead letters: {}",
            died.join("; ")
        );
        Ok(Drained {
            done: self.count(JobState::Done).await? - done,
            scheduled: self.count(JobState::Scheduled).await?,
        })
    }

    /// Returns the jobs of a type that have not begun, the oldest first.
    ///
    /// # Errors
    ///
    /// [`JobError::Engine`] if the engine can't be reached, and [`JobError::Unreadable`] if a payload is not a `J`.
    pub async fn enqueued<J: Job>(&self) -> Result<Vec<J>, JobError> {
        let all = JobFilter::new().name(J::NAME).limit(1_000);
        let mut jobs = self.list(&all.clone().state(JobState::Ready)).await?;
        jobs.extend(self.list(&all.state(JobState::Scheduled)).await?);
        jobs.sort_by_key(|job| (job.enqueued_at, job.id.as_str().parse::<u64>().ok()));
        let read = jobs.into_iter().map(|job| {
            let id = job.id.to_string();
            serde_json::from_value(job.payload)
                .map_err(|source| JobError::Unreadable { id, source })
        });
        read.collect()
    }

    fn work(&self) -> Option<Work> {
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.as_ref().and_then(WeakWork::upgrade)
    }

    /// Notes what runs jobs, for `drain`.
    pub(super) fn set_work(&self, work: &Work) {
        let work = work.downgrade();
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    }

    async fn dead(&self) -> Result<Vec<JobInfo>, JobError> {
        let dead = JobFilter::new().state(JobState::Dead).limit(1_000);
        self.list(&dead).await
    }

    async fn count(&self, state: JobState) -> Result<u64, JobError> {
        let counts = self.counts().await?;
        Ok(counts
            .iter()
            .filter(|it| it.state == state)
            .map(|it| it.count)
            .sum())
    }

    async fn until_idle(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            let waiting = self.engine().waiting().await?;
            let running = self
                .list(&JobFilter::new().state(JobState::Running))
                .await?;
            // A job that was taken over between the two looks is ready again.
            if waiting.is_empty() && running.is_empty() && self.engine().waiting().await?.is_empty()
            {
                return Ok(());
            }
            let work = self.work();
            let known: Vec<_> = work
                .iter()
                .flat_map(Work::known)
                .map(|known| known.name)
                .collect();
            if let Some((name, _)) = waiting.iter().find(|(name, _)| !known.contains(&&**name)) {
                bail!(
                    "no plugin of this app handles the job `{name}`: boot it with the plugin of its `#[job_handler(..)]`"
                );
            }
            let running: Vec<_> = running.iter().map(describe).collect();
            ensure!(
                began.elapsed() < LONGEST,
                "jobs have not ended after {LONGEST:?}: {}; and {} wait: `advance` the clock in another task if a handler waits for it",
                running.join("; "),
                waiting.len()
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn describe(job: &JobInfo) -> String {
    let (name, id) = (&job.name, &job.id);
    let why = job.error.as_deref().map(|error| format!(": {error}"));
    format!("{name} {id}{}", why.unwrap_or_default())
}
