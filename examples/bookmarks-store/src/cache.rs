//! Lists of bookmarks by tag, kept in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bootstrap::prelude::*;
use moka::future::Cache;

use crate::database::{Database, Schema};
use crate::repository::{Bookmark, query};
use crate::settings::Settings;

/// A cache that is never stale: its keys carry the version of the data, which every write moves on
/// before it is acknowledged. What was read under an old version is never asked for again.
pub(crate) struct TagCache {
    lists: Cache<(u64, String), Arc<[Bookmark]>>,
    version: AtomicU64,
}

impl TagCache {
    /// The bookmarks with a tag, from the cache or else from `load`, which runs once however many
    /// ask at a time.
    pub(crate) async fn list(
        &self,
        tag: &str,
        load: impl Future<Output = sqlx::Result<Vec<Bookmark>>>,
    ) -> sqlx::Result<Arc<[Bookmark]>> {
        let version = self.version.load(Ordering::Acquire);
        let load = async { load.await.map(Arc::from) };
        let list = self.lists.try_get_with((version, tag.to_owned()), load);
        list.await.map_err(|error| match Arc::try_unwrap(error) {
            Ok(error) => error,
            // Others wait for the same list and get the same error.
            Err(error) => sqlx::Error::Protocol(error.to_string()),
        })
    }

    /// To be called after a write has been committed, and before anybody is told.
    pub(crate) fn move_on(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }
}

/// Fills the cache with the tags that are used most.
#[plugin(name = "cache", states = [TagCache])]
struct CachePlugin {
    settings: State<Settings>,
    database: State<Database>,
    schema: State<Schema>,
    #[option(default = 100)]
    warm: u32,
}

impl Hooks for CachePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<TagCache> {
        let Schema = *self.schema;
        let cache = TagCache {
            lists: Cache::new(self.settings.cached_tags),
            version: AtomicU64::new(0),
        };
        let pool = &self.database.0;
        for tag in query::most_used_tags(pool, self.warm).await? {
            cache.list(&tag, query::by_tag(pool, &tag)).await?;
        }
        tracing::debug!(lists = cache.lists.entry_count(), "the cache is warm");
        Ok(cache)
    }
}
