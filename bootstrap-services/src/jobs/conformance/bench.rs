//! What the cases work with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use bootstrap::Running;
use bootstrap::extend::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::clock::{Clock, VirtualClock};
use crate::jobs::conformance::Instances;
use crate::jobs::conformance::transactions::Transactions;
use crate::jobs::handler::Handlers;
use crate::jobs::queue::QueueLimits;
use crate::jobs::work::Stops;
use crate::jobs::{
    Enqueued, Handler, HandlerOf, Handles, Job, JobContext, JobEngine, JobFilter, JobId, JobInfo,
    JobPolicy, JobState, Jobs, NewJob, Work,
};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_mins(1);
/// How long it may take until the jobs of a worker that has died run again.
pub(super) const TAKEN_OVER: Duration = Duration::from_mins(2);
/// How long an engine may take, in real time, for what it should do at once.
const AT_ONCE: Duration = Duration::from_secs(20);

/// What a job of the checks does.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(super) enum Act {
    Note(String),
    Fail,
    Hang,
    Sleep(Duration),
    Say(String),
    Return(Value),
}

macro_rules! job {
    ($job:ident, $name:literal, $version:literal, $crashes:literal) => {
        #[derive(Serialize, Deserialize, Clone, Debug)]
        pub(super) struct $job(pub(super) Act);

        impl Job for $job {
            const NAME: &'static str = $name;
            const VERSION: u16 = $version;

            fn policy() -> JobPolicy {
                let policy = JobPolicy::new().queue($name).attempts(3).crashes($crashes);
                policy.backoff(SECOND, 4 * SECOND).timeout(100 * MINUTE)
            }
        }

        impl HandlerOf<$job> for Actor {}

        #[async_trait]
        impl Handles<$job> for Actor {
            async fn handle(&self, job: $job, cx: &JobContext) -> Result<()> {
                self.act(job.0, cx).await
            }
        }
    };
}

job!(Plain, "plain", 1, 3);
job!(Limited, "limited", 1, 3);
job!(Newer, "plain", 2, 3);
job!(Unknown, "unknown", 1, 3);
job!(Fragile, "fragile", 1, 1);

/// Does what jobs say.
struct Actor {
    log: Log,
    clock: Clock,
}

impl Actor {
    async fn act(&self, act: Act, cx: &JobContext) -> Result<()> {
        match act {
            Act::Note(text) => self.log.add(text),
            Act::Fail => bail!("it fails"),
            Act::Hang => {
                self.log.add("hangs".to_owned());
                cx.cancelled().await;
                bail!("it was told to end");
            }
            Act::Sleep(time) => {
                self.log.add("sleeps".to_owned());
                self.clock.sleep(time).await;
            }
            Act::Say(text) => {
                cx.progress(text);
                self.log.add("said".to_owned());
                cx.cancelled().await;
            }
            Act::Return(value) => cx.set_result(&value)?,
        }
        Ok(())
    }
}

#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(super) fn add(&self, line: String) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A worker of an instance.
pub(super) struct Worker {
    stops: Stops,
    task: JoinHandle<Result<()>>,
}

impl Worker {
    /// Ends as the process of the worker would under `kill -9`.
    pub(super) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err(), "the worker has ended by itself");
    }

    pub(super) async fn stop(self) {
        self.stops.closing.cancel();
        self.stops.cancelled.cancel();
        let worked = self.task.await.expect("the engine does not panic");
        worked.expect("the engine stops without an error");
    }
}

pub(super) struct Bench<'a> {
    app: &'a Running,
    pub(super) time: VirtualClock,
    pub(super) engines: [Arc<dyn JobEngine>; 2],
    pub(super) transactions: Option<Box<dyn Transactions>>,
    pub(super) jobs: [Jobs; 2],
    pub(super) log: Log,
}

impl<'a> Bench<'a> {
    pub(super) fn new(app: &'a Running, time: VirtualClock, instances: Instances) -> Self {
        let Instances {
            engines,
            transactions,
        } = instances;
        let jobs = engines.each_ref();
        let jobs = jobs.map(|engine| Jobs::new(Arc::clone(engine), time.clock()));
        Self {
            app,
            time,
            engines,
            transactions,
            jobs,
            log: Log::default(),
        }
    }

