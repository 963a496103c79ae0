//! What can go wrong with a lease.

use std::time::Duration;

/// An error of [`Leases`](crate::leases::Leases).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// The name is empty, too long, or has control characters.
    #[error("`{}` can't be the name of a lease: use 1 to 200 bytes without control characters", name.escape_debug())]
    InvalidName {
        /// The name.
        name: String,
    },
    /// The time is too short or too long.
    #[error("a lease can't be valid for {ttl:?}: use a time from 1 s to 24 h")]
    InvalidTtl {
        /// The time.
        ttl: Duration,
    },
    /// The engine failed.
    #[error("can't {doing} `{name}`: check the engine of the leases")]
    Engine {
        /// What was attempted.
        doing: &'static str,
        /// The name of the lease or the occurrence.
        name: String,
        /// The error of the engine.
        source: anyhow::Error,
    },
    /// The app closes.
    #[error("the leases are closed: require `State<Leases>` in the plugin that uses them")]
    Closed,
}
