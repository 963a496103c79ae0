//! Running jobs: their order, their limits, and how runs end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use crate::jobs::conformance::bench::{
    Act, Bench, Limited, MINUTE, Newer, Plain, SECOND, Unknown, cancel, enqueued, note,
};
use crate::jobs::{JobId, JobState, NewJob, QueueLimits};

pub(super) async fn a_job_is_done_once(bench: &Bench<'_>) {
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

pub(super) async fn priorities_come_first_and_times_in_their_order(bench: &Bench<'_>) {
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

pub(super) async fn a_delayed_job_waits_for_its_time(bench: &Bench<'_>) {
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

pub(super) async fn a_failed_job_is_retried_until_it_is_dead(bench: &Bench<'_>) {
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

pub(super) async fn a_job_is_cancelled_before_and_while_it_runs(bench: &Bench<'_>) {
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

pub(super) async fn a_job_that_resumes_a_workflow_is_not_cancelled(bench: &Bench<'_>) {
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

pub(super) async fn a_job_that_ends_wakes_another_however_it_ended(bench: &Bench<'_>) {
    let worker = bench.work(0);
    let mut sleepers = Vec::new();
    for act in [note("done"), Act::Fail, Act::Hang] {
        let sleeper = bench.jobs[0].enqueue(Plain(note("woke")));
        let sleeper = enqueued(sleeper.after(Duration::from_hours(1_000)).await).into_id();
        let new = bench.new_job(act);
        let new = NewJob {
            wakes: Some(sleeper.clone()),
            ..new
        };
        let waker = enqueued(bench.engines[0].push(new).await).into_id();
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

pub(super) async fn progress_and_results_are_kept(bench: &Bench<'_>) {
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

pub(super) async fn two_workers_run_no_job_twice(bench: &Bench<'_>) {
    const JOBS: usize = 2_000;
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

pub(super) async fn a_stop_releases_what_runs(bench: &Bench<'_>) {
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

pub(super) async fn newer_payloads_and_unknown_names_stay(bench: &Bench<'_>) {
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

pub(super) async fn a_rate_holds_up_its_own_queue_only(bench: &Bench<'_>) {
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

pub(super) async fn a_concurrency_holds_for_its_queue(bench: &Bench<'_>) {
    let queues = BTreeMap::from([("limited".to_owned(), QueueLimits::new().concurrency(2))]);
    for _ in 0..5 {
        enqueued(bench.jobs[0].enqueue(Limited(Act::Hang)).priority(9).await);
    }
    let plain = bench.enqueue(note("plain")).await;
    let worker = bench.work_with(0, 10, queues);
    bench.until_is(&plain, JobState::Done).await;
    bench.time.advance(10 * SECOND).await;
    assert_eq!(bench.count("limited", JobState::Running).await, 2);
    worker.stop().await;
}

pub(super) async fn a_clock_that_is_set_back_stops_nothing(bench: &Bench<'_>) {
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

pub(super) async fn an_idle_worker_begins_soon(bench: &Bench<'_>) {
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
