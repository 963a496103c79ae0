//! The state `Database`.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqlitePool};
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use crate::database::error::{DatabaseError, Fault};
use crate::database::file::DatabaseFile;
use crate::database::metrics;
use crate::database::open::{Opening, Pools, begin};
use crate::database::transaction::Tx;

/// An `SQLite` database: a state of [`DatabasePlugin`](crate::database::DatabasePlugin).
///
/// It has a pool of connections that read, which never wait for a writer, and one connection that writes: `SQLite` has one
/// writer at a time. Writers of this process queue in order, and wait for those of other processes, for
/// `database.busy_timeout` at most.
///
/// Clones are handles to the same database.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::database::{Database, DatabasePlugin};
///
/// #[plugin(name = "notes")]
/// struct Notes {
///     database: State<Database>,
/// }
///
/// impl Hooks for Notes {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         self.database
///             .write(async |mut tx| -> Result<()> {
///                 sqlx::query("CREATE TABLE notes (text TEXT NOT NULL)").execute(&mut *tx).await?;
///                 sqlx::query("INSERT INTO notes VALUES ('buy milk')").execute(&mut *tx).await?;
///                 Ok(())
///             })
///             .await?;
///         let count = sqlx::query_scalar("SELECT count(*) FROM notes");
///         let count: i64 = count.fetch_one(self.database.read()).await?;
///         assert_eq!(count, 1);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().with(DatabasePlugin::memory()).with(Notes::default()).boot().await?;
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

/// The versions and checksums that each owner has migrated.
type Owners = HashMap<String, Vec<(i64, Vec<u8>)>>;

pub(crate) struct Inner {
    name: String,
    file: DatabaseFile,
    pools: Pools,
    busy_timeout: Duration,
    min_free: u64,
    /// The turn of a writer of this process. The pool of the writer has one connection, but no order of those that repeat a
    /// `BEGIN`.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The turn of a health check that writes a file.
    room: Arc<tokio::sync::Mutex<()>>,
    /// Since when a transaction of this process is open.
    open: Mutex<Option<Instant>>,
    owners: Mutex<Owners>,
}

impl Inner {
    pub(crate) fn new(opening: Opening, pools: Pools) -> Self {
        Self {
            name: opening.name,
            file: opening.file,
            pools,
            busy_timeout: opening.busy_timeout,
            min_free: opening.min_free,
            turn: Arc::default(),
            room: Arc::default(),
            open: Mutex::default(),
            owners: Mutex::default(),
        }
    }
}

impl Database {
    pub(crate) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Returns the name of the database, which is that of its plugin: `database`, or what
    /// [`named`](bootstrap::Registration::named) set.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Returns the path of the file. It is a temporary one for `:memory:`.
    pub fn file(&self) -> &Path {
        &self.inner.file.path
    }

    /// Returns the connections for reading. They see what was committed when their statement, or their transaction, began; a
    /// statement that writes is an error.
    ///
    /// `database.read().begin()` begins a transaction whose statements all see the same data.
    pub fn read(&self) -> &SqlitePool {
        &self.inner.pools.read
    }

    /// Begins a transaction that writes. It waits for its turn, and holds the lock for writing from then on (`BEGIN IMMEDIATE`): statements
    /// in it can't fail because another process writes.
    ///
    /// Do not begin a second transaction while you hold one: it would wait for the first.
    ///
    /// # Errors
    ///
    /// - [`DatabaseError::QueueTimeout`] or [`DatabaseError::Busy`] after `database.busy_timeout`
    /// - [`DatabaseError::FileRemoved`] if the file was removed or replaced
    /// - [`DatabaseError::Unavailable`] if `SQLite` can't begin it
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no transaction was begun, and the place in the queue is lost.
    pub async fn begin(&self) -> Result<Tx, DatabaseError> {
        let begun = Instant::now();
        let turn = self.turn(begun).await?;
        self.check_file()?;
        loop {
            match begin(&self.inner.pools.write).await {
                Ok(tx) => {
                    metrics::waited(self.name(), begun.elapsed());
                    return Tx::new(tx, self.clone(), turn);
                }
                Err(error) if Fault::of(&error) == Fault::Busy => self.back_off(begun).await?,
                Err(error) => return Err(self.unavailable("begin a transaction on", error)),
            }
        }
    }

    /// Runs `work` in a transaction that writes, and commits it if `work` returns `Ok`. The transaction is rolled back if `work`
    /// returns an error or panics, and if the future is dropped.
    ///
    /// `work` gets the transaction by value, so that its future can be sent between threads. It does not end the transaction
    /// itself: it drops it, as any value at the end of a block.
    ///
    /// The begin is repeated while another process writes, for `database.busy_timeout`. The commit needs no repetition: the lock for
    /// writing is held from the begin on.
    ///
    /// # Errors
    ///
    /// The error of `work`, or a [`DatabaseError`] of [`begin`](Self::begin) or [`commit`](Tx::commit).
    ///
    /// # Panics
    ///
    /// If `work` panics.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, all of the transaction has been committed, or nothing of it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap_services::database::{Database, DatabaseError};
    /// async fn rename(database: &Database, id: i64, name: &str) -> Result<bool, DatabaseError> {
    ///     database
    ///         .write(async |mut tx| {
    ///             let update = sqlx::query("UPDATE users SET name = ? WHERE id = ?").bind(name).bind(id);
    ///             let done = update.execute(&mut *tx).await?;
    ///             Ok(done.rows_affected() == 1)
    ///         })
    ///         .await
    /// }
    /// ```
    pub async fn write<T, E, F>(&self, work: impl FnOnce(Tx) -> F) -> Result<T, E>
    where
        E: From<DatabaseError>,
        F: Future<Output = Result<T, E>>,
    {
        let tx = self.begin().await?;
        let lender = tx.lender();
        match work(tx).await {
            Ok(done) => {
                lender.commit().await?;
                Ok(done)
            }
            Err(error) => {
                // If it fails, the transaction has ended by itself, and the connection is replaced.
                let _ = lender.rollback().await;
                Err(error)
            }
        }
    }

