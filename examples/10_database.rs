//! A database pool as a plugin, with sqlx.
//!
//! It connects in `load`, with retries and a limit, and closes after every plugin that uses it. The
//! schema is a state of its own, so that a plugin can require the tables.

use std::ops::Deref;
use std::time::Duration;

use bootstrap::Retry;
use bootstrap::prelude::*;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

/// A type of this crate around the pool of another one: a state belongs to the crate of its plugin.
struct Database(SqlitePool);

impl Deref for Database {
    type Target = SqlitePool;

    fn deref(&self) -> &SqlitePool {
        &self.0
    }
}

const RETRY: Retry = Retry::attempts(5).backoff(Duration::from_millis(200), Duration::from_secs(3));

#[plugin(
    name = "database",
    states = [Database],
    load_timeout = "10s",
    retry = RETRY,
    close_timeout = "5s"
)]
struct DatabasePlugin {
    #[option(default = "sqlite::memory:".into())]
    url: String,
    /// One, because each connection to `:memory:` is a database of its own.
    #[option(default = 1)]
    connections: u32,
}

impl Hooks for DatabasePlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Database> {
        let options: SqliteConnectOptions = self.url.parse()?;
        cx.progress("connecting");
        let pool = SqlitePoolOptions::new()
            .max_connections(self.connections)
            // How long a request waits for a connection: less than the limit of the request.
            .acquire_timeout(Duration::from_secs(2))
            .connect_with(options)
            .await?;
        Ok(Database(pool))
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        // Waits until all connections are returned; `close_timeout` limits that.
        cx.states().close().await;
        Ok(())
    }
}

/// The proof that the tables exist.
struct Schema;

#[plugin(name = "schema", states = [Schema])]
struct SchemaPlugin {
    database: State<Database>,
}

impl Hooks for SchemaPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Schema> {
        let query = sqlx::query("CREATE TABLE IF NOT EXISTS notes (text TEXT NOT NULL)");
        query.execute(&**self.database).await?;
        Ok(Schema)
    }
}

struct Notes {
    database: State<Database>,
}

impl Notes {
    async fn add(&self, text: &str) -> Result<()> {
        let query = sqlx::query("INSERT INTO notes (text) VALUES (?)").bind(text);
        query.execute(&**self.database).await?;
        Ok(())
    }

    async fn count(&self) -> Result<i64> {
        let query = sqlx::query_scalar("SELECT count(*) FROM notes");
        Ok(query.fetch_one(&**self.database).await?)
    }
}

#[plugin(name = "notes", states = [Notes])]
struct NotesPlugin {
    database: State<Database>,
    schema: State<Schema>,
}

impl Hooks for NotesPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Notes> {
        let Schema = *self.schema;
        Ok(Notes {
            database: self.database.clone(),
        })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let running = App::collect().boot().await?;
    let notes = running.try_get::<State<Notes>>()?;
    notes.add("buy milk").await?;
    println!("notes: {}", notes.count().await?);

    let pool = running.try_get::<State<Database>>()?.0.clone();
    running.close().await?;
    println!("the pool is closed: {}", pool.is_closed());
    Ok(())
}
