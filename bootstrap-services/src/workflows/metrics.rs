//! What workflows measure.
#![cfg_attr(
    not(feature = "metrics"),
    allow(
        unused_variables,
        clippy::missing_const_for_fn,
        reason = "without the feature nothing is measured"
    )
)]

use crate::workflows::FlowState;

/// What each metric is, for its readers.
pub(super) fn describe() {
    #[cfg(feature = "metrics")]
    {
        use ::metrics::describe_counter;

        describe_counter!(
            "workflows_started_total",
            "Workflows that were started, by name."
        );
        describe_counter!(
            "workflows_ended_total",
            "Workflows that ended, by name and state: done, failed, cancelled or timed out."
        );
        describe_counter!(
            "workflows_steps_total",
            "Steps that ended, by workflow and outcome: done or failed."
        );
        describe_counter!(
            "workflows_replayed_total",
            "Steps that returned what the journal had, by workflow."
        );
    }
}

pub(super) fn started(name: &'static str) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("workflows_started_total", "name" => name).increment(1);
}

pub(super) fn ended(name: &'static str, state: FlowState) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("workflows_ended_total", "name" => name, "state" => state.to_string())
        .increment(1);
}

pub(super) fn step(name: &'static str, outcome: &'static str) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("workflows_steps_total", "name" => name, "outcome" => outcome).increment(1);
}

pub(super) fn replayed(name: &'static str) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("workflows_replayed_total", "name" => name).increment(1);
}
