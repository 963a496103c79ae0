//! What jobs measure.
#![cfg_attr(
    not(feature = "metrics"),
    allow(
        unused_variables,
        clippy::missing_const_for_fn,
        reason = "without the feature nothing is measured"
    )
)]

use std::time::{Duration, SystemTime};

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
            "How long the oldest job has been ready, by name."
        );
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

/// The oldest job of each name.
pub(super) fn waiting(waiting: &[(String, SystemTime)], now: SystemTime) {
    #[cfg(feature = "metrics")]
    for (name, since) in waiting {
        let waited = now.duration_since(*since).unwrap_or_default();
        ::metrics::gauge!("jobs_waiting_seconds", "name" => name.clone()).set(waited.as_secs_f64());
    }
}
