//! A worker whose database fails.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bootstrap::Running;
use bootstrap::prelude::*;
use bootstrap_services::database::Database;
use bootstrap_services::jobs::{JobId, JobState, Jobs};
use sqlx::Connection as _;

use crate::disk::{Mount, other_process, set_immutable};
use crate::worker::{Act, DEADLINE, Folder, Health, Setup, Task};

const SECOND: Duration = Duration::from_secs(1);
const FAILED: &str = "the engine of the jobs failed: no job begins until it answers again";

/// An app in this process.
struct Site {
    folder: Folder,
    running: Running,
    jobs: Jobs,
    health: State<Health>,
}

impl Site {
    async fn new(folder: &Folder, setup: Setup) -> Self {
        let running = setup.app(folder).boot().await.unwrap();
        Self {
            folder: folder.clone(),
            jobs: Jobs::clone(&running.try_get::<State<Jobs>>().unwrap()),
            health: running.try_get().unwrap(),
            running,
        }
    }

    async fn enqueue(&self, act: Act) -> JobId {
        self.jobs.enqueue(Task(act)).await.unwrap().into_id()
    }

    async fn until(&self, what: &str, limit: Duration, is_so: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !is_so().await {
            assert!(began.elapsed() < limit, "{what}: {:?}", self.errors());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn until_begun(&self, job: &JobId) {
        let has_begun = async || !self.folder.of("begun", job).is_empty();
        self.until("it did not begin", DEADLINE, has_begun).await;
    }

    async fn until_done(&self, job: &JobId) {
        let is_done = async || {
            let found = self.jobs.find(job).await.unwrap();
            found.is_some_and(|job| job.state == JobState::Done)
        };
        self.until("it is not done", DEADLINE, is_done).await;
    }

    fn errors(&self) -> Vec<String> {
        self.folder.errors(std::process::id())
    }

    async fn close(self) {
        drop((self.jobs, self.health));
        self.running.close().await.unwrap();
    }
}

/// What a database does to a worker that fails for some seconds while a job runs and another one ends.
async fn outlives(
    folder: &Folder,
    wrong: &str,
    fault: impl AsyncFnOnce() -> bool,
    repair: impl AsyncFnOnce(),
) {
    let busy = Duration::from_millis(300);
    let site = Site::new(
        folder,
        Setup {
            busy,
            ..Setup::new()
        },
    )
    .await;
    let job = site.enqueue(Act::Hold).await;
    site.until_begun(&job).await;
    site.health.check().await.unwrap();

    if !fault().await {
        site.folder.release(std::process::id());
        return site.close().await;
    }
    let error = site.jobs.enqueue(Task(Act::Quick)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "can't enqueue the job `task`: check the engine of the jobs"
    );
    let cause = format!("{:#}", anyhow::Error::new(error));
    assert!(cause.contains(wrong), "{cause}");
    site.folder.release(std::process::id());
    let is_sick = async || site.health.check().await.is_err();
    site.until("it is healthy", DEADLINE, is_sick).await;
    let text = format!("{:#}", site.health.check().await.unwrap_err());
    assert!(
        text.starts_with("no job begins, because the engine fails: ") && text.contains(wrong),
        "{text}"
    );
    // For some attempts of the worker.
    let until = Instant::now() + 3 * SECOND;
    while Instant::now() < until {
        site.health.check().await.unwrap_err();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        !site.folder.of("ended", &job).is_empty(),
        "the handler goes on"
    );

    repair().await;
    let is_healthy = async || site.health.check().await.is_ok();
    site.until("it is sick", DEADLINE, is_healthy).await;
    site.until_done(&job).await;
    assert_eq!(
        site.folder.of("begun", &job).len(),
        1,
        "its outcome was kept"
    );
    let next = site.enqueue(Act::Chain).await;
    site.until_done(&next).await;
    let all_done = async || {
        let counts = site.jobs.counts().await.unwrap();
        counts
            .iter()
            .map(|it| (it.state, it.count))
            .collect::<Vec<_>>()
            == [(JobState::Done, 3)]
    };
    site.until("a job is lost, or one too many", DEADLINE, all_done)
        .await;
    // On a machine that stands still for a moment, a write may not begin in time: that is another failure.
    let errors = site.errors();
    let of_fault = errors
        .iter()
        .filter(|it| it.contains(FAILED) && it.contains(wrong));
    assert_eq!(of_fault.count(), 1, "reported once: {errors:?}");
    site.close().await;
}

fn at(folder: &tempfile::TempDir) -> (Folder, PathBuf) {
    let file = folder.path().join("app.db");
    (Folder::with_database(folder.path(), file.clone()), file)
}

#[tokio::test]
async fn a_database_that_another_process_locks() {
    let folder = tempfile::tempdir().unwrap();
    let (notes, file) = at(&folder);
    let (lock, locked) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let locking = async {
        lock.notified().await;
        let mut other = other_process(&file).await;
        let tx = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        locked.notify_one();
        lock.notified().await;
        tx.rollback().await.unwrap();
        locked.notify_one();
    };
    let fault = async || {
        lock.notify_one();
        locked.notified().await;
        true
    };
    let repair = async || {
        lock.notify_one();
        locked.notified().await;
    };
    tokio::join!(
        locking,
        outlives(&notes, "is locked by another process for", fault, repair)
    );
}

#[tokio::test]
async fn a_full_disk() {
    let (Some(mount), folder) = (Mount::new("size=1m"), tempfile::tempdir().unwrap()) else {
        return;
    };
    let notes = Folder::with_database(folder.path(), mount.file());
    let filler = mount.path().join("filler");
    let fault = async || {
        fs::write(&filler, vec![0; 2 << 20]).unwrap_err();
        true
    };
    let repair = async || fs::remove_file(&filler).unwrap();
    outlives(&notes, "database or disk is full", fault, repair).await;
}

#[tokio::test]
async fn a_stop_while_the_disk_is_full_ends_and_the_next_start_repeats_what_was_not_stored() {
    let (Some(mount), folder) = (Mount::new("size=1m"), tempfile::tempdir().unwrap()) else {
        return;
    };
    let notes = Folder::with_database(folder.path(), mount.file());
    let setup = Setup {
        lease: SECOND,
        grace: SECOND / 2,
        ..Setup::new()
    };
    let site = Site::new(&notes, setup).await;
    let job = site.enqueue(Act::Hold).await;
    site.until_begun(&job).await;
    let filler = mount.path().join("filler");
    fs::write(&filler, vec![0; 2 << 20]).unwrap_err();
    drop((site.jobs, site.health));
    let closed = tokio::time::timeout(DEADLINE / 2, site.running.close()).await;
    closed.unwrap().unwrap();
    let errors = notes.errors(std::process::id());
    let is_reported =
        |error: &String| error.contains("1 outcomes of jobs could not be stored before the stop");
    assert!(errors.iter().any(is_reported), "{errors:?}");

    fs::remove_file(&filler).unwrap();
    notes.release(std::process::id());
    // In this process, which still lives: after the lease.
    let site = Site::new(&notes, setup).await;
    site.until_done(&job).await;
    let found = site.jobs.find(&job).await.unwrap().unwrap();
    assert_eq!((found.failures, found.crashes), (0, 1));
    site.close().await;
}

/// Nothing but its sign of life is to be stored.
#[tokio::test]
async fn a_full_disk_while_all_jobs_go_on_is_reported_once() {
    let (Some(mount), folder) = (Mount::new("size=1m"), tempfile::tempdir().unwrap()) else {
        return;
    };
    let notes = Folder::with_database(folder.path(), mount.file());
    let setup = Setup {
        concurrency: 1,
        lease: SECOND,
        ..Setup::new()
    };
    let site = Site::new(&notes, setup).await;
    let job = site.enqueue(Act::Hold).await;
    site.until_begun(&job).await;
    let filler = mount.path().join("filler");
    fs::write(&filler, vec![0; 2 << 20]).unwrap_err();
    let is_sick = async || site.health.check().await.is_err();
    site.until("it is healthy", DEADLINE, is_sick).await;
    let until = Instant::now() + 4 * SECOND;
    while Instant::now() < until {
        site.health.check().await.unwrap_err();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    fs::remove_file(&filler).unwrap();
    let is_healthy = async || site.health.check().await.is_ok();
    site.until("it is sick", DEADLINE, is_healthy).await;
    // On a machine that stands still for a moment, a write may not begin in time: that is another failure.
    let mut errors = site.errors();
    errors.retain(|it| !it.contains("could begin for"));
    assert!(
        errors.len() == 1 && errors[0].contains(FAILED),
        "{errors:?}"
    );
    site.folder.release(std::process::id());
    site.until_done(&job).await;
    site.close().await;
}

#[tokio::test]
async fn a_disk_that_becomes_read_only() {
    let folder = tempfile::tempdir().unwrap();
    let (notes, _) = at(&folder);
    let log = folder.path().join("app.db-wal");
    let fault = async || set_immutable(&log, true);
    let repair = async || assert!(set_immutable(&log, false));
    outlives(
        &notes,
        "a transaction on the database `database`",
        fault,
        repair,
    )
    .await;
}

#[tokio::test]
async fn a_file_that_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (notes, file) = at(&folder);
    let away = folder.path().join("away");
    let fault = async || fs::rename(&file, &away).is_ok();
    let repair = async || fs::rename(&away, &file).unwrap();
    outlives(
        &notes,
        "was removed or replaced: put it back",
        fault,
        repair,
    )
    .await;
}

/// A worker that gives no sign of life because nothing can write has not died.
#[tokio::test]
async fn a_lock_that_is_longer_than_the_lease_costs_no_job_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let (notes, file) = at(&folder);
    let busy = Duration::from_millis(300);
    let setup = Setup {
        busy,
        lease: 2 * SECOND,
        ..Setup::new()
    };
    let site = Site::new(&notes, setup).await;
    let job = site.enqueue(Act::Hold).await;
    site.until_begun(&job).await;
    let watching = Site::new(
        &notes,
        Setup {
            only_watches: true,
            ..setup
        },
    )
    .await;
    let database = watching.running.try_get::<State<Database>>().unwrap();
    let mut other = other_process(&file).await;
    for lock in [1_500, 3_000] {
        let tx = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        tokio::time::sleep(Duration::from_millis(lock)).await;
        tx.rollback().await.unwrap();
        let is_open = async || database.begin().await.is_ok();
        site.until("it is locked", DEADLINE, is_open).await;
        let is_healthy = async || site.health.check().await.is_ok();
        site.until("it is sick", DEADLINE, is_healthy).await;
        let found = site.jobs.find(&job).await.unwrap().unwrap();
        assert_eq!(
            (found.state, found.crashes),
            (JobState::Running, 0),
            "after {lock} ms"
        );
    }
    site.folder.release(std::process::id());
    site.until_done(&job).await;
    drop(database);
    watching.close().await;
    site.close().await;
}
