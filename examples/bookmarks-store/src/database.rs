//! The database: one file, and its schema.

use std::time::Duration;

use anyhow::Context as _;
use bootstrap::prelude::*;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::settings::Settings;

/// Connections to the database.
pub(crate) struct Database(pub(crate) SqlitePool);

/// Opens the database.
#[plugin(name = "database", states = [Database], timeout = "10s")]
struct DatabasePlugin {
    settings: State<Settings>,
    #[option(default = 4)]
    connections: u32,
}

impl Hooks for DatabasePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Database> {
        let file = &self.settings.database;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .foreign_keys(true)
            // Readers do not wait for the writer, and what was acknowledged is on the disk.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(self.connections)
            .connect_with(options)
            .await
            .with_context(|| format!("opening the database {}", file.display()))?;
        Ok(Database(pool))
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        cx.states().0.close().await;
        Ok(())
    }
}

/// The proof that the tables are there.
pub(crate) struct Schema;

/// Brings the tables up to date.
#[plugin(name = "schema", states = [Schema])]
struct SchemaPlugin {
    database: State<Database>,
}

impl Hooks for SchemaPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Schema> {
        sqlx::migrate!()
            .run(&self.database.0)
            .await
            .context("migrating the database")?;
        Ok(Schema)
    }
}
