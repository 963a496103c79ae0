//! Workers in processes of their own: this test, run again.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bootstrap::Running;
use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;
use bootstrap_services::clock::Clock;
use bootstrap_services::database::{Database, DatabasePlugin};
use bootstrap_services::jobs::{
    Handles, Job, JobContext, JobFilter, JobId, JobInfo, JobPolicy, JobWorkerPlugin, Jobs,
    JobsPlugin, QueueLimits, SqliteJobsPlugin, job_handler,
};
use serde::{Deserialize, Serialize};

/// What a job does. It writes a line when it begins and one when it ends.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    /// Takes some milliseconds.
    Quick,
    /// Enqueues a quick one, and writes a line when that is acknowledged.
    Chain,
    /// Takes the process with it.
    Poison,
    /// Goes on until its process is released or the job is cancelled.
    Hold,
    /// Blocks its thread for this many milliseconds when it runs for the first time.
    Block(u64),
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
pub(crate) struct Task(pub(crate) Act);

impl Job for Task {
    const NAME: &'static str = "task";

    fn policy() -> JobPolicy {
        JobPolicy::new().queue("tasks")
    }
}

/// A folder for what handlers and workers write, and the file of the database.
#[supplied]
#[derive(Clone, Debug)]
pub(crate) struct Folder(Arc<PathBuf>, Arc<PathBuf>);

impl Folder {
    pub(crate) fn new(folder: &Path) -> Self {
        Self::with_database(folder, folder.join("app.db"))
    }

    pub(crate) fn with_database(folder: &Path, database: PathBuf) -> Self {
        Self(Arc::new(folder.to_owned()), Arc::new(database))
    }

    fn database(&self) -> &Path {
        &self.1
    }

    fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// Writes a line as a whole, also if the process dies afterwards.
    fn add(&self, kind: &str, text: &str) {
        let line = format!("{kind} {} {text}\n", process::id());
        let log = File::options().append(true).create(true).open(self.log());
        log.unwrap().write_all(line.as_bytes()).unwrap();
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        text.lines().filter_map(Line::read).collect()
    }

    /// The processes in which a job has done something, in order.
    pub(crate) fn of(&self, kind: &str, job: &JobId) -> Vec<u32> {
        let lines = self.lines().into_iter();
        lines
            .filter(|line| line.kind == kind && line.text == job.as_str())
            .map(|line| line.process)
            .collect()
    }

    pub(crate) fn errors(&self, process: u32) -> Vec<String> {
        let lines = self.lines().into_iter();
        lines
            .filter(|line| line.kind == "error" && line.process == process)
            .map(|line| line.text)
            .collect()
    }

    /// Ends the jobs that a process holds.
    pub(crate) fn release(&self, process: u32) {
        fs::write(self.0.join(process.to_string()), "").unwrap();
    }

    async fn released(&self) {
        let file = self.0.join(process::id().to_string());
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What something was written about: a job that began or ended, or an error.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) kind: String,
    pub(crate) process: u32,
    pub(crate) text: String,
}

impl Line {
    fn read(line: &str) -> Option<Self> {
        let mut parts = line.splitn(3, ' ');
        Some(Self {
            kind: parts.next()?.to_owned(),
            process: parts.next()?.parse().ok()?,
            text: parts.next()?.to_owned(),
        })
    }
}

#[job_handler(Task, collect = never)]
pub(crate) struct Tasks {
    folder: State<Folder>,
    jobs: State<Jobs>,
}

impl Hooks for Tasks {}