    /// Begins to work with the instance of this number.
    pub(super) fn work(&self, instance: usize) -> Worker {
        self.work_with(instance, 10, BTreeMap::new())
    }

    pub(super) fn work_with(
        &self,
        instance: usize,
        concurrency: usize,
        queues: BTreeMap<String, QueueLimits>,
    ) -> Worker {
        let clock = self.time.clock();
        let actor = Arc::new(Actor {
            log: self.log.clone(),
            clock: clock.clone(),
        });
        let handlers = [
            Handler::of::<Plain, Actor>(Arc::clone(&actor)),
            Handler::of::<Limited, Actor>(Arc::clone(&actor)),
            Handler::of::<Fragile, Actor>(actor),
        ];
        let handlers: Handlers = handlers.into_iter().map(|it| (it.name, it)).collect();
        let stops = Stops::default();
        let work = Work::new(
            handlers,
            (concurrency, queues),
            clock.clone(),
            self.app.handle(),
            stops.clone(),
        );
        let engine = Arc::clone(&self.engines[instance]);
        let task = tokio::spawn(clock.work(async move { engine.work(work).await }));
        Worker { stops, task }
    }

    pub(super) async fn enqueue(&self, act: Act) -> JobId {
        enqueued(self.jobs[0].enqueue(Plain(act)).await).into_id()
    }

    /// A job for [`JobEngine::push`], with one attempt.
    pub(super) fn new_job(&self, act: Act) -> NewJob {
        let payload = serde_json::to_string(&Plain(act)).expect("acts are JSON");
        let new = NewJob::new(Plain::NAME, payload, self.time.clock().now());
        NewJob { attempts: 1, ..new }
    }

    pub(super) async fn find(&self, id: &JobId) -> JobInfo {
        let found = self.jobs[1].find(id).await.expect("the engine answers");
        found.unwrap_or_else(|| panic!("the job {id} is stored"))
    }

    pub(super) async fn list(&self, filter: &JobFilter) -> Vec<JobId> {
        let listed = self.jobs[0].list(filter).await;
        let listed = listed.expect("the engine answers").into_iter();
        listed.map(|job| job.id).collect()
    }

    /// Waits in real time: the clock stands still.
    pub(super) async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let began = std::time::Instant::now();
        while !is_so().await {
            assert!(began.elapsed() < AT_ONCE, "not within {AT_ONCE:?}: {what}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(super) async fn until_is(&self, id: &JobId, state: JobState) -> JobInfo {
        self.until(&format!("the job {id} is {state}"), async || {
            self.find(id).await.state == state
        })
        .await;
        self.find(id).await
    }

    /// Lets time go by until it is so.
    pub(super) async fn within(
        &self,
        limit: Duration,
        what: &str,
        mut is_so: impl AsyncFnMut() -> bool,
    ) {
        let began = self.time.clock().elapsed();
        while !is_so().await {
            let waited = self.time.clock().elapsed().saturating_sub(began);
            assert!(waited <= limit, "not within {limit:?} of the clock: {what}");
            self.time.advance((limit / 50).max(SECOND)).await;
        }
    }

    pub(super) async fn until_lines(&self, lines: usize) {
        self.until(&format!("{lines} lines of handlers"), async || {
            self.log.lines().len() >= lines
        })
        .await;
    }

    pub(super) async fn states(&self) -> BTreeMap<(String, JobState), u64> {
        let counts = self.jobs[0].counts().await.expect("the engine answers");
        counts
            .into_iter()
            .map(|it| ((it.name, it.state), it.count))
            .collect()
    }

    pub(super) async fn count(&self, name: &str, state: JobState) -> u64 {
        self.states()
            .await
            .get(&(name.to_owned(), state))
            .copied()
            .unwrap_or_default()
    }
}

pub(super) fn note(text: impl std::fmt::Display) -> Act {
    Act::Note(format!("{text}"))
}

pub(super) fn enqueued<E: std::fmt::Debug>(result: Result<Enqueued, E>) -> Enqueued {
    result.expect("the engine stores the job")
}

pub(super) async fn requeue(bench: &Bench<'_>, id: &JobId) -> bool {
    bench.jobs[1].requeue(id).await.expect("the engine answers")
}

pub(super) async fn cancel(bench: &Bench<'_>, id: &JobId) -> bool {
    bench.jobs[1].cancel(id).await.expect("the engine answers")
}
