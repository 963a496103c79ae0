//! What the limits report as metrics.

use crate::limits::Limit;

/// Describes the metrics to the recorder.
pub(super) fn describe() {
    #[cfg(feature = "metrics")]
    {
        use metrics::{describe_counter, describe_gauge};

        describe_counter!(
            "limits_allowed_total",
            "Checks that were allowed, by limit."
        );
        describe_counter!(
            "limits_limited_total",
            "Checks that were refused, by limit."
        );
        describe_counter!(
            "limits_failed_total",
            "Checks that could not ask the store, by limit."
        );
        describe_gauge!("limits_keys", "Keys in memory, by limit.");
    }
}

/// Publishes the counters of a limit. They are counted by the limit itself, so that a check pays nothing for metrics.
#[cfg(feature = "metrics")]
pub(super) fn publish(limit: &Limit) {
    let label = [("limit", limit.name().to_owned())];
    let stats = limit.stats();
    for (name, value) in [
        ("limits_allowed_total", stats.allowed),
        ("limits_limited_total", stats.limited),
        ("limits_failed_total", stats.failed),
    ] {
        metrics::counter!(name, &label).absolute(value);
    }
    #[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
    metrics::gauge!("limits_keys", &label).set(stats.keys as f64);
}

#[cfg(not(feature = "metrics"))]
pub(super) fn publish(_: &Limit) {}
