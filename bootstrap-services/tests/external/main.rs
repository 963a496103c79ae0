//! External jobs: real programs in three languages, in real time.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod stored;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bootstrap::Running;
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_process_client as client;
use bootstrap_services::clock::ClockPlugin;
use bootstrap_services::database::DatabasePlugin;
use bootstrap_services::external::{ExternalJobs, ExternalJobsPlugin};
use bootstrap_services::jobs::{
    Handles, Job, JobContext, JobId, JobInfo, JobPolicy, JobState, JobWorkerPlugin, Jobs,
    JobsPlugin, SqliteJobsPlugin, job_handler,
};
use bootstrap_services::processes::{Definition, Processes, ProcessesPlugin};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than anything takes, also on a machine with much else to do.
const LIMIT: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug)]
enum Language {
    Python,
    JavaScript,
    Rust,
}

impl Language {
    const ALL: [Self; 3] = [Self::Python, Self::JavaScript, Self::Rust];

    /// The language that `service` was started for.
    fn of_service() -> Self {
        let name = std::env::var("LANGUAGE").unwrap();
        let mut all = Self::ALL.into_iter();
        all.find(|it| format!("{it:?}") == name).unwrap()
    }

    /// Whether its interpreter is installed. Without it a test is skipped, unless `BOOTSTRAP_TEST_INTERPRETERS` is set.
    fn is_there(self) -> bool {
        let program = match self {
            Self::Python => "python3",
            Self::JavaScript => "node",
            Self::Rust => return true,
        };
        let mut command = Command::new(program);
        let is_there = command
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !is_there {
            let is_needed = std::env::var_os("BOOTSTRAP_TEST_INTERPRETERS").is_some();
            assert!(!is_needed, "`{program}` is not installed");
            println!("skipped: `{program}` is not installed");
        }
        is_there
    }

    fn program(self) -> Definition {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let programs = root.join("tests/external/programs");
        match self {
            Self::Python => Definition::new("python3")
                .args([programs.join("worker.py")])
                .env("CLIENT", root.join("clients/python")),
            Self::JavaScript => Definition::new("node")
                .args([programs.join("worker.js")])
                .env("CLIENT", root.join("clients/javascript")),
            Self::Rust => in_rust("program"),
        }
    }

    /// The languages whose interpreters are installed.
    fn all_there() -> impl Iterator<Item = Self> {
        let there = Self::ALL.into_iter().filter(|it| it.is_there());
        there.inspect(|language| println!("{language:?}"))
    }
}

/// A program of this file.
fn in_rust(name: &str) -> Definition {
    let itself = Definition::new(std::env::current_exe().unwrap());
    itself.args(["--exact", name, "--ignored", "--nocapture"])
}

/// The program in Rust, as those in the folder `programs`.
#[test]
#[ignore = "a child of the other tests"]
#[allow(
    clippy::disallowed_methods,
    reason = "it is a program of its own, without hooks"
)]
fn program() {
    let job = client::Job::from_env().unwrap();
    let payload: Value = job.payload().unwrap();
    match payload["kind"].as_str().unwrap() {
        "exit" => std::process::exit(i32::try_from(payload["number"].as_i64().unwrap()).unwrap()),
        "raise" => {
            let text = format!("no luck at attempt {}", job.attempt());
            job.fail(&text, true).unwrap();
        }
        "never" => {
            job.fail("it never works", false).unwrap();
        }
        "trace" => {
            let trace = job.traceparent().map(str::to_owned);
            job.complete(&trace).unwrap();
        }
        "wait" => wait(job, payload["file"].as_str().unwrap()),
        "hang" => {
            add_line(payload["file"].as_str().unwrap(), std::process::id());
            std::thread::sleep(LIMIT * 10);
        }
        _ => {
            job.progress("half").unwrap();
            job.log("info", "doubling").unwrap();
            assert!(!job.is_cancelled());
            job.complete(&(payload["number"].as_i64().unwrap() * 2))
                .unwrap();
        }
    }
}

