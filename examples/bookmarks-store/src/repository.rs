//! The repository: all operations on bookmarks.

use std::sync::Arc;

use bootstrap::prelude::*;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;
use url::Url;

use crate::cache::TagCache;
use crate::database::{Database, Schema};

/// A bookmark.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, sqlx::FromRow)]
pub struct Bookmark {
    /// Its number.
    pub id: i64,
    /// Its address.
    pub url: String,
    /// Its title.
    pub title: String,
    /// Its tags, in alphabetical order.
    // The database has no lists, so it returns JSON.
    #[sqlx(json)]
    pub tags: Vec<String>,
}

/// A bookmark to add.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct NewBookmark {
    /// Its address, which is unique.
    #[garde(custom(is_address))]
    pub url: String,
    /// Its title.
    #[garde(skip)]
    pub title: String,
    /// Its tags.
    #[garde(skip)]
    #[serde(default)]
    pub tags: Vec<String>,
}

/// Why a bookmark was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// It is not an address of the web.
    #[error("`{0}` is no address: it has to start with `http://` or `https://` and name a host")]
    NoAddress(String),
    /// A bookmark for this address exists.
    #[error("there is a bookmark for `{0}` already")]
    Exists(String),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// All bookmarks.
#[derive(Debug)]
pub struct Bookmarks {
    database: State<Database>,
    cache: State<TagCache>,
}

impl Bookmarks {
    /// Adds a bookmark, and returns when it is on the disk.
    ///
    /// # Errors
    ///
    /// If it is not an address of the web, if a bookmark for it exists, or if the database fails.
    ///
    /// # Cancel safety
    ///
    /// Nothing is written if the future is dropped, unless the commit has begun.
    pub async fn add(&self, new: NewBookmark) -> Result<Bookmark, AddError> {
        if !leads_somewhere(&new.url) {
            return Err(AddError::NoAddress(new.url));
        }
        query::insert(&self.database, new).await
    }

    /// Returns all bookmarks, the newest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list(&self) -> sqlx::Result<Vec<Bookmark>> {
        query::all(&self.database.read).await
    }

    /// Returns the bookmarks with a tag, the newest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn by_tag(&self, tag: &str) -> sqlx::Result<Arc<[Bookmark]>> {
        self.cache.list(&self.database.read, tag).await
    }

    /// Deletes a bookmark, and returns whether it existed.
    ///
    /// # Errors
    ///
    /// If the database fails.
    ///
    /// # Cancel safety
    ///
    /// As for [`add`](Bookmarks::add).
    pub async fn delete(&self, id: i64) -> sqlx::Result<bool> {
        query::delete(&self.database, id).await
    }

    /// Checks that bookmarks can be added, by writing as much as the largest one needs.
    ///
    /// # Errors
    ///
    /// If the database fails: it is locked, or the disk is full.
    pub async fn check(&self) -> sqlx::Result<()> {
        query::probe(&self.database).await
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "`garde` calls it so")]
fn is_address(address: &str, (): &()) -> garde::Result {
    if leads_somewhere(address) {
        return Ok(());
    }
    let text = "is no address: it has to start with `http://` or `https://` and name a host";
    Err(garde::Error::new(text))
}

/// Returns whether an address is one of the web, without corrections.
fn leads_somewhere(address: &str) -> bool {
    // Like browsers, the parser accepts spaces, line breaks and missing slashes.
    let is_plain = !address.contains(|it: char| it.is_whitespace() || it.is_control());
    let is_web = address.starts_with("http://") || address.starts_with("https://");
    is_plain && is_web && Url::parse(address).is_ok_and(|url| url.has_host())
}

/// Provides the repository.
#[plugin(name = "bookmarks", states = [Bookmarks])]
struct BookmarksPlugin {
    database: State<Database>,
    schema: State<Schema>,
    cache: State<TagCache>,
}

