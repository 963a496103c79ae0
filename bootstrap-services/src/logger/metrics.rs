//! Metrics of the log, through the facade; nothing without the feature `metrics`.

#[cfg(feature = "metrics")]
pub(super) use with_facade::{describe, diverted, lost};
#[cfg(not(feature = "metrics"))]
pub(super) use without_facade::{describe, diverted, lost};

#[cfg(feature = "metrics")]
mod with_facade {
    use metrics::{Unit, counter, describe_counter};

    const DROPPED: &str = "log_lines_dropped_total";
    const DIVERTED: &str = "log_lines_diverted_total";

    pub(in crate::logger) fn describe() {
        describe_counter!(
            DROPPED,
            Unit::Count,
            "Lines that were not written: they came too fast, or nothing took them."
        );
        describe_counter!(
            DIVERTED,
            Unit::Count,
            "Lines that went to stderr because the file could not be written."
        );
    }

    pub(in crate::logger) fn lost(lines: u64) {
        counter!(DROPPED).increment(lines);
    }

    pub(in crate::logger) fn diverted() {
        counter!(DIVERTED).increment(1);
    }
}

#[cfg(not(feature = "metrics"))]
mod without_facade {
    pub(in crate::logger) fn describe() {}

    pub(in crate::logger) fn lost(_: u64) {}

    pub(in crate::logger) fn diverted() {}
}
