//! The port of a store that several processes share.

use anyhow::Result;
use bootstrap::extend::async_trait;

use crate::limits::{Decision, Quota};

/// Counts keys for several processes, in place of the memory of each: a port that an engine provides.
///
/// An engine passes [`conformance::rate_store`](crate::limits::conformance::rate_store), in a test with the feature `testing`.
#[async_trait]
pub trait RateStore: Send + Sync + 'static {
    /// Takes one of what `quota` allows `key`, if there is one left. Keys of different limits are different keys.
    ///
    /// The store decides by its own clock. It forgets a key that has its whole burst again. Calls for one key at the same time must not get more
    /// than there is.
    ///
    /// # Errors
    ///
    /// If the store can't be asked. Then [`Quota::on_failure`] decides, and the store is asked again after a second.
    async fn take(&self, limit: &str, quota: &Quota, key: &[u8]) -> Result<Decision>;
}
