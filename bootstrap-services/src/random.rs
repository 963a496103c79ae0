//! Random numbers for what is no secret.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

/// A number of 64 bits.
pub(crate) fn bits() -> u64 {
    // The keys of the standard library are random.
    RandomState::new().build_hasher().finish()
}

/// A number from 0 to 1.
#[cfg(any(feature = "jobs", feature = "processes"))]
pub(crate) fn fraction() -> f64 {
    let high = u32::try_from(bits() >> 32).unwrap_or_default();
    f64::from(high) / f64::from(u32::MAX)
}
