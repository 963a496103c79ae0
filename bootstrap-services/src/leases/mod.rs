//! Leases: what one instance at a time may do, with fencing; and occurrences, which one instance claims.
//!
//! [`LeasesPlugin`] provides the state [`Leases`] on an engine at the port [`LeaseEngine`]: by default [`SqliteLeasesPlugin`], whose
//! instances share a database file; [`MemoryLeasesPlugin`] for a single process.

mod api;
#[cfg(feature = "testing")]
pub mod conformance;
mod engine;
mod error;
mod keeper;
mod memory;
mod metrics;
mod plugin;
mod sqlite;

pub use api::Leases;
pub use engine::{Claim, LeaseEngine, Record, Version};
pub use error::LeaseError;
pub use keeper::Lease;
pub use memory::{MemoryLeases, MemoryLeasesPlugin};
pub use plugin::LeasesPlugin;
pub use sqlite::SqliteLeasesPlugin;
