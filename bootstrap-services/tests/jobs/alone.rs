//! A job that must run alone, and a worker that stops while its database fails.

use bootstrap_services::jobs::JobState;

use crate::kit::{Act, Kit, SECOND, note};

async fn sql(kit: &Kit, statement: &'static str) {
    let mut tx = kit.database.begin().await.unwrap();
    sqlx::query(statement).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// A worker with a job that runs for a minute, and one that would be a dead letter after its next crash.
async fn with_suspect() -> Kit {
    let kit = Kit::new().await;
    kit.enqueue(Act::Hang).await;
    assert_eq!(kit.log.until(1).await, ["hangs"]);
    let crashed = "CREATE TRIGGER crashed AFTER INSERT ON _jobs WHEN NEW.payload LIKE '%suspect%'
        BEGIN UPDATE _jobs SET crash = 2 WHERE id = NEW.id; END";
    sql(&kit, crashed).await;
    kit.jobs.enqueue(note("suspect")).await.unwrap();
    for text in ["a", "b"] {
        kit.jobs.enqueue(note(text)).await.unwrap();
    }
    kit
}

async fn seconds(kit: &Kit, seconds: u32) {
    for _ in 0..seconds {
        kit.time.advance(SECOND).await;
    }
}

#[tokio::test]
async fn a_job_that_must_run_alone_holds_up_others_for_half_a_minute() {
    let kit = with_suspect().await;
    seconds(&kit, 29).await;
    assert_eq!(kit.log.take(), [""; 0]);
    seconds(&kit, 1).await;
    assert_eq!(kit.log.until(2).await, ["a", "b"]);
    // What hangs has ended by its timeout.
    seconds(&kit, 30).await;
    assert_eq!(kit.log.until(1).await, ["suspect"]);
    kit.close().await;
}

#[tokio::test]
async fn other_suspects_run_while_one_waits_to_run_alone() {
    let kit = with_suspect().await;
    let crashed =
        "CREATE TRIGGER crashed_once AFTER INSERT ON _jobs WHEN NEW.payload LIKE '%neighbour%'
        BEGIN UPDATE _jobs SET crash = 1 WHERE id = NEW.id; END";
    sql(&kit, crashed).await;
    for text in ["neighbour 1", "neighbour 2"] {
        kit.jobs.enqueue(note(text)).await.unwrap();
    }
    seconds(&kit, 32).await;
    let mut done = kit.log.until(4).await;
    done.sort();
    assert_eq!(done, ["a", "b", "neighbour 1", "neighbour 2"]);
    kit.close().await;
}

#[tokio::test]
async fn a_stop_while_the_database_fails_gives_handlers_their_time() {
    let kit = Kit::new().await;
    let id = kit.enqueue(Act::Wait).await;
    assert_eq!(kit.log.until(1).await, ["waits"]);
    let broken = "CREATE TRIGGER broken BEFORE UPDATE ON _job_workers BEGIN SELECT RAISE(FAIL, 'the disk is full'); END";
    sql(&kit, broken).await;
    // More turns fail than a stop would wait for.
    seconds(&kit, 25).await;
    assert_eq!(kit.find(&id).await.state, JobState::Running);
    let (log, errors) = (kit.log.clone(), kit.errors.clone());
    kit.close().await;
    assert_eq!(log.take(), ["was told"]);
    let errors = errors.take();
    let last = "1 outcomes of jobs could not be stored before the stop";
    assert!(errors.last().unwrap().contains(last), "{errors:?}");
}
