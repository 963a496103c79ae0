//! Schedules that enqueue jobs.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bootstrap::prelude::*;
use bootstrap::{Configuration, Running};
use bootstrap_services::cron::testing::moment;
use bootstrap_services::cron::{
    Cron, CronPlugin, DatabaseCronStore, MemoryCronStore, Outcome, Overlap, Schedule,
};
use bootstrap_services::database::{Database, DatabasePlugin};
use bootstrap_services::jobs::{
    Job, JobFilter, JobInfo, JobState, Jobs, JobsPlugin, SqliteJobsPlugin,
};
use bootstrap_services::testing::VirtualClock;
use serde::{Deserialize, Serialize};

use crate::within;

#[derive(Serialize, Deserialize)]
struct Report {
    at: SystemTime,
}

impl Job for Report {
    const NAME: &'static str = "report";
}

/// An instance of an app without a worker.
struct Site {
    running: Running,
    cron: Cron,
    jobs: Jobs,
    database: Database,
    errors: Arc<Mutex<Vec<String>>>,
}

impl Site {
    async fn new(time: &VirtualClock, store: &str, file: &Path) -> Self {
        let errors = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&errors);
        let mut app = App::new()
            .configure(Configuration::new().set("cron.store", store))
            .supply(time.clock())
            .with(DatabasePlugin::default().file(file.to_owned()).min_free(0))
            .with(SqliteJobsPlugin::default())
            .with(JobsPlugin::default())
            .with(MemoryCronStore::default())
            .with(CronPlugin::default())
            .on_error(move |cx| {
                kept.lock().unwrap().push(cx.error().to_string());
                async { Ok(()) }
            });
        app.register(DatabaseCronStore::default());
        let running = within(app.boot()).await.unwrap();
        Self {
            cron: Cron::clone(&running.try_get::<State<Cron>>().unwrap()),
            jobs: Jobs::clone(&running.try_get::<State<Jobs>>().unwrap()),
            database: Database::clone(&running.try_get::<State<Database>>().unwrap()),
            errors,
            running,
        }
    }

    fn hourly(&self, overlap: Overlap) {
        let schedule = Schedule::new("report", "0 * * * *").overlap(overlap);
        let added = self.cron.enqueue(&self.jobs, schedule, |at| Report { at });
        added.unwrap();
    }

    /// The jobs that were enqueued, the first one first.
    async fn enqueued(&self) -> Vec<JobInfo> {
        let mut all = self.jobs.list(&JobFilter::new()).await.unwrap();
        all.reverse();
        all
    }

    async fn sql(&self, statement: &'static str) {
        let mut tx = self.database.begin().await.unwrap();
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// How many occurrences fired, were skipped, were missed, and ran elsewhere.
    fn counts(&self) -> [u64; 4] {
        let counts = self.cron.list()[0].counts;
        [
            counts.fired,
            counts.skipped,
            counts.missed,
            counts.elsewhere,
        ]
    }

    async fn close(self) {
        drop((self.cron, self.jobs, self.database));
        within(self.running.close()).await.unwrap();
    }
}

fn times(jobs: &[JobInfo]) -> Vec<SystemTime> {
    let payloads = jobs.iter().map(|job| job.payload.clone());
    payloads
        .map(|payload| serde_json::from_value::<Report>(payload).unwrap().at)
        .collect()
}

async fn hours(time: &VirtualClock, hours: u64) {
    for _ in 0..hours {
        within(time.advance(std::time::Duration::from_hours(1))).await;
    }
}

fn noon() -> VirtualClock {
    VirtualClock::starting_at(moment("2026-03-28T12:00[UTC]"))
}

#[tokio::test]
async fn each_occurrence_enqueues_a_job_with_its_time_whatever_keeps_the_claims() {
    for store in ["memory", "database"] {
        let (time, folder) = (noon(), tempfile::tempdir().unwrap());
        let site = Site::new(&time, store, &folder.path().join("app.db")).await;
        site.hourly(Overlap::Allow);
        hours(&time, 2).await;
        let expected = ["2026-03-28T13:00[UTC]", "2026-03-28T14:00[UTC]"].map(moment);
        assert_eq!(times(&site.enqueued().await), expected, "{store}");
        assert_eq!(site.counts(), [2, 0, 0, 0]);
        let info = site.cron.list().remove(0);
        assert_eq!(
            (info.last, info.outcome),
            (Some(expected[1]), Some(Outcome::Succeeded))
        );
        site.close().await;
    }
}

