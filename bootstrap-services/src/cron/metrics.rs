//! What cron measures.
#![cfg_attr(
    not(feature = "metrics"),
    allow(
        unused_variables,
        clippy::missing_const_for_fn,
        reason = "without the feature nothing is measured"
    )
)]

use std::time::Duration;

/// What each metric is, for its readers.
pub(super) fn describe() {
    #[cfg(feature = "metrics")]
    {
        use ::metrics::{Unit, describe_counter, describe_histogram};

        describe_counter!("cron_fired_total", "Runs that began, by schedule.");
        describe_counter!(
            "cron_skipped_total",
            "Occurrences that overlapped another run, by schedule."
        );
        describe_counter!(
            "cron_elsewhere_total",
            "Occurrences that another instance claimed, by schedule."
        );
        describe_counter!(
            "cron_missed_total",
            "Occurrences that no instance ran, by schedule."
        );
        describe_counter!(
            "cron_failed_total",
            "Runs that did not succeed, by schedule."
        );
        describe_histogram!(
            "cron_late_seconds",
            Unit::Seconds,
            "How late runs began, by schedule."
        );
    }
}

/// A run begins, `late` after its time.
pub(super) fn fired(schedule: &str, late: Duration) {
    #[cfg(feature = "metrics")]
    {
        ::metrics::counter!("cron_fired_total", "schedule" => schedule.to_owned()).increment(1);
        ::metrics::histogram!("cron_late_seconds", "schedule" => schedule.to_owned())
            .record(late.as_secs_f64());
    }
}

/// An occurrence was skipped because its predecessor still ran.
pub(super) fn skipped(schedule: &str) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("cron_skipped_total", "schedule" => schedule.to_owned()).increment(1);
}

/// Another instance runs an occurrence.
pub(super) fn elsewhere(schedule: &str, occurrences: u64) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("cron_elsewhere_total", "schedule" => schedule.to_owned())
        .increment(occurrences);
}

/// Occurrences were missed.
pub(super) fn missed(schedule: &str, occurrences: u64) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("cron_missed_total", "schedule" => schedule.to_owned())
        .increment(occurrences);
}

/// A run returned an error, panicked, timed out or was cancelled.
pub(super) fn failed(schedule: &str) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("cron_failed_total", "schedule" => schedule.to_owned()).increment(1);
}
