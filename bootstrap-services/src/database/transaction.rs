//! Transactions that write.

use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::{Sqlite, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::database::api::Database;
use crate::database::error::DatabaseError;
use crate::database::metrics::{self, Outcome};

/// A transaction of some database, as services take it whose work is part of a transaction of the caller:
/// `audit.record_in(&mut tx, ..)`.
///
/// [`Tx`] implements it for `SQLite`. A service passes it to [`Database::join`], which returns the [`Tx`] if it is
/// one of the same database, and reports otherwise which two databases were mixed.
pub trait Transaction: Send + fmt::Debug {
    /// Returns the name of the engine, as `SQLite`.
    fn engine(&self) -> &'static str;

    /// Returns the name of the database: that of its plugin.
    fn database(&self) -> &str;

    /// Returns the transaction itself, for a downcast to its type.
    fn as_any_mut(&mut self) -> &mut (dyn Any + Send);

    /// Calls `then` once the transaction is committed, and never if it is not: see [`Tx::after_commit`].
    fn after_commit(&mut self, then: Box<dyn FnOnce() + Send>);
}

/// A transaction that holds the lock for writing from its begin on.
///
/// It dereferences to the connection: `query.execute(&mut *tx)`. Dropping it without [`commit`](Tx::commit) rolls it
/// back, even if a future is dropped or a task panics.
///
/// # Examples
///
/// ```
/// # use bootstrap_services::database::{Database, DatabaseError};
/// async fn rename(database: &Database, id: i64, name: &str) -> Result<(), DatabaseError> {
///     let mut tx = database.begin().await?;
///     let update = sqlx::query("UPDATE users SET name = ? WHERE id = ?").bind(name).bind(id);
///     update.execute(&mut *tx).await?;
///     tx.commit().await
/// }
/// ```
#[must_use = "a transaction that is dropped is rolled back: call `commit`"]
pub struct Tx {
    parts: OwnedMutexGuard<Parts>,
}

/// What ends a transaction that was passed to a closure by value.
pub(crate) struct Lender(Arc<Mutex<Parts>>);

struct Parts {
    // First, so that the rollback is queued before the next writer gets its turn.
    inner: sqlx::Transaction<'static, Sqlite>,
    open: Open,
    /// What follows its commit.
    then: Vec<Box<dyn FnOnce() + Send>>,
}

impl Tx {
    pub(crate) fn new(
        inner: sqlx::Transaction<'static, Sqlite>,
        database: Database,
        turn: OwnedMutexGuard<()>,
    ) -> Result<Self, DatabaseError> {
        let open = Open::new(database, turn);
        let then = Vec::new();
        let parts = Parts { inner, open, then };
        Lender(Arc::new(Mutex::new(parts))).lend()
    }

    /// Commits the transaction. With `database.synchronous = "full"`, the default, what it wrote is on the disk when this
    /// returns `Ok`.
    ///
    /// # Errors
    ///
    /// - [`DatabaseError::Unavailable`] if the database can't commit, for example because the disk is full. Nothing of the
    ///   transaction is kept.
    /// - [`DatabaseError::Lent`] if it is the transaction of a [`write`](Database::write), which commits it itself
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the transaction may have been committed or not, as a whole.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        self.into_lender().commit().await
    }

    /// Rolls the transaction back, and returns when that is done. A transaction that is dropped is rolled back as well.
    ///
    /// # Errors
    ///
    /// - [`DatabaseError::Unavailable`] if the database has rolled it back by itself, after an error. Nothing of it is kept
    ///   then, either.
    /// - [`DatabaseError::Lent`] if it is the transaction of a [`write`](Database::write): return an error instead
    pub async fn rollback(self) -> Result<(), DatabaseError> {
        self.into_lender().rollback().await
    }

    /// Calls `then` once the transaction is committed, and never if it is not. It must not block: the next writer waits for it.
    ///
    /// It is for wake-ups, and not for what must happen: if the future of the commit is dropped, the transaction may be committed without it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap_services::database::{Database, DatabaseError};
    /// # use tokio::sync::watch;
    /// async fn rename(database: &Database, name: String, names: watch::Sender<String>) -> Result<(), DatabaseError> {
    ///     let mut tx = database.begin().await?;
    ///     sqlx::query("UPDATE settings SET name = ?").bind(&name).execute(&mut *tx).await?;
    ///     tx.after_commit(move || {
    ///         names.send_replace(name);
    ///     });
    ///     tx.commit().await
    /// }
    /// ```
    pub fn after_commit(&mut self, then: impl FnOnce() + Send + 'static) {
        Transaction::after_commit(self, Box::new(then));
    }

    fn into_lender(self) -> Lender {
        self.lender()
    }

    pub(crate) fn lender(&self) -> Lender {
        Lender(OwnedMutexGuard::mutex(&self.parts).clone())
    }
}

