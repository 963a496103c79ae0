//! An app with processes, and waits that end.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bootstrap::Running;
use bootstrap::prelude::*;
use bootstrap_services::clock::ClockPlugin;
use bootstrap_services::database::{Database, DatabasePlugin};
use bootstrap_services::processes::{
    Definition, ProcessError, ProcessEvent, ProcessEvents, ProcessId, ProcessInfo, Processes,
    ProcessesPlugin,
};
use tempfile::TempDir;

/// Longer than anything takes, also on a machine with much else to do.
pub const LIMIT: Duration = Duration::from_mins(1);

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("in time")
}

/// Waits until a condition holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LIMIT, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An app whose database is in a folder, with definitions.
pub struct Kit {
    pub folder: TempDir,
    pub running: Running,
    pub processes: Processes,
    pub database: Database,
}

pub fn app(folder: &Path) -> App {
    let database = DatabasePlugin::default()
        .file(folder.join("app.db"))
        .min_free(0);
    App::new().with(ClockPlugin).with(database)
}

/// Defines what a test needs before processes are adopted.
#[plugin(name = "definitions", collect = never)]
pub struct Definitions {
    processes: State<Processes>,
    #[option(default = Vec::new())]
    pub list: Vec<(String, Definition)>,
}

impl Hooks for Definitions {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        for (name, definition) in self.list.drain(..) {
            self.processes.define(&name, definition)?;
        }
        Ok(())
    }
}

impl Kit {
    pub async fn new(definitions: impl IntoIterator<Item = (&'static str, Definition)>) -> Self {
        Self::at(tempfile::tempdir().unwrap(), definitions).await
    }

    pub async fn at(
        folder: TempDir,
        definitions: impl IntoIterator<Item = (&'static str, Definition)>,
    ) -> Self {
        let definitions = definitions
            .into_iter()
            .map(|(name, it)| (name.to_owned(), it));
        let definitions = Definitions::default().list(definitions.collect());
        let app = app(folder.path())
            .with(ProcessesPlugin::default())
            .with(definitions);
        let running = within(app.boot()).await.unwrap();
        let processes = running.try_get::<State<Processes>>().unwrap();
        let database = running.try_get::<State<Database>>().unwrap();
        let (processes, database) = (Processes::clone(&processes), Database::clone(&database));
        Self {
            folder,
            running,
            processes,
            database,
        }
    }

    pub async fn one(definition: Definition) -> Self {
        Self::new([("one", definition)]).await
    }

    pub async fn spawn(&self) -> ProcessId {
        within(self.processes.spawn("one", &())).await.unwrap()
    }

    pub async fn info(&self, id: ProcessId) -> ProcessInfo {
        within(self.processes.get(id)).await.unwrap().unwrap()
    }

    pub async fn pid(&self, id: ProcessId) -> i32 {
        i32::try_from(self.info(id).await.pid.unwrap()).unwrap()
    }

    pub async fn stop(&self, id: ProcessId) -> Result<(), ProcessError> {
        within(self.processes.stop(id)).await
    }

    /// Closes the app, and returns its folder.
    pub async fn close(self) -> TempDir {
        drop((self.processes, self.database));
        within(self.running.close()).await.unwrap();
        self.folder
    }

    pub async fn token(&self, id: ProcessId) -> String {
        let select = sqlx::query_scalar("SELECT token FROM _processes WHERE id = ?");
        let token = select.bind(id.number());
        token.fetch_one(self.database.read()).await.unwrap()
    }

    pub async fn status(&self, id: ProcessId) -> String {
        let select = sqlx::query_scalar("SELECT status FROM _processes WHERE id = ?");
        let status = select.bind(id.number());
        status.fetch_one(self.database.read()).await.unwrap()
    }

    pub fn socket(&self, id: ProcessId) -> PathBuf {
        self.folder.path().join("app.db-run").join(id.to_string())
    }
}

/// Waits for an event, and returns what was found in it.
pub async fn next<T>(events: &mut ProcessEvents, found: impl Fn(ProcessEvent) -> Option<T>) -> T {
    within(async {
        loop {
            let event = events.next().await.expect("the service goes on");
            if let Some(found) = found(event) {
                return found;
            }
        }
    })
    .await
}

/// Changes the database, as a test that makes a table fail does.
pub async fn execute(database: &Database, statement: &'static str) {
    let changed = database.write(async |mut tx| -> Result<()> {
        sqlx::query(statement).execute(&mut *tx).await?;
        Ok(())
    });
    changed.await.unwrap();
}

/// A shell script as a process.
pub fn sh(script: impl Into<String>) -> Definition {
    Definition::new("sh")
        .args(["-c".to_owned(), script.into()])
        .backoff(Duration::from_millis(1), Duration::from_millis(10))
}

/// Whether a process runs. One that has ended, and was not waited for, does not.
pub fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_some_and(|state| !state.starts_with(['Z', 'X']))
}

pub fn signal(signal: &str, pid: i32) {
    let mut kill = std::process::Command::new("kill");
    let status = kill.args([&format!("-{signal}"), "--", &pid.to_string()]);
    assert!(status.status().unwrap().success());
}

/// Waits for a file with a whole line, and returns its lines.
pub async fn lines(file: &Path, count: usize) -> Vec<String> {
    let read = || {
        let text = fs::read_to_string(file).unwrap_or_default();
        let lines = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    until(&format!("{count} lines of {}", file.display()), || {
        read().len() >= count
    })
    .await;
    read()
}