#[tokio::test]
async fn an_occurrence_is_skipped_while_the_job_of_an_earlier_one_has_not_ended() {
    let (time, folder) = (noon(), tempfile::tempdir().unwrap());
    let site = Site::new(&time, "database", &folder.path().join("app.db")).await;
    site.hourly(Overlap::Skip);
    hours(&time, 3).await;
    let jobs = site.enqueued().await;
    assert_eq!((jobs.len(), site.counts()), (1, [1, 2, 0, 0]));
    let triggered = site.cron.trigger("report").unwrap();
    assert_eq!(within(triggered.outcome()).await, Outcome::Skipped);
    assert_eq!(site.counts(), [1, 3, 0, 0]);
    assert!(site.jobs.cancel(&jobs[0].id).await.unwrap());
    hours(&time, 1).await;
    assert_eq!(site.enqueued().await.len(), 2);
    site.close().await;
}

#[tokio::test]
async fn two_instances_enqueue_one_job_for_each_occurrence() {
    let (time, folder) = (noon(), tempfile::tempdir().unwrap());
    let file = folder.path().join("app.db");
    let sites = [
        Site::new(&time, "database", &file).await,
        Site::new(&time, "database", &file).await,
    ];
    for site in &sites {
        site.hourly(Overlap::Allow);
    }
    hours(&time, 5).await;
    let jobs = sites[0].enqueued().await;
    assert_eq!(jobs.len(), 5, "{jobs:?}");
    let [one, other] = [sites[0].counts(), sites[1].counts()];
    assert_eq!((one[0] + other[0], one[3] + other[3]), (5, 5));
    for site in sites {
        site.close().await;
    }
}

#[tokio::test]
async fn an_occurrence_whose_job_is_not_stored_is_not_claimed_and_is_tried_again() {
    let (time, folder) = (noon(), tempfile::tempdir().unwrap());
    let site = Site::new(&time, "database", &folder.path().join("app.db")).await;
    site.hourly(Overlap::Allow);
    site.sql("CREATE TRIGGER broken BEFORE INSERT ON _jobs BEGIN SELECT RAISE(FAIL, 'the disk is full'); END")
        .await;
    hours(&time, 1).await;
    assert_eq!(site.enqueued().await.len(), 0);
    let last = "SELECT last FROM _cron WHERE name = 'report'";
    let last: i64 = sqlx::query_scalar(last)
        .fetch_one(site.database.read())
        .await
        .unwrap();
    let last = std::time::Duration::from_millis(last.unsigned_abs());
    let noon = moment("2026-03-28T12:00[UTC]");
    assert_eq!(std::time::UNIX_EPOCH + last, noon);
    site.sql("DROP TRIGGER broken").await;
    within(time.advance(std::time::Duration::from_secs(30))).await;
    let jobs = site.enqueued().await;
    assert_eq!(times(&jobs), [moment("2026-03-28T13:00[UTC]")]);
    assert_eq!(jobs[0].state, JobState::Ready);
    assert_eq!(site.errors.lock().unwrap().len(), 0);
    site.close().await;
}

#[tokio::test]
async fn what_can_not_be_enqueued_is_reported_as_missed_and_the_schedule_goes_on() {
    let (time, folder) = (noon(), tempfile::tempdir().unwrap());
    let site = Site::new(&time, "database", &folder.path().join("app.db")).await;
    let thirteen = moment("2026-03-28T13:00[UTC]");
    let schedule = Schedule::new("report", "0 * * * *");
    let added = site.cron.enqueue(&site.jobs, schedule, move |at| {
        assert!(at != thirteen, "out of cheese");
        Report { at }
    });
    added.unwrap();
    for _ in 0..4 {
        within(time.advance(std::time::Duration::from_mins(30))).await;
    }
    assert_eq!(site.counts(), [1, 0, 1, 0]);
    let errors = site.errors.lock().unwrap().clone();
    let end = "an occurrence was missed: the closure that makes the job panicked: out of cheese";
    assert!(errors.len() == 1 && errors[0].ends_with(end), "{errors:?}");
    let timed = Schedule::new("other", "@daily").timeout(std::time::Duration::from_secs(1));
    let refused = site.cron.enqueue(&site.jobs, timed, |at| Report { at });
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the schedule `other`: a schedule that enqueues a job has no timeout\nhelp: remove it, and set `JobPolicy::timeout`"
    );
    site.close().await;
}
