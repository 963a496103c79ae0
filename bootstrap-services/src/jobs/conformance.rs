//! What each engine of jobs passes.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use bootstrap::extend::async_trait;
use bootstrap::{App, Running};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::clock::{Clock, VirtualClock};
use crate::database::Transaction;
use crate::jobs::handler::Handlers;
use crate::jobs::queue::QueueLimits;
use crate::jobs::work::Stops;
use crate::jobs::{
    Enqueued, Handler, HandlerOf, Handles, Job, JobContext, JobEngine, JobFilter, JobId, JobInfo,
    JobPolicy, JobState, Jobs, NewJob, Work,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
/// How long it may take until the jobs of a worker that has died run again.
const TAKEN_OVER: Duration = Duration::from_mins(2);
/// How long an engine may take, in real time, for what it should do at once.
const AT_ONCE: Duration = Duration::from_secs(20);
/// Where the clock begins.
const START: SystemTime = SystemTime::UNIX_EPOCH;

/// Two instances of an engine over one store, as two processes would have them.
pub type Instances = [Arc<dyn JobEngine>; 2];

/// Checks an engine of jobs: that it loses no job and runs none twice, whatever happens to its workers; that it keeps to the limits of queues; that it retries, cancels,
/// releases and buries as [`JobEngine`] and [`Work`] say.
///
/// `make` returns two instances over one empty store, another one at each call. They read the clock, and take over the jobs of a worker that has been silent for a minute at most.
///
/// # Panics
///
/// Panics if the engine does not do what it should.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::VirtualClock;
/// use bootstrap_services::database::DatabasePlugin;
/// use bootstrap_services::jobs::{JobEngine, SqliteJobsPlugin, conformance};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let folder = tempfile::tempdir().unwrap();
/// let apps = Mutex::new(Vec::new());
/// let make = async |time: VirtualClock| {
///     let file = folder.path().join(format!("{}.db", apps.lock().unwrap().len()));
///     let mut engines: Vec<Arc<dyn JobEngine>> = Vec::new();
///     for _ in 0..2 {
///         let app = App::new().supply(time.clock()).with(SqliteJobsPlugin::default());
///         let running = app.with(DatabasePlugin::default().file(file.clone())).boot().await.unwrap();
///         let engine = running.try_get::<Port<dyn JobEngine>>().unwrap();
///         engines.push(Port::to_arc(&engine).unwrap());
///         apps.lock().unwrap().push(running);
///     }
///     [engines.remove(0), engines.remove(0)]
/// };
/// # if false {
/// conformance::check(make).await;
/// # }
/// # let _ = make;
/// # }
/// ```
pub async fn check(make: impl AsyncFn(VirtualClock) -> Instances) {
    let app = App::new()
        .boot()
        .await
        .expect("an app without plugins boots");
    macro_rules! all {
        ($($case:ident),* $(,)?) => {
            $(
                let time = VirtualClock::starting_at(START + Duration::from_hours(500_000));
                let [one, other] = make(time.clone()).await;
                let mut bench = Bench::new(&app, time, one, other);
                $case(&bench).await;
                bench.end().await;
            )*
        };
    }
    all!(
        a_job_is_done_once,
        priorities_come_first_and_times_in_their_order,
        a_delayed_job_waits_for_its_time,
        of_racers_for_a_unique_key_one_wins,
        a_unique_key_is_free_when_its_job_has_ended,
        a_transaction_of_another_database_is_refused,
        the_largest_payload_is_kept,
        a_failed_job_is_retried_until_it_is_dead,
        a_dead_letter_is_found_and_requeued,
        a_job_is_cancelled_before_and_while_it_runs,
        a_job_that_ends_wakes_another_however_it_ended,
        a_job_that_resumes_a_workflow_is_not_cancelled,
        progress_and_results_are_kept,
        two_workers_run_no_job_twice,
        the_jobs_of_a_dead_worker_are_taken_over,
        a_poison_job_is_buried_and_its_neighbours_are_done,
        a_long_job_is_not_taken_over,
        a_stop_releases_what_runs,
        newer_payloads_and_unknown_names_stay,
        a_rate_holds_up_its_own_queue_only,
        a_concurrency_holds_for_its_queue,
        a_purge_removes_what_is_old_and_of_its_state,
        a_clock_that_is_set_back_stops_nothing,
        an_idle_worker_begins_soon,
        counts_are_those_of_a_model,
    );
    app.close().await.expect("an app without plugins closes");
}

/// What a job of the checks does.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
enum Act {
    Note(String),
    Fail,
    Hang,
    Sleep(Duration),
    Say(String),
    Return(Value),
}

macro_rules! job {
    ($job:ident, $name:literal, $version:literal) => {
        #[derive(Serialize, Deserialize, Clone, Debug)]
        struct $job(Act);

        impl Job for $job {
            const NAME: &'static str = $name;
            const VERSION: u16 = $version;

            fn policy() -> JobPolicy {
                let policy = JobPolicy::new().queue($name).attempts(3).crashes(3);
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

job!(Plain, "plain", 1);
job!(Limited, "limited", 1);
job!(Newer, "plain", 2);
job!(Unknown, "unknown", 1);

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
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: String) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }

    fn lines(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A worker of an instance.
struct Worker {
    stops: Stops,
    task: JoinHandle<Result<()>>,
}

impl Worker {
    /// Ends as the process of the worker would under `kill -9`.
    async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err(), "the worker has ended by itself");
    }

    async fn stop(self) {
        self.stops.closing.cancel();
        self.stops.cancelled.cancel();
        let worked = self.task.await.expect("the engine does not panic");
        worked.expect("the engine stops without an error");
    }
}

struct Bench<'a> {
    app: &'a Running,
    time: VirtualClock,
    engines: Instances,
    jobs: [Jobs; 2],
    log: Log,
}

impl<'a> Bench<'a> {
    fn new(
        app: &'a Running,
        time: VirtualClock,
        one: Arc<dyn JobEngine>,
        other: Arc<dyn JobEngine>,
    ) -> Self {
        let jobs = [&one, &other].map(|engine| Jobs::new(Arc::clone(engine), time.clock()));
        Self {
            app,
            time,
            engines: [one, other],
            jobs,
            log: Log::default(),
        }
    }

    async fn end(&mut self) {
        // What the case has spawned has ended, or was aborted.
        tokio::task::yield_now().await;
    }

    /// Begins to work with the instance of this number.
    fn work(&self, instance: usize) -> Worker {
        self.work_with(instance, 10, BTreeMap::new())
    }

    fn work_with(
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
            Handler::of::<Limited, Actor>(actor),
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

    async fn enqueue(&self, act: Act) -> JobId {
        enqueued(self.jobs[0].enqueue(Plain(act)).await).into_id()
    }

    /// A job for [`JobEngine::push`], with one attempt.
    fn new_job(&self, act: Act) -> NewJob {
        NewJob {
            name: Plain::NAME.to_owned(),
            version: Plain::VERSION,
            payload: serde_json::to_string(&Plain(act)).expect("acts are JSON"),
            run_at: self.time.clock().now(),
            priority: 0,
            attempts: 1,
            crashes: 3,
            unique: None,
            traceparent: None,
            wakes: None,
            resumes: None,
        }
    }

    async fn find(&self, id: &JobId) -> JobInfo {
        let found = self.jobs[1].find(id).await.expect("the engine answers");
        found.unwrap_or_else(|| panic!("the job {id} is stored"))
    }

    /// Waits in real time: the clock stands still.
    async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let began = std::time::Instant::now();
        while !is_so().await {
            assert!(began.elapsed() < AT_ONCE, "not within {AT_ONCE:?}: {what}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn until_is(&self, id: &JobId, state: JobState) -> JobInfo {
        self.until(&format!("the job {id} is {state}"), async || {
            self.find(id).await.state == state
        })
        .await;
        self.find(id).await
    }

    /// Lets time go by until it is so.
    async fn within(&self, limit: Duration, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let began = self.time.clock().elapsed();
        while !is_so().await {
            let waited = self.time.clock().elapsed().saturating_sub(began);
            assert!(waited <= limit, "not within {limit:?} of the clock: {what}");
            self.time.advance((limit / 50).max(SECOND)).await;
        }
    }

    async fn until_lines(&self, lines: usize) {
        self.until(&format!("{lines} lines of handlers"), async || {
            self.log.lines().len() >= lines
        })
        .await;
    }

    async fn states(&self) -> BTreeMap<(String, JobState), u64> {
        let counts = self.jobs[0].counts().await.expect("the engine answers");
        counts
            .into_iter()
            .map(|it| ((it.name, it.state), it.count))
            .collect()
    }

    async fn count(&self, name: &str, state: JobState) -> u64 {
        self.states()
            .await
            .get(&(name.to_owned(), state))
            .copied()
            .unwrap_or_default()
    }
}

fn note(text: impl std::fmt::Display) -> Act {
    Act::Note(format!("{text}"))
}

fn enqueued<E: std::fmt::Debug>(result: Result<Enqueued, E>) -> Enqueued {
    result.expect("the engine stores the job")
}

async fn a_job_is_done_once(bench: &Bench<'_>) {
    let id = bench.enqueue(note("hello")).await;
    let worker = bench.work(0);
    let job = bench.until_is(&id, JobState::Done).await;
    assert_eq!(
        (job.name.as_str(), job.version, job.failures, job.crashes),
        ("plain", 1, 0, 0)
    );
    assert_eq!(job.ended_at, Some(bench.time.clock().now()));
    let later = bench.enqueue(note("again")).await;
    bench.until_is(&later, JobState::Done).await;
    worker.stop().await;
    assert_eq!(bench.log.lines(), ["hello", "again"]);
}

async fn priorities_come_first_and_times_in_their_order(bench: &Bench<'_>) {
    for (text, priority) in [("c", 0), ("d", 0), ("e", -1), ("a", 9), ("b", 9)] {
        let _ = enqueued(
            bench.jobs[0]
                .enqueue(Plain(note(text)))
                .priority(priority)
                .await,
        );
        bench.time.advance(SECOND).await;
    }
    let worker = bench.work_with(0, 1, BTreeMap::new());
    bench.until_lines(5).await;
    worker.stop().await;
    assert_eq!(bench.log.lines(), ["a", "b", "c", "d", "e"]);
}

async fn a_delayed_job_waits_for_its_time(bench: &Bench<'_>) {
    let worker = bench.work(0);
    let id = enqueued(
        bench.jobs[0]
            .enqueue(Plain(note("later")))
            .after(5 * MINUTE)
            .await,
    )
    .into_id();
    bench.time.advance(299 * SECOND).await;
    assert_eq!(bench.find(&id).await.state, JobState::Scheduled);
    bench
        .within(10 * SECOND, "a delayed job begins", async || {
            bench.find(&id).await.state == JobState::Done
        })
        .await;
    worker.stop().await;
}

// C6
async fn of_racers_for_a_unique_key_one_wins(bench: &Bench<'_>) {
    let racers = (0..50).map(|number| {
        let jobs = &bench.jobs[number % 2];
        async move { enqueued(jobs.enqueue(Plain(note(number))).unique("key").await) }
    });
    let outcomes = join_all(racers).await;
    let new: Vec<_> = outcomes.iter().filter(|outcome| outcome.is_new()).collect();
    assert_eq!(new.len(), 1, "one of the racers wins");
    let ids: BTreeSet<_> = outcomes.iter().cloned().map(Enqueued::into_id).collect();
    assert_eq!(ids.len(), 1, "the others get its id");
    assert_eq!(bench.count("plain", JobState::Ready).await, 1);
}

// C6
async fn a_unique_key_is_free_when_its_job_has_ended(bench: &Bench<'_>) {
    let id = enqueued(bench.jobs[0].enqueue(Plain(Act::Hang)).unique("key").await).into_id();
    let worker = bench.work(0);
    bench.until_lines(1).await;
    let again = enqueued(
        bench.jobs[1]
            .enqueue(Plain(note("again")))
            .unique("key")
            .await,
    );
    assert_eq!(again, Enqueued::Already(id.clone()), "the job runs");
    // Its worker dies: the key is not taken for ever.
    worker.kill().await;
    assert!(bench.jobs[1].cancel(&id).await.expect("the engine answers"));
    let worker = bench.work(1);
    bench
        .within(TAKEN_OVER, "the key is free", async || {
            bench.find(&id).await.state.has_ended()
        })
        .await;
    let again = enqueued(
        bench.jobs[1]
            .enqueue(Plain(note("again")))
            .unique("key")
            .await,
    );
    assert!(again.is_new(), "the job has ended");
    let other = enqueued(
        bench.jobs[1]
            .enqueue(Limited(note("other")))
            .unique("key")
            .await,
    );
    assert!(other.is_new(), "keys of different names are apart");
    worker.stop().await;
}

/// A transaction of no engine.
#[derive(Debug)]
struct Foreign;

impl Transaction for Foreign {
    fn engine(&self) -> &'static str {
        "Foreign"
    }

    fn database(&self) -> &'static str {
        "elsewhere"
    }

    fn as_any_mut(&mut self) -> &mut (dyn Any + Send) {
        self
    }

    fn after_commit(&mut self, _: Box<dyn FnOnce() + Send>) {}
}

// C7
async fn a_transaction_of_another_database_is_refused(bench: &Bench<'_>) {
    let refused = bench.jobs[0]
        .enqueue_in(&mut Foreign, Plain(note("")))
        .await;
    assert!(
        refused.is_err(),
        "the job can't be part of a transaction of another database"
    );
    assert_eq!(bench.states().await, BTreeMap::new());
}

async fn the_largest_payload_is_kept(bench: &Bench<'_>) {
    // `{"Note":""}` has 11 bytes.
    let text = "ä".repeat((1 << 19) - 6);
    let id = bench.enqueue(note(&text)).await;
    let worker = bench.work(0);
    bench.until_lines(1).await;
    bench.until_is(&id, JobState::Done).await;
    worker.stop().await;
    assert!(bench.log.lines() == [text], "the payload is unchanged");
}

async fn a_failed_job_is_retried_until_it_is_dead(bench: &Bench<'_>) {
    let worker = bench.work(0);
    let id = bench.enqueue(Act::Fail).await;
    let job = bench.until_is(&id, JobState::Scheduled).await;
    assert_eq!((job.failures, job.error.as_deref()), (1, Some("it fails")));
    let wait = job
        .run_at
        .duration_since(bench.time.clock().now())
        .unwrap_or_default();
    assert!(
        (SECOND / 2..=SECOND).contains(&wait),
        "the backoff is {wait:?}"
    );
    bench
        .within(20 * SECOND, "a failing job is dead", async || {
            bench.find(&id).await.state == JobState::Dead
        })
        .await;
    worker.stop().await;
    let job = bench.find(&id).await;
    assert_eq!(
        (job.failures, job.crashes, job.error.as_deref()),
        (3, 0, Some("it fails"))
    );
}

// C12
async fn a_dead_letter_is_found_and_requeued(bench: &Bench<'_>) {
    let worker = bench.work(0);
    let id = bench.enqueue(Act::Fail).await;
    let done = bench.enqueue(note("done")).await;
    bench
        .within(20 * SECOND, "a failing job is dead", async || {
            bench.find(&id).await.state == JobState::Dead
        })
        .await;
    worker.stop().await;
    let dead = bench.jobs[1]
        .list(&JobFilter::new().state(JobState::Dead))
        .await;
    let dead: Vec<_> = dead
        .expect("the engine answers")
        .into_iter()
        .map(|job| job.id)
        .collect();
    assert_eq!(dead, std::slice::from_ref(&id));
    assert!(
        !requeue(bench, &done).await,
        "a job that is done is not requeued"
    );
    assert!(!requeue(bench, &JobId::new("no such job")).await);
    assert!(requeue(bench, &id).await);
    let job = bench.find(&id).await;
    assert_eq!(
        (job.state, job.failures, job.ended_at),
        (JobState::Ready, 0, None)
    );
    assert!(!requeue(bench, &id).await, "it is ready");
}

async fn requeue(bench: &Bench<'_>, id: &JobId) -> bool {
    bench.jobs[1].requeue(id).await.expect("the engine answers")
}

async fn cancel(bench: &Bench<'_>, id: &JobId) -> bool {
    bench.jobs[1].cancel(id).await.expect("the engine answers")
}

// C12
async fn a_job_is_cancelled_before_and_while_it_runs(bench: &Bench<'_>) {
    let ready = bench.enqueue(note("ready")).await;
    assert!(cancel(bench, &ready).await);
    assert!(!cancel(bench, &ready).await, "it has ended");
    let worker = bench.work(0);
    let runs = bench.enqueue(Act::Hang).await;
    bench.until_lines(1).await;
    // By another instance.
    assert!(cancel(bench, &runs).await);
    let ended = "a job that another instance cancels ends";
    bench
        .within(30 * SECOND, ended, async || {
            bench.find(&runs).await.state == JobState::Cancelled
        })
        .await;
    worker.stop().await;
    let job = bench.find(&runs).await;
    assert_eq!((job.failures, job.error), (0, None));
    assert_eq!(bench.log.lines(), ["hangs"]);
    assert!(!cancel(bench, &JobId::new("no such job")).await);
}

async fn a_job_that_resumes_a_workflow_is_not_cancelled(bench: &Bench<'_>) {
    let new = bench.new_job(Act::Hang);
    let resumes = Some("order-7".to_owned());
    let new = NewJob { resumes, ..new };
    let id = enqueued(bench.engines[0].push(new).await).into_id();
    assert!(!cancel(bench, &id).await, "it is ready");
    let worker = bench.work(0);
    bench.until_lines(1).await;
    assert!(!cancel(bench, &id).await, "it runs");
    let job = bench.find(&id).await;
    assert_eq!(
        (job.state, job.resumes.as_deref()),
        (JobState::Running, Some("order-7"))
    );
    worker.stop().await;
    assert_eq!(bench.find(&id).await.state, JobState::Ready);
}

async fn a_job_that_ends_wakes_another_however_it_ended(bench: &Bench<'_>) {
    let worker = bench.work(0);
    let mut sleepers = Vec::new();
    for act in [note("done"), Act::Fail, Act::Hang] {
        let sleeper = bench.jobs[0].enqueue(Plain(note("woke")));
        let sleeper = enqueued(sleeper.after(Duration::from_hours(1_000)).await).into_id();
        let new = bench.new_job(act);
        let wakes = Some(sleeper.clone());
        let waker = NewJob { wakes, ..new };
        let waker = enqueued(bench.engines[0].push(waker).await).into_id();
        sleepers.push((sleeper, waker));
    }
    let (last, hangs) = sleepers.pop().expect("there are three");
    for (sleeper, _) in &sleepers {
        bench.until_is(sleeper, JobState::Done).await;
    }
    assert_eq!(bench.find(&last).await.state, JobState::Scheduled);
    assert!(cancel(bench, &hangs).await);
    let woken = "a job that another wakes is done";
    bench
        .within(30 * SECOND, woken, async || {
            bench.find(&last).await.state == JobState::Done
        })
        .await;
    worker.stop().await;
}

async fn progress_and_results_are_kept(bench: &Bench<'_>) {
    let worker = bench.work(0);
    let says = bench.enqueue(Act::Say("half".to_owned())).await;
    bench.until_lines(1).await;
    let seen = async || bench.find(&says).await.progress.as_deref() == Some("half");
    bench.within(30 * SECOND, "progress is seen", seen).await;
    let returns = bench.enqueue(Act::Return(Value::from(7))).await;
    let job = bench.until_is(&returns, JobState::Done).await;
    assert_eq!(job.result, Some(Value::from(7)));
    worker.stop().await;
}

async fn two_workers_run_no_job_twice(bench: &Bench<'_>) {
    const JOBS: usize = 500;
    let workers = [bench.work(0), bench.work(1)];
    for chunk in (0..JOBS).collect::<Vec<_>>().chunks(50) {
        let all = chunk.iter().map(|number| bench.enqueue(note(number)));
        join_all(all).await;
    }
    bench
        .within(60 * SECOND, "all jobs are done", async || {
            bench.count("plain", JobState::Done).await == JOBS as u64
        })
        .await;
    for worker in workers {
        worker.stop().await;
    }
    let lines = bench.log.lines();
    let different: BTreeSet<_> = lines.iter().collect();
    assert_eq!((lines.len(), different.len()), (JOBS, JOBS));
}

// C1
async fn the_jobs_of_a_dead_worker_are_taken_over(bench: &Bench<'_>) {
    let dying = bench.work(0);
    let ids = join_all((0..5).map(|_| bench.enqueue(Act::Sleep(SECOND)))).await;
    bench.until_lines(5).await;
    dying.kill().await;
    let worker = bench.work(1);
    bench
        .within(TAKEN_OVER, "they are done", async || {
            bench.count("plain", JobState::Done).await == 5
        })
        .await;
    worker.stop().await;
    for id in &ids {
        let job = bench.find(id).await;
        assert_eq!((job.failures, job.crashes), (0, 1));
    }
    assert_eq!(bench.log.lines().len(), 10, "each ran twice");
}

// C3
async fn a_poison_job_is_buried_and_its_neighbours_are_done(bench: &Bench<'_>) {
    let poison = enqueued(bench.jobs[0].enqueue(Plain(Act::Hang)).priority(9).await).into_id();
    let neighbours = join_all((0..9).map(|_| bench.enqueue(Act::Sleep(10 * SECOND)))).await;
    for death in 1..=3 {
        let worker = bench.work(usize::from(death == 2));
        let runs = async || {
            let job = bench.find(&poison).await;
            job.state == JobState::Running && job.crashes == death - 1
        };
        bench
            .within(TAKEN_OVER, "the poison runs again", runs)
            .await;
        worker.kill().await;
    }
    let worker = bench.work(0);
    bench
        .within(TAKEN_OVER, "the poison is dead", async || {
            bench.find(&poison).await.state == JobState::Dead
        })
        .await;
    for id in &neighbours {
        bench
            .within(TAKEN_OVER, "its neighbours are done", async || {
                bench.find(id).await.state == JobState::Done
            })
            .await;
    }
    worker.stop().await;
    let job = bench.find(&poison).await;
    assert_eq!((job.failures, job.crashes), (0, 3));
    assert!(job.error.is_some(), "the dead letter says why");
}

// C4
async fn a_long_job_is_not_taken_over(bench: &Bench<'_>) {
    let workers = [bench.work(0), bench.work(1)];
    let id = bench.enqueue(Act::Sleep(10 * MINUTE)).await;
    bench.until_lines(1).await;
    bench
        .within(12 * MINUTE, "a long job is done", async || {
            bench.find(&id).await.state == JobState::Done
        })
        .await;
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(bench.log.lines(), ["sleeps"], "it ran once");
    assert_eq!(bench.find(&id).await.crashes, 0);
}

// C5
async fn a_stop_releases_what_runs(bench: &Bench<'_>) {
    let ids = join_all((0..100).map(|_| bench.enqueue(Act::Hang))).await;
    let worker = bench.work_with(0, 100, BTreeMap::new());
    bench.until_lines(100).await;
    worker.stop().await;
    for id in &ids {
        let job = bench.find(id).await;
        assert_eq!(
            (job.state, job.failures, job.crashes, job.error),
            (JobState::Ready, 0, 0, None)
        );
    }
    // They need not wait until the worker has been silent for long.
    let worker = bench.work_with(1, 100, BTreeMap::new());
    bench.until_lines(200).await;
    worker.stop().await;
}

// C9
async fn newer_payloads_and_unknown_names_stay(bench: &Bench<'_>) {
    let newer = enqueued(
        bench.jobs[0]
            .enqueue(Newer(note("newer")))
            .priority(9)
            .await,
    )
    .into_id();
    let unknown = enqueued(
        bench.jobs[0]
            .enqueue(Unknown(note("unknown")))
            .priority(9)
            .await,
    )
    .into_id();
    let worker = bench.work(0);
    let id = bench.enqueue(note("known")).await;
    bench.until_is(&id, JobState::Done).await;
    bench.time.advance(30 * SECOND).await;
    worker.stop().await;
    assert_eq!(bench.log.lines(), ["known"]);
    for id in [&newer, &unknown] {
        assert_eq!(bench.find(id).await.state, JobState::Ready);
    }
    let waiting = bench.engines[0]
        .waiting()
        .await
        .expect("the engine answers");
    let names: BTreeSet<_> = waiting.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        BTreeSet::from(["plain", "unknown"]),
        "they are seen to wait"
    );
}

