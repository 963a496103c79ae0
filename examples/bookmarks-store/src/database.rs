//! The database: one file, and its schema.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
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
        check(file).with_context(|| format!("opening the database `{}`", file.display()))?;
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
            .map_err(|error| explained(error, "opening", file))?;
        Ok(Database(pool))
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        cx.states().0.close().await;
        Ok(())
    }
}

/// What can be said in words before the database says it in numbers.
fn check(file: &Path) -> Result<()> {
    let folder = file.parent().unwrap_or(file);
    ensure!(
        folder.as_os_str().is_empty() || folder.is_dir(),
        "the folder `{}` does not exist: create it, or set `database` to another file",
        folder.display()
    );
    // What can't be looked at is for SQLite to judge.
    let Ok(found) = fs::metadata(file) else {
        return Ok(());
    };
    ensure!(!found.is_dir(), "it is a folder: set `database` to a file");
    ensure!(
        !found.permissions().readonly(),
        "it is read-only: let this user write to it, or set `database` to another file"
    );
    Ok(())
}

/// An error of the database with what was being done to which file, and with what to do about it.
fn explained(error: impl Into<anyhow::Error>, doing: &str, file: &Path) -> anyhow::Error {
    let error = error.into();
    let advice = match primary_code(&error) {
        Some(SQLITE_READONLY) => ": it is read-only: let this user write to it and to its folder",
        Some(SQLITE_CANTOPEN) => ": let this user read and write it, and write to its folder",
        Some(SQLITE_NOTADB) => ": it is not an SQLite database: set `database` to another file",
        _ => "",
    };
    error.context(format!("{doing} the database `{}`{advice}", file.display()))
}

const SQLITE_READONLY: u32 = 8;
const SQLITE_CANTOPEN: u32 = 14;
const SQLITE_NOTADB: u32 = 26;

/// The number that `SQLite` gives a kind of error; it keeps the details in the higher bits.
fn primary_code(error: &anyhow::Error) -> Option<u32> {
    let mut causes = error.chain();
    let error = causes.find_map(|cause| cause.downcast_ref::<sqlx::Error>())?;
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
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
        let pool = &self.database.0;
        let migrated = sqlx::migrate!().run(pool).await;
        migrated.map_err(|error| {
            explained(error, "migrating", pool.connect_options().get_filename())
        })?;
        Ok(Schema)
    }
}