#[async_trait]
impl Handles<Task> for Tasks {
    async fn handle(&self, Task(act): Task, cx: &JobContext) -> Result<()> {
        let id = cx.id().as_str();
        let is_first = matches!(act, Act::Block(_)) && self.folder.of("begun", cx.id()).is_empty();
        self.folder.add("begun", id);
        match act {
            Act::Quick => tokio::time::sleep(Duration::from_millis(5)).await,
            Act::Chain => {
                let next = self.jobs.enqueue(Task(Act::Quick)).await?.into_id();
                self.folder.add("acknowledged", next.as_str());
            }
            Act::Poison => process::abort(),
            Act::Hold => tokio::select! {
                () = self.folder.released() => {}
                () = cx.cancelled() => {
                    self.folder.add("cancelled", id);
                    anyhow::bail!("cancelled");
                }
            },
            Act::Block(time) if is_first => block(Duration::from_millis(time)),
            Act::Block(_) => {}
        }
        self.folder.add("ended", id);
        cx.set_result(&process::id())?;
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is what handlers should not do"
)]
fn block(time: Duration) {
    std::thread::sleep(time);
}

/// The health check of the worker.
#[plugin(states = [Health], collect = never)]
pub(crate) struct Doctor {
    checks: Ports<dyn HealthCheck>,
}

pub(crate) struct Health(Arc<dyn HealthCheck>);

impl Hooks for Doctor {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Health> {
        let mut checks = self.checks.iter();
        let worker = checks.find(|(plugin, _)| *plugin == "job-worker");
        Ok(Health(Port::to_arc(worker.unwrap().1).unwrap()))
    }
}

impl Health {
    pub(crate) async fn check(&self) -> Result<()> {
        self.0.check().await
    }
}

/// How a worker is set up.
#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) concurrency: usize,
    pub(crate) lease: Duration,
    pub(crate) grace: Duration,
    /// Takes jobs over, and claims none.
    pub(crate) only_watches: bool,
    pub(crate) threads: usize,
    /// How long transactions wait for another process.
    pub(crate) busy: Duration,
}

impl Setup {
    pub(crate) const fn new() -> Self {
        Self {
            concurrency: 10,
            lease: Duration::from_secs(30),
            grace: Duration::from_secs(1),
            only_watches: false,
            threads: 2,
            busy: Duration::from_secs(5),
        }
    }

    pub(crate) fn app(self, folder: &Folder) -> App {
        let errors = folder.clone();
        let queue = if self.only_watches {
            QueueLimits::new().concurrency(0)
        } else {
            QueueLimits::new()
        };
        let worker = JobWorkerPlugin::default()
            .concurrency(self.concurrency)
            .grace(self.grace)
            .queue("tasks", queue);
        let engine = SqliteJobsPlugin::default()
            .lease(self.lease)
            .poll(Duration::from_millis(100));
        let database = DatabasePlugin::default()
            .file(folder.database().to_owned())
            .min_free(0)
            .busy_timeout(self.busy);
        App::new()
            .supply(Clock::system())
            .supply(folder.clone())
            .with(database)
            .with(engine)
            .with(JobsPlugin::default())
            .with(worker)
            .with(Tasks::default())
            .with(Doctor::default())
            .on_error(move |cx| {
                errors.add("error", &described(cx.error()).replace('\n', " "));
                async { Ok(()) }
            })
    }
}

fn described(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = chain.map(ToString::to_string).collect();
    texts.join(": ")
}

/// Runs a worker until it gets a signal.
pub(crate) fn run() {
    let Ok(setup) = std::env::var("JOBS_WORKER") else {
        return;
    };
    let folder = Folder::new(Path::new(&std::env::var("JOBS_FOLDER").unwrap()));
    let setup: Setup = serde_json::from_str(&setup).unwrap();
    let mut runtime = if setup.threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = runtime.worker_threads(setup.threads).enable_all().build();
    let exit = runtime.unwrap().block_on(setup.app(&folder).run());
    assert!(exit.is_success(), "{:?}", exit.diagnosis());
}

/// A worker that is killed when this is dropped.
pub(crate) struct Worker(Child);

impl Worker {
    pub(crate) fn start(folder: &Folder, setup: Setup) -> Self {
        Self::spawn(
            Command::new(std::env::current_exe().unwrap()),
            folder,
            setup,
        )
    }