// C10
async fn a_rate_holds_up_its_own_queue_only(bench: &Bench<'_>) {
    let limits = QueueLimits::new().rate(2, 10 * SECOND);
    let queues = BTreeMap::from([("limited".to_owned(), limits)]);
    for number in 0..6 {
        let _ = enqueued(
            bench.jobs[0]
                .enqueue(Limited(note(number)))
                .priority(9)
                .await,
        );
    }
    let plain = bench.enqueue(note("plain")).await;
    // Of both instances together.
    let workers = [0, 1].map(|instance| bench.work_with(instance, 10, queues.clone()));
    bench.until_is(&plain, JobState::Done).await;
    bench.time.advance(SECOND).await;
    assert_eq!(bench.count("limited", JobState::Done).await, 2);
    bench.time.advance(10 * SECOND).await;
    let begun = bench.count("limited", JobState::Done).await;
    assert!((3..=4).contains(&begun), "{begun} after 11 seconds");
    bench
        .within(60 * SECOND, "all are done", async || {
            bench.count("limited", JobState::Done).await == 6
        })
        .await;
    for worker in workers {
        worker.stop().await;
    }
}

async fn a_concurrency_holds_for_its_queue(bench: &Bench<'_>) {
    let queues = BTreeMap::from([("limited".to_owned(), QueueLimits::new().concurrency(2))]);
    for _ in 0..5 {
        let _ = enqueued(bench.jobs[0].enqueue(Limited(Act::Hang)).priority(9).await);
    }
    let plain = bench.enqueue(note("plain")).await;
    let worker = bench.work_with(0, 10, queues);
    bench.until_is(&plain, JobState::Done).await;
    bench.time.advance(10 * SECOND).await;
    assert_eq!(bench.count("limited", JobState::Running).await, 2);
    worker.stop().await;
}

