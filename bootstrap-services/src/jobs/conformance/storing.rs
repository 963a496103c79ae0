//! Storing jobs, finding them, and removing them.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;

use crate::database::Transaction;
use crate::jobs::conformance::bench::{
    Act, Bench, Limited, MINUTE, Plain, SECOND, TAKEN_OVER, cancel, enqueued, note, requeue,
};
use crate::jobs::{Enqueued, JobFilter, JobId, JobState, NewJob};

pub(super) async fn of_racers_for_a_unique_key_one_wins(bench: &Bench<'_>) {
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

pub(super) async fn a_unique_key_is_free_when_its_job_has_ended(bench: &Bench<'_>) {
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

pub(super) async fn a_transaction_of_another_database_is_refused(bench: &Bench<'_>) {
    let refused = bench.jobs[0]
        .enqueue_in(&mut Foreign, Plain(note("")))
        .await;
    assert!(
        refused.is_err(),
        "the job can't be part of a transaction of another database"
    );
    assert_eq!(bench.states().await, BTreeMap::new());
}

pub(super) async fn a_job_of_a_transaction_begins_once_that_commits(bench: &Bench<'_>) {
    let Some(transactions) = &bench.transactions else {
        return;
    };
    let worker = bench.work(1);
    let mut begun = transactions.begin().await;
    let job = bench.jobs[0].enqueue_in(begun.tx(), Plain(note("committed")));
    let id = enqueued(job.await).into_id();
    // A worker that saw the job would begin it now.
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(bench.log.lines(), [""; 0], "it is not committed yet");
    begun.commit().await;
    bench
        .within(SECOND, "a job that was committed is done", async || {
            bench.find(&id).await.state == JobState::Done
        })
        .await;
    worker.stop().await;
    assert_eq!(bench.log.lines(), ["committed"]);
}

pub(super) async fn a_job_of_a_transaction_that_rolls_back_does_not_exist(bench: &Bench<'_>) {
    let Some(transactions) = &bench.transactions else {
        return;
    };
    let mut begun = transactions.begin().await;
    let job = bench.jobs[0].enqueue_in(begun.tx(), Plain(note("rolled back")));
    let id = enqueued(job.unique("key").await).into_id();
    drop(begun);
    let job = bench.jobs[0].enqueue(Plain(note("again"))).unique("key");
    let again = enqueued(job.await);
    assert!(again.is_new(), "the key is free");
    let again = again.into_id();
    let worker = bench.work(1);
    bench.until_is(&again, JobState::Done).await;
    worker.stop().await;
    assert_eq!(bench.log.lines(), ["again"]);
    if again != id {
        let found = bench.jobs[1].find(&id).await.expect("the engine answers");
        assert_eq!(found, None);
    }
    assert_eq!(bench.list(&JobFilter::new()).await, [again]);
}

pub(super) async fn the_largest_payload_is_kept(bench: &Bench<'_>) {
    // `{"Note":""}` has 11 bytes.
    let text = "ä".repeat((1 << 19) - 6);
    let id = bench.enqueue(note(&text)).await;
    let worker = bench.work(0);
    bench.until_lines(1).await;
    bench.until_is(&id, JobState::Done).await;
    worker.stop().await;
    assert!(bench.log.lines() == [text], "the payload is unchanged");
}

pub(super) async fn a_dead_letter_is_found_and_requeued(bench: &Bench<'_>) {
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

pub(super) async fn a_list_has_what_its_filter_says_and_the_newest_first(bench: &Bench<'_>) {
    let mut ids = Vec::new();
    for number in 0..12 {
        let act = note(number);
        let id = match number % 3 {
            0 => bench.jobs[0].enqueue(Limited(act)).await,
            1 => bench.jobs[1].enqueue(Plain(act)).after(MINUTE).await,
            _ => bench.jobs[1].enqueue(Plain(act)).await,
        };
        ids.push(enqueued(id).into_id());
    }
    let of = |rest: usize| ids.iter().skip(rest).step_by(3).rev().cloned();
    let all: Vec<_> = ids.iter().rev().cloned().collect();
    let filter = JobFilter::new();
    assert_eq!(bench.list(&filter).await, all);
    let limited: Vec<_> = of(0).collect();
    assert_eq!(bench.list(&filter.clone().name("limited")).await, limited);
    let scheduled: Vec<_> = of(1).collect();
    let filter = filter.state(JobState::Scheduled);
    assert_eq!(bench.list(&filter).await, scheduled);
    let page = filter.clone().limit(2);
    assert_eq!(bench.list(&page).await, scheduled[..2]);
    let next = page.before(scheduled[1].clone());
    assert_eq!(bench.list(&next).await, scheduled[2..]);
    let none = filter.name("limited");
    assert_eq!(bench.list(&none).await, []);
}

pub(super) async fn one_job_is_removed_once_it_has_ended(bench: &Bench<'_>) {
    let remove = async |id: &JobId| bench.jobs[1].remove(id).await.expect("the engine answers");
    let keep = bench.enqueue(note("keep")).await;
    let later = bench.jobs[0].enqueue(Plain(note("later"))).after(MINUTE);
    let later = enqueued(later.await).into_id();
    let dead = enqueued(bench.engines[0].push(bench.new_job(Act::Fail)).await).into_id();
    let new = bench.new_job(Act::Hang);
    let resumes = Some("order-7".to_owned());
    let hangs = enqueued(bench.engines[0].push(NewJob { resumes, ..new }).await).into_id();
    assert!(!remove(&dead).await, "it is ready");
    let worker = bench.work(0);
    for (id, state) in [
        (&keep, JobState::Done),
        (&dead, JobState::Dead),
        (&hangs, JobState::Running),
    ] {
        bench.until_is(id, state).await;
    }
    assert!(!remove(&hangs).await, "it runs");
    assert!(!remove(&later).await, "it waits for its time");
    assert!(remove(&dead).await);
    assert!(!remove(&dead).await, "it is gone");
    assert!(!remove(&JobId::new("no such job")).await);
    assert!(cancel(bench, &later).await);
    assert!(remove(&later).await, "it was cancelled");
    worker.stop().await;
    assert!(!remove(&hangs).await, "it was released");
    assert_eq!(bench.list(&JobFilter::new()).await, [hangs, keep]);
}

pub(super) async fn a_purge_removes_what_is_old_and_of_its_state(bench: &Bench<'_>) {
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
