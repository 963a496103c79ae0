//! What a region counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a region has done since it was made, and how large it is.
///
/// # Examples
///
/// ```
/// use bootstrap_services::cache::RegionStats;
///
/// fn ratio(stats: &RegionStats) -> f64 {
///     stats.hits as f64 / (stats.hits + stats.misses).max(1) as f64
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegionStats {
    /// How many values were found in memory.
    pub hits: u64,
    /// How many values were not there, or had expired.
    pub misses: u64,
    /// How many loads have begun.
    pub loads: u64,
    /// How many loads have ended with an error.
    pub load_errors: u64,
    /// How many entries were removed for lack of room. Entries that expire are not counted.
    pub evictions: u64,
    /// How many values were found in the shared cache.
    pub shared_hits: u64,
    /// How many calls of the shared cache have failed, or were left out because it had just failed, and how many of its values
    /// could not be read.
    pub shared_errors: u64,
    /// The entries in memory, with those that have expired less than 15 seconds ago. As of the last maintenance, which is not
    /// longer than 15 seconds ago.
    pub entries: u64,
    /// The size of these entries: their number, or their bytes if the region has a capacity in bytes.
    pub size: u64,
}

/// The counters of a region.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: Counter,
    pub(super) misses: Counter,
    pub(super) loads: Counter,
    pub(super) load_errors: Counter,
    pub(super) evictions: Counter,
    pub(super) shared_hits: Counter,
    pub(super) shared_errors: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn stats(&self, entries: u64, size: u64) -> RegionStats {
        RegionStats {
            hits: self.hits.get(),
            misses: self.misses.get(),
            loads: self.loads.get(),
            load_errors: self.load_errors.get(),
            evictions: self.evictions.get(),
            shared_hits: self.shared_hits.get(),
            shared_errors: self.shared_errors.get(),
            entries,
            size,
        }
    }
}
