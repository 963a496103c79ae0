//! What processes measure, through the facade; nothing without the feature `metrics`. Each has the `name` of the process.
#![cfg_attr(
    not(feature = "metrics"),
    allow(unused_variables, reason = "nothing is counted")
)]

#[cfg(feature = "metrics")]
use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::child::Usage;

/// Describes the metrics to the recorder.
pub(super) fn describe() {
    #[cfg(feature = "metrics")]
    {
        describe_counter!("processes_spawned_total", "Processes that were started.");
        describe_counter!(
            "processes_adopted_total",
            "Processes that were taken over from an earlier instance."
        );
        describe_counter!(
            "processes_ended_total",
            "Processes that ended, by outcome: stopped, succeeded or failed."
        );
        describe_counter!("processes_restarts_total", "Restarts of processes.");
        describe_counter!(
            "processes_crashed_total",
            "Processes that failed too often, and are not restarted."
        );
        describe_counter!("processes_events_total", "Events of processes.");
        describe_counter!(
            "processes_rejected_total",
            "Connections that were closed: a wrong token, or no messages."
        );
        describe_gauge!(
            "processes_rss_bytes",
            "The resident memory of the groups of processes."
        );
    }
}

#[cfg(feature = "metrics")]
fn count(metric: &'static str, name: &str) {
    counter!(metric, "name" => name.to_owned()).increment(1);
}

pub(super) fn spawned(name: &str) {
    #[cfg(feature = "metrics")]
    count("processes_spawned_total", name);
}

pub(super) fn adopted(name: &str) {
    #[cfg(feature = "metrics")]
    count("processes_adopted_total", name);
}

pub(super) fn restarted(name: &str) {
    #[cfg(feature = "metrics")]
    count("processes_restarts_total", name);
}

pub(super) fn crashed(name: &str) {
    #[cfg(feature = "metrics")]
    count("processes_crashed_total", name);
}

pub(super) fn emitted(name: &str) {
    #[cfg(feature = "metrics")]
    count("processes_events_total", name);
}

pub(super) fn rejected(name: &str) {
    #[cfg(feature = "metrics")]
    count("processes_rejected_total", name);
}

pub(super) fn ended(name: &str, stopped: bool, failed: bool) {
    #[cfg(feature = "metrics")]
    {
        let outcome = match (stopped, failed) {
            (true, _) => "stopped",
            (false, true) => "failed",
            (false, false) => "succeeded",
        };
        let labels = [("name", name.to_owned()), ("outcome", outcome.to_owned())];
        counter!("processes_ended_total", &labels).increment(1);
    }
}

/// Counts what one process uses in the sum of those with its name.
pub(super) fn measured(name: &str, before: Option<Usage>, now: Option<Usage>) {
    #[cfg(feature = "metrics")]
    {
        #[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
        let rss = |usage: Option<Usage>| usage.map_or(0.0, |usage| usage.rss as f64);
        gauge!("processes_rss_bytes", "name" => name.to_owned()).increment(rss(now) - rss(before));
    }
}