async fn a_purge_removes_what_is_old_and_of_its_state(bench: &Bench<'_>) {
    let worker = bench.work(0);
    let old = bench.enqueue(note("old")).await;
    let dead = bench.enqueue(Act::Fail).await;
    bench
        .within(20 * SECOND, "a failing job is dead", async || {
            bench.find(&dead).await.state == JobState::Dead
        })
        .await;
    bench.time.advance(10 * MINUTE).await;
    let new = bench.enqueue(note("new")).await;
    bench.until_is(&new, JobState::Done).await;
    worker.stop().await;
    let ready = bench.enqueue(note("ready")).await;
    let purge = async |state| {
        bench.jobs[0]
            .purge(state, 5 * MINUTE)
            .await
            .expect("the engine answers")
    };
    assert_eq!(
        (purge(JobState::Done).await, purge(JobState::Ready).await),
        (1, 0)
    );
    let left = bench.jobs[0]
        .list(&JobFilter::new())
        .await
        .expect("the engine answers");
    let left: Vec<_> = left.into_iter().map(|job| job.id).collect();
    assert_eq!(
        left,
        [ready, new, dead],
        "dead letters are kept, and {old} is gone"
    );
}

async fn a_clock_that_is_set_back_stops_nothing(bench: &Bench<'_>) {
    let workers = [bench.work(0), bench.work(1)];
    let long = bench.enqueue(Act::Sleep(5 * MINUTE)).await;
    bench.until_lines(1).await;
    let now = bench.time.clock().now();
    bench.time.set(now - 60 * MINUTE).await;
    let id = bench.enqueue(note("after")).await;
    bench
        .within(30 * SECOND, "a job begins", async || {
            bench.find(&id).await.state == JobState::Done
        })
        .await;
    bench
        .within(10 * MINUTE, "the long job is done", async || {
            bench.find(&long).await.state == JobState::Done
        })
        .await;
    bench.time.set(now + 600 * MINUTE).await;
    let id = bench.enqueue(Act::Sleep(SECOND)).await;
    bench
        .within(30 * SECOND, "a job begins", async || {
            bench.find(&id).await.state == JobState::Done
        })
        .await;
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(
        bench.log.lines(),
        ["sleeps", "after", "sleeps"],
        "no job ran twice"
    );
}