/// A program in Rust that takes its job for something else: `Job` can't say what is no message about a job.
#[test]
#[ignore = "a child of the other tests"]
#[allow(clippy::disallowed_methods, reason = "as `program`")]
fn odd_program() {
    let process = client::Process::from_env().unwrap();
    assert_eq!(process.command(LIMIT).unwrap().name, "job");
    process.emit("weather", &"rain").unwrap();
    std::thread::sleep(LIMIT * 10);
}

/// Waits until there is a file whose name ends with `.go`, or until it is told to end.
#[allow(clippy::disallowed_methods, reason = "as `program`")]
fn wait(job: client::Job, file: &str) {
    add_line(file, std::process::id());
    while !job.is_cancelled() {
        if Path::new(&format!("{file}.go")).exists() {
            job.complete(&"went on").unwrap();
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    add_line(file, "told");
}

fn add_line(file: &str, line: impl std::fmt::Display) {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(file);
    writeln!(file.unwrap(), "{line}").unwrap();
}

#[derive(Serialize, Deserialize)]
struct Work(Value);

impl Job for Work {
    const NAME: &'static str = "work";

    fn policy() -> JobPolicy {
        let milli = Duration::from_millis(1);
        JobPolicy::new()
            .attempts(2)
            .backoff(milli, milli)
            .timeout(LIMIT)
    }
}

#[job_handler(Work, collect = never)]
struct Worker {
    external: State<ExternalJobs>,
    #[option(default = Definition::new("no-such-program"))]
    program: Definition,
}

impl Hooks for Worker {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.external.define::<Work>(self.program.clone())?;
        Ok(())
    }
}

#[async_trait]
impl Handles<Work> for Worker {
    async fn handle(&self, job: Work, cx: &JobContext) -> Result<()> {
        self.external.run(&job, cx).await
    }
}

struct Kit {
    running: Running,
    jobs: Jobs,
    processes: Processes,
}

fn app(folder: &Path, program: Definition) -> App {
    let database = DatabasePlugin::default()
        .file(folder.join("app.db"))
        .min_free(0);
    App::new()
        .with(ClockPlugin)
        .with(database)
        .with(SqliteJobsPlugin::default())
        .with(JobsPlugin::default())
        .with(JobWorkerPlugin::default())
        .with(ProcessesPlugin::default())
        .with(ExternalJobsPlugin::default())
        .with(Worker::default().program(program))
}

impl Kit {
    async fn new(folder: &TempDir, program: Definition) -> Self {
        let running = tokio::time::timeout(LIMIT, app(folder.path(), program).boot())
            .await
            .unwrap()
            .unwrap();
        let jobs = Jobs::clone(&running.try_get::<State<Jobs>>().unwrap());
        let processes = Processes::clone(&running.try_get::<State<Processes>>().unwrap());
        Self {
            running,
            jobs,
            processes,
        }
    }

    async fn enqueue(&self, payload: Value) -> JobId {
        self.jobs.enqueue(Work(payload)).await.unwrap().into_id()
    }

    async fn ended(&self, id: &JobId) -> JobInfo {
        let ended = tokio::time::timeout(LIMIT, self.jobs.ended(id)).await;
        ended.unwrap().unwrap().unwrap()
    }

    async fn close(self) {
        drop((self.jobs, self.processes));
        tokio::time::timeout(LIMIT, self.running.close())
            .await
            .unwrap()
            .unwrap();
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LIMIT, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// Runs a test in each language.
async fn with_each(test: impl AsyncFn(Kit)) {
    for language in Language::all_there() {
        let folder = tempfile::tempdir().unwrap();
        test(Kit::new(&folder, language.program()).await).await;
    }
}

/// D42: in Python, JavaScript and Rust.
#[tokio::test]
async fn a_program_does_a_job_and_returns_its_result() {
    with_each(async |kit| {
        let id = kit.enqueue(json!({ "kind": "double", "number": 21 })).await;
        let job = kit.ended(&id).await;
        assert_eq!(
            (job.state, job.result, job.failures),
            (JobState::Done, Some(json!(42)), 0),
            "{:?}",
            job.error
        );
        kit.close().await;
    })
    .await;
}

// The original left a job running for ever if its program ended with 0 without a word.
#[tokio::test]
async fn a_program_that_ends_without_a_word_has_failed_whatever_its_code() {
    with_each(async |kit| {
        for code in [0, 3] {
            let id = kit.enqueue(json!({ "kind": "exit", "number": code })).await;
            let job = kit.ended(&id).await;
            let error = format!(
                "the program ended with the code {code} before it said `completed` or `failed`"
            );
            assert_eq!((job.state, job.failures), (JobState::Dead, 2));
            assert_eq!(job.error, Some(error));
        }
        kit.close().await;
    })
    .await;
}

// The original did not retry external jobs.
#[tokio::test]
async fn a_job_whose_program_says_that_it_failed_is_retried() {
    with_each(async |kit| {
        let id = kit.enqueue(json!({ "kind": "raise" })).await;
        let job = kit.ended(&id).await;
        assert_eq!((job.state, job.failures), (JobState::Dead, 2));
        assert!(
            job.error
                .as_deref()
                .unwrap()
                .ends_with("no luck at attempt 2"),
            "{:?}",
            job.error
        );
        let id = kit.enqueue(json!({ "kind": "never" })).await;
        let job = kit.ended(&id).await;
        assert_eq!(
            (job.state, job.failures, job.error.as_deref()),
            (JobState::Dead, 1, Some("it never works"))
        );
        kit.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_a_failure_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let kit = Kit::new(&folder, Definition::new("no-such-program")).await;
    let id = kit.enqueue(json!({})).await;
    let job = kit.ended(&id).await;
    assert_eq!((job.state, job.failures), (JobState::Dead, 2));
    assert!(
        job.error.as_deref().unwrap().contains("no-such-program"),
        "{:?}",
        job.error
    );
    kit.close().await;
}

#[tokio::test]
async fn a_program_that_says_something_else_has_failed_and_is_stopped() {
    for language in Language::all_there() {
        let folder = tempfile::tempdir().unwrap();
        let program = match language {
            Language::Rust => in_rust("odd_program"),
            other => other.program(),
        };
        let kit = Kit::new(&folder, program).await;
        let id = kit.enqueue(json!({ "kind": "odd" })).await;
        let job = kit.ended(&id).await;
        assert_eq!(
            job.error.as_deref(),
            Some("the program said `weather`, which is not a message about a job")
        );
        until("its programs have ended", || {
            kit.processes.list().is_empty()
        })
        .await;
        kit.close().await;
    }
}

#[tokio::test]
async fn a_program_gets_the_trace_of_its_job() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    with_each(async |kit| {
        let work = || Work(json!({ "kind": "trace" }));
        let traced = kit.jobs.enqueue(work()).traceparent(TRACE).await;
        let job = kit.ended(&traced.unwrap().into_id()).await;
        assert_eq!(job.result, Some(json!(TRACE)), "{:?}", job.error);
        let other = kit.jobs.enqueue(work()).await;
        let job = kit.ended(&other.unwrap().into_id()).await;
        assert_eq!((job.state, job.result), (JobState::Done, None));
        kit.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_program_whose_job_is_cancelled_is_told_and_then_stopped() {
    for language in Language::all_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let program = language.program().patience(Duration::from_millis(500));
        let kit = Kit::new(&folder, program).await;
        for (kind, told) in [("wait", true), ("hang", false)] {
            let id = kit.enqueue(json!({ "kind": kind, "file": file })).await;
            until("it runs", || !lines(&file).is_empty()).await;
            assert!(kit.jobs.cancel(&id).await.unwrap());
            assert_eq!(kit.ended(&id).await.state, JobState::Cancelled);
            let pid = lines(&file)[0].clone();
            until("it has ended", || !is_alive(&pid)).await;
            assert_eq!(lines(&file).contains(&"told".to_owned()), told);
            std::fs::remove_file(&file).unwrap();
        }
        kit.close().await;
    }
}

#[tokio::test]
async fn a_program_that_sends_no_heartbeat_is_killed_and_its_job_has_failed() {
    for language in Language::all_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let program = language.program().heartbeat(Duration::from_secs(1));
        let kit = Kit::new(&folder, program).await;
        let id = kit.enqueue(json!({ "kind": "hang", "file": file })).await;
        for attempt in 1..=2 {
            until("it runs", || lines(&file).len() == attempt).await;
            let stop = Command::new("kill")
                .args(["-STOP", &lines(&file)[attempt - 1]])
                .status();
            assert!(stop.unwrap().success());
        }
        let job = kit.ended(&id).await;
        assert_eq!(
            job.error.as_deref(),
            Some("the signal 9 ended the program before it said `completed` or `failed`")
        );
        for pid in lines(&file) {
            until("it has ended", || !is_alive(&pid)).await;
        }
        kit.close().await;
    }
}

#[tokio::test]
async fn a_stop_of_the_app_stops_the_program_and_releases_its_job() {
    for language in Language::all_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let program = || language.program().patience(Duration::from_millis(200));
        let running = app(folder.path(), program());
        let running = running
            .configure(bootstrap::Configuration::new().set("jobs.grace", "100ms"))
            .boot()
            .await
            .unwrap();
        let jobs = Jobs::clone(&running.try_get::<State<Jobs>>().unwrap());
        let work = Work(json!({ "kind": "hang", "file": file }));
        let id = jobs.enqueue(work).await.unwrap().into_id();
        until("it runs", || !lines(&file).is_empty()).await;
        drop(jobs);
        tokio::time::timeout(LIMIT, running.close())
            .await
            .unwrap()
            .unwrap();
        assert!(!is_alive(&lines(&file)[0]));

        let kit = Kit::new(&folder, program()).await;
        let job = kit.jobs.find(&id).await.unwrap().unwrap();
        assert_eq!((job.failures, job.crashes), (0, 0));
        until("it runs again", || lines(&file).len() == 2).await;
        assert!(kit.jobs.cancel(&id).await.unwrap());
        kit.close().await;
    }
}

/// The service, until it is killed.
#[test]
#[ignore = "a child of the other tests"]
fn service() {
    let folder = PathBuf::from(std::env::var_os("FOLDER").unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let program = Language::of_service().program();
        let _running = app(&folder, program).boot().await.unwrap();
        std::future::pending::<()>().await;
    });
}

struct Service(std::process::Child);

impl Service {
    fn start(folder: &Path, language: Language) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let command = command
            .args(["--exact", "service", "--ignored", "--nocapture"])
            .env("FOLDER", folder)
            .env("LANGUAGE", format!("{language:?}"));
        Self(command.stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_program_goes_on_with_its_job_when_the_service_was_killed() {
    for language in Language::all_there() {
        let folder = tempfile::tempdir().unwrap();
        go_on(folder.path(), language).await;
    }
}

async fn go_on(folder: &Path, language: Language) {
    let file = folder.join("pid");
    // Only enqueues: the other process runs jobs.
    let configuration = bootstrap::Configuration::new().set("jobs.worker", false);
    let database = DatabasePlugin::default()
        .file(folder.join("app.db"))
        .min_free(0);
    let app = App::new()
        .with(ClockPlugin)
        .with(database)
        .with(SqliteJobsPlugin::default())
        .with(JobsPlugin::default());
    let running = app.configure(configuration).boot().await.unwrap();
    let jobs = Jobs::clone(&running.try_get::<State<Jobs>>().unwrap());
    let payload = json!({ "kind": "wait", "file": file });
    let id = jobs.enqueue(Work(payload)).await.unwrap().into_id();
    for _ in 0..3 {
        let service = Service::start(folder, language);
        until("it runs", || !lines(&file).is_empty()).await;
        let began = Instant::now();
        while jobs.find(&id).await.unwrap().unwrap().state != JobState::Running {
            assert!(began.elapsed() < LIMIT, "its job does not run");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(service);
    }
    let service = Service::start(folder, language);
    std::fs::write(folder.join("pid.go"), "").unwrap();
    let job = tokio::time::timeout(LIMIT, jobs.ended(&id))
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    drop(service);
    assert_eq!(lines(&file).len(), 1, "one program has done it");
    assert_eq!(
        (job.state, job.result),
        (JobState::Done, Some(json!("went on"))),
        "{:?}",
        job.error
    );
    running.close().await.unwrap();
}
