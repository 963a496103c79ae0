//! Lists of bookmarks by tag, in memory.

use std::sync::Arc;

use bootstrap::prelude::*;
use moka::future::Cache;
use sqlx::SqlitePool;

use crate::database::{Database, Schema};
use crate::repository::{Bookmark, query};
use crate::settings::Settings;

/// A cache that is never stale, even if other processes write to the database.
pub(crate) struct TagCache {
    /// With the number of changes that the database had counted before the list was read. A newer list
    /// takes the place of an older one.
    lists: Cache<String, (i64, Arc<[Bookmark]>)>,
}

impl TagCache {
    /// Returns the bookmarks with a tag, from the cache or else from the database. Callers that wait
    /// for the same list share one query.
    pub(crate) async fn list(&self, pool: &SqlitePool, tag: &str) -> sqlx::Result<Arc<[Bookmark]>> {
        // Read before the list, so that a list may be newer than its number but never older.
        let changes = query::changes(pool).await?;
        loop {
            let load = async {
                let list = query::by_tag(pool, tag).await?;
                Ok((changes, list.into()))
            };
            let cached = self.lists.try_get_with(tag.to_owned(), load);
            let (at, list) = cached.await.map_err(owned)?;
            if at >= changes {
                return Ok(list);
            }
            self.lists.invalidate(tag).await;
        }
    }
}

/// Other callers that wait for the same list get the same error.
fn owned(error: Arc<sqlx::Error>) -> sqlx::Error {
    Arc::try_unwrap(error).unwrap_or_else(|error| sqlx::Error::Protocol(error.to_string()))
}

/// Fills the cache with the most frequent tags.
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
