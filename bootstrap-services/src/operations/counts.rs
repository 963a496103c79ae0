//! The counts of jobs, which are dear: the engine reads an entry for each job.

use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::jobs::{JobCount, JobError, Jobs};

/// How long counts are shown before they are read again.
const FRESH: Duration = Duration::from_secs(5);

/// The counts that were read last, for all visits.
#[derive(Default)]
pub(super) struct Counts(Mutex<Option<(Duration, Counted)>>);

#[derive(Clone)]
pub(super) struct Counted {
    pub(super) at: SystemTime,
    pub(super) counts: Vec<JobCount>,
}

impl Counts {
    /// Returns counts that are at most as old. Visits that come meanwhile wait for the same reading.
    pub(super) async fn read(&self, jobs: &Jobs, clock: &Clock) -> Result<Counted, JobError> {
        let mut last = self.0.lock().await;
        if let Some((read, counted)) = &*last
            && clock.elapsed().saturating_sub(*read) < FRESH
        {
            return Ok(counted.clone());
        }
        let counts = jobs.counts().await?;
        let counted = Counted {
            at: clock.now(),
            counts,
        };
        *last = Some((clock.elapsed(), counted.clone()));
        Ok(counted)
    }
}
