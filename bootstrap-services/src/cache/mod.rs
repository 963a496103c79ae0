//! Caches: typed regions in memory, whose values expire, and are loaded once however many callers wait for them.
//!
//! [`CachePlugin`] provides the state [`Cache`], which makes a [`Region`] for each kind of value. A [`SharedCache`] behind
//! them is optional.

mod builder;
#[cfg(feature = "testing")]
pub mod conformance;
mod error;
mod flights;
mod metrics;
mod plugin;
mod region;
mod regions;
mod shared;
mod stats;
#[cfg(feature = "testing")]
mod testing;
mod tier;

pub use builder::RegionBuilder;
pub use error::{LoadError, RegionError};
pub use plugin::CachePlugin;
pub use region::Region;
pub use regions::Cache;
pub use shared::{Invalidation, Invalidations, SharedCache, SharedEntry};
pub use stats::RegionStats;
#[cfg(feature = "testing")]
pub use testing::{MemorySharedCache, MemorySharedCachePlugin};
