//! What the regions report as metrics.

use crate::cache::stats::RegionStats;

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
