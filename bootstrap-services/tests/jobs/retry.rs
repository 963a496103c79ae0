//! Failures: attempts, backoff, timeouts, panics and dead letters.

use bootstrap_services::jobs::{JobFilter, JobState};

use crate::kit::{Act, Kit, SECOND, Setup};

/// The policy has 3 attempts and a backoff of 4 seconds, then of 8, of which half is random.
const LONGEST_FIRST: u32 = 4;
const SHORTEST_FIRST: u32 = 2;

// The original retried at the next poll.
#[tokio::test]
async fn a_failed_job_is_retried_after_its_backoff() {
    let kit = Kit::by_hand().await;
    let id = kit.enqueue(Act::Fail(1)).await;
    assert_eq!(kit.jobs.drain().await.unwrap().scheduled, 1);
    let job = kit.find(&id).await;
    assert_eq!(
        (job.state, job.failures, job.error.as_deref()),
        (JobState::Scheduled, 1, Some("no luck"))
    );
    let wait = job.run_at.duration_since(kit.time.clock().now()).unwrap();
    assert!(
        wait >= SHORTEST_FIRST * SECOND && wait <= LONGEST_FIRST * SECOND,
        "{wait:?}"
    );
    kit.time.advance(wait.checked_sub(SECOND).unwrap()).await;
    assert_eq!(kit.jobs.drain().await.unwrap().done, 0);
    kit.time.advance(SECOND).await;
    assert_eq!(kit.jobs.drain().await.unwrap().done, 1);
    assert_eq!(kit.log.take(), ["attempt 1", "attempt 2"]);
    let job = kit.find(&id).await;
    assert_eq!(
        (job.state, job.failures, job.error),
        (JobState::Done, 1, None)
    );
    kit.close().await;
}

/// D41: the original counted attempts twice in memory, so 3 were 2.
#[tokio::test]
async fn a_job_fails_as_many_times_as_its_policy_says_and_then_is_a_dead_letter() {
    let kit = Kit::new().await;
    let id = kit.enqueue(Act::Fail(99)).await;
    assert_eq!(kit.log.until(1).await, ["attempt 1"]);
    kit.until(&id, JobState::Scheduled).await;
    kit.time.advance(60 * SECOND).await;
    let job = kit.until(&id, JobState::Dead).await;
    assert_eq!(kit.log.take(), ["attempt 2", "attempt 3"]);
    assert_eq!(
        (job.failures, job.attempts, job.error.as_deref()),
        (3, 3, Some("no luck"))
    );
    kit.close().await;
}

/// D22: those of jobs as well.
#[tokio::test]
async fn each_failure_reaches_on_error_with_the_plugin_the_attempt_and_what_follows() {
    let kit = Kit::by_hand().await;
    let id = kit.enqueue(Act::Fail(99)).await;
    for _ in 0..2 {
        kit.jobs.drain().await.unwrap();
        kit.time.advance(60 * SECOND).await;
    }
    let dead = kit.jobs.drain().await.unwrap_err();
    assert_eq!(
        dead.to_string(),
        format!("jobs have become dead letters: work {id}: no luck")
    );
    let errors = kit.errors.take();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(
        errors[0].starts_with("[work]") && errors[0].contains("no luck"),
        "{}",
        errors[0]
    );
    let first = format!("attempt 1 of 3 of the job {id} failed: the next begins in ");
    assert!(errors[0].contains(&first), "{}", errors[0]);
    let last = format!("attempt 3 of 3 of the job {id} failed: it is a dead letter now");
    assert!(errors[2].contains(&last), "{}", errors[2]);
    kit.close().await;
}

#[tokio::test]
async fn a_failure_that_is_fatal_makes_a_dead_letter_at_once() {
    let kit = Kit::new().await;
    let id = kit.enqueue(Act::Fatal).await;
    let job = kit.until(&id, JobState::Dead).await;
    assert_eq!(
        (job.failures, job.error.as_deref()),
        (1, Some("it never works"))
    );
    kit.close().await;
}

#[tokio::test]
async fn a_handler_may_choose_when_its_job_is_retried() {
    let kit = Kit::by_hand().await;
    let id = kit.enqueue(Act::RetryAfter(45)).await;
    kit.jobs.drain().await.unwrap();
    let job = kit.find(&id).await;
    assert_eq!(job.run_at, kit.time.clock().now() + 45 * SECOND);
    assert_eq!(job.error.as_deref(), Some("it is busy"));
    kit.close().await;
}

#[tokio::test]
async fn a_panic_is_a_failure_with_its_text() {
    let kit = Kit::by_hand().await;
    let id = kit.enqueue(Act::Panic).await;
    kit.jobs.drain().await.unwrap();
    let job = kit.find(&id).await;
    assert_eq!(
        (job.failures, job.error.as_deref()),
        (1, Some("it panicked: out of cheese"))
    );
    kit.close().await;
}

