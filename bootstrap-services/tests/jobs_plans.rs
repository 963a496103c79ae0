//! How `SQLite` runs the statements of jobs. A binary of its own: it records those of the whole process.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Result, anyhow, bail};
use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;
use bootstrap_services::clock::VirtualClock;
use bootstrap_services::database::{Database, DatabasePlugin};
use bootstrap_services::jobs::{
    Handles, Job, JobContext, JobFailure, JobFilter, JobId, JobState, JobWorkerPlugin, Jobs,
    JobsPlugin, QueueLimits, SqliteJobsPlugin, job_handler,
};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Row as _};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// No step waits for longer.
const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Serialize, Deserialize, Clone, Copy)]
enum Act {
    Succeed,
    Return,
    Fail,
    Fatal,
    Hold,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
struct Work(Act);

impl Job for Work {
    const NAME: &'static str = "work";
}

/// A job of a queue that has limits.
#[derive(Serialize, Deserialize)]
struct Limited;

impl Job for Limited {
    const NAME: &'static str = "limited";

    fn policy() -> bootstrap_services::jobs::JobPolicy {
        bootstrap_services::jobs::JobPolicy::new().queue("limited")
    }
}

#[job_handler(Work, collect = never)]
struct Worker {}

impl Hooks for Worker {}

#[async_trait]
impl Handles<Work> for Worker {
    async fn handle(&self, Work(act): Work, cx: &JobContext) -> Result<()> {
        match act {
            Act::Succeed => {}
            Act::Return => cx.set_result(&1)?,
            Act::Fail => bail!("no luck"),
            Act::Fatal => return Err(JobFailure::fatal(anyhow!("never"))),
            Act::Hold => {
                cx.progress("half");
                cx.cancelled().await;
                bail!("it was told to end");
            }
        }
        Ok(())
    }
}

#[job_handler(Limited, collect = never)]
struct LimitedWorker {}

impl Hooks for LimitedWorker {}

#[async_trait]
impl Handles<Limited> for LimitedWorker {
    async fn handle(&self, _: Limited, _: &JobContext) -> Result<()> {
        Ok(())
    }
}

/// The statements that were run.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<BTreeSet<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            event.record(&mut self.clone());
        }
    }
}

