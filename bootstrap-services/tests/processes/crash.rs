//! Services that are killed, and processes that outlive them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_services::processes::{
    Definition, OnClose, ProcessEvent, ProcessId, ProcessStatus, Processes, ProcessesPlugin,
    RestartPolicy,
};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::clients::Language;
use crate::support::{Kit, LIMIT, app, is_alive, next, sh, signal, until, within};

/// How many events each daemon emits.
const COUNT: i64 = 1_500;

/// The environment of a service whose daemons have emitted all soon, and send heartbeats often.
const IDLE: [(&str, &str); 2] = [("COUNT", "1"), ("HEARTBEAT_SECONDS", "1")];

/// A number in the environment of the service.
fn setting(name: &str, default: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(default, |text| text.parse().unwrap())
}

/// Owns a daemon in each language, and writes what they emit in the transaction that acknowledges it.
#[plugin(name = "daemons", collect = never)]
struct Daemons {
    processes: State<Processes>,
    database: State<bootstrap_services::database::Database>,
}

impl Hooks for Daemons {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let created = self.database.write(async |mut tx| -> Result<()> {
            let create = "CREATE TABLE IF NOT EXISTS seen (name TEXT, event TEXT, data INTEGER)";
            sqlx::query(create).execute(&mut *tx).await?;
            Ok(())
        });
        created.await?;
        for language in Language::there() {
            let heartbeat = Duration::from_secs(setting("HEARTBEAT_SECONDS", 20));
            let definition = language.definition().heartbeat(heartbeat);
            let definition = definition.on_event_in(async |event, mut tx| {
                let insert = sqlx::query("INSERT INTO seen VALUES (?, ?, ?)");
                let insert = insert.bind(event.name).bind(event.event);
                insert.bind(event.data.as_i64()).execute(&mut *tx).await?;
                Ok(())
            });
            self.processes.define(language.name(), definition)?;
        }
        Ok(())
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        for language in Language::there() {
            let metadata = json!({ "count": setting("COUNT", COUNT.unsigned_abs()) });
            self.processes.ensure(language.name(), &metadata).await?;
        }
        Ok(())
    }
}

/// The service, until its standard input ends.
#[test]
#[ignore = "a child of the other tests"]
fn service() {
    let folder = PathBuf::from(std::env::var_os("FOLDER").unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let app = app(&folder)
            .with(ProcessesPlugin::default())
            .with(Daemons::default());
        let running = within(app.boot()).await.unwrap();
        let input = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
        input.await.unwrap().unwrap();
        within(running.close()).await.unwrap();
    });
}

/// The service in a process of its own. Nothing is left of it when this is dropped, also if a test fails.
struct Service {
    child: Child,
    folder: PathBuf,
}

impl Service {
    fn new(folder: &Path, environment: &[(&str, &str)]) -> Self {
        Self {
            child: Self::start(folder, environment),
            folder: folder.to_owned(),
        }
    }

    fn start(folder: &Path, environment: &[(&str, &str)]) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "crash::service", "--ignored", "--nocapture"])
            .env("FOLDER", folder)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        command.spawn().unwrap()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn restart(&mut self) {
        self.child = Self::start(&self.folder, &[]);
    }

    async fn close(&mut self) {
        self.child.stdin.take().unwrap().write_all(b"\n").unwrap();
        until("the service has ended", || {
            self.child.try_wait().unwrap().is_some()
        })
        .await;
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for pid in daemons(&self.folder) {
            let mut kill = Command::new("kill");
            let _ = kill.args(["-KILL", &pid.to_string()]).status();
        }
    }
}

/// The processes that were started by a service with this folder.
fn daemons(folder: &Path) -> Vec<i32> {
    let mark = format!("BOOTSTRAP_SOCKET_PATH={}/", folder.display());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|it| it.file_name().to_str()?.parse().ok());
    let is_marked = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment);
        environment.split('\0').any(|it| it.starts_with(&mark))
    };
    pids.filter(is_marked).collect()
}

async fn connect(folder: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.join("app.db"));
    options.busy_timeout(LIMIT).connect().await.unwrap()
}

/// The rows of an event, of all daemons.
async fn count(connection: &mut SqliteConnection, event: &str) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM seen WHERE event = ?");
    // The table may not be there yet.
    count.bind(event).fetch_one(connection).await.unwrap_or(0)
}

