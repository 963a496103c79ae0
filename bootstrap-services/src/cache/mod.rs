//! Caches: typed regions in memory, with single flight.
