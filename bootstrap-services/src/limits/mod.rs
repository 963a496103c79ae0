//! Rate limits by name: how often something may happen for each key.
//!
//! [`LimitsPlugin`] provides the state [`Limits`], with a [`Limit`] for each name of the configuration. Keys are counted in memory, or in a
//! [`RateStore`] that several processes share.

mod check;
#[cfg(feature = "testing")]
pub mod conformance;
mod error;
mod keys;
mod memory;
mod metrics;
mod plugin;
mod quota;
mod store;
#[cfg(feature = "testing")]
mod testing;
#[cfg(feature = "web")]
mod web;

pub use check::{Decision, Limit, LimitStats, Limits};
pub use error::{QuotaError, RateError, StoreFailed, UnknownLimit};
pub use plugin::LimitsPlugin;
pub use quota::{Quota, WhenDown};
pub use store::RateStore;
#[cfg(feature = "testing")]
pub use testing::{MemoryRateStore, MemoryRateStorePlugin};
#[cfg(feature = "web")]
pub use web::{RateLimitHeaders, headers, per, per_client};
