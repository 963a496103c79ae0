//! What jobs cost, in rounds in which all sides take turns. The least of each counts, as a machine may be busy.
//!
//! `cargo bench -p bootstrap-benches --bench services_jobs` takes a minute; with `-- --million` it also claims from a million ready jobs. Compare
//! what one run prints, not runs. The files are in the folder for temporary ones: `TMPDIR` chooses another disk.
//!
//! No other queue is measured: one as a dependency would weigh on the whole workspace. `ARCHITECTURE.md` has a comparison.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bootstrap::Running;
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::clock::ClockPlugin;
use bootstrap_services::database::{Database, DatabasePlugin, Synchronous};
use bootstrap_services::jobs::{
    Handles, Job, JobContext, JobState, JobWorkerPlugin, Jobs, JobsPlugin, SqliteJobsPlugin,
    job_handler,
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// How many jobs are enqueued at once.
const BATCH: u32 = 500;

#[derive(Serialize, Deserialize)]
struct Empty;

impl Job for Empty {
    const NAME: &'static str = "empty";
}

/// When jobs began.
#[supplied]
#[derive(Clone, Debug)]
struct Begun(Arc<Mutex<Vec<Instant>>>, watch::Sender<usize>);

impl Begun {
    fn new() -> Self {
        Self(Arc::default(), watch::Sender::new(0))
    }

    /// Forgets what began.
    fn clear(&self) {
        self.all().clear();
        self.1.send_replace(0);
    }

    /// When the first and the last of so many jobs began.
    async fn until(&self, jobs: u32) -> (Instant, Instant) {
        let jobs = jobs as usize;
        let mut count = self.1.subscribe();
        let reached = count.wait_for(|count| *count >= jobs).await;
        drop(reached.expect("it counts"));
        let all = self.all();
        (all[0], all[jobs - 1])
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[job_handler(Empty, collect = never)]
struct Worker {
    begun: State<Begun>,
}

impl Hooks for Worker {}

#[async_trait]
impl Handles<Empty> for Worker {
    async fn handle(&self, _: Empty, _: &JobContext) -> Result<()> {
        let mut all = self.begun.all();
        all.push(Instant::now());
        self.begun.1.send_replace(all.len());
        Ok(())
    }
}

/// An app with a file of its own.
struct Side {
    running: Running,
    jobs: Jobs,
    database: Database,
    begun: Begun,
}

impl Side {
    /// Without concurrency, jobs are enqueued and not run.
    async fn boot(file: PathBuf, synchronous: Synchronous, concurrency: usize) -> Result<Self> {
        let begun = Begun::new();
        let worker = JobWorkerPlugin::default().worker(concurrency > 0);
        let database = DatabasePlugin::default()
            .file(file)
            .synchronous(synchronous);
        let app = App::new()
            .supply(begun.clone())
            .with(ClockPlugin)
            .with(database)
            .with(SqliteJobsPlugin::default())
            .with(JobsPlugin::default())
            .with(worker.concurrency(concurrency.max(1)))
            .with(Worker::default());
        let running = app.boot().await?;
        let jobs = running.try_get::<State<Jobs>>()?;
        let database = running.try_get::<State<Database>>()?;
        Ok(Self {
            jobs: Jobs::clone(&jobs),
            database: Database::clone(&database),
            running,
            begun,
        })
    }

    async fn execute(&self, sql: &'static str) -> Result<()> {
        let write = self.database.write(async |mut tx| -> Result<()> {
            sqlx::query(sql).execute(&mut *tx).await?;
            Ok(())
        });
        write.await
    }

    /// The commit of one row, without jobs.
    async fn insert(&self) -> Result<Duration> {
        let began = Instant::now();
        self.execute("INSERT INTO rows (text) VALUES ('empty')")
            .await?;
        Ok(began.elapsed())
    }

    async fn enqueue(&self) -> Result<Duration> {
        let began = Instant::now();
        let _ = self.jobs.enqueue(Empty).await?;
        Ok(began.elapsed())
    }

    /// From the enqueue of a job on an idle queue to its begin, and until it is stored as done.
    async fn once(&self) -> Result<(Duration, Duration)> {
        self.begun.clear();
        let began = Instant::now();
        let id = self.jobs.enqueue(Empty).await?.into_id();
        let (at, _) = self.begun.until(1).await;
        while self
            .jobs
            .find(&id)
            .await?
            .is_some_and(|job| job.state != JobState::Done)
        {}
        Ok((at - began, began.elapsed()))
    }

    /// From the commit of many jobs to the begin of the last one, for each of them.
    async fn batch(&self) -> Result<Duration> {
        self.begun.clear();
        let mut tx = self.database.begin().await?;
        for _ in 0..BATCH {
            let _ = self.jobs.enqueue_in(&mut tx, Empty).await?;
        }
        tx.commit().await?;
        let committed = Instant::now();
        let (_, last) = self.begun.until(BATCH).await;
        Ok(last.saturating_duration_since(committed) / BATCH)
    }

    async fn close(self) -> Result<()> {
        let Self {
            running,
            jobs,
            database,
            begun,
        } = self;
        drop((jobs, database, begun));
        running.close().await?;
        Ok(())
    }
}

/// The least time of each row.
#[derive(Default)]
struct Least(Vec<(&'static str, Duration)>);

impl Least {
    fn note(&mut self, row: &'static str, time: Duration) {
        match self.0.iter_mut().find(|(name, _)| *name == row) {
            Some((_, least)) => *least = time.min(*least),
            None => self.0.push((row, time)),
        }
    }
}

/// The apps of one durability.
struct Sides {
    least: Least,
    silent: Side,
    ten: Side,
    many: Side,
}

impl Sides {
    async fn boot(folder: &Path, synchronous: Synchronous) -> Result<Self> {
        let file = |name: &str| folder.join(format!("{name}-{synchronous:?}.db"));
        let silent = Side::boot(file("silent"), synchronous, 0).await?;
        silent
            .execute("CREATE TABLE rows (text TEXT NOT NULL)")
            .await?;
        Ok(Self {
            least: Least::default(),
            silent,
            ten: Side::boot(file("ten"), synchronous, 10).await?,
            many: Side::boot(file("many"), synchronous, 64).await?,
        })
    }

    async fn round(&mut self) -> Result<()> {
        let Self {
            least,
            silent,
            ten,
            many,
        } = self;
        for _ in 0..10 {
            least.note("one INSERT, committed", silent.insert().await?);
            least.note("enqueue", silent.enqueue().await?);
            let (begun, done) = ten.once().await?;
            least.note("enqueue to begun, idle queue", begun);
            least.note("enqueue to done, idle queue", done);
        }
        least.note("a job of 500, concurrency 10", ten.batch().await?);
        least.note("a job of 500, concurrency 64", many.batch().await?);
        Ok(())
    }

    async fn close(self) -> Result<Least> {
        for side in [self.silent, self.ten, self.many] {
            side.close().await?;
        }
        Ok(self.least)
    }
}

/// A file with so many ready jobs, of which a worker claims some.
struct Backlog {
    file: PathBuf,
    jobs: u32,
    least: Duration,
}

impl Backlog {
    fn new(folder: &Path, jobs: u32) -> Self {
        let file = folder.join(format!("backlog-{jobs}.db"));
        let least = Duration::MAX;
        Self { file, jobs, least }
    }

    async fn fill(&self) -> Result<()> {
        const FILL: &str = "WITH RECURSIVE n(n) AS (SELECT count(*) + 1 FROM _jobs WHERE state = 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
            INSERT INTO _jobs (name, version, state, priority, run_at, attempts, crashes, payload, enqueued_at)
            SELECT 'empty', 1, 1, 0, n, 5, 3, 'null', n FROM n WHERE n <= ?1";
        let side = Side::boot(self.file.clone(), Synchronous::Normal, 0).await?;
        let write = side.database.write(async |mut tx| -> Result<()> {
            let fill = sqlx::query(FILL).bind(self.jobs);
            fill.execute(&mut *tx).await?;
            Ok(())
        });
        write.await?;
        side.close().await
    }

    /// The time in which half of the smaller backlog begins, with concurrency 10, from the first begin on.
    async fn round(&mut self) -> Result<()> {
        self.fill().await?;
        let side = Side::boot(self.file.clone(), Synchronous::Normal, 10).await?;
        let (first, last) = side.begun.until(BATCH).await;
        side.close().await?;
        self.least = self.least.min(last - first);
        Ok(())
    }
}

fn print(title: &str, (full, normal): (Duration, Duration), of: (Duration, Duration)) {
    let ratio = |time: Duration, of: Duration| time.as_secs_f64() / of.as_secs_f64();
    println!(
        "{title:<30} {full:>12.2?} {:>6.2}x {normal:>12.2?} {:>6.2}x",
        ratio(full, of.0),
        ratio(normal, of.1)
    );
}

async fn measure(rounds: usize, large: u32) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut full = Sides::boot(folder.path(), Synchronous::Full).await?;
    let mut normal = Sides::boot(folder.path(), Synchronous::Normal).await?;
    for _ in 0..rounds {
        full.round().await?;
        normal.round().await?;
    }
    let (full, normal) = (full.close().await?, normal.close().await?);
    println!("\n{:<30} {:>20} {:>20}", "", "synchronous FULL", "NORMAL");
    let of = (full.0[0].1, normal.0[0].1);
    for ((row, full), (_, normal)) in full.0.iter().zip(&normal.0) {
        print(row, (*full, *normal), of);
    }
    let mut small = Backlog::new(folder.path(), 1_000);
    let mut large = Backlog::new(folder.path(), large);
    for _ in 0..rounds.min(5) {
        small.round().await?;
        large.round().await?;
    }
    let ratio = large.least.as_secs_f64() / small.least.as_secs_f64();
    println!(
        "\nthe begin of 500 jobs of {} ready ones: {:.2?}, of {}: {:.2?}, {ratio:.2}x",
        small.jobs, small.least, large.jobs, large.least
    );
    Ok(())
}

fn main() -> Result<()> {
    let is_given = |flag| std::env::args().any(|argument| argument == flag);
    // `cargo test` runs each side once.
    let rounds = if is_given("--bench") { 20 } else { 1 };
    let large = match (is_given("--million"), rounds) {
        (true, _) => 1_000_000,
        (false, 1) => 2_000,
        (false, _) => 100_000,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(measure(rounds, large))
}