impl Visit for Statements {
    fn record_str(&mut self, field: &Field, text: &str) {
        // A short statement is a summary of itself.
        let is_whole = field.name() == "db.statement" || !text.ends_with('…');
        if is_whole && text.contains("_job") {
            self.0.lock().unwrap().insert(text.trim().to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// The health checks of an app.
#[plugin(states = [Checks], collect = never)]
struct Doctor {
    checks: Ports<dyn HealthCheck>,
}

struct Checks(Vec<Arc<dyn HealthCheck>>);

impl Hooks for Doctor {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Checks> {
        let checks = self.checks.iter();
        Ok(Checks(
            checks.filter_map(|(_, it)| Port::to_arc(it)).collect(),
        ))
    }
}

/// An app whose time goes on with each look at a job.
struct Kit {
    running: bootstrap::Running,
    time: VirtualClock,
    jobs: Jobs,
}

impl Kit {
    async fn new(file: &std::path::Path) -> Self {
        let time = VirtualClock::starting_at(UNIX_EPOCH + Duration::from_hours(500_000));
        let limits = QueueLimits::new().rate(5, Duration::from_secs(1));
        let app = App::new()
            .supply(time.clock())
            .with(DatabasePlugin::default().file(file.to_owned()).min_free(0))
            .with(SqliteJobsPlugin::default())
            .with(JobsPlugin::default())
            .with(JobWorkerPlugin::default().queue("limited", limits))
            .with(Worker::default())
            .with(LimitedWorker::default())
            .with(Doctor::default());
        let running = app.boot().await.unwrap();
        let jobs = Jobs::clone(&running.try_get::<State<Jobs>>().unwrap());
        Self {
            running,
            time,
            jobs,
        }
    }

    async fn until(&self, id: &JobId, state: JobState) {
        let wait = async {
            while self.jobs.find(id).await.unwrap().unwrap().state != state {
                self.time.advance(Duration::from_millis(100)).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = tokio::time::timeout(DEADLINE, wait).await;
        assert!(waited.is_ok(), "{:?}", self.jobs.find(id).await);
    }

    async fn runs(&self, act: Act, state: JobState) -> JobId {
        let id = self.jobs.enqueue(Work(act)).await.unwrap().into_id();
        self.until(&id, state).await;
        id
    }

    async fn close(self) {
        drop(self.jobs);
        self.running.close().await.unwrap();
    }
}

/// Does everything that jobs do once.
async fn everything(file: &std::path::Path) {
    let kit = Kit::new(file).await;
    let jobs = &kit.jobs;
    let _ = jobs.enqueue(Work(Act::Succeed)).unique("key").await;
    let _ = jobs.enqueue(Work(Act::Succeed)).unique("key").await;
    kit.runs(Act::Succeed, JobState::Done).await;
    kit.runs(Act::Return, JobState::Done).await;
    kit.runs(Act::Fail, JobState::Scheduled).await;
    let dead = kit.runs(Act::Fatal, JobState::Dead).await;
    let limited = jobs.enqueue(Limited).await.unwrap().into_id();
    kit.until(&limited, JobState::Done).await;
    let held = kit.runs(Act::Hold, JobState::Running).await;
    kit.time.advance(Duration::from_secs(15)).await;
    assert!(jobs.cancel(&held).await.unwrap());
    kit.until(&held, JobState::Cancelled).await;
    assert!(jobs.requeue(&dead).await.unwrap());
    kit.until(&dead, JobState::Dead).await;
    assert!(jobs.remove(&dead).await.unwrap());
    for state in JobState::ALL {
        jobs.list(&JobFilter::new().state(state)).await.unwrap();
        jobs.purge(state, Duration::ZERO).await.unwrap();
    }
    let Checks(checks) = &*kit.running.try_get::<State<Checks>>().unwrap();
    for check in checks {
        check.check().await.unwrap();
    }
    // A worker that others have taken over, and that has taken over others.
    let held = kit.runs(Act::Hold, JobState::Running).await;
    let database = kit.running.try_get::<State<Database>>().unwrap();
    let other = database
        .write(async |mut tx| -> Result<()> {
            sqlx::query("/* test */ DELETE FROM _job_workers")
                .execute(&mut *tx)
                .await?;
            sqlx::query("/* test */ INSERT INTO _job_workers (id, process) VALUES (99, 'unknown')")
                .execute(&mut *tx)
                .await?;
            sqlx::query("/* test */ UPDATE _jobs SET worker = 99 WHERE state = 2")
                .execute(&mut *tx)
                .await?;
            Ok(())
        })
        .await;
    other.unwrap();
    let wait = async {
        while jobs.find(&held).await.unwrap().unwrap().crashes == 0 {
            kit.time.advance(Duration::from_secs(1)).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap();
    kit.until(&held, JobState::Running).await;
    drop(database);
    // It is released.
    let time = kit.time.clone();
    let advancing = async {
        loop {
            time.advance(Duration::from_secs(1)).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = kit.close() => {}
        () = advancing => {}
    }
}

#[tokio::test]
async fn no_statement_of_jobs_scans_the_table() {
    let statements = Statements::default();
    tracing_subscriber::registry()
        .with(statements.clone())
        .init();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    everything(&file).await;
    let mut run = statements.0.lock().unwrap().clone();
    run.retain(|it| {
        let is_migration = it.contains("CREATE ") || it.contains("ALTER TABLE ");
        it.contains(" _job") && !is_migration && !it.contains("/* test */")
    });
    assert!(run.len() > 30, "{run:?}");
    let app = App::new().with(DatabasePlugin::default().file(file).min_free(0));
    let running = app.boot().await.unwrap();
    let database = running.try_get::<State<Database>>().unwrap();
    for statement in &run {
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        let rows = sqlx::query(AssertSqlSafe(explain)).fetch_all(database.read());
        let rows = rows.await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let is_scan = |step: &String| {
            let mut words = step.split(' ');
            let is_of_jobs = words.next() == Some("SCAN")
                && words
                    .next()
                    .is_some_and(|of| ["_jobs", "job", "j"].contains(&of));
            let is_of_few = if statement.contains("ORDER BY +id") {
                // All of one state, which few jobs are in.
                step.contains(" USING INDEX ")
            } else {
                // Those whose process has died.
                step.ends_with(" INDEX _jobs_suspect")
            };
            // A list of jobs that are ready, or done, ends at its limit.
            is_of_jobs && !is_of_few && !statement.contains("AND +state =")
        };
        assert!(!plan.iter().any(is_scan), "{statement}\n{plan:#?}");
    }
    drop(database);
    running.close().await.unwrap();
}