async fn an_idle_worker_begins_soon(bench: &Bench<'_>) {
    let worker = bench.work(0);
    bench.time.advance(10 * SECOND).await;
    let own = bench.enqueue(note("own")).await;
    bench.until_is(&own, JobState::Done).await;
    bench.time.advance(10 * SECOND).await;
    let foreign = enqueued(
        bench.jobs[1]
            .enqueue(Plain(note("of another instance")))
            .await,
    )
    .into_id();
    bench
        .within(SECOND, "a job of another instance begins", async || {
            bench.find(&foreign).await.state == JobState::Done
        })
        .await;
    worker.stop().await;
}

/// Random calls, and what they should leave.
async fn counts_are_those_of_a_model(bench: &Bench<'_>) {
    let mut model = BTreeMap::<JobId, JobState>::new();
    let mut random = 1_u64;
    let mut draw = |below: u64| {
        // The multiplier is that of Knuth's MMIX.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for _ in 0..200 {
        let ids: Vec<_> = model.keys().cloned().collect();
        let pick = (!ids.is_empty())
            .then(|| ids[usize::try_from(draw(ids.len() as u64)).unwrap_or_default()].clone());
        match (draw(5), pick) {
            (0 | 1, _) | (_, None) => {
                let is_delayed = draw(2) == 0;
                let delay = if is_delayed {
                    1000 * MINUTE
                } else {
                    Duration::ZERO
                };
                let id =
                    enqueued(bench.jobs[0].enqueue(Plain(note(""))).after(delay).await).into_id();
                model.insert(
                    id,
                    if is_delayed {
                        JobState::Scheduled
                    } else {
                        JobState::Ready
                    },
                );
            }
            (2, Some(id)) => {
                let is_open = !model[&id].has_ended();
                assert_eq!(cancel(bench, &id).await, is_open);
                if is_open {
                    model.insert(id, JobState::Cancelled);
                }
            }
            (3, Some(id)) => {
                let has_ended = model[&id] == JobState::Cancelled;
                assert_eq!(requeue(bench, &id).await, has_ended);
                if has_ended {
                    model.insert(id, JobState::Ready);
                }
            }
            (_, Some(_)) => {
                bench.time.advance(SECOND).await;
                let purged = bench.jobs[0]
                    .purge(JobState::Cancelled, Duration::ZERO)
                    .await;
                let before = model.len();
                model.retain(|_, state| *state != JobState::Cancelled);
                assert_eq!(
                    purged.expect("the engine answers"),
                    (before - model.len()) as u64
                );
            }
        }
    }
    let mut expected = BTreeMap::new();
    for state in model.values() {
        *expected.entry(("plain".to_owned(), *state)).or_default() += 1_u64;
    }
    assert_eq!(bench.states().await, expected);
}
