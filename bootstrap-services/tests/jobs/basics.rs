//! Enqueueing, running, and what is stored.

use bootstrap_services::jobs::{Enqueued, JobError, JobFilter, JobId, JobState};
use serde_json::json;

use crate::kit::{Act, Kit, SECOND, Work, note};

/// D41: enqueued, begun, done.
#[tokio::test]
async fn a_job_that_was_enqueued_is_done() {
    let kit = Kit::new().await;
    let id = kit.enqueue(Act::Note("hello".to_owned())).await;
    assert_eq!(kit.log.until(1).await, ["hello"]);
    let job = kit.until(&id, JobState::Done).await;
    assert_eq!(
        (job.name.as_str(), job.version, job.failures),
        ("work", 1, 0)
    );
    assert_eq!(job.payload, json!({ "Note": "hello" }));
    assert_eq!(job.ended_at, Some(kit.time.clock().now()));
    kit.close().await;
}

#[tokio::test]
async fn a_delayed_job_begins_at_its_time() {
    let kit = Kit::new().await;
    let id = kit
        .jobs
        .enqueue(note("later"))
        .after(10 * SECOND)
        .await
        .unwrap()
        .into_id();
    kit.time.advance(9 * SECOND).await;
    assert_eq!(kit.find(&id).await.state, JobState::Scheduled);
    kit.time.advance(SECOND).await;
    assert_eq!(kit.log.until(1).await, ["later"]);
    kit.close().await;
}

#[tokio::test]
async fn jobs_with_a_higher_priority_begin_first_and_others_in_their_order() {
    let kit = Kit::by_hand().await;
    for (text, priority) in [("b", 0), ("c", 0), ("d", -1), ("a", 7)] {
        let _ = kit
            .jobs
            .enqueue(note(text))
            .priority(priority)
            .await
            .unwrap();
    }
    kit.jobs.drain().await.unwrap();
    assert_eq!(kit.log.take(), ["a", "b", "c", "d"]);
    kit.close().await;
}

#[tokio::test]
async fn a_unique_key_is_free_again_when_its_job_has_ended() {
    let kit = Kit::by_hand().await;
    let first = kit.jobs.enqueue(note("1")).unique("key").await.unwrap();
    let Enqueued::New(id) = first else {
        panic!("{first:?}")
    };
    let second = kit.jobs.enqueue(note("2")).unique("key").await.unwrap();
    assert_eq!(second, Enqueued::Already(id.clone()));
    let other = kit.jobs.enqueue(note("3")).unique("other").await.unwrap();
    assert!(other.is_new());
    kit.jobs.drain().await.unwrap();
    let third = kit.jobs.enqueue(note("4")).unique("key").await.unwrap();
    assert!(third.is_new());
    assert_eq!(kit.log.take(), ["1", "3"]);
    kit.close().await;
}

#[tokio::test]
async fn a_job_of_a_transaction_exists_if_and_only_if_that_commits() {
    let kit = Kit::new().await;
    let mut tx = kit.database.begin().await.unwrap();
    let kept = kit
        .jobs
        .enqueue_in(&mut tx, note("kept"))
        .await
        .unwrap()
        .into_id();
    tx.commit().await.unwrap();
    assert_eq!(kit.log.until(1).await, ["kept"]);
    kit.until(&kept, JobState::Done).await;

    let mut tx = kit.database.begin().await.unwrap();
    let lost = kit
        .jobs
        .enqueue_in(&mut tx, note("lost"))
        .await
        .unwrap()
        .into_id();
    tx.rollback().await.unwrap();
    assert_eq!(kit.jobs.find(&lost).await.unwrap(), None);
    kit.close().await;
}

#[tokio::test]
async fn a_transaction_of_another_database_is_refused_with_what_to_do() {
    let (kit, other) = (Kit::by_hand().await, Kit::by_hand().await);
    let mut tx = other.database.begin().await.unwrap();
    let error = kit
        .jobs
        .enqueue_in(&mut tx, note("lost"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "can't enqueue the job `work` in this transaction: begin it on the database of the jobs"
    );
    assert!(matches!(error, JobError::OtherDatabase { .. }), "{error:?}");
    tx.commit().await.unwrap();
    assert_eq!(kit.jobs.counts().await.unwrap(), []);
    kit.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_result_is_read_as_what_it_was_set_as() {
    let kit = Kit::by_hand().await;
    let id = kit.enqueue(Act::Return(7)).await;
    assert_eq!(kit.jobs.result::<u32>(&id).await.unwrap(), None);
    kit.jobs.drain().await.unwrap();
    assert_eq!(kit.jobs.result::<u32>(&id).await.unwrap(), Some(7));
    let wrong = kit.jobs.result::<String>(&id).await.unwrap_err();
    assert!(matches!(wrong, JobError::Unreadable { .. }), "{wrong}");
    kit.close().await;
}

#[tokio::test]
async fn a_payload_of_one_mebibyte_is_taken_and_one_byte_more_is_refused() {
    let kit = Kit::by_hand().await;
    // `{"Note":""}` has 11 bytes.
    let text = |bytes: usize| Work(Act::Note("x".repeat(bytes - 11)));
    kit.jobs.enqueue(text(1 << 20)).await.unwrap();
    let error = kit.jobs.enqueue(text((1 << 20) + 1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "a payload of the job `work` has 1048577 bytes: keep at most 1 MiB in it, and large data elsewhere"
    );
    assert_eq!(kit.jobs.drain().await.unwrap().done, 1);
    kit.close().await;
}

#[tokio::test]
async fn keys_and_times_that_can_not_be_stored_are_refused() {
    let kit = Kit::by_hand().await;
    for key in [String::new(), "x".repeat(501)] {
        let error = kit.jobs.enqueue(note("")).unique(key).await.unwrap_err();
        assert!(matches!(error, JobError::InvalidKey { .. }), "{error}");
    }
    let error = kit
        .jobs
        .enqueue(note(""))
        .after(std::time::Duration::MAX)
        .await
        .unwrap_err();
    assert!(matches!(error, JobError::TooLate { .. }), "{error}");
    assert_eq!(kit.jobs.counts().await.unwrap(), []);
    kit.close().await;
}

#[tokio::test]
async fn jobs_are_listed_by_state_and_name_the_newest_first() {
    let kit = Kit::by_hand().await;
    let mut ids = Vec::new();
    for act in [
        Act::Note("1".to_owned()),
        Act::Fatal,
        Act::Note("2".to_owned()),
        Act::Fatal,
    ] {
        ids.push(kit.enqueue(act).await);
    }
    let error = kit.jobs.drain().await.unwrap_err();
    assert!(error.to_string().contains("it never works"), "{error}");
    let listed = async |filter: JobFilter| -> Vec<JobId> {
        let jobs = kit.jobs.list(&filter).await.unwrap();
        jobs.into_iter().map(|job| job.id).collect()
    };
    let pick = |of: &[usize]| -> Vec<JobId> { of.iter().map(|i| ids[*i].clone()).collect() };
    assert_eq!(listed(JobFilter::new()).await, pick(&[3, 2, 1, 0]));
    assert_eq!(
        listed(JobFilter::new().state(JobState::Done)).await,
        pick(&[2, 0])
    );
    assert_eq!(
        listed(JobFilter::new().state(JobState::Dead)).await,
        pick(&[3, 1])
    );
    assert_eq!(
        listed(JobFilter::new().before(ids[2].clone()).limit(1)).await,
        pick(&[1])
    );
    assert_eq!(listed(JobFilter::new().name("other")).await, pick(&[]));
    kit.close().await;
}
