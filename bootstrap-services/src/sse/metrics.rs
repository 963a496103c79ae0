//! The metrics of the hub, through the facade; nothing without the feature `metrics`.
#![cfg_attr(
    not(feature = "metrics"),
    allow(unused_variables, reason = "nothing is counted")
)]

#[cfg(feature = "metrics")]
use metrics::{counter, describe_counter, describe_gauge, gauge};

/// Describes the metrics to the recorder.
pub(super) fn describe() {
    #[cfg(feature = "metrics")]
    {
        describe_gauge!("sse_clients", "Clients that are subscribed.");
        describe_counter!("sse_sent_total", "Events that were sent to channels.");
        describe_counter!(
            "sse_lagged_total",
            "Clients that were closed because they were slow."
        );
        describe_counter!("sse_refused_total", "Clients that were not subscribed.");
    }
}

pub(super) fn clients(change: f64) {
    #[cfg(feature = "metrics")]
    gauge!("sse_clients").increment(change);
}

pub(super) fn sent(lagging: usize) {
    #[cfg(feature = "metrics")]
    {
        counter!("sse_sent_total").increment(1);
        if lagging > 0 {
            counter!("sse_lagged_total").increment(lagging as u64);
        }
    }
}

pub(super) fn refused() {
    #[cfg(feature = "metrics")]
    counter!("sse_refused_total").increment(1);
}
