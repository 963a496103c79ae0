//! What the regions report as metrics.

use crate::cache::stats::RegionStats;

/// Describes the metrics to the recorder.
pub(super) fn describe() {
    #[cfg(feature = "metrics")]
    {
        use metrics::{describe_counter, describe_gauge};

        describe_counter!(
            "cache_hits_total",
            "Values that were found in memory, by region."
        );
        describe_counter!(
            "cache_misses_total",
            "Values that were not in memory, by region."
        );
        describe_counter!("cache_loads_total", "Loads that have begun, by region.");
        describe_counter!(
            "cache_load_errors_total",
            "Loads that ended with an error, by region."
        );
        describe_counter!(
            "cache_evictions_total",
            "Entries that were removed for lack of room, by region."
        );
        describe_counter!(
            "cache_shared_hits_total",
            "Values that were found in the shared cache, by region."
        );
        describe_counter!(
            "cache_shared_errors_total",
            "Calls of the shared cache that failed or were left out, by region."
        );
        describe_gauge!("cache_entries", "Entries in memory, by region.");
        describe_gauge!(
            "cache_size",
            "Size of the entries: their number or their bytes, by region."
        );
    }
}

/// Publishes the counters of a region. They are counted by the region itself, so that a hit pays nothing for metrics.
#[cfg(feature = "metrics")]
pub(super) fn publish(region: &str, stats: &RegionStats) {
    let label = [("region", region.to_owned())];
    for (name, value) in [
        ("cache_hits_total", stats.hits),
        ("cache_misses_total", stats.misses),
        ("cache_loads_total", stats.loads),
        ("cache_load_errors_total", stats.load_errors),
        ("cache_evictions_total", stats.evictions),
        ("cache_shared_hits_total", stats.shared_hits),
        ("cache_shared_errors_total", stats.shared_errors),
    ] {
        metrics::counter!(name, &label).absolute(value);
    }
    #[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
    for (name, value) in [("cache_entries", stats.entries), ("cache_size", stats.size)] {
        metrics::gauge!(name, &label).set(value as f64);
    }
}

#[cfg(not(feature = "metrics"))]
pub(super) fn publish(_: &str, _: &RegionStats) {}