#[tokio::test]
async fn a_handler_that_takes_longer_than_its_timeout_is_dropped_and_has_failed() {
    let kit = Kit::new().await;
    let id = kit.enqueue(Act::Sleep(120 * SECOND)).await;
    kit.log.until(1).await;
    kit.time.advance(61 * SECOND).await;
    let job = kit.until(&id, JobState::Scheduled).await;
    assert_eq!(
        (job.failures, job.error.as_deref()),
        (1, Some("it did not end within its timeout of 60s"))
    );
    assert_eq!(kit.log.take(), [""; 0], "the handler has not gone on");
    kit.close().await;
}

#[tokio::test]
async fn a_dead_letter_is_requeued_with_all_its_attempts() {
    let kit = Kit::by_hand().await;
    let id = kit.enqueue(Act::Fail(2)).await;
    for _ in 0..2 {
        kit.jobs.drain().await.unwrap();
        kit.time.advance(60 * SECOND).await;
    }
    kit.log.take();
    assert!(!kit.jobs.requeue(&id).await.unwrap(), "it has not ended");
    assert_eq!(kit.jobs.drain().await.unwrap().done, 1);
    assert!(!kit.jobs.requeue(&id).await.unwrap(), "it is done");

    let id = kit.enqueue(Act::Fatal).await;
    kit.jobs.drain().await.unwrap_err();
    assert!(kit.jobs.requeue(&id).await.unwrap());
    let job = kit.find(&id).await;
    assert_eq!(
        (job.state, job.failures, job.ended_at),
        (JobState::Ready, 0, None)
    );
    kit.close().await;
}

#[tokio::test]
async fn a_dead_letter_is_not_requeued_while_another_job_has_its_unique_key() {
    let kit = Kit::by_hand().await;
    let dead = kit
        .jobs
        .enqueue(crate::kit::Work(Act::Fatal))
        .unique("key")
        .await
        .unwrap()
        .into_id();
    kit.jobs.drain().await.unwrap_err();
    let other = kit
        .jobs
        .enqueue(crate::kit::note("other"))
        .unique("key")
        .await
        .unwrap();
    assert!(other.is_new());
    assert!(!kit.jobs.requeue(&dead).await.unwrap());
    assert_eq!(kit.find(&dead).await.state, JobState::Dead);
    kit.jobs.drain().await.unwrap();
    assert!(kit.jobs.requeue(&dead).await.unwrap());
    kit.close().await;
}

#[tokio::test]
async fn a_purge_removes_what_is_old_and_of_its_state() {
    let kit = Kit::by_hand().await;
    let dead = kit.enqueue(Act::Fatal).await;
    let old = kit.enqueue(Act::Note("old".to_owned())).await;
    kit.jobs.drain().await.unwrap_err();
    kit.time.advance(100 * SECOND).await;
    let new = kit.enqueue(Act::Note("new".to_owned())).await;
    let waits = kit
        .jobs
        .enqueue(crate::kit::note("waits"))
        .after(SECOND)
        .await
        .unwrap()
        .into_id();
    kit.jobs.drain().await.unwrap();
    assert_eq!(
        kit.jobs.purge(JobState::Done, 50 * SECOND).await.unwrap(),
        1
    );
    assert_eq!(
        kit.jobs
            .purge(JobState::Scheduled, std::time::Duration::ZERO)
            .await
            .unwrap(),
        0
    );
    let left = kit.jobs.list(&JobFilter::new()).await.unwrap();
    let left: Vec<_> = left.into_iter().map(|job| job.id).collect();
    assert_eq!(left, [waits, new, dead.clone()]);
    assert_eq!(kit.jobs.find(&old).await.unwrap(), None);
    assert_eq!(
        kit.jobs.purge(JobState::Dead, 50 * SECOND).await.unwrap(),
        1
    );
    assert_eq!(kit.jobs.find(&dead).await.unwrap(), None);
    kit.close().await;
}

#[tokio::test]
async fn jobs_that_are_done_are_removed_by_themselves_and_dead_letters_are_kept() {
    let mut setup = Setup::new();
    setup.engine = setup.engine.poll(60 * SECOND);
    setup.worker = setup.worker.keep(5 * 3600 * SECOND);
    let kit = setup.boot().await;
    let done = kit.enqueue(Act::Note("done".to_owned())).await;
    let dead = kit.enqueue(Act::Fatal).await;
    kit.until(&done, JobState::Done).await;
    kit.until(&dead, JobState::Dead).await;
    kit.time.advance((5 * 3600 - 1) * SECOND).await;
    assert!(kit.jobs.find(&done).await.unwrap().is_some());
    kit.time.advance(2 * 3600 * SECOND).await;
    assert!(kit.jobs.find(&done).await.unwrap().is_none());
    assert!(kit.jobs.find(&dead).await.unwrap().is_some());
    kit.close().await;
}
