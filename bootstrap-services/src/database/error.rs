//! What can go wrong with a database, and what to do about it.

use std::path::PathBuf;
use std::time::Duration;

/// An error of a [`Database`](crate::database::Database).
///
/// A failed statement of your own is [`DatabaseError::Sql`], so that `?` works on the errors of sqlx.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// Another process held the lock for writing for the whole `database.busy_timeout`.
    #[error(
        "the database `{database}` is locked by another process for {waited:?}: end its transaction, or raise `database.busy_timeout`"
    )]
    Busy {
        /// The name of the database.
        database: String,
        /// How long the call waited.
        waited: Duration,
    },
    /// Transactions of this process kept the connection for writing busy for the whole `database.busy_timeout`.
    #[error(
        "no write to the database `{database}` could begin for {waited:?}: other transactions of this process are open; commit them sooner, or raise `database.busy_timeout`"
    )]
    QueueTimeout {
        /// The name of the database.
        database: String,
        /// How long the call waited.
        waited: Duration,
    },
    /// The file of the database was removed or replaced. Its connections would write to a file that the next process does not find.
    #[error(
        "the file `{}` of the database `{database}` was removed or replaced: put it back, or restart the database", file.display()
    )]
    FileRemoved {
        /// The name of the database.
        database: String,
        /// The path of the file.
        file: PathBuf,
    },
    /// A transaction of one database was passed to a service that writes to another one.
    #[error(
        "a transaction on the {found} was passed to a service that uses the {expected}: begin the transaction on that database"
    )]
    OtherDatabase {
        /// The engine and the name of the database of the service.
        expected: String,
        /// The engine and the name of the database of the transaction.
        found: String,
    },
    /// The transaction of a [`write`](crate::database::Database::write) was committed or rolled back in its closure, or kept longer than that.
    #[error(
        "the transaction of a `write` was ended or kept by its closure: drop it there, and return `Ok` to commit or an error to roll back"
    )]
    Lent,
    /// The database can't be opened, begin a transaction, or commit one.
    #[error("can't {doing} the database `{database}`{help}")]
    Unavailable {
        /// The name of the database.
        database: String,
        /// What was attempted.
        doing: &'static str,
        /// What to do about it: empty, or text that begins with a colon.
        help: &'static str,
        /// The error of sqlx.
        source: sqlx::Error,
    },
    /// Tables can't be migrated.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// A statement failed.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

impl DatabaseError {
    /// Whether the call may succeed if it is repeated: the database was locked, or its queue of writers was full.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::QueueTimeout { .. } => true,
            Self::Unavailable { source, .. } | Self::Sql(source) => {
                Fault::of(source) == Fault::Busy
            }
            _ => false,
        }
    }
}

/// An error of [`Database::migrate`](crate::database::Database::migrate). Nothing of the migration that failed is applied, nor of those that
/// ran with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// The name of the owner can't be part of the name of a table.
    #[error(
        "`{owner}` can't own migrations: a name has 1 to 48 lower-case letters, digits, `-` and `_`, and begins with a letter"
    )]
    InvalidOwner {
        /// The name.
        owner: String,
    },
    /// Two different lists of migrations have the same owner.
    #[error("two plugins own migrations as `{owner}`: give each a name of its own")]
    OwnerTaken {
        /// The name.
        owner: String,
    },
    /// A migration was edited after it had run.
    #[error(
        "migration {version} (`{description}`) of `{owner}` was edited after it ran: restore its text, and write a new migration"
    )]
    Edited {
        /// The owner of the migrations.
        owner: String,
        /// The version of the migration.
        version: i64,
        /// Its description.
        description: String,
    },
    /// A newer version of the program has migrated this database.
    #[error(
        "the database is newer than this program: `{owner}` has migrations up to {known}, and {applied:?} ran as well: run the newer program, or restore a backup"
    )]
    Newer {
        /// The owner of the migrations.
        owner: String,
        /// The last version in this program.
        known: i64,
        /// The versions that ran and that this program does not have.
        applied: Vec<i64>,
    },
    /// Migrations that ran are not part of the program any more.
    #[error(
        "migrations {versions:?} of `{owner}` ran and are not in this program: restore their files"
    )]
    Missing {
        /// The owner of the migrations.
        owner: String,
        /// The versions that ran.
        versions: Vec<i64>,
    },
    /// A migration is marked as failed in the table of versions.
    #[error(
        "migration {version} of `{owner}` failed and was half applied by another program: repair its tables, and remove its row from `{table}`"
    )]
    Dirty {
        /// The owner of the migrations.
        owner: String,
        /// The version of the migration.
        version: i64,
        /// The table of versions.
        table: String,
    },
    /// A migration does not run in the transaction of all migrations.
    #[error(
        "migration {version} (`{description}`) of `{owner}` {what}: all migrations run in one transaction; remove that statement"
    )]
    OwnTransaction {
        /// The owner of the migrations.
        owner: String,
        /// The version of the migration.
        version: i64,
        /// Its description.
        description: String,
        /// What it does.
        what: String,
    },
    /// A statement of a migration failed.
    #[error("migration {version} (`{description}`) of `{owner}` failed: correct it")]
    Failed {
        /// The owner of the migrations.
        owner: String,
        /// The version of the migration.
        version: i64,
        /// Its description.
        description: String,
        /// The error of sqlx.
        source: sqlx::Error,
    },
    /// Rows refer to rows that do not exist after the migrations.
    #[error(
        "after the migrations of `{owner}`, rows of `{table}` refer to rows of `{parent}` that do not exist: keep or remove both"
    )]
    ForeignKeys {
        /// The owner of the migrations.
        owner: String,
        /// The table that refers.
        table: String,
        /// The table that it refers to.
        parent: String,
    },
}

/// The kinds of errors that have a remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Busy,
    ReadOnly,
    Full,
    CantOpen,
    NotADatabase,
    Io,
    Closed,
    Other,
}

impl Fault {
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => Self::Closed,
            // The primary code of `SQLite`; the higher bits are details.
            error => match primary_code(error) {
                // `SQLITE_BUSY`, `SQLITE_LOCKED`
                Some(5 | 6) => Self::Busy,
                Some(8) => Self::ReadOnly,
                Some(10) => Self::Io,
                Some(13) => Self::Full,
                Some(14) => Self::CantOpen,
                // `SQLITE_CORRUPT`, `SQLITE_NOTADB`
                Some(11 | 26) => Self::NotADatabase,
                _ => Self::Other,
            },
        }
    }

    /// What to do about it.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Busy => ": another process uses it: retry when that has finished",
            Self::ReadOnly => ": it is read-only: let this user write to it and to its folder",
            Self::Full => ": there is no room on the disk: make some",
            Self::CantOpen => ": let this user read and write it, and write to its folder",
            Self::NotADatabase => {
                ": it is damaged, or not an SQLite database: restore a backup, or set `database.file` to another file"
            }
            Self::Io => ": the disk is full or reports errors: make room, and check the disk",
            Self::Closed => ": it is closed: require its state in the plugin that uses it",
            Self::Other => "",
        }
    }
}

fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
