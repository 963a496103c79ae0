//! An app with one kind of jobs, whose handler does what its payload says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap::{Configuration, Running};
use bootstrap_services::clock::VirtualClock;
use bootstrap_services::database::{Database, DatabasePlugin};
use bootstrap_services::jobs::{
    Handles, Job, JobContext, JobFailure, JobId, JobInfo, JobPolicy, JobState, JobWorkerPlugin,
    Jobs, JobsPlugin, SqliteJobsPlugin, job_handler,
};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// No test of this crate waits for longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What a job does.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) enum Act {
    Note(String),
    /// Fails as many times, then succeeds.
    Fail(u32),
    Fatal,
    RetryAfter(u64),
    Panic,
    /// Waits until it is told to end, and then returns an error.
    Wait,
    /// Waits for ever.
    Hang,
    /// Waits on the clock.
    Sleep(Duration),
    Return(u32),
    Progress(String),
    Enqueue(Box<Act>),
    /// Notes its trace. Fails as many times, then succeeds.
    Trace(u32),
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct Work(pub(crate) Act);

impl Job for Work {
    const NAME: &'static str = "work";

    fn policy() -> JobPolicy {
        JobPolicy::new()
            .attempts(3)
            .backoff(4 * SECOND, 60 * SECOND)
            .timeout(60 * SECOND)
    }
}

pub(crate) fn note(text: &str) -> Work {
    Work(Act::Note(text.to_owned()))
}

/// What handlers have done, in order.
#[supplied]
#[derive(Clone, Default, Debug)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub(crate) async fn until(&self, lines: usize) -> Vec<String> {
        let wait = async {
            while self.0.lock().unwrap().len() < lines {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(
            timeout(DEADLINE, wait).await.is_ok(),
            "{:?}",
            self.0.lock().unwrap()
        );
        self.take()
    }
}

#[job_handler(Work, collect = never)]
pub(crate) struct Worker {
    log: State<Log>,
    jobs: State<Jobs>,
    clock: State<bootstrap_services::clock::Clock>,
}

impl Hooks for Worker {}

#[async_trait]
impl Handles<Work> for Worker {
    async fn handle(&self, job: Work, cx: &JobContext) -> Result<()> {
        match job.0 {
            Act::Note(text) => self.log.add(text),
            Act::Fail(times) => {
                self.log.add(format!("attempt {}", cx.attempt()));
                anyhow::ensure!(cx.attempt() > times, "no luck");
            }
            Act::Fatal => return Err(JobFailure::fatal(anyhow::anyhow!("it never works"))),
            Act::RetryAfter(seconds) => {
                let error = anyhow::anyhow!("it is busy");
                return Err(JobFailure::retry_after(Duration::from_secs(seconds), error));
            }
            Act::Panic => panic!("out of cheese"),
            Act::Wait => {
                self.log.add("waits");
                cx.cancelled().await;
                self.log.add("was told");
                anyhow::bail!("ended early");
            }
            Act::Hang => {
                self.log.add("hangs");
                std::future::pending::<()>().await;
            }
            Act::Sleep(time) => {
                self.log.add("sleeps");
                self.clock.sleep(time).await;
                self.log.add("woke");
            }
            Act::Return(number) => cx.set_result(&number)?,
            Act::Progress(text) => {
                cx.progress(&text);
                self.log.add("said");
                cx.cancelled().await;
            }
            Act::Enqueue(act) => {
                self.jobs.enqueue(Work(*act)).await?;
            }
            Act::Trace(times) => {
                self.log.add(cx.traceparent().unwrap_or("none"));
                anyhow::ensure!(cx.attempt() > times, "no luck");
            }
        }
        Ok(())
    }
}

/// A service of one process.
pub(crate) struct Kit {
    pub(crate) running: Running,
    pub(crate) time: VirtualClock,
    pub(crate) jobs: Jobs,
    pub(crate) database: Database,
    pub(crate) log: Log,
    pub(crate) errors: Log,
}

/// What differs from test to test.
pub(crate) struct Setup {
    pub(crate) file: Option<std::path::PathBuf>,
    pub(crate) worker: JobWorkerPlugin,
    pub(crate) engine: SqliteJobsPlugin,
    pub(crate) configuration: Configuration,
    pub(crate) time: VirtualClock,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self {
            file: None,
            worker: JobWorkerPlugin::default(),
            engine: SqliteJobsPlugin::default(),
            configuration: Configuration::new(),
            time: VirtualClock::starting_at(std::time::UNIX_EPOCH + Duration::from_hours(500_000)),
        }
    }

    /// Jobs run in `drain` only.
    pub(crate) fn by_hand() -> Self {
        let mut setup = Self::new();
        setup.worker = setup.worker.worker(false);
        setup
    }

    pub(crate) fn app(self, log: &Log, errors: &Log) -> App {
        let errors = errors.clone();
        let database = match self.file {
            Some(file) => DatabasePlugin::default().file(file),
            None => DatabasePlugin::memory(),
        };
        App::new()
            .configure(self.configuration)
            .supply(self.time.clock())
            .supply(log.clone())
            .with(database)
            .with(self.engine)
            .with(JobsPlugin::default())
            .with(self.worker)
            .with(Worker::default())
            .on_error(move |cx| {
                errors.add(cx.error().to_string());
                async { Ok(()) }
            })
    }

    pub(crate) async fn boot(self) -> Kit {
        let (log, errors, time) = (Log::default(), Log::default(), self.time.clone());
        let running = timeout(DEADLINE, self.app(&log, &errors).boot())
            .await
            .unwrap()
            .unwrap();
        let jobs = Jobs::clone(&running.try_get::<State<Jobs>>().unwrap());
        let database = Database::clone(&running.try_get::<State<Database>>().unwrap());
        Kit {
            running,
            time,
            jobs,
            database,
            log,
            errors,
        }
    }
}

impl Kit {
    pub(crate) async fn new() -> Self {
        Setup::new().boot().await
    }

    pub(crate) async fn by_hand() -> Self {
        Setup::by_hand().boot().await
    }

    pub(crate) async fn enqueue(&self, act: Act) -> JobId {
        self.jobs.enqueue(Work(act)).await.unwrap().into_id()
    }

    pub(crate) async fn find(&self, id: &JobId) -> JobInfo {
        self.jobs.find(id).await.unwrap().unwrap()
    }

    /// Waits in real time until a job is in a state. The clock of the test stands still.
    pub(crate) async fn until(&self, id: &JobId, state: JobState) -> JobInfo {
        let wait = async {
            loop {
                let job = self.find(id).await;
                if job.state == state {
                    return job;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let Ok(job) = timeout(DEADLINE, wait).await else {
            panic!("not {state}: {:?}", self.find(id).await)
        };
        job
    }

    /// Closes the app, while time goes on: a handler may wait for it.
    pub(crate) async fn close(self) {
        drop((self.jobs, self.database));
        let mut closing = tokio::spawn(self.running.close());
        let closed = async {
            loop {
                tokio::select! {
                    closed = &mut closing => return closed.unwrap().unwrap(),
                    () = tokio::time::sleep(Duration::from_millis(20)) => self.time.advance(SECOND).await,
                }
            }
        };
        timeout(DEADLINE, closed).await.unwrap();
    }
}