    /// Starts it with process numbers of its own, as in a container. Returns `None` if this user can't do so.
    pub(crate) fn start_apart(folder: &Folder, setup: Setup) -> Option<Self> {
        const APART: [&str; 4] = ["--pid", "--fork", "--mount-proc", "--kill-child"];
        let mut unshare = Command::new("unshare");
        unshare.args(APART);
        let tried = Command::new("unshare").args(APART).arg("true").output();
        if !tried.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: this user can't start a process with numbers of its own");
            return None;
        }
        unshare.arg(std::env::current_exe().unwrap());
        Some(Self::spawn(unshare, folder, setup))
    }

    fn spawn(mut command: Command, folder: &Folder, setup: Setup) -> Self {
        let said = File::options()
            .append(true)
            .create(true)
            .open(folder.0.join("said"));
        command
            .args(["--exact", "process::worker", "--ignored", "--nocapture"])
            .env("JOBS_WORKER", serde_json::to_string(&setup).unwrap())
            .env("JOBS_FOLDER", &**folder.0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said.unwrap());
        Self(command.spawn().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// Kills it with `SIGKILL`.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        let status = kill.args([signal, &self.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < DEADLINE, "the worker did not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// No single step takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The process of the test: it enqueues jobs and looks at them.
pub(crate) struct Client {
    running: Running,
    pub(crate) folder: Folder,
    pub(crate) jobs: Jobs,
    pub(crate) database: Database,
    _folder: tempfile::TempDir,
}

impl Client {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lines = Folder::new(folder.path());
        let app = App::new()
            .supply(Clock::system())
            .with(
                DatabasePlugin::default()
                    .file(lines.database().to_owned())
                    .min_free(0),
            )
            .with(SqliteJobsPlugin::default())
            .with(JobsPlugin::default());
        let running = app.boot().await.unwrap();
        Self {
            folder: lines,
            jobs: Jobs::clone(&running.try_get::<State<Jobs>>().unwrap()),
            database: Database::clone(&running.try_get::<State<Database>>().unwrap()),
            running,
            _folder: folder,
        }
    }

    pub(crate) fn start(&self, setup: Setup) -> Worker {
        Worker::start(&self.folder, setup)
    }

    /// Enqueues jobs in one transaction.
    pub(crate) async fn enqueue(&self, acts: impl IntoIterator<Item = Act>) -> Vec<JobId> {
        let enqueued = self
            .database
            .write(async |mut tx| -> Result<Vec<JobId>> {
                let mut ids = Vec::new();
                for act in acts {
                    let job = self.jobs.enqueue_in(&mut tx, Task(act)).await?;
                    ids.push(job.into_id());
                }
                Ok(ids)
            })
            .await;
        enqueued.unwrap()
    }

    pub(crate) async fn find(&self, id: &JobId) -> JobInfo {
        self.jobs.find(id).await.unwrap().unwrap()
    }

    /// All jobs, by their ids.
    pub(crate) async fn all(&self) -> HashMap<JobId, JobInfo> {
        let mut all = HashMap::new();
        let mut filter = JobFilter::new().limit(1_000);
        loop {
            let page = self.jobs.list(&filter).await.unwrap();
            let Some(last) = page.last() else { return all };
            filter = filter.before(last.id.clone());
            all.extend(page.into_iter().map(|job| (job.id.clone(), job)));
        }
    }

    /// Waits until something is so. Returns how long that took.
    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) -> Duration {
        let began = Instant::now();
        while !is_so().await {
            let late = began.elapsed() > DEADLINE;
            assert!(!late, "{what}: {:?}", self.jobs.counts().await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        began.elapsed()
    }

    /// Waits until a job has begun as many times.
    pub(crate) async fn until_begun(&self, job: &JobId, times: usize) -> Duration {
        let is_so = async || self.folder.of("begun", job).len() >= times;
        self.until("it did not begin", is_so).await
    }

    /// Waits until all jobs have ended.
    pub(crate) async fn until_ended(&self) {
        let is_so = async || {
            let counts = self.jobs.counts().await.unwrap();
            counts.iter().all(|it| it.state.has_ended())
        };
        self.until("they did not end", is_so).await;
    }

    pub(crate) async fn close(self) {
        drop((self.jobs, self.database));
        self.running.close().await.unwrap();
    }
}
