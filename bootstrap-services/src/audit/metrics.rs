//! What the audit log measures, through the facade; nothing without the feature `metrics`: `audit_recorded_total` and
//! `audit_purged_total`.
#![cfg_attr(
    not(feature = "metrics"),
    allow(unused_variables, reason = "nothing is counted")
)]

#[cfg(feature = "metrics")]
use metrics::{counter, describe_counter};

/// Describes the metrics to the recorder.
pub(super) fn describe() {
    #[cfg(feature = "metrics")]
    {
        describe_counter!("audit_recorded_total", "Entries that were recorded.");
        describe_counter!(
            "audit_purged_total",
            "Entries that were deleted because of their age."
        );
    }
}

pub(super) fn recorded() {
    #[cfg(feature = "metrics")]
    counter!("audit_recorded_total").increment(1);
}

pub(super) fn purged(entries: u64) {
    #[cfg(feature = "metrics")]
    counter!("audit_purged_total").increment(entries);
}
