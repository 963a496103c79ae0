//! The plugin `processes`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;

use crate::clock::Clock;
use crate::database::Database;
use crate::processes::folder::Folder;
use crate::processes::shared::Shared;
use crate::processes::store::{self, Store};
use crate::processes::supervisor::Supervisor;
#[cfg(feature = "testing")]
use crate::processes::testing::{FakeChild, Fakes};
use crate::processes::{Processes, metrics};

/// Provides [`Processes`]. It joins a collected app in which a plugin requires it.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `processes.folder` | beside the database, as `app.db-run`, with a number for each further instance | the folder of the sockets, of one instance of the app |
///
/// The folder is created with mode 0700. Its parent must exist, and its path be so short that those of sockets fit: 96 bytes on Linux.
///
/// When all plugins have loaded, the processes that an earlier instance has left are adopted: it was killed, or it has kept them
/// ([`OnClose::Keep`](crate::processes::OnClose::Keep)). When the app closes, processes are stopped after the plugins that require [`Processes`] have closed. Each has
/// its [patience](crate::processes::Definition::patience) to end, and at most two thirds of the limit of the hook, which is 15 seconds.
///
/// # Errors
///
/// The boot fails if the folder can't be used, or is used by another instance, and if the table can't be migrated.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::ClockPlugin;
/// use bootstrap_services::database::DatabasePlugin;
/// use bootstrap_services::processes::{Definition, Processes, ProcessesPlugin};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(ClockPlugin).with(DatabasePlugin::memory()).with(ProcessesPlugin::default());
/// let running = app.boot().await?;
/// let processes = running.try_get::<State<Processes>>()?;
/// processes.define("sleeper", Definition::new("sleep").args(["1000"]))?;
/// let id = processes.spawn("sleeper", &()).await?;
/// assert_eq!(processes.list()[0].id, id);
/// processes.stop(id).await?;
/// # drop(processes);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(
    name = "processes",
    states = [Processes],
    ports = [self as dyn HealthCheck],
    collect = needed,
    close_timeout = "15s"
)]
#[derive(Debug)]
pub struct ProcessesPlugin {
    database: State<Database>,
    clock: State<Clock>,
    /// The folder of the sockets: `processes.folder`. By default it is beside the database, with a number for each further instance.
    #[option(config = "processes.folder", default = None)]
    pub folder: Option<PathBuf>,
    #[cfg(feature = "testing")]
    #[option(default = Fakes::default(), setter = false)]
    fakes: Fakes,
    #[local]
    processes: Option<Processes>,
}

impl ProcessesPlugin {
    /// Runs a function in place of the program of a name, for tests. See [`FakeChild`]. It returns the exit code.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn fake<F, Fut>(mut self, name: &str, program: F) -> Self
    where
        F: Fn(FakeChild) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = i32> + Send + 'static,
    {
        self.fakes.add(name, program);
        self
    }

    fn open_folder(&self, cx: &LoadContext) -> Result<Folder> {
        let opened = match &self.folder {
            Some(folder) => Folder::open(folder),
            None => Folder::open_free(&beside(&self.database)?),
        };
        opened.map_err(|fault| {
            let error = cx.config_error("processes.folder", fault.wrong, fault.help);
            error.into()
        })
    }
}

/// Sockets and rows belong together, and the folder of a database is not open to all.
fn beside(database: &Database) -> Result<PathBuf> {
    let file = database.file().canonicalize();
    let mut path = file
        .context("the file of the database is gone")?
        .into_os_string();
    path.push("-run");
    Ok(path.into())
}

impl Hooks for ProcessesPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Processes> {
        let folder = self.open_folder(cx)?;
        let migrated = self.database.migrate("processes", store::migrations());
        migrated.await?;
        let store = Store::new(Database::clone(&self.database), folder.path());
        let shared = Shared::new(
            store,
            Clock::clone(&self.clock),
            folder,
            #[cfg(feature = "testing")]
            self.fakes.clone(),
        );
        let processes = Processes(Arc::new(shared));
        self.processes = Some(processes.clone());
        Ok(processes)
    }

    /// All plugins have loaded, and defined what they own. None is ready, and has spawned anything.
    async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
        metrics::describe();
        let shared = &cx.states().0;
        for left in shared.store.left().await? {
            Supervisor::adopt(shared, left).await?;
        }
        // An instance that boots later may adopt them, so they are left alone.
        for folder in shared.store.other_folders().await? {
            if Folder::is_unused(Path::new(&folder)) {
                tracing::warn!(
                    folder,
                    "processes of another folder are supervised by no instance: boot one with `processes.folder` set to it"
                );
            }
        }
        shared.open();
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let shared = &cx.states().0;
        tokio::select! {
            () = shared.clock.work(shared.watch()) => {}
            () = cx.stopped() => {}
        }
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        // The rest is for what comes after the signal that kills.
        let most = cx.remaining().map(|limit| limit * 2 / 3);
        cx.states().0.close(most).await;
        Ok(())
    }
}

#[async_trait]
impl HealthCheck for ProcessesPlugin {
    async fn check(&self) -> Result<()> {
        match &self.processes {
            Some(processes) => processes.check().await,
            None => Ok(()),
        }
    }

    /// Requests are served all the same.
    fn critical(&self) -> bool {
        false
    }
}
