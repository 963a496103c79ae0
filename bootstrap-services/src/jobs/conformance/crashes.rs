//! Workers that die.

use futures_util::future::join_all;

use crate::jobs::JobState;
use crate::jobs::conformance::bench::{
    Act, Bench, Fragile, MINUTE, Plain, SECOND, TAKEN_OVER, cancel, enqueued,
};

pub(super) async fn the_jobs_of_a_dead_worker_are_taken_over(bench: &Bench<'_>) {
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

pub(super) async fn a_poison_job_is_buried_and_its_neighbours_are_done(bench: &Bench<'_>) {
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

pub(super) async fn the_first_crash_buries_no_job(bench: &Bench<'_>) {
    let fragile = Fragile(Act::Sleep(SECOND));
    let neighbour = enqueued(bench.jobs[0].enqueue(fragile).await).into_id();
    let poison = bench.enqueue(Act::Hang).await;
    let dying = bench.work(0);
    bench.until_lines(2).await;
    dying.kill().await;
    let worker = bench.work(1);
    bench
        .within(TAKEN_OVER, "the neighbour is done", async || {
            let job = bench.find(&neighbour).await;
            assert_ne!(job.state, JobState::Dead, "the other job may be to blame");
            job.state == JobState::Done
        })
        .await;
    assert!(cancel(bench, &poison).await);
    worker.stop().await;
    assert_eq!(bench.find(&neighbour).await.crashes, 1);
}

pub(super) async fn a_long_job_is_not_taken_over(bench: &Bench<'_>) {
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
