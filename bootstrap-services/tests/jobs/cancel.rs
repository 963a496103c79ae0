//! Cancelling, progress, and the end of the app.

use std::time::Duration;

use bootstrap_services::jobs::{JobId, JobState, JobWorkerPlugin};

use crate::kit::{Act, DEADLINE, Kit, SECOND, Setup, Work, note};

#[tokio::test]
async fn a_job_that_has_not_begun_is_cancelled() {
    let kit = Kit::by_hand().await;
    let ready = kit.enqueue(Act::Note("ready".to_owned())).await;
    let later = kit
        .jobs
        .enqueue(note("later"))
        .after(SECOND)
        .await
        .unwrap()
        .into_id();
    for id in [&ready, &later] {
        assert!(kit.jobs.cancel(id).await.unwrap());
        assert!(!kit.jobs.cancel(id).await.unwrap(), "it has ended");
        assert_eq!(kit.find(id).await.state, JobState::Cancelled);
    }
    kit.time.advance(2 * SECOND).await;
    kit.jobs.drain().await.unwrap();
    assert_eq!(kit.log.take(), [""; 0]);
    assert!(!kit.jobs.cancel(&JobId::new("no such job")).await.unwrap());
    kit.close().await;
}

// The original could not cancel a job that runs.
#[tokio::test]
async fn a_job_that_runs_is_told_to_end_and_is_cancelled_without_a_failure() {
    let kit = Kit::new().await;
    let id = kit.enqueue(Act::Wait).await;
    kit.log.until(1).await;
    assert!(kit.jobs.cancel(&id).await.unwrap());
    assert_eq!(kit.log.until(1).await, ["was told"]);
    let job = kit.until(&id, JobState::Cancelled).await;
    assert_eq!((job.failures, job.error), (0, None));
    assert_eq!(kit.errors.take(), [""; 0]);
    kit.close().await;
}

#[tokio::test]
async fn a_handler_that_does_not_end_when_it_is_told_is_dropped_after_a_second() {
    let kit = Kit::new().await;
    let id = kit.enqueue(Act::Hang).await;
    kit.log.until(1).await;
    assert!(kit.jobs.cancel(&id).await.unwrap());
    assert_eq!(kit.find(&id).await.state, JobState::Running);
    kit.time.advance(SECOND).await;
    kit.until(&id, JobState::Cancelled).await;
    kit.close().await;
}

#[tokio::test]
async fn a_handler_that_succeeds_although_it_is_unwanted_is_done() {
    let kit = Kit::new().await;
    let id = kit.enqueue(Act::Sleep(SECOND / 2)).await;
    kit.log.until(1).await;
    assert!(kit.jobs.cancel(&id).await.unwrap());
    kit.time.advance(SECOND / 2).await;
    kit.until(&id, JobState::Done).await;
    kit.close().await;
}

#[tokio::test]
async fn the_progress_of_a_job_is_seen_while_it_runs() {
    let kit = Kit::new().await;
    let id = kit.enqueue(Act::Progress("half".to_owned())).await;
    kit.log.until(1).await;
    kit.time.advance(SECOND).await;
    assert_eq!(kit.find(&id).await.progress.as_deref(), Some("half"));
    kit.jobs.cancel(&id).await.unwrap();
    kit.close().await;
}

#[tokio::test]
async fn a_stop_waits_for_jobs_tells_them_to_end_and_releases_the_rest_with_no_attempt_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let mut setup = Setup::new();
    setup.file = Some(file.clone());
    setup.worker = JobWorkerPlugin::default().grace(5 * SECOND);
    let Kit {
        running,
        time,
        jobs,
        database,
        log,
        errors,
    } = setup.boot().await;
    let mut ids = Vec::new();
    for act in [Act::Sleep(3 * SECOND), Act::Wait, Act::Hang] {
        ids.push(jobs.enqueue(Work(act)).await.unwrap().into_id());
    }
    log.until(3).await;
    drop((jobs, database));
    let closing = tokio::spawn(running.close());
    let lines = async {
        for second in 0..7 {
            log.add(format!("second {second}"));
            // What the stop spawns has begun to wait by then.
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            time.advance(SECOND).await;
        }
    };
    lines.await;
    tokio::time::timeout(DEADLINE, closing)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let lines = log.take();
    let place = |line: &str| {
        lines
            .iter()
            .position(|it| it == line)
            .unwrap_or_else(|| panic!("no `{line}` in {lines:?}"))
    };
    assert!(
        place("woke") > place("second 2") && place("woke") < place("was told"),
        "{lines:?}"
    );
    assert!(place("was told") > place("second 4"), "{lines:?}");
    assert_eq!(errors.take(), [""; 0]);

    let mut setup = Setup::by_hand();
    setup.file = Some(file);
    let kit = setup.boot().await;
    let mut states = Vec::new();
    for id in &ids {
        let job = kit.find(id).await;
        states.push((job.state, job.failures, job.crashes));
    }
    assert_eq!(
        states,
        [
            (JobState::Done, 0, 0),
            (JobState::Ready, 0, 0),
            (JobState::Ready, 0, 0)
        ]
    );
    kit.close().await;
}

#[tokio::test]
async fn a_process_that_runs_no_jobs_leaves_them_to_others() {
    let mut setup = Setup::new();
    setup.configuration = setup.configuration.set("jobs.worker", false);
    let kit = setup.boot().await;
    let id = kit.enqueue(Act::Note("for others".to_owned())).await;
    kit.time.advance(60 * SECOND).await;
    assert_eq!(kit.find(&id).await.state, JobState::Ready);
    kit.close().await;
}