impl Hooks for BookmarksPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Bookmarks> {
        let Schema = *self.schema;
        Ok(Bookmarks {
            database: self.database.clone(),
            cache: self.cache.clone(),
        })
    }
}

/// The SQL.
pub(crate) mod query {
    use super::{AddError, Bookmark, Database, NewBookmark, SqlitePool};

    /// The maximum size of a bookmark, in bytes.
    const LARGEST: u32 = 64 * 1024;

    const SELECT_ALL: &str = "
        SELECT id, url, title, 
            json_group_array(tag ORDER BY tag) FILTER (WHERE tag IS NOT NULL) AS tags
        FROM bookmarks LEFT JOIN tags ON bookmark = id
        GROUP BY id ORDER BY id DESC";

    const SELECT_BY_TAG: &str = "
        SELECT id, url, title, 
            json_group_array(tag ORDER BY tag) FILTER (WHERE tag IS NOT NULL) AS tags
        FROM bookmarks LEFT JOIN tags ON bookmark = id
        WHERE id IN (SELECT bookmark FROM tags WHERE tag = ?)
        GROUP BY id ORDER BY id DESC";

    pub(crate) async fn all(pool: &SqlitePool) -> sqlx::Result<Vec<Bookmark>> {
        sqlx::query_as(SELECT_ALL).fetch_all(pool).await
    }

    pub(crate) async fn by_tag(pool: &SqlitePool, tag: &str) -> sqlx::Result<Vec<Bookmark>> {
        sqlx::query_as(SELECT_BY_TAG)
            .bind(tag)
            .fetch_all(pool)
            .await
    }

    pub(crate) async fn most_used_tags(pool: &SqlitePool, limit: u32) -> sqlx::Result<Vec<String>> {
        let query = "SELECT tag FROM tags GROUP BY tag ORDER BY count(*) DESC, tag LIMIT ?";
        sqlx::query_scalar(query).bind(limit).fetch_all(pool).await
    }

    pub(crate) async fn insert(
        database: &Database,
        new: NewBookmark,
    ) -> Result<Bookmark, AddError> {
        let NewBookmark {
            url,
            title,
            mut tags,
        } = new;
        tags.retain(|tag| !tag.trim().is_empty());
        tags.sort();
        tags.dedup();
        let mut transaction = database.begin().await?;
        let id =
            sqlx::query_scalar("INSERT INTO bookmarks (url, title) VALUES (?, ?) RETURNING id")
                .bind(&url)
                .bind(&title)
                .fetch_one(&mut *transaction)
                .await;
        let id: i64 = match id {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                return Err(AddError::Exists(url));
            }
            id => id?,
        };
        for tag in &tags {
            sqlx::query("INSERT INTO tags (bookmark, tag) VALUES (?, ?)")
                .bind(id)
                .bind(tag)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(Bookmark {
            id,
            url,
            title,
            tags,
        })
    }

