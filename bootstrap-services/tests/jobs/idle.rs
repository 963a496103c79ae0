//! What a worker writes while nothing can begin.

use std::time::Duration;

use bootstrap::Configuration;
use bootstrap_services::jobs::{JobState, JobWorkerPlugin, QueueLimits};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::kit::{Act, Kit, SECOND, Setup, note};

/// Another process, which sees how often the file changes.
struct Witness {
    connection: SqliteConnection,
    version: i64,
}

impl Witness {
    async fn of(kit: &Kit) -> Self {
        let options = SqliteConnectOptions::new().filename(kit.database.file());
        let connection = options.connect().await.unwrap();
        let mut witness = Self {
            connection,
            version: 0,
        };
        witness.has_changed().await;
        witness
    }

    async fn has_changed(&mut self) -> bool {
        let version = sqlx::query_scalar("PRAGMA data_version");
        let version: i64 = version.fetch_one(&mut self.connection).await.unwrap();
        std::mem::replace(&mut self.version, version) != version
    }

    /// Whether a worker writes while it polls for five seconds, which is less than a third of its lease.
    async fn sees_writes(&mut self, kit: &Kit) -> bool {
        for _ in 0..10 {
            kit.time.advance(Duration::from_millis(500)).await;
        }
        self.has_changed().await
    }

    async fn close(self) {
        self.connection.close().await.unwrap();
    }
}

fn limited(limits: QueueLimits) -> Setup {
    let mut setup = Setup::new();
    setup.worker = JobWorkerPlugin::default().queue("default", limits);
    setup.configuration = Configuration::new();
    setup
}

#[tokio::test]
async fn a_worker_without_work_writes_nothing() {
    let kit = Kit::new().await;
    kit.enqueue(Act::Note("a".to_owned())).await;
    kit.log.until(1).await;
    kit.time.advance(SECOND).await;
    let mut witness = Witness::of(&kit).await;
    assert!(!witness.sees_writes(&kit).await);
    kit.enqueue(Act::Note("b".to_owned())).await;
    kit.log.until(1).await;
    assert!(witness.has_changed().await, "it sees writes");
    witness.close().await;
    kit.close().await;
}

#[tokio::test]
async fn a_queue_that_is_full_costs_no_writes() {
    let one = QueueLimits::new().concurrency(1);
    for limits in [one, one.rate(10, SECOND)] {
        let kit = limited(limits).boot().await;
        let held = kit.enqueue(Act::Wait).await;
        kit.log.until(1).await;
        kit.jobs.enqueue(note("next")).await.unwrap();
        kit.time.advance(SECOND).await;
        let mut witness = Witness::of(&kit).await;
        assert!(!witness.sees_writes(&kit).await, "{limits:?}");
        assert!(kit.jobs.cancel(&held).await.unwrap());
        assert_eq!(kit.log.until(2).await, ["was told", "next"]);
        witness.close().await;
        kit.close().await;
    }
}

#[tokio::test]
async fn a_queue_that_this_process_leaves_to_others_costs_no_writes() {
    let none = QueueLimits::new().concurrency(0).rate(10, SECOND);
    let kit = limited(none).boot().await;
    let id = kit.enqueue(Act::Note("a".to_owned())).await;
    kit.time.advance(SECOND).await;
    let mut witness = Witness::of(&kit).await;
    assert!(!witness.sees_writes(&kit).await);
    assert_eq!(kit.find(&id).await.state, JobState::Ready);
    witness.close().await;
    kit.close().await;
}

#[tokio::test]
async fn a_rate_that_is_used_up_costs_no_writes_until_it_has_room() {
    let rate = QueueLimits::new().rate(1, Duration::from_mins(1));
    let kit = limited(rate).boot().await;
    for text in ["a", "b"] {
        kit.jobs.enqueue(note(text)).await.unwrap();
    }
    assert_eq!(kit.log.until(1).await, ["a"]);
    kit.time.advance(SECOND).await;
    let mut witness = Witness::of(&kit).await;
    assert!(!witness.sees_writes(&kit).await);
    kit.time.advance(Duration::from_mins(1)).await;
    assert_eq!(kit.log.until(1).await, ["b"]);
    witness.close().await;
    kit.close().await;
}

#[tokio::test]
async fn two_workers_without_work_write_nothing_once_each_has_forgotten_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut kits = Vec::new();
    for text in ["a", "b"] {
        let mut setup = Setup::new();
        setup.file = Some(folder.path().join("app.db"));
        let kit = setup.boot().await;
        // The time of the others stands still, so this one does it.
        kit.jobs.enqueue(note(text)).await.unwrap();
        kit.log.until(1).await;
        kits.push(kit);
    }
    let mut witness = Witness::of(&kits[0]).await;
    // For several leases.
    let go_on = async || {
        for _ in 0..100 {
            for kit in &kits {
                kit.time.advance(SECOND).await;
            }
        }
    };
    go_on().await;
    assert!(witness.has_changed().await, "they were forgotten");
    go_on().await;
    assert!(!witness.has_changed().await);
    witness.close().await;
    for kit in kits {
        kit.close().await;
    }
}
