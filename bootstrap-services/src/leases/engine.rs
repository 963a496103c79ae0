//! The port of the engines.

use std::time::{Duration, SystemTime};

use bootstrap::extend::async_trait;

/// Where leases are stored: a port.
///
/// An engine stores records and compares versions. It reads no clock: whether a lease has expired is decided by
/// [`Leases`](crate::leases::Leases), in the same way for all engines. [`conformance`](crate::leases::conformance) has the tests that each engine passes.
#[async_trait]
pub trait LeaseEngine: Send + Sync + 'static {
    /// Returns the record of a lease, if it was ever taken.
    ///
    /// # Errors
    ///
    /// If the engine can't be reached.
    async fn read(&self, name: &str) -> anyhow::Result<Option<Record>>;

    /// Stores a claim if the version of the record is still `seen` (`None`: there is no record), and returns its fencing token, which
    /// is greater than all tokens that this name had before.
    ///
    /// # Errors
    ///
    /// If the engine can't be reached.
    async fn take(
        &self,
        name: &str,
        seen: Option<Version>,
        claim: &Claim,
    ) -> anyhow::Result<Option<u64>>;

    /// Changes the version of a lease that is held with this token, and returns whether it is.
    ///
    /// # Errors
    ///
    /// If the engine can't be reached.
    async fn renew(&self, name: &str, token: u64, at: SystemTime) -> anyhow::Result<bool>;

    /// Marks a lease that is held with this token as free. Otherwise this has no effect.
    ///
    /// # Errors
    ///
    /// If the engine can't be reached.
    async fn release(&self, name: &str, token: u64) -> anyhow::Result<()>;

    /// Stores `at`, in whole milliseconds, as the last occurrence of `name` if it is later than the one that is stored, and returns
    /// whether it was stored.
    ///
    /// # Errors
    ///
    /// If the engine can't be reached.
    async fn claim(&self, name: &str, at: SystemTime) -> anyhow::Result<bool>;

    /// Returns the last occurrence of `name`.
    ///
    /// # Errors
    ///
    /// If the engine can't be reached.
    async fn last(&self, name: &str) -> anyhow::Result<Option<SystemTime>>;
}

/// What an engine stores for the name of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What [`LeaseEngine::take`] compares.
    pub version: Version,
    /// Whether the lease was taken and not released. Its holder may have died.
    pub held: bool,
    /// What the last holder stored.
    pub claim: Claim,
}

/// A version of a record. It changes with each acquisition, renewal and release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// The fencing token of the last acquisition.
    pub token: u64,
    /// A number that grows with each change.
    pub beat: u64,
}

/// What a holder stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The instance, for people who read the table.
    pub holder: String,
    /// How long the lease is valid without a renewal.
    pub ttl: Duration,
    /// When the holder took or renewed it, by its own wall clock.
    pub renewed_at: SystemTime,
}
