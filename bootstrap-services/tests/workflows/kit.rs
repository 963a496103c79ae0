//! An app with one workflow, whose code is a closure of the test, and an order workflow with payment, undo and a durable wait.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap::{Configuration, Running};
use bootstrap_services::clock::VirtualClock;
use bootstrap_services::database::{Database, DatabasePlugin};
use bootstrap_services::jobs::{
    Handles, Job, JobContext, JobPolicy, JobWorkerPlugin, Jobs, JobsPlugin, SqliteJobsPlugin,
    job_handler,
};
use bootstrap_services::workflows::{
    Flow, FlowId, FlowInfo, FlowState, Runs, StepInfo, StepState, Workflow, WorkflowPolicy,
    Workflows, WorkflowsPlugin, workflow,
};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;

/// No test of this crate waits for longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
/// How long a workflow `limited` may take.
pub(crate) const LIMIT: Duration = Duration::from_mins(5);

/// What has been done, in order.
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

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) async fn until(&self, lines: usize) {
        let wait = async {
            while self.0.lock().unwrap().len() < lines {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(timeout(DEADLINE, wait).await.is_ok(), "{:?}", self.all());
    }
}

type Code = dyn for<'a> Fn(&'a Flow, &'a Log, Value) -> BoxFuture<'a, Result<Value>> + Send + Sync;

/// The code of the workflow `test`.
#[supplied]
#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<Arc<Code>>>);

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    pub(crate) fn new(
        code: impl for<'a> Fn(&'a Flow, &'a Log, Value) -> BoxFuture<'a, Result<Value>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(code))))
    }

    /// Deploys other code.
    pub(crate) fn set(&self, other: &Self) {
        let code = other.0.lock().unwrap().clone();
        *self.0.lock().unwrap() = code;
    }
}

/// A script whose code is an async block: `script!(|cx, log, input| { .. })`.
#[macro_export]
macro_rules! script {
    (|$cx:ident, $log:ident, $input:ident| $body:block) => {
        $crate::kit::Script::new(|$cx, $log, $input| {
            let _ = (&$cx, &$log, &$input);
            Box::pin(async move {
                let result = $body;
                #[allow(unreachable_code, reason = "some scripts end early")]
                Ok(serde_json::json!(result))
            })
        })
    };
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) struct Test(pub(crate) Value);

impl Workflow for Test {
    const NAME: &'static str = "test";
    type Output = Value;
}

/// The same, with a time limit.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) struct Limited(pub(crate) Value);

impl Workflow for Limited {
    const NAME: &'static str = "limited";
    type Output = Value;

    fn policy() -> WorkflowPolicy {
        WorkflowPolicy::new()
            .timeout(LIMIT)
            .attempts(3)
            .backoff(SECOND, SECOND)
    }
}

#[workflow(Test, collect = never)]
pub(crate) struct Tests {
    log: State<Log>,
    script: State<Script>,
}

impl Hooks for Tests {}

#[async_trait]
impl Runs<Test> for Tests {
    async fn run(&self, input: Test, cx: &Flow) -> Result<Value> {
        let code = self.script.0.lock().unwrap().clone();
        code(cx, &self.log, input.0).await
    }
}

#[workflow(Limited, collect = never)]
pub(crate) struct LimitedTests {
    log: State<Log>,
    script: State<Script>,
}

impl Hooks for LimitedTests {}

#[async_trait]
impl Runs<Limited> for LimitedTests {
    async fn run(&self, input: Limited, cx: &Flow) -> Result<Value> {
        let code = self.script.0.lock().unwrap().clone();
        code(cx, &self.log, input.0).await
    }
}

/// A job that a workflow waits for.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Return(u32),
    Fail,
    Wait,
    /// Is done when it is cancelled.
    Late(u32),
    /// Stops when it is cancelled.
    Stop,
}

impl Job for Part {
    const NAME: &'static str = "part";

    fn policy() -> JobPolicy {
        JobPolicy::new().attempts(1).timeout(10 * HOUR)
    }
}

#[job_handler(Part, collect = never)]
pub(crate) struct Parts {
    log: State<Log>,
}

impl Hooks for Parts {}

