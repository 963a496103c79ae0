//! Opening the connections of a database.

use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Sqlite, SqlitePool, Transaction};

use crate::database::DatabaseError;
use crate::database::api::{Database, Inner};
use crate::database::error::Fault;
use crate::database::file::{DatabaseFile, is_out_of_files};

/// How long one statement waits in `SQLite` for the lock of another process. `begin` repeats it, so that a call that is
/// cancelled does not occupy the connection for the whole limit.
const SLICE: Duration = Duration::from_millis(200);

/// The time between two attempts to open a locked file.
const PAUSE: Duration = Duration::from_millis(20);

/// How a database is opened.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) name: String,
    pub(crate) file: DatabaseFile,
    pub(crate) connections: u32,
    pub(crate) busy_timeout: Duration,
    pub(crate) synchronous: SqliteSynchronous,
    pub(crate) min_free: u64,
}

/// The connections of a database.
pub(crate) struct Pools {
    /// How connections outside the pools are opened.
    pub(crate) options: SqliteConnectOptions,
    pub(crate) read: SqlitePool,
    pub(crate) write: SqlitePool,
    /// The connection of the health check.
    pub(crate) probe: SqlitePool,
}

impl Opening {
    /// Opens all connections, and creates the file if it does not exist.
    ///
    /// If several processes create a new file, `SQLite` refuses all but one of them without waiting: the others retry.
    pub(crate) async fn open(mut self) -> Result<Database, DatabaseError> {
        let begun = Instant::now();
        let pools = loop {
            match self.pools().await {
                Ok(pools) => break pools,
                Err(error)
                    if Fault::of(&error) != Fault::Busy || begun.elapsed() > self.busy_timeout =>
                {
                    return Err(self.unavailable(error));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        };
        self.file.opened();
        Ok(Database::new(Inner::new(self, pools)))
    }

    async fn pools(&self) -> sqlx::Result<Pools> {
        let options = SqliteConnectOptions::new()
            .filename(&self.file.path)
            .create_if_missing(true)
            .foreign_keys(true)
            // Readers do not wait for the writer.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(self.synchronous)
            .busy_timeout(self.busy_timeout.min(SLICE));
        let write = pool(1, &options).await?;
        create_probe(&write).await?;
        // A connection that is replaced later must not create an empty database where the file was removed.
        let options = options.create_if_missing(false);
        write.set_connect_options(options.clone());
        let reading = options.clone().busy_timeout(self.busy_timeout);
        // A write through a reader would wait for no turn, and could not be rolled back.
        let reading = reading.pragma("query_only", "ON");
        let read = pool(self.connections, &reading).await?;
        let probe = pool(1, &options).await?;
        Ok(Pools {
            options,
            read,
            write,
            probe,
        })
    }

    fn unavailable(&self, source: sqlx::Error) -> DatabaseError {
        let help = match Fault::of(&source) {
            Fault::CantOpen if is_out_of_files() => {
                ": the process has as many files and sockets open as it may: raise that limit (`ulimit -n`)"
            }
            fault => fault.help(),
        };
        DatabaseError::Unavailable {
            database: self.name.clone(),
            doing: "open",
            help,
            source,
        }
    }
}

async fn pool(connections: u32, options: &SqliteConnectOptions) -> sqlx::Result<SqlitePool> {
    let pool = SqlitePoolOptions::new()
        // All are opened now, so that none is missing when the process runs out of file descriptors.
        .min_connections(connections)
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(30))
        // A file has no server that would close them.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // `SQLite` ends a transaction itself when the disk is full. The rollback of sqlx then fails, and sqlx would
        // consider the connection to be in a transaction for ever: it is replaced.
        .before_acquire(|connection, _| {
            let is_idle = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_idle) })
        });
    pool.connect_with(options.clone()).await
}

/// Begins a transaction that holds the lock for writing.
///
/// `SQLite` never writes through a connection that it opened while the disk was read-only, so such a connection is replaced.
pub(crate) async fn begin(pool: &SqlitePool) -> sqlx::Result<Transaction<'static, Sqlite>> {
    const BEGIN: &str = "BEGIN IMMEDIATE";
    match pool.begin_with(BEGIN).await {
        Err(error) if Fault::of(&error) == Fault::ReadOnly => {
            pool.acquire().await?.close().await?;
            pool.begin_with(BEGIN).await
        }
        begun => begun,
    }
}

/// Creates the table to which the health check writes.
async fn create_probe(write: &SqlitePool) -> sqlx::Result<()> {
    const TABLE: &str = "CREATE TABLE IF NOT EXISTS _database_probe (id INTEGER PRIMARY KEY CHECK (id = 1), writes INTEGER NOT NULL)";
    sqlx::query(TABLE).execute(write).await.map(drop)
}