    pub(crate) async fn delete(database: &Database, id: i64) -> sqlx::Result<bool> {
        let mut transaction = database.begin().await?;
        let query = sqlx::query("DELETE FROM bookmarks WHERE id = ?").bind(id);
        let deleted = query.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected() > 0)
    }

    /// Returns the number of changes of bookmarks and tags.
    pub(crate) async fn changes(pool: &SqlitePool) -> sqlx::Result<i64> {
        let query = sqlx::query_scalar("SELECT number FROM changes");
        query.fetch_one(pool).await
    }

    pub(crate) async fn probe(database: &Database) -> sqlx::Result<()> {
        database.check_file()?;
        let mut transaction = database.begin().await?;
        // Random, because `SQLite` does not write pages that are unchanged.
        let query = sqlx::query("REPLACE INTO probe (id, content) VALUES (1, randomblob(?))");
        query.bind(LARGEST).execute(&mut *transaction).await?;
        transaction.commit().await
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Poll;
    use std::time::Duration;

    use bootstrap::{App, Running};
    use sqlx::sqlite::SqliteConnectOptions;
    use tokio::time::timeout;

    use super::*;
    use crate::settings::Settings;

    async fn boot(folder: &tempfile::TempDir) -> Running {
        let settings = Settings {
            database: folder.path().join("bookmarks.db"),
            ..Settings::default()
        };
        let app = App::only(BookmarksPlugin::default()).supply(settings);
        app.boot().await.unwrap()
    }

    /// Polls a future that many times, and drops it.
    async fn cut_short<T>(future: impl Future<Output = T>, polls: u32) -> Option<T> {
        let mut future = pin!(future);
        let mut left = polls;
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => {
                left -= 1;
                Poll::Pending
            }
        })
        .await
    }

    /// Waits by writing until no other write is running.
    async fn settled(bookmarks: &Bookmarks) {
        let writing = bookmarks.database.begin().await.unwrap();
        writing.rollback().await.unwrap();
    }

    /// Adds bookmarks, and drops each future one poll later, until one completes.
    async fn cut_short_everywhere(bookmarks: &Bookmarks, round: u32) {
        for polls in 0.. {
            let new = NewBookmark {
                url: format!("https://example.org/{round}/{polls}"),
                title: "t".into(),
                tags: vec!["t".into()],
            };
            let added = cut_short(bookmarks.add(new), polls).await;
            // A read at this moment may fill the cache with a list that is about to be old.
            bookmarks.by_tag("t").await.unwrap();
            settled(bookmarks).await;
            while *bookmarks.by_tag("t").await.unwrap() != *bookmarks.list().await.unwrap() {
                tokio::task::yield_now().await;
            }
            if added.is_some() {
                break;
            }
        }
    }

    async fn cut_short_often() {
        let folder = tempfile::tempdir().unwrap();
        let running = boot(&folder).await;
        let bookmarks = running.try_get::<State<Bookmarks>>().unwrap();
        // How far a poll gets depends on the thread of the database, so rounds differ.
        for round in 0..20 {
            cut_short_everywhere(&bookmarks, round).await;
        }
        drop(bookmarks);
        running.close().await.unwrap();
    }

    /// Ids of deleted bookmarks are not used again, even in a database of an older version of the
    /// service, whose content is kept.
    #[tokio::test]
    async fn ids_go_on_from_the_highest_in_an_old_database() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("bookmarks.db"))
            .create_if_missing(true);
        let old = SqlitePool::connect_with(options).await.unwrap();
        sqlx::migrate!().run_to(1, &old).await.unwrap();
        let rows = "
            INSERT INTO bookmarks VALUES (3, 'https://a.example', 'a'), (7, 'https://b.example', 'b');
            INSERT INTO tags VALUES (3, 'x'), (3, 'y'), (7, 'x')";
        sqlx::raw_sql(rows).execute(&old).await.unwrap();
        let before = query::all(&old).await.unwrap();
        old.close().await;

        for round in 0..2 {
            let running = boot(&folder).await;
            let bookmarks = running.try_get::<State<Bookmarks>>().unwrap();
            assert_eq!(bookmarks.list().await.unwrap(), before);
            assert_eq!(*bookmarks.by_tag("x").await.unwrap(), before[..]);
            assert_eq!(*bookmarks.by_tag("y").await.unwrap(), before[1..]);
            for n in 0..2 {
                let new = NewBookmark {
                    url: "https://c.example".into(),
                    title: "c".into(),
                    tags: vec!["x".into()],
                };
                let id = bookmarks.add(new).await.unwrap().id;
                assert_eq!(id, 8 + 2 * round + n);
                assert!(bookmarks.delete(id).await.unwrap());
            }
            drop(bookmarks);
            running.close().await.unwrap();
        }
    }

    /// A client may disconnect or time out at any moment of a write.
    #[tokio::test]
    async fn an_abandoned_write_does_not_leave_the_cache_stale() {
        let test = cut_short_often();
        timeout(Duration::from_mins(1), test).await.unwrap();
    }
}
