//! The plugin `database`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;
use sqlx::sqlite::SqliteSynchronous;

use crate::database::file::{self, DatabaseFile};
use crate::database::open::Opening;
use crate::database::values::{Size, Time};
use crate::database::{Database, metrics};

/// What stands for a database that only this app uses.
const MEMORY: &str = ":memory:";

/// The most connections for reading.
const MOST_CONNECTIONS: u32 = 64;

/// The longest `busy_timeout`.
const LONGEST_TIMEOUT: Duration = Duration::from_hours(1);

/// Opens an `SQLite` database, and provides it as [`Database`]. It joins a collected app in which a plugin requires it.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `database.file` | `app.db` | the file, created if it does not exist; `:memory:` for a database that disappears when the app closes |
/// | `database.connections` | 4 | connections for reading, 1 to 64; there is one more for writing, and one for the health check |
/// | `database.busy_timeout` | `5s` | how long a transaction waits for others, up to an hour |
/// | `database.synchronous` | `full` | `full`: a commit returns when it is on the disk; `normal`: a power failure may lose the last commits, and never damages the database |
/// | `database.min_free` | `16MiB` | the health check fails if the disk has less room left |
///
/// The database uses a write-ahead log (WAL), so the file must be on a local disk. `:memory:` is a file without syncs in a private
/// folder, in `/dev/shm` or else in that for temporary files, so that readers and the writer behave as they do with any other file. A process that
/// is killed leaves that folder behind.
///
/// For several databases, register the plugin several times, each with a
/// [name](bootstrap::Registration::named) and a [prefix](bootstrap::Registration::config_prefix) of its keys.
///
/// # Errors
///
/// The boot fails if the file can't be opened, or if a value is out of its range.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::database::{Database, DatabasePlugin};
///
/// #[plugin]
/// struct Api {
///     orders: State<Database>,
///     reports: State<Database>,
/// }
/// # impl Hooks for Api {
/// #     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
/// #         assert_eq!((self.orders.name(), self.reports.name()), ("database", "reports"));
/// #         Ok(())
/// #     }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let mut app = App::new();
/// let orders = app.register(DatabasePlugin::memory()).handle::<State<Database>>();
/// let reports = app.register(DatabasePlugin::memory()).named("reports").config_prefix("reports");
/// let reports = reports.handle::<State<Database>>();
/// app.register(Api { orders, reports });
/// let running = app.boot().await?;
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(
    name = "database",
    states = [Database],
    ports = [self as dyn HealthCheck],
    collect = needed,
    load_timeout = "30s",
    close_timeout = "10s"
)]
#[derive(Debug)]
pub struct DatabasePlugin {
    /// The file: `database.file`, `app.db`.
    #[option(config = "database.file", default = PathBuf::from("app.db"))]
    pub file: PathBuf,
    /// The number of connections for reading: `database.connections`, 4.
    #[option(config = "database.connections", default = 4)]
    pub connections: u32,
    #[option(config = "database.busy_timeout", default = Time(Duration::from_secs(5)), setter = false)]
    busy_timeout: Time,
    /// When a commit is on the disk: `database.synchronous`, full.
    #[option(config = "database.synchronous", default = Synchronous::Full)]
    pub synchronous: Synchronous,
    #[option(config = "database.min_free", default = Size(16 << 20), setter = false)]
    min_free: Size,
    /// What a temporary database starts with.
    #[option(setter = false)]
    original: Option<PathBuf>,
    #[local]
    database: Option<Database>,
}

/// When a commit is on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Synchronous {
    /// When `commit` returns.
    #[default]
    Full,
    /// Some time later. A power failure may lose the last commits; the end of the process does not.
    Normal,
}

impl DatabasePlugin {
    /// Creates a plugin whose database disappears when the app closes: `database.file = ":memory:"`.
    pub fn memory() -> Self {
        Self::default().file(MEMORY.into())
    }

    /// Creates a plugin whose database starts as a copy of a file, and disappears when the app closes. A test that migrates once, and
    /// [backs up](Database::backup) the result, gives each other test a copy of it.
    pub fn copy_of(file: impl Into<PathBuf>) -> Self {
        let mut plugin = Self::memory();
        plugin.original = Some(file.into());
        plugin
    }

    /// How long a transaction waits for others: `database.busy_timeout`, 5 s.
    #[must_use]
    pub fn busy_timeout(mut self, limit: Duration) -> Self {
        self.busy_timeout = Time(limit);
        self
    }

    /// How many bytes the disk must have left to be healthy: `database.min_free`, 16 MiB.
    #[must_use]
    pub fn min_free(mut self, bytes: u64) -> Self {
        self.min_free = Size(bytes);
        self
    }

    fn is_memory(&self) -> bool {
        self.file.as_os_str() == MEMORY
    }

    fn check(&self, cx: &LoadContext) -> Result<()> {
        if !(1..=MOST_CONNECTIONS).contains(&self.connections) {
            let wrong = format!("`database.connections` is {}", self.connections);
            let help = format!("set it to a number from 1 to {MOST_CONNECTIONS}");
            return Err(cx.config_error("database.connections", wrong, help).into());
        }
        let Time(limit) = self.busy_timeout;
        if limit.is_zero() || limit > LONGEST_TIMEOUT {
            let wrong = format!("`database.busy_timeout` is {limit:?}");
            let help = "set it to a time from `1ms` to `1h`";
            return Err(cx.config_error("database.busy_timeout", wrong, help).into());
        }
        if self.is_memory() {
            return Ok(());
        }
        file::check(&self.file).map_err(|fault| {
            let error = cx.config_error("database.file", fault.wrong, fault.help);
            error.into()
        })
    }

    fn temporary(&self) -> Result<DatabaseFile> {
        let created = DatabaseFile::temporary();
        let file = created.context(
            "can't create the folder of a temporary database: let this user write to the folder for temporary files",
        )?;
        if let Some(original) = &self.original {
            let copied = fs::copy(original, &file.path);
            copied.with_context(|| format!("can't copy the database `{}`", original.display()))?;
        }
        Ok(file)
    }

    fn opening(&self, name: &str) -> Result<Opening> {
        let (file, synchronous) = if self.is_memory() {
            (self.temporary()?, SqliteSynchronous::Off)
        } else {
            let synchronous = match self.synchronous {
                Synchronous::Full => SqliteSynchronous::Full,
                Synchronous::Normal => SqliteSynchronous::Normal,
            };
            (DatabaseFile::at(self.file.clone()), synchronous)
        };
        Ok(Opening {
            name: name.to_owned(),
            file,
            connections: self.connections,
            busy_timeout: self.busy_timeout.0,
            synchronous,
            min_free: self.min_free.0,
        })
    }
}

impl Hooks for DatabasePlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Database> {
        self.check(cx)?;
        let opening = self.opening(&cx.name().to_string())?;
        let file = opening.file.path.display().to_string();
        let opened = opening.open().await;
        let database = opened.with_context(|| format!("opening the file `{file}`"))?;
        self.database = Some(database.clone());
        Ok(database)
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        metrics::describe();
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        cx.states().close().await;
        Ok(())
    }
}

#[async_trait]
impl HealthCheck for DatabasePlugin {
    async fn check(&self) -> Result<()> {
        match &self.database {
            Some(database) => database.check().await,
            None => Ok(()),
        }
    }
}