    /// Writes a copy of the database, as it is now, to a new file. Readers and writers go on meanwhile.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Unavailable`] if the file exists or can't be written, or if its path is not valid UTF-8.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the file may be incomplete.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap_services::database::{Database, DatabaseError};
    /// # async fn example(database: &Database) -> Result<(), DatabaseError> {
    /// database.backup("/var/backups/app.db").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn backup(&self, file: impl AsRef<Path>) -> Result<(), DatabaseError> {
        // `SQLite` takes the path as text.
        let Some(path) = file.as_ref().to_str() else {
            let wrong = "the path is not valid UTF-8";
            let error = io::Error::new(io::ErrorKind::InvalidInput, wrong);
            return Err(self.unavailable("back up", sqlx::Error::Io(error)));
        };
        // `SQLite` itself accepts an empty file.
        if file.as_ref().exists() {
            let error = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(self.unavailable("back up", sqlx::Error::Io(error)));
        }
        let copied = async {
            let mut connection = self.options().connect().await?;
            let copy = sqlx::query("VACUUM INTO ?").bind(path);
            copy.execute(&mut connection).await?;
            connection.close().await
        };
        copied
            .await
            .map_err(|error| self.unavailable("back up", error))
    }

    /// Waits until no other transaction of this process is open.
    pub(crate) async fn turn(&self, begun: Instant) -> Result<OwnedMutexGuard<()>, DatabaseError> {
        let turn = self.inner.turn.clone().lock_owned();
        let turn = timeout(self.inner.busy_timeout, turn).await;
        turn.map_err(|_| {
            let (database, waited) = (self.name().to_owned(), begun.elapsed());
            if self.open_for().is_some() {
                DatabaseError::QueueTimeout { database, waited }
            } else {
                // The writer whose turn it is waits for another process.
                DatabaseError::Busy { database, waited }
            }
        })
    }

    /// Waits a moment because another process holds the lock, unless the limit has passed.
    pub(crate) async fn back_off(&self, begun: Instant) -> Result<(), DatabaseError> {
        metrics::busy(self.name());
        let waited = begun.elapsed();
        if waited >= self.inner.busy_timeout {
            let database = self.name().to_owned();
            return Err(DatabaseError::Busy { database, waited });
        }
        // `SQLite` has waited itself. It does not if waiting could not help.
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(())
    }

    /// Closes all connections, after the transactions that are open. The log of the database is copied into its file, so that the file
    /// alone is the whole database.
    pub(crate) async fn close(&self) {
        self.inner.pools.probe.close().await;
        self.inner.pools.read.close().await;
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
        if let Err(error) = checkpoint.execute(&self.inner.pools.write).await {
            tracing::warn!(database = self.name(), %error, "the log of the database was not copied into its file; the next process does that");
        }
        self.inner.pools.write.close().await;
    }

    pub(crate) fn check_file(&self) -> Result<(), DatabaseError> {
        if self.inner.file.is_there() {
            return Ok(());
        }
        Err(DatabaseError::FileRemoved {
            database: self.name().to_owned(),
            file: self.inner.file.path.clone(),
        })
    }

    pub(crate) fn unavailable(&self, doing: &'static str, source: sqlx::Error) -> DatabaseError {
        DatabaseError::Unavailable {
            database: self.name().to_owned(),
            doing,
            help: Fault::of(&source).help(),
            source,
        }
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn set_open(&self, open: bool) {
        *self
            .inner
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = open.then(Instant::now);
    }

    /// How long the open transaction of this process is open.
    pub(crate) fn open_for(&self) -> Option<Duration> {
        let open = *self
            .inner
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.map(|since| since.elapsed())
    }

    pub(crate) fn probe_pool(&self) -> &SqlitePool {
        &self.inner.pools.probe
    }

    pub(crate) async fn room_turn(&self) -> OwnedMutexGuard<()> {
        self.inner.room.clone().lock_owned().await
    }

    pub(crate) fn options(&self) -> &SqliteConnectOptions {
        &self.inner.pools.options
    }

    pub(crate) fn min_free(&self) -> u64 {
        if self.inner.file.is_temporary() {
            0
        } else {
            self.inner.min_free
        }
    }

    pub(crate) fn owners(&self) -> &Mutex<Owners> {
        &self.inner.owners
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("name", &self.inner.name)
            .field("file", &self.inner.file.path)
            .finish_non_exhaustive()
    }
}
