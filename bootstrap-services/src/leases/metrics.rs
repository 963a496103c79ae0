//! What leases measure, through the facade; nothing without the feature `metrics`: `leases_acquired_total`, `leases_lost_total` and
//! `leases_held`, each with the `name` of the lease.
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
        describe_counter!(
            "leases_acquired_total",
            "Leases that this instance took, by name."
        );
        describe_counter!(
            "leases_lost_total",
            "Leases that this instance lost, by name."
        );
        describe_gauge!("leases_held", "Leases that this instance holds, by name.");
    }
}

pub(super) fn acquired(name: &str) {
    #[cfg(feature = "metrics")]
    {
        counter!("leases_acquired_total", "name" => name.to_owned()).increment(1);
        gauge!("leases_held", "name" => name.to_owned()).increment(1);
    }
}

pub(super) fn ended(name: &str, lost: bool) {
    #[cfg(feature = "metrics")]
    {
        gauge!("leases_held", "name" => name.to_owned()).decrement(1);
        if lost {
            counter!("leases_lost_total", "name" => name.to_owned()).increment(1);
        }
    }
}
