//! Lists of bookmarks by tag, kept in memory.

use std::sync::Arc;

use bootstrap::prelude::*;
use moka::future::Cache;
use sqlx::SqlitePool;

use crate::database::{Database, Schema};
use crate::repository::{Bookmark, query};
use crate::settings::Settings;

/// A cache that is never stale, also if other processes write to the database. Its keys carry the
/// number of changes, which the database counts: a list that is older is not asked for again.
pub(crate) struct TagCache {
    lists: Cache<(i64, String), Arc<[Bookmark]>>,
}

impl TagCache {
    /// Returns the bookmarks with a tag, from the cache or else from the database, which is asked
    /// once for all callers that wait for the same list.
    pub(crate) async fn list(&self, pool: &SqlitePool, tag: &str) -> sqlx::Result<Arc<[Bookmark]>> {
        // Read before the list: a list may be newer than its number, and never older.
        let changes = query::changes(pool).await?;
        let load = async { query::by_tag(pool, tag).await.map(Arc::from) };
        let list = self.lists.try_get_with((changes, tag.to_owned()), load);
        list.await.map_err(|error| match Arc::try_unwrap(error) {
            Ok(error) => error,
            // Other callers wait for the same list and get the same error.
            Err(error) => sqlx::Error::Protocol(error.to_string()),
        })
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
        };
        let pool = &self.database.read;
        for tag in query::most_used_tags(pool, self.warm).await? {
            cache.list(pool, &tag).await?;
        }
        tracing::debug!(lists = cache.lists.entry_count(), "the cache is warm");
        Ok(cache)
    }
}
