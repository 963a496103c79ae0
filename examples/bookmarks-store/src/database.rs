//! The database: one file, and its schema.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, ensure};
use bootstrap::prelude::*;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Sqlite, SqlitePool, Transaction};

use crate::settings::{DATABASE_LIMIT, Settings, names_a_file};

/// Connections to the database.
pub(crate) struct Database {
    /// Connections for reading, which does not wait for the writer.
    pub(crate) read: SqlitePool,
    /// The connection for writing. `SQLite` has one writer at a time: writers queue here in order, and
    /// use no connection of readers meanwhile.
    write: SqlitePool,
    file: PathBuf,
}

impl Database {
    /// Begins a write. It is rolled back unless the transaction is committed, even if its future is
    /// dropped.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        // A transaction that begins as a reader can't become a writer while another process writes.
        self.write.begin_with("BEGIN IMMEDIATE").await
    }

    /// Returns an error if the file was removed: the connections still write to it, and the next process
    /// would not find it.
    pub(crate) fn check_file(&self) -> sqlx::Result<()> {
        fs::metadata(&self.file).map(drop).map_err(sqlx::Error::Io)
    }
}

/// Opens the database. If several processes create a new file, `SQLite` refuses all but one of them
/// without waiting; the others retry.
#[plugin(name = "database", states = [Database], load_timeout = "10s", retry = 4)]
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
            // Readers do not wait for the writer, and an acknowledged write is on the disk.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // How long to wait while another process writes.
            .busy_timeout(DATABASE_LIMIT / 2);
        let open = async |connections| {
            pool(connections)
                .connect_with(options.clone())
                .await
                .map_err(|error| explained(error, "opening", file))
        };
        Ok(Database {
            write: open(1).await?,
            read: open(self.connections).await?,
            file: file.clone(),
        })
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        let database = cx.states();
        database.read.close().await;
        database.write.close().await;
        Ok(())
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        // All are opened now, so that none is missing when the process runs out of file descriptors.
        .min_connections(connections)
        .max_connections(connections)
        .acquire_timeout(DATABASE_LIMIT / 2)
        // `SQLite` ends a transaction itself when the disk is full. The rollback of sqlx then fails, and
        // sqlx would consider the connection to be in a transaction forever: it is replaced.
        .before_acquire(|connection, _| {
            let is_idle = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_idle) })
        })
}

/// Reports mistakes in words that the database would report as numbers.
fn check(file: &Path) -> Result<()> {
    ensure!(
        names_a_file(file),
        "it is no path of a file: set `database` to one, like `bookmarks.db`"
    );
    let folder = file.parent().unwrap_or(file);
    ensure!(
        folder.as_os_str().is_empty() || folder.is_dir(),
        "the folder `{}` does not exist: create it, or set `database` to another file",
        folder.display()
    );
    // If the metadata can't be read, SQLite reports why.
    let Ok(found) = fs::metadata(file) else {
        return Ok(());
    };
    ensure!(!found.is_dir(), "it is a folder: set `database` to a file");
    ensure!(
        found.is_file(),
        "it is not a regular file: set `database` to another one"
    );
    ensure!(
        !found.permissions().readonly(),
        "it is read-only: let this user write to it, or set `database` to another file"
    );
    Ok(())
}

/// Adds the operation, the file and the remedy to an error of the database.
fn explained(error: impl Into<anyhow::Error>, doing: &str, file: &Path) -> anyhow::Error {
    let error = error.into();
    let advice = match primary_code(&error) {
        Some(SQLITE_READONLY) => ": it is read-only: let this user write to it and to its folder",
        Some(SQLITE_CANTOPEN) if is_out_of_files() => {
            ": the process has as many files and sockets open as it may: raise that limit (`ulimit -n`)"
        }
        Some(SQLITE_CANTOPEN) => ": let this user read and write it, and write to its folder",
        Some(SQLITE_BUSY) => ": another process uses it: start again when that has finished",
        Some(SQLITE_FULL) => ": there is no room on the disk: make some",
        Some(SQLITE_NOTADB) => ": it is not an SQLite database: set `database` to another file",
        _ => "",
    };
    error.context(format!("{doing} the database `{}`{advice}", file.display()))
}

/// Returns whether the process can't open as many files as the connections need, three each. `SQLite`
/// does not report why it can't open a file, and some connections may have been closed already.
fn is_out_of_files() -> bool {
    const NEEDED: usize = 15;
    const TOO_MANY_FILES: [i32; 2] = [23, 24];
    let files: io::Result<Vec<_>> = (0..NEEDED).map(|_| fs::File::open("/dev/null")).collect();
    let number = files.err().and_then(|error| error.raw_os_error());
    number.is_some_and(|number| TOO_MANY_FILES.contains(&number))
}

const SQLITE_BUSY: u32 = 5;
const SQLITE_READONLY: u32 = 8;
const SQLITE_FULL: u32 = 13;
const SQLITE_CANTOPEN: u32 = 14;
const SQLITE_NOTADB: u32 = 26;

/// Returns the primary code of an `SQLite` error. Its higher bits are details.
fn primary_code(error: &anyhow::Error) -> Option<u32> {
    let mut causes = error.chain();
    let error = causes.find_map(|cause| cause.downcast_ref::<sqlx::Error>())?;
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// The proof that the tables exist.
pub(crate) struct Schema;

/// Migrates the tables.
#[plugin(name = "schema", states = [Schema])]
struct SchemaPlugin {
    settings: State<Settings>,
    database: State<Database>,
}

impl Hooks for SchemaPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Schema> {
        let file = &self.settings.database;
        let migrated = migrate(&self.database).await;
        migrated.map_err(|error| explained(error, "migrating", file))?;
        Ok(Schema)
    }
}

/// Migrates in one transaction, so that other processes that start wait for it.
async fn migrate(database: &Database) -> Result<(), MigrateError> {
    let mut transaction = database.begin().await?;
    // The same as `run`, which does not compile with a connection in a `Send` future.
    let migrator = sqlx::migrate!();
    migrator.run_direct(None, &mut *transaction, false).await?;
    Ok(transaction.commit().await?)
}
