//! Queues: their concurrency and their rates.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bootstrap::Configuration;
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::clock::Clock;
use bootstrap_services::jobs::{
    Handles, Job, JobContext, JobPolicy, JobState, QueueLimits, job_handler,
};
use serde::{Deserialize, Serialize};

use crate::kit::{Act, Kit, Log, SECOND, Setup};

/// How many jobs of each queue run, and how many did at most.
#[supplied]
#[derive(Clone, Default)]
struct Gauge(Arc<Mutex<BTreeMap<&'static str, (usize, usize)>>>);

macro_rules! queue {
    ($job:ident, $handler:ident, $name:literal) => {
        #[derive(Serialize, Deserialize)]
        struct $job;

        impl Job for $job {
            const NAME: &'static str = $name;

            fn policy() -> JobPolicy {
                JobPolicy::new().queue($name)
            }
        }

        #[job_handler($job, collect = never)]
        struct $handler {
            gauge: State<Gauge>,
            clock: State<Clock>,
        }

        impl Hooks for $handler {}

        #[async_trait]
        impl Handles<$job> for $handler {
            async fn handle(&self, _: $job, _: &JobContext) -> Result<()> {
                {
                    let mut all = self.gauge.0.lock().unwrap();
                    let (now, most) = all.entry($name).or_default();
                    *now += 1;
                    *most = (*most).max(*now);
                }
                self.clock.sleep(SECOND / 4).await;
                self.gauge.0.lock().unwrap().entry($name).or_default().0 -= 1;
                Ok(())
            }
        }
    };
}

queue!(Mail, Mails, "mail");
queue!(Report, Reports, "report");

async fn kit(configuration: Configuration) -> (Kit, Gauge) {
    let mut setup = Setup::new();
    setup.configuration = configuration;
    let (gauge, log, errors, time) = (
        Gauge::default(),
        Log::default(),
        Log::default(),
        setup.time.clone(),
    );
    let app = setup.app(&log, &errors).supply(gauge.clone());
    let running = app
        .with(Mails::default())
        .with(Reports::default())
        .boot()
        .await
        .unwrap();
    let jobs = running
        .try_get::<State<bootstrap_services::jobs::Jobs>>()
        .unwrap();
    let database = running
        .try_get::<State<bootstrap_services::database::Database>>()
        .unwrap();
    let (jobs, database) = ((*jobs).clone(), (*database).clone());
    let kit = Kit {
        running,
        time,
        jobs,
        database,
        log,
        errors,
    };
    (kit, gauge)
}

impl Kit {
    async fn done(&self, name: &str) -> u64 {
        let counts = self.jobs.counts().await.unwrap();
        let done = counts
            .iter()
            .find(|it| it.name == name && it.state == JobState::Done);
        done.map_or(0, |it| it.count)
    }
}

#[tokio::test]
async fn a_queue_runs_as_many_jobs_at_once_as_it_may_and_holds_up_no_other() {
    let (kit, gauge) = kit(Configuration::new().set("jobs.queues.mail.concurrency", 2)).await;
    for _ in 0..20 {
        kit.jobs.enqueue(Mail).priority(9).await.unwrap();
        kit.jobs.enqueue(Report).await.unwrap();
    }
    kit.time.advance(10 * SECOND).await;
    assert_eq!((kit.done("mail").await, kit.done("report").await), (20, 20));
    let most = gauge.0.lock().unwrap().clone();
    assert_eq!(most["mail"], (0, 2));
    assert_eq!(most["report"], (0, 8), "of 10, 2 run mails");
    kit.close().await;
}

#[tokio::test]
async fn a_rate_lets_its_number_begin_in_each_time_and_holds_up_no_other_queue() {
    let (kit, _) = kit(Configuration::new().set("jobs.queues.mail.rate", "2/10s")).await;
    for _ in 0..8 {
        kit.jobs.enqueue(Mail).priority(9).await.unwrap();
    }
    kit.jobs.enqueue(Report).await.unwrap();
    kit.time.advance(SECOND).await;
    assert_eq!((kit.done("mail").await, kit.done("report").await), (2, 1));
    for expected in [3, 4, 5, 6, 7, 8] {
        kit.time.advance(5 * SECOND).await;
        assert_eq!(kit.done("mail").await, expected);
    }
    kit.close().await;
}

#[tokio::test]
async fn a_rate_goes_on_when_the_clock_is_set_back() {
    let (kit, _) = kit(Configuration::new().set("jobs.queues.mail.rate", "1/10s")).await;
    for _ in 0..3 {
        kit.jobs.enqueue(Mail).await.unwrap();
    }
    kit.time.advance(SECOND).await;
    let now = kit.time.clock().now();
    kit.time.set(now - 3600 * SECOND).await;
    kit.time.advance(25 * SECOND).await;
    assert_eq!(kit.done("mail").await, 3);
    kit.close().await;
}

#[tokio::test]
async fn a_queue_with_a_concurrency_of_zero_is_left_to_other_processes() {
    let (kit, _) = kit(Configuration::new().set("jobs.queues.mail.concurrency", 0)).await;
    let mail = kit.jobs.enqueue(Mail).await.unwrap().into_id();
    kit.jobs.enqueue(Report).await.unwrap();
    kit.time.advance(10 * SECOND).await;
    assert_eq!(kit.done("report").await, 1);
    assert_eq!(kit.find(&mail).await.state, JobState::Ready);
    kit.close().await;
}

async fn refused(configuration: Configuration) -> String {
    let mut setup = Setup::new();
    setup.configuration = configuration;
    let app = setup
        .app(&Log::default(), &Log::default())
        .supply(Gauge::default())
        .with(Mails::default());
    match app.boot().await {
        Ok(_) => panic!("it boots"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn limits_that_make_no_sense_are_refused() {
    for (key, value, wrong) in [
        (
            "jobs.queues.mail.rate",
            "0/s",
            "the queue `mail` has a rate of zero, so no job would ever begin",
        ),
        (
            "jobs.queues.mail.rate",
            "fast",
            "the rate of the queue `mail` is malformed",
        ),
        (
            "jobs.queues.mail.rate",
            "2000/s",
            "the queue `mail` has a rate of more than 1000 in a second",
        ),
        (
            "jobs.queues.mial.rate",
            "1/s",
            "no job of this app is in the queue `mial`",
        ),
        ("jobs.keep", "1s", "`jobs.keep` is 1s"),
        ("jobs.lease", "1ms", "`jobs.lease` is 1ms"),
        ("jobs.poll", "1h", "`jobs.poll` is 3600s"),
        ("jobs.grace", "16s", "`jobs.grace` is 16s"),
        ("jobs.late", "0s", "`jobs.late` is zero"),
    ] {
        let error = refused(Configuration::new().set(key, value)).await;
        assert!(error.contains(wrong), "{error}");
    }
    let error = refused(Configuration::new().set("jobs.concurrency", 0)).await;
    assert!(error.contains("`jobs.concurrency` is 0"), "{error}");
}

#[tokio::test]
async fn limits_of_the_code_hold_unless_the_configuration_has_others() {
    let mut setup = Setup::new();
    setup.worker = setup
        .worker
        .queue("default", QueueLimits::new().concurrency(1));
    setup.configuration = Configuration::new().set("jobs.queues.default.concurrency", 3);
    let kit = setup.boot().await;
    for _ in 0..5 {
        kit.enqueue(Act::Hang).await;
    }
    assert_eq!(kit.log.until(3).await.len(), 3);
    kit.time.advance(SECOND).await;
    assert_eq!(kit.log.take(), [""; 0]);
    kit.close().await;
}
