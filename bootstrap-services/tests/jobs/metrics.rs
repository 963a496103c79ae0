//! What is measured, as an operator reads it.

use std::collections::BTreeMap;
use std::time::Duration;

use bootstrap_services::jobs::{JobFilter, JobState, JobWorkerPlugin, QueueLimits};
use metrics::LocalRecorderGuard;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::kit::{Act, Kit, SECOND, Setup, Work, note};

/// How often a worker measures what is stored.
const ROUND: Duration = Duration::from_secs(10);

/// The recorder of a test.
struct Recorder(PrometheusRecorder);

impl Recorder {
    fn new() -> Self {
        Self(PrometheusBuilder::new().build_recorder())
    }

    /// Everything that this thread measures from now on.
    fn install(&self) -> (LocalRecorderGuard<'_>, Metrics) {
        let guard = metrics::set_default_local_recorder(&self.0);
        (guard, Metrics(self.0.handle()))
    }
}

struct Metrics(PrometheusHandle);

impl Metrics {
    /// The value of a metric, with its labels.
    fn value(&self, metric: &str) -> Option<f64> {
        let text = self.0.render();
        let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        let (_, value) = lines.find(|(name, _)| *name == metric)?;
        Some(value.parse().unwrap())
    }

    /// The values of all metrics whose name begins so, by their labels.
    fn all(&self, name: &str) -> BTreeMap<String, f64> {
        let text = self.0.render();
        let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        let values = lines.filter_map(|(metric, value)| {
            let labels = metric.strip_prefix(name)?;
            Some((labels.to_owned(), value.parse().unwrap()))
        });
        values.collect()
    }

    fn commits(&self) -> f64 {
        self.value("database_transactions_total{database=\"database\",outcome=\"committed\"}")
            .unwrap_or_default()
    }

    /// What a worker has measured of the jobs `work`: how many are ready, since when, and how many are dead.
    fn stored(&self) -> [Option<f64>; 3] {
        ["jobs_ready", "jobs_waiting_seconds", "jobs_dead"]
            .map(|name| self.value(&format!("{name}{{name=\"work\"}}")))
    }

    /// Lets time go on until the worker has measured this. A machine that is slow makes it skip rounds, but a job that holds its
    /// queue may do so for a minute only.
    async fn until_stored(&self, kit: &Kit, expected: impl Fn(Duration) -> [f64; 3]) {
        let mut passed = Duration::ZERO;
        for _ in 0..5 {
            kit.time.advance(ROUND).await;
            passed += ROUND;
            if self.stored() == expected(passed).map(Some) {
                return;
            }
        }
        panic!("{:?}, and not {:?}", self.stored(), expected(passed));
    }
}

/// Waits until the worker has counted what others see already. No poll is due.
async fn settle(kit: &Kit) {
    kit.time.advance(Duration::from_millis(1)).await;
}

fn by_labels<const N: usize>(values: [(&str, f64); N]) -> BTreeMap<String, f64> {
    values
        .map(|(labels, value)| (labels.to_owned(), value))
        .into()
}

#[tokio::test]
async fn runs_are_counted_by_how_they_ended() {
    let recorder = Recorder::new();
    let (_guard, metrics) = recorder.install();
    let kit = Kit::new().await;
    let slept = kit.enqueue(Act::Sleep(7 * SECOND)).await;
    kit.log.until(1).await;
    assert_eq!(metrics.value("jobs_running{name=\"work\"}"), Some(1.0));
    kit.time.advance(7 * SECOND).await;
    kit.until(&slept, JobState::Done).await;
    let failed = kit.enqueue(Act::Fail(1)).await;
    kit.until(&failed, JobState::Scheduled).await;
    let dead = kit.enqueue(Act::Fatal).await;
    kit.until(&dead, JobState::Dead).await;
    let cancelled = kit.enqueue(Act::Wait).await;
    kit.until(&cancelled, JobState::Running).await;
    assert!(kit.jobs.cancel(&cancelled).await.unwrap());
    kit.until(&cancelled, JobState::Cancelled).await;
    assert!(kit.jobs.cancel(&failed).await.unwrap());
    kit.enqueue(Act::Hang).await;
    kit.log.until(4).await;
    kit.close().await;
    let ended = [
        ("{name=\"work\",outcome=\"cancelled\"}", 1.0),
        ("{name=\"work\",outcome=\"dead\"}", 1.0),
        ("{name=\"work\",outcome=\"done\"}", 1.0),
        ("{name=\"work\",outcome=\"failed\"}", 1.0),
        ("{name=\"work\",outcome=\"released\"}", 1.0),
    ];
    assert_eq!(metrics.all("jobs_ended_total"), by_labels(ended));
    let enqueued = by_labels([("{name=\"work\"}", 5.0)]);
    assert_eq!(metrics.all("jobs_enqueued_total"), enqueued);
    let running = by_labels([("{name=\"work\"}", 0.0)]);
    assert_eq!(metrics.all("jobs_running"), running);
    let count = metrics.value("jobs_run_seconds_count{name=\"work\"}");
    assert_eq!(count, Some(5.0));
}

