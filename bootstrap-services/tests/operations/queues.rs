//! The queues of the jobs that a process handles.

use std::time::Duration;

use bootstrap::Configuration;
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::jobs::{
    Handles, Job, JobContext, JobPolicy, JobWorker, QueueLimits, job_handler,
};
use serde::{Deserialize, Serialize};

use crate::kit::{boot, boot_with, text, within};

#[derive(Serialize, Deserialize)]
struct Digest;

impl Job for Digest {
    const NAME: &'static str = "send-digest";

    fn policy() -> JobPolicy {
        JobPolicy::new().queue("mail")
    }
}

#[job_handler(Digest, collect = never)]
struct Digests {}

impl Hooks for Digests {}

#[async_trait]
impl Handles<Digest> for Digests {
    async fn handle(&self, _: Digest, _: &JobContext) -> Result<()> {
        Ok(())
    }
}

/// The queue `default` has the jobs `place-order`, which resume workflows, and `send-mail`.
const DEFAULT: &str = "default|place-order, send-mail";
const HEADS: &str = "Queues|Queue|Jobs|Ready|Runs here|At once|Rate";
const CAPTION: &str = "This process runs at most 10 jobs at the same time, of all queues.";

#[tokio::test]
async fn the_overview_has_each_queue_with_its_limits_and_its_jobs() {
    let limits = Configuration::new()
        .set("jobs.queues.mail.concurrency", 2)
        .set("jobs.queues.mail.rate", "100/5m");
    let kit = boot_with(|app| app.with(Digests::default()).configure(limits)).await;
    for _ in 0..3 {
        within(kit.jobs.enqueue(Digest)).await.unwrap();
    }
    let queues = text(&kit.page("").await, "Queues");
    let expected =
        format!("{HEADS}|{DEFAULT}|0|0|–|–|mail|send-digest|3|0|2|100 in 300s|{CAPTION}");
    assert_eq!(queues, expected);
    kit.drain().await;
    kit.run("3 of 7 pages").await;
    kit.time.advance(Duration::from_secs(5)).await;
    let queues = text(&kit.page("").await, "Queues");
    assert!(queues.contains(&format!("{DEFAULT}|0|1|–|–")), "{queues}");
    kit.close().await;
}

#[tokio::test]
async fn a_process_that_leaves_jobs_to_others_shows_no_queues() {
    let others = Configuration::new().set("jobs.worker", false);
    let kit = boot_with(|app| app.configure(others)).await;
    assert!(!kit.page("").await.contains("Queues"));
    kit.close().await;
}

#[tokio::test]
async fn a_queue_that_is_left_to_others_says_so() {
    let limits = Configuration::new().set("jobs.queues.default.concurrency", 0);
    let kit = boot_with(|app| app.configure(limits)).await;
    let queues = text(&kit.page("").await, "Queues");
    assert!(queues.contains("|0, left to other processes|–"), "{queues}");
    kit.close().await;
}

#[tokio::test]
async fn the_state_of_the_worker_counts_what_runs() {
    let kit = boot().await;
    let worker = kit.running.try_get::<State<JobWorker>>().unwrap();
    let running = || {
        let queues = worker.queues();
        assert_eq!(queues.len(), 1);
        assert_eq!(queues[0].limits, QueueLimits::new());
        (queues[0].name.clone(), queues[0].running)
    };
    assert_eq!(running(), ("default".to_owned(), 0));
    kit.run("half").await;
    assert_eq!(running(), ("default".to_owned(), 1));
    kit.end_running().await;
    assert_eq!(running(), ("default".to_owned(), 0));
    drop(worker);
    kit.close().await;
}