async fn reaches(connection: &mut SqliteConnection, event: &str, least: i64) {
    within(async {
        while count(connection, event).await < least {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// D43, D50: through crashes of the service.
#[tokio::test]
async fn no_event_is_lost_or_doubled_over_five_kills_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let folder_path = folder.path().canonicalize().unwrap();
    let languages = Language::there();
    let all = i64::try_from(languages.len()).unwrap();
    let mut service = Service::new(&folder_path, &[]);
    until("the database is there", || {
        folder_path.join("app.db-run/lock").exists()
    })
    .await;
    let mut connection = connect(&folder_path).await;
    reaches(&mut connection, "ready", all).await;
    let first = {
        let mut pids = daemons(&folder_path);
        pids.sort_unstable();
        pids
    };
    assert_eq!(first.len(), languages.len());
    for kill in 1..=5 {
        let least = kill * all * COUNT / 8;
        reaches(&mut connection, "tick", least).await;
        service.kill();
        let killed = count(&mut connection, "tick").await;
        assert!(killed < all * COUNT, "it was killed while they emit");
        let dead: Vec<_> = first.iter().filter(|pid| !is_alive(**pid)).collect();
        assert!(dead.is_empty(), "they outlive it: {dead:?} of {first:?}");
        service.restart();
    }
    reaches(&mut connection, "done", all).await;
    let mut last = daemons(&folder_path);
    last.sort_unstable();
    assert_eq!(first, last, "they were adopted");
    service.close().await;
    assert!(first.iter().all(|pid| !is_alive(*pid)));
    for language in languages {
        let name = language.name();
        let select = sqlx::query_scalar(
            "SELECT data FROM seen WHERE name = ? AND event = 'tick' ORDER BY rowid",
        );
        let ticks: Vec<i64> = select.bind(name).fetch_all(&mut connection).await.unwrap();
        assert_eq!(ticks, (1..=COUNT).collect::<Vec<_>>(), "{name}");
        for event in ["ready", "done", "stopping"] {
            let select =
                sqlx::query_scalar("SELECT count(*) FROM seen WHERE name = ? AND event = ?");
            let select = select.bind(name).bind(event);
            let found: i64 = select.fetch_one(&mut connection).await.unwrap();
            assert_eq!(found, 1, "{name}: {event}");
        }
    }
    connection.close().await.unwrap();
}

/// Their heartbeats wait in the sockets meanwhile.
#[tokio::test]
async fn a_service_that_was_suspended_kills_no_process_that_sends_heartbeats() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let mut service = Service::new(&path, &IDLE);
    until("the database is there", || {
        path.join("app.db-run/lock").exists()
    })
    .await;
    let mut connection = connect(&path).await;
    let all = i64::try_from(Language::there().len()).unwrap();
    reaches(&mut connection, "done", all).await;
    let before = daemons(&path);
    let pid = i32::try_from(service.child.id()).unwrap();
    for _ in 0..2 {
        signal("STOP", pid);
        tokio::time::sleep(Duration::from_secs(4)).await;
        signal("CONT", pid);
        // Longer than the silence that is the end of a process.
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    assert_eq!(daemons(&path), before);
    service.close().await;
    assert_eq!(count(&mut connection, "ready").await, all);
    connection.close().await.unwrap();
}

fn kept(definition: Definition) -> Definition {
    definition.on_close(OnClose::Keep)
}

fn sleeper() -> Definition {
    kept(sh("exec sleep 1000"))
}

/// Spawns a process that is kept, closes the app, and returns its folder.
async fn leave(definition: Definition) -> (tempfile::TempDir, ProcessId, i32) {
    let kit = Kit::one(definition).await;
    let id = kit.spawn().await;
    let pid = kit.pid(id).await;
    let folder = kit.close().await;
    assert!(is_alive(pid));
    (folder, id, pid)
}

async fn change(folder: &tempfile::TempDir, change: &'static str) {
    let mut connection = connect(folder.path()).await;
    sqlx::query(change).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// D49: what is known of processes is in the database.
#[tokio::test]
async fn a_process_that_is_kept_is_adopted_by_the_next_instance() {
    let definition = || kept(Language::Rust.definition());
    let kit = Kit::one(definition()).await;
    let metadata = json!({ "count": 1 });
    let id = within(kit.processes.spawn("one", &metadata)).await.unwrap();
    until("done", || kit.processes.list()[0].acknowledged == 3).await;
    let pid = kit.pid(id).await;
    let folder = kit.close().await;
    assert!(is_alive(pid));
    let kit = Kit::at(folder, [("one", definition())]).await;
    let mut events = kit.processes.events();
    assert_eq!(kit.pid(id).await, pid);
    let found = within(kit.processes.ensure("one", &metadata)).await;
    assert_eq!(found.unwrap(), id);
    until("it is connected", || kit.processes.list()[0].connected).await;
    kit.processes.send(id, "echo", &7).unwrap();
    let data = next(&mut events, |event| match event {
        ProcessEvent::Emitted(event) => Some(event.data),
        _ => None,
    });
    assert_eq!(data.await, json!(7));
    kit.stop(id).await.unwrap();
    assert!(!is_alive(pid));
    kit.close().await;
}

/// It sends heartbeats as its environment says.
#[tokio::test]
async fn an_adopted_process_is_judged_by_the_heartbeat_that_it_was_started_with() {
    let definition = |heartbeat| sleeper().heartbeat(heartbeat);
    let (folder, id, pid) = leave(definition(LIMIT)).await;
    let shorter = Duration::from_millis(100);
    let kit = Kit::at(folder, [("one", definition(shorter))]).await;
    tokio::time::sleep(8 * shorter).await;
    kit.processes.check().await.unwrap();
    assert_eq!(kit.pid(id).await, pid);
    // A new start has the new definition.
    let mut events = kit.processes.events();
    within(kit.processes.restart(id)).await.unwrap();
    next(&mut events, |event| {
        matches!(event, ProcessEvent::HeartbeatMissed { .. }).then_some(())
    })
    .await;
    kit.stop(id).await.unwrap();
    kit.close().await;
}

/// A client that has lost its connection pauses for up to a second before it connects again.
#[tokio::test]
async fn an_adopted_process_has_time_to_connect_before_its_silence_counts() {
    let heartbeat = Duration::from_millis(200);
    let definition = || kept(Language::Rust.definition()).heartbeat(heartbeat);
    let kit = Kit::one(definition()).await;
    let metadata = json!({ "count": 1 });
    let id = within(kit.processes.spawn("one", &metadata)).await.unwrap();
    until("done", || kit.processes.list()[0].acknowledged == 3).await;
    let pid = kit.pid(id).await;
    let folder = kit.close().await;
    // Its pauses have grown.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let kit = Kit::at(folder, [("one", definition())]).await;
    until("it is connected", || kit.processes.list()[0].connected).await;
    assert_eq!(kit.pid(id).await, pid);
    kit.stop(id).await.unwrap();
    kit.close().await;
}

#[tokio::test]
async fn a_process_that_ended_meanwhile_is_restarted_by_its_policy() {
    for (policy, status) in [
        (RestartPolicy::OnFailure, ProcessStatus::Running),
        (RestartPolicy::Never, ProcessStatus::Crashed),
    ] {
        let (folder, id, pid) = leave(sleeper()).await;
        signal("KILL", pid);
        until("it has ended", || !is_alive(pid)).await;
        let kit = Kit::at(folder, [("one", sleeper().restart(policy))]).await;
        until("it is judged", || kit.processes.list()[0].status == status).await;
        if status == ProcessStatus::Running {
            assert_ne!(kit.pid(id).await, pid);
            assert_eq!(kit.info(id).await.restarts, 1);
            kit.stop(id).await.unwrap();
        }
        kit.close().await;
    }
}

/// The id of a process is used again by another one, which must not be harmed.
#[tokio::test]
async fn another_process_with_the_same_number_is_not_adopted() {
    let (folder, id, pid) = leave(sleeper()).await;
    signal("KILL", pid);
    let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
    let number = i32::try_from(other.id()).unwrap();
    let mut connection = connect(folder.path()).await;
    let update =
        sqlx::query("UPDATE _processes SET identity = ? || substr(identity, instr(identity, ' '))");
    let update = update.bind(number.to_string());
    update.execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let kit = Kit::at(folder, [("one", sleeper())]).await;
    until("it is restarted", || kit.processes.list()[0].pid.is_some()).await;
    assert_ne!(kit.pid(id).await, number);
    kit.stop(id).await.unwrap();
    assert!(is_alive(number));
    other.kill().unwrap();
    other.wait().unwrap();
    kit.close().await;
}

/// The service was killed after the start, before it could write the number of the process.
#[tokio::test]
async fn a_process_whose_number_was_not_written_is_replaced() {
    let (folder, id, pid) = leave(sleeper()).await;
    change(
        &folder,
        "UPDATE _processes SET status = 'starting', identity = NULL",
    )
    .await;
    let kit = Kit::at(folder, [("one", sleeper())]).await;
    until("it is restarted", || kit.processes.list()[0].pid.is_some()).await;
    assert_ne!(kit.pid(id).await, pid);
    until("the first is killed", || !is_alive(pid)).await;
    kit.stop(id).await.unwrap();
    kit.close().await;
}

#[tokio::test]
async fn a_process_that_was_being_stopped_is_stopped() {
    let (folder, id, pid) = leave(sleeper()).await;
    change(&folder, "UPDATE _processes SET status = 'stopping'").await;
    let kit = Kit::at(folder, [("one", sleeper())]).await;
    until("it is stopped", || kit.processes.list().is_empty()).await;
    assert!(!is_alive(pid));
    assert_eq!(kit.status(id).await, "stopped");
    kit.close().await;
}

#[tokio::test]
async fn a_process_whose_definition_is_gone_is_stopped() {
    let (folder, id, pid) = leave(sleeper()).await;
    let kit = Kit::at(folder, []).await;
    until("it is stopped", || kit.processes.list().is_empty()).await;
    assert!(!is_alive(pid));
    assert_eq!(kit.status(id).await, "stopped");
    kit.close().await;
}

/// A file system of its own, which is unmounted when it is dropped.
struct Mount(tempfile::TempDir);

impl Mount {
    /// Returns `None` if this user can't mount.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            println!("skipped: this user can't mount a file system");
        }
        mounted.then(|| Self(folder))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_loses_and_doubles_nothing() {
    let Some(mount) = Mount::new() else {
        return;
    };
    let definition = Language::Rust
        .definition()
        .on_event_in(async |event, mut tx| {
            let insert = sqlx::query("INSERT INTO seen VALUES (?, ?, zeroblob(4000))");
            let insert = insert.bind(event.event).bind(event.data.as_i64());
            insert.execute(&mut *tx).await?;
            Ok(())
        });
    let folder = tempfile::tempdir_in(mount.0.path()).unwrap();
    let kit = Kit::at(folder, [("one", definition)]).await;
    let created = kit.database.write(async |mut tx| -> Result<()> {
        let create = "CREATE TABLE seen (event TEXT, data INTEGER, room BLOB)";
        sqlx::query(create).execute(&mut *tx).await?;
        Ok(())
    });
    created.await.unwrap();
    let id = within(kit.processes.spawn("one", &json!({ "count": 40 })))
        .await
        .unwrap();
    until("some are handled", || {
        kit.processes.list()[0].acknowledged > 5
    })
    .await;
    let filler = mount.0.path().join("filler");
    std::fs::write(&filler, vec![0; 4 << 20]).unwrap_err();
    within(async {
        while kit.processes.check().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let text = kit.processes.check().await.unwrap_err().to_string();
    assert!(
        text.starts_with("events of `one` are not handled: "),
        "{text}"
    );
    assert!(kit.processes.list()[0].acknowledged < 42, "{text}");
    std::fs::remove_file(&filler).unwrap();
    until("all are handled", || {
        kit.processes.list()[0].acknowledged == 42
    })
    .await;
    kit.processes.check().await.unwrap();
    let select = sqlx::query_scalar("SELECT data FROM seen WHERE event = 'tick' ORDER BY rowid");
    let ticks: Vec<i64> = select.fetch_all(kit.database.read()).await.unwrap();
    assert_eq!(ticks, (1..=40).collect::<Vec<_>>());
    kit.stop(id).await.unwrap();
    kit.close().await;
}
