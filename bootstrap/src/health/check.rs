//! The port of checks.

use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;

/// A check of what a plugin needs to do its work: a port, which any number of plugins provide.
///
/// A check is named after the plugin that provides it. A check that returns an error, panics, or takes too long has
/// failed.
///
/// # Examples
///
/// ```
/// use bootstrap::extend::async_trait;
/// use bootstrap::health::HealthCheck;
/// use bootstrap::prelude::*;
///
/// #[plugin(name = "disk", ports = [self as dyn HealthCheck])]
/// struct Disk {
///     #[option(default = "/tmp".into())]
///     folder: std::path::PathBuf,
/// }
///
/// impl Hooks for Disk {}
///
/// #[async_trait]
/// impl HealthCheck for Disk {
///     async fn check(&self) -> Result<()> {
///         std::fs::metadata(&self.folder)?;
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait HealthCheck: Send + Sync + 'static {
    /// Returns an error if the plugin can't do its work now.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped if it takes longer than its limit, and when the app closes.
    async fn check(&self) -> Result<()>;

    /// Whether the app should get no requests while this check fails. `true` by default.
    ///
    /// A failure that is not critical is listed and logged, and the app stays ready: that of a cache whose misses are
    /// served by a database, for example. Called once, when the checks are collected.
    fn critical(&self) -> bool {
        true
    }

    /// The limit of this check; one that takes longer has failed. `None`, the default, is the limit that
    /// [`HealthChecks`](crate::health::HealthChecks) has for all.
    ///
    /// The answer to a probe waits for the slowest check, so a longer limit makes probes slower. Called once, when the
    /// checks are collected.
    fn timeout(&self) -> Option<Duration> {
        None
    }
}
