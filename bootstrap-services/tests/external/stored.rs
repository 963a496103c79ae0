//! When a program may rely on what it said.

use bootstrap_services::database::Database;
use bootstrap_services::processes::{ProcessEvent, ProcessEvents};

use super::*;

async fn execute(database: &Database, statement: &'static str) {
    let changed = database.write(async |mut tx| -> Result<()> {
        sqlx::query(statement).execute(&mut *tx).await?;
        Ok(())
    });
    changed.await.unwrap();
}

async fn until_event(events: &mut ProcessEvents, is_it: impl Fn(&ProcessEvent) -> bool) {
    while !is_it(&events.next().await.unwrap()) {}
}

/// A service that dies before the end is stored runs the job again, with this program or another one.
#[tokio::test]
async fn the_end_of_a_job_is_acknowledged_when_it_is_stored() {
    // What it says before the end, and the end.
    const ALL: u64 = 4;
    let folder = tempfile::tempdir().unwrap();
    let program = Language::Rust.program().patience(LIMIT);
    let kit = Kit::new(&folder, program).await;
    let database = Database::clone(&kit.running.try_get::<State<Database>>().unwrap());
    execute(
        &database,
        "CREATE TRIGGER unwritable BEFORE UPDATE ON _jobs WHEN NEW.state = 3
        BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END",
    )
    .await;
    let mut events = kit.processes.events();
    let id = kit.enqueue(json!({ "kind": "double", "number": 21 })).await;
    let connected = until_event(&mut events, |event| {
        matches!(event, ProcessEvent::Connected { .. })
    });
    tokio::time::timeout(LIMIT, connected).await.unwrap();
    let is_acknowledged =
        |event: &ProcessEvent| matches!(event, ProcessEvent::Emitted(event) if event.seq == ALL);
    let acknowledged = until_event(&mut events, is_acknowledged);
    let early = tokio::time::timeout(Duration::from_secs(2), acknowledged).await;
    assert!(early.is_err(), "it was acknowledged before it was stored");
    execute(&database, "DROP TRIGGER unwritable").await;
    let job = kit.ended(&id).await;
    assert_eq!((job.state, job.result), (JobState::Done, Some(json!(42))));
    let acknowledged = until_event(&mut events, is_acknowledged);
    tokio::time::timeout(LIMIT, acknowledged).await.unwrap();
    drop(database);
    kit.close().await;
}
