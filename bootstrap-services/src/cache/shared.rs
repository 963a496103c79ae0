//! The port of a cache that several processes share.

use std::time::Duration;

use anyhow::Result;
use bootstrap::extend::async_trait;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

/// A cache that several processes share: the second tier of regions that are [`shared`](crate::cache::RegionBuilder::shared).
///
/// A port that an engine provides. It keeps bytes by the name of a region and the text of a key, for a time, and carries
/// invalidations between processes. An engine may lose entries at any time. It reports failures as errors: the cache counts them,
/// goes on without the engine, and asks again after a second.
///
/// An engine passes [`conformance::shared_cache`](crate::cache::conformance::shared_cache), in a test with the feature `testing`.
#[async_trait]
pub trait SharedCache: Send + Sync + 'static {
    /// Returns an entry that has not expired.
    ///
    /// # Errors
    ///
    /// If the engine can't be asked.
    async fn get(&self, region: &str, key: &str) -> Result<Option<SharedEntry>>;

    /// Sets an entry, which expires after `ttl`. `Duration::MAX` is an entry that does not expire.
    ///
    /// # Errors
    ///
    /// If the entry may not have been set.
    async fn set(&self, region: &str, key: &str, value: &[u8], ttl: Duration) -> Result<()>;

    /// Removes an entry. Without one it has no effect.
    ///
    /// # Errors
    ///
    /// If the entry may be there.
    async fn remove(&self, region: &str, key: &str) -> Result<()>;

    /// Removes all entries of a region.
    ///
    /// # Errors
    ///
    /// If there may be entries.
    async fn clear(&self, region: &str) -> Result<()>;

    /// Sends a message to all processes that have [subscribed](Self::subscribe); this one may be among them.
    ///
    /// # Errors
    ///
    /// If the message may not have been sent.
    async fn publish(&self, message: &Invalidation) -> Result<()>;

    /// Returns the messages that are sent from now on. The stream ends when messages may have been lost: then the cache drops what it
    /// has in memory of shared regions, and subscribes again.
    ///
    /// # Errors
    ///
    /// If the engine can't be asked.
    async fn subscribe(&self) -> Result<Invalidations>;
}

/// The messages of a [`SharedCache`].
pub type Invalidations = BoxStream<'static, Invalidation>;

/// An entry of a [`SharedCache`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedEntry {
    /// The value.
    pub value: Vec<u8>,
    /// How long the entry lives from now on.
    pub ttl: Duration,
}

/// A message between processes: an entry has changed, or a whole region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invalidation {
    /// The number of the cache that has sent it, which ignores it.
    pub origin: u64,
    /// The name of the region.
    pub region: String,
    /// The text of the key; `None` for the whole region.
    pub key: Option<String>,
}
