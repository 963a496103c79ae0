//! What jobs measure.
#![cfg_attr(
    not(feature = "metrics"),
    allow(
        unused_variables,
        clippy::missing_const_for_fn,
        clippy::unused_self,
        reason = "without the feature nothing is measured"
    )
)]

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use crate::jobs::JobCount;
#[cfg(feature = "metrics")]
use crate::jobs::JobState;

/// What each metric is, for its readers.
pub(super) fn describe() {
    #[cfg(feature = "metrics")]
    {
        use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

        describe_counter!("jobs_enqueued_total", "Jobs that were enqueued, by name.");
        describe_counter!(
            "jobs_ended_total",
            "Runs that ended, by name and outcome: done, failed, dead, cancelled or released."
        );
        describe_counter!(
            "jobs_crashed_total",
            "Jobs that were taken over because their process died."
        );
        describe_gauge!("jobs_running", "Jobs that run in this process, by name.");
        describe_gauge!(
            "jobs_waiting_seconds",
            Unit::Seconds,
            "How long the oldest job has been ready, by name, of all processes; 0 if none is."
        );
        describe_gauge!(
            "jobs_ready",
            "Jobs that are ready, by name, of all processes."
        );
        describe_gauge!("jobs_dead", "Dead letters, by name, of all processes.");
        describe_histogram!(
            "jobs_run_seconds",
            Unit::Seconds,
            "How long runs took, by name."
        );
        describe_histogram!(
            "jobs_turn_seconds",
            Unit::Seconds,
            "How long a transaction took that stores outcomes and claims jobs."
        );
    }
}

/// A job was enqueued.
pub(super) fn enqueued(name: &str) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("jobs_enqueued_total", "name" => name.to_owned()).increment(1);
}

/// Jobs were taken over from a process that died.
pub(super) fn crashed(jobs: u64) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("jobs_crashed_total").increment(jobs);
}

/// Counts as a running job until it is dropped.
pub(super) struct Running {
    #[cfg(feature = "metrics")]
    gauge: ::metrics::Gauge,
}

impl Running {
    pub(super) fn new(name: &'static str) -> Self {
        #[cfg(feature = "metrics")]
        {
            let gauge = ::metrics::gauge!("jobs_running", "name" => name);
            gauge.increment(1.0);
            Self { gauge }
        }
        #[cfg(not(feature = "metrics"))]
        Self {}
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        #[cfg(feature = "metrics")]
        self.gauge.decrement(1.0);
    }
}

/// A run ended.
pub(super) fn ended(name: &'static str, outcome: &'static str, took: Duration) {
    #[cfg(feature = "metrics")]
    {
        ::metrics::counter!("jobs_ended_total", "name" => name, "outcome" => outcome).increment(1);
        ::metrics::histogram!("jobs_run_seconds", "name" => name).record(took.as_secs_f64());
    }
}

/// A transaction stored outcomes and claimed jobs.
pub(super) fn turned(took: Duration) {
    #[cfg(feature = "metrics")]
    ::metrics::histogram!("jobs_turn_seconds").record(took.as_secs_f64());
}

/// What is stored, of all processes.
pub(super) struct Stored {
    /// The names that have values: one without jobs is zero.
    names: BTreeSet<String>,
}

impl Stored {
    pub(super) fn of(names: impl Iterator<Item = impl Into<String>>) -> Self {
        let names = names.map(Into::into).collect();
        Self { names }
    }

    /// Whether anything records what this sets.
    pub(super) fn is_recorded(&self) -> bool {
        #[cfg(feature = "metrics")]
        {
            let is_recorded = std::cell::Cell::new(false);
            if let Some(name) = self.names.first() {
                let ready = ::metrics::gauge!("jobs_ready", "name" => name.clone());
                ready.increment(Probe(&is_recorded));
            }
            is_recorded.get()
        }
        #[cfg(not(feature = "metrics"))]
        false
    }

    pub(super) fn set(
        &mut self,
        waiting: &[(String, SystemTime)],
        counts: &[JobCount],
        now: SystemTime,
    ) {
        self.names.extend(counts.iter().map(|it| it.name.clone()));
        self.names
            .extend(waiting.iter().map(|(name, _)| name.clone()));
        #[cfg(feature = "metrics")]
        for name in &self.names {
            let count = |state: JobState| {
                let mut counts = counts.iter();
                let found = counts.find(|it| it.name == *name && it.state == state);
                found.map_or(0, |it| it.count)
            };
            let since = waiting.iter().find(|(other, _)| other == name);
            let waited = since.and_then(|(_, since)| now.duration_since(*since).ok());
            set("jobs_ready", name, float(count(JobState::Ready)));
            set("jobs_dead", name, float(count(JobState::Dead)));
            let waited = waited.unwrap_or_default().as_secs_f64();
            set("jobs_waiting_seconds", name, waited);
        }
    }
}

/// Adds nothing to a gauge, and notes whether that has a place where it is recorded: without one, no value is asked for.
#[cfg(feature = "metrics")]
struct Probe<'a>(&'a std::cell::Cell<bool>);

#[cfg(feature = "metrics")]
impl ::metrics::IntoF64 for Probe<'_> {
    fn into_f64(self) -> f64 {
        self.0.set(true);
        0.0
    }
}

#[cfg(feature = "metrics")]
fn set(gauge: &'static str, name: &str, value: f64) {
    ::metrics::gauge!(gauge, "name" => name.to_owned()).set(value);
}

#[cfg(feature = "metrics")]
#[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn float(count: u64) -> f64 {
    count as f64
}