#[tokio::test]
async fn the_time_of_a_run_is_that_of_the_clock() {
    let recorder = Recorder::new();
    let (_guard, metrics) = recorder.install();
    let kit = Kit::new().await;
    let slept = kit.enqueue(Act::Sleep(7 * SECOND)).await;
    kit.log.until(1).await;
    kit.time.advance(7 * SECOND).await;
    kit.until(&slept, JobState::Done).await;
    let sum = metrics.value("jobs_run_seconds_sum{name=\"work\"}");
    assert_eq!(sum, Some(7.0));
    kit.close().await;
}

#[tokio::test]
async fn a_job_is_counted_as_enqueued_when_its_transaction_is_committed() {
    let recorder = Recorder::new();
    let (_guard, metrics) = recorder.install();
    let kit = Kit::by_hand().await;
    let enqueued = || metrics.value("jobs_enqueued_total{name=\"work\"}");
    let mut tx = kit.database.begin().await.unwrap();
    kit.jobs.enqueue_in(&mut tx, note("a")).await.unwrap();
    assert_eq!(enqueued(), None);
    tx.rollback().await.unwrap();
    assert_eq!(enqueued(), None);
    let mut tx = kit.database.begin().await.unwrap();
    let one = kit.jobs.enqueue_in(&mut tx, note("b")).unique("key").await;
    let other = kit.jobs.enqueue_in(&mut tx, note("c")).unique("key").await;
    assert!(one.unwrap().is_new() && !other.unwrap().is_new());
    assert_eq!(enqueued(), None);
    tx.commit().await.unwrap();
    assert_eq!(enqueued(), Some(1.0));
    let third = kit.jobs.enqueue(note("d")).unique("key").await;
    assert!(!third.unwrap().is_new());
    assert_eq!(enqueued(), Some(1.0));
    kit.close().await;
}

#[tokio::test]
async fn a_worker_measures_what_is_stored_also_when_the_queue_is_empty_again() {
    let recorder = Recorder::new();
    let (_guard, metrics) = recorder.install();
    let mut setup = Setup::new();
    let one = QueueLimits::new().concurrency(1);
    setup.worker = JobWorkerPlugin::default().queue("default", one);
    let kit = setup.boot().await;
    metrics.until_stored(&kit, |_| [0.0, 0.0, 0.0]).await;
    let dead = kit.enqueue(Act::Fatal).await;
    kit.until(&dead, JobState::Dead).await;
    let work = Work(Act::Wait);
    let held = kit.jobs.enqueue(work).priority(1).await.unwrap().into_id();
    kit.log.until(1).await;
    for text in ["a", "b"] {
        kit.jobs.enqueue(note(text)).await.unwrap();
    }
    let waited = |passed: Duration| [2.0, passed.as_secs_f64(), 1.0];
    metrics.until_stored(&kit, waited).await;
    assert!(kit.jobs.cancel(&held).await.unwrap());
    assert_eq!(kit.log.until(3).await, ["was told", "a", "b"]);
    metrics.until_stored(&kit, |_| [0.0, 0.0, 1.0]).await;
    let zero = Duration::ZERO;
    assert_eq!(kit.jobs.purge(JobState::Dead, zero).await.unwrap(), 1);
    metrics.until_stored(&kit, |_| [0.0, 0.0, 0.0]).await;
    kit.close().await;
}

#[tokio::test]
async fn jobs_of_a_process_that_died_are_counted() {
    const DIE: [&str; 3] = [
        "DELETE FROM _job_workers",
        "INSERT INTO _job_workers (id, process) VALUES (99, 'of another machine')",
        "UPDATE _jobs SET worker = 99 WHERE state = 2",
    ];
    let recorder = Recorder::new();
    let (_guard, metrics) = recorder.install();
    let kit = Kit::new().await;
    for _ in 0..2 {
        kit.enqueue(Act::Hang).await;
    }
    kit.log.until(2).await;
    let die = kit.database.write(async |mut tx| -> anyhow::Result<()> {
        for statement in DIE {
            sqlx::query(statement).execute(&mut *tx).await?;
        }
        Ok(())
    });
    die.await.unwrap();
    let crashes = async || {
        let jobs = kit.jobs.list(&JobFilter::new()).await.unwrap();
        jobs.iter().map(|job| job.crashes).sum::<u32>()
    };
    while crashes().await == 0 {
        kit.time.advance(SECOND).await;
    }
    settle(&kit).await;
    assert_eq!(metrics.value("jobs_crashed_total"), Some(2.0));
    kit.close().await;
}

/// Commits are what a job costs.
#[tokio::test]
async fn a_job_on_an_idle_queue_begins_after_two_transactions_and_ends_after_three() {
    let recorder = Recorder::new();
    let (_guard, metrics) = recorder.install();
    let kit = Kit::new().await;
    kit.time.advance(SECOND).await;
    let turns = || metrics.value("jobs_turn_seconds_count").unwrap();
    for _ in 0..2 {
        let before = (metrics.commits(), turns());
        let done = kit.enqueue(Act::Note("done".to_owned())).await;
        kit.until(&done, JobState::Done).await;
        settle(&kit).await;
        assert_eq!(
            (metrics.commits() - before.0, turns() - before.1),
            (3.0, 2.0)
        );
    }
    let before = (metrics.commits(), turns());
    let held = kit.enqueue(Act::Wait).await;
    kit.log.until(3).await;
    kit.until(&held, JobState::Running).await;
    assert_eq!(
        (metrics.commits() - before.0, turns() - before.1),
        (2.0, 1.0)
    );
    kit.close().await;
}