#[async_trait]
impl Handles<Part> for Parts {
    async fn handle(&self, job: Part, cx: &JobContext) -> Result<()> {
        self.log.add(format!("part {job:?}"));
        match job {
            Part::Return(number) => cx.set_result(&number)?,
            Part::Fail => anyhow::bail!("no luck"),
            Part::Wait => cx.cancelled().await,
            Part::Late(number) => {
                cx.cancelled().await;
                self.log.add("late");
                cx.set_result(&number)?;
            }
            Part::Stop => {
                cx.cancelled().await;
                anyhow::bail!("it stops");
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
    pub(crate) flows: Workflows,
    pub(crate) database: Database,
    pub(crate) script: Script,
    pub(crate) log: Log,
    pub(crate) errors: Log,
}

/// What differs from test to test.
pub(crate) struct Setup {
    pub(crate) file: Option<PathBuf>,
    pub(crate) worker: bool,
    pub(crate) configuration: Configuration,
    pub(crate) time: VirtualClock,
    pub(crate) log: Log,
}

impl Setup {
    /// Jobs run in `drain` only.
    pub(crate) fn by_hand() -> Self {
        Self {
            file: None,
            worker: false,
            configuration: Configuration::new(),
            time: VirtualClock::starting_at(std::time::UNIX_EPOCH + Duration::from_hours(500_000)),
            log: Log::default(),
        }
    }

    pub(crate) fn running() -> Self {
        Self {
            worker: true,
            ..Self::by_hand()
        }
    }

    pub(crate) fn on(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self
    }

    pub(crate) fn app(self, script: &Script, errors: &Log) -> App {
        let errors = errors.clone();
        let database = match self.file {
            Some(file) => DatabasePlugin::default().file(file),
            None => DatabasePlugin::memory(),
        };
        App::new()
            .configure(self.configuration)
            .supply(self.time.clock())
            .supply(self.log)
            .supply(script.clone())
            .with(database)
            .with(SqliteJobsPlugin::default())
            .with(JobsPlugin::default())
            .with(JobWorkerPlugin::default().worker(self.worker))
            .with(WorkflowsPlugin::default())
            .with(Tests::default())
            .with(LimitedTests::default())
            .with(Parts::default())
            .on_error(move |cx| {
                let (plugin, error) = (cx.error().plugin(), cx.error().error());
                errors.add(format!("{plugin}: {:#}", error.unwrap()));
                async { Ok(()) }
            })
    }

    pub(crate) async fn boot(self, script: Script) -> Kit {
        let (log, errors, time) = (self.log.clone(), Log::default(), self.time.clone());
        let running = timeout(DEADLINE, self.app(&script, &errors).boot())
            .await
            .unwrap()
            .unwrap();
        Kit {
            jobs: Jobs::clone(&running.try_get::<State<Jobs>>().unwrap()),
            flows: Workflows::clone(&running.try_get::<State<Workflows>>().unwrap()),
            database: Database::clone(&running.try_get::<State<Database>>().unwrap()),
            running,
            time,
            script,
            log,
            errors,
        }
    }
}

impl Kit {
    /// Jobs run in `drain` only.
    pub(crate) async fn by_hand(script: Script) -> Self {
        Setup::by_hand().boot(script).await
    }

    pub(crate) async fn running(script: Script) -> Self {
        Setup::running().boot(script).await
    }

    pub(crate) async fn start(&self, input: impl Serialize) -> FlowId {
        let input = serde_json::to_value(input).unwrap();
        self.flows.start(Test(input)).await.unwrap().into_id()
    }

    /// Starts a workflow, and runs it until it ends or waits.
    pub(crate) async fn run(&self) -> FlowId {
        let id = self.start(()).await;
        self.drain().await;
        id
    }

    pub(crate) async fn drain(&self) {
        timeout(DEADLINE, self.jobs.drain()).await.unwrap().unwrap();
    }

    pub(crate) async fn advance(&self, time: Duration) {
        timeout(DEADLINE, self.time.advance(time)).await.unwrap();
        self.drain().await;
    }

    /// Runs a statement on the database.
    pub(crate) async fn execute(&self, sql: &'static str) {
        let mut tx = self.database.begin().await.unwrap();
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn find(&self, id: &FlowId) -> FlowInfo {
        self.flows.status(id).await.unwrap().unwrap()
    }

    pub(crate) async fn state(&self, id: &FlowId) -> FlowState {
        self.find(id).await.state
    }

    pub(crate) async fn result(&self, id: &FlowId) -> Value {
        let found = self.find(id).await;
        assert_eq!(
            found.state,
            FlowState::Done,
            "{found:?} {:?}",
            self.errors.all()
        );
        found.result.unwrap()
    }

    pub(crate) async fn error(&self, id: &FlowId) -> String {
        self.find(id).await.error.unwrap()
    }

    pub(crate) async fn history(&self, id: &FlowId) -> Vec<StepInfo> {
        self.flows.history(id).await.unwrap()
    }

    /// The states of its steps, in their order.
    pub(crate) async fn states(&self, id: &FlowId) -> Vec<StepState> {
        let steps = self.history(id).await.into_iter();
        steps.map(|step| step.state).collect()
    }

    /// Waits in real time until a workflow has ended.
    pub(crate) async fn ended(&self, id: &FlowId) -> FlowInfo {
        let ended = timeout(DEADLINE, self.flows.ended(id)).await;
        match ended {
            Ok(ended) => ended.unwrap().unwrap(),
            Err(late) => panic!("{late}: {:?} {:?}", self.find(id).await, self.errors.all()),
        }
    }

    pub(crate) async fn close(self) {
        drop((self.jobs, self.flows, self.database));
        timeout(DEADLINE, self.running.close())
            .await
            .unwrap()
            .unwrap();
    }
}