impl Lender {
    /// Returns the transaction once the last one that was lent is dropped.
    pub(crate) fn lend(self) -> Result<Tx, DatabaseError> {
        let parts = self.0.try_lock_owned();
        parts
            .map(|parts| Tx { parts })
            .map_err(|_| DatabaseError::Lent)
    }

    pub(crate) async fn commit(self) -> Result<(), DatabaseError> {
        let Parts {
            inner,
            mut open,
            then,
        } = self.returned()?;
        let committed = inner.commit().await;
        open.outcome = Outcome::of_commit(&committed);
        committed.map_err(|error| open.database.unavailable("commit a transaction on", error))?;
        for then in then {
            then();
        }
        Ok(())
    }

    pub(crate) async fn rollback(self) -> Result<(), DatabaseError> {
        let Parts { inner, open, .. } = self.returned()?;
        let result = inner.rollback().await;
        result.map_err(|error| {
            open.database
                .unavailable("roll back a transaction on", error)
        })
    }

    /// Returns the transaction if nothing else has a hold on it.
    fn returned(self) -> Result<Parts, DatabaseError> {
        let parts = Arc::try_unwrap(self.0);
        parts
            .map(Mutex::into_inner)
            .map_err(|_| DatabaseError::Lent)
    }
}

impl Deref for Tx {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.parts.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.parts.inner
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx")
            .field("database", &self.parts.open.database.name())
            .finish_non_exhaustive()
    }
}

impl Transaction for Tx {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn database(&self) -> &str {
        self.parts.open.database.name()
    }

    fn as_any_mut(&mut self) -> &mut (dyn Any + Send) {
        self
    }

    fn after_commit(&mut self, then: Box<dyn FnOnce() + Send>) {
        self.parts.then.push(then);
    }
}

/// The name of the engine of [`Tx`].
const ENGINE: &str = "SQLite";

impl Database {
    /// Returns the transaction that a caller passed to a service which writes to this database.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OtherDatabase`] if it is a transaction of another engine, or on another database.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap_services::database::{Database, DatabaseError, Transaction};
    /// struct Visits(Database);
    ///
    /// impl Visits {
    ///     /// Counts a visit if, and only if, the transaction is committed.
    ///     async fn count_in(&self, tx: &mut dyn Transaction) -> Result<(), DatabaseError> {
    ///         let tx = self.0.join(tx)?;
    ///         sqlx::query("UPDATE visits SET count = count + 1").execute(&mut **tx).await?;
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn join<'t>(&self, tx: &'t mut dyn Transaction) -> Result<&'t mut Tx, DatabaseError> {
        let found = described(tx.engine(), tx.database());
        let joined = tx.as_any_mut().downcast_mut::<Tx>();
        joined
            .filter(|tx| tx.parts.open.database.is(self))
            .ok_or_else(|| DatabaseError::OtherDatabase {
                expected: described(ENGINE, self.name()),
                found,
            })
    }
}

fn described(engine: &str, database: &str) -> String {
    format!("{engine} database `{database}`")
}

/// Marks the database as being written to by this process, and counts how the transaction ends.
struct Open {
    database: Database,
    outcome: Outcome,
    _turn: OwnedMutexGuard<()>,
}

impl Open {
    fn new(database: Database, turn: OwnedMutexGuard<()>) -> Self {
        database.set_open(true);
        Self {
            database,
            outcome: Outcome::RolledBack,
            _turn: turn,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.database.set_open(false);
        metrics::ended(self.database.name(), self.outcome);
    }
}
