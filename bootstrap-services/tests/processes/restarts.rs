//! Restarts by hand, and what `ensure` finds meanwhile.

use std::path::Path;
use std::time::Duration;

use bootstrap_services::processes::{
    Definition, ProcessError, ProcessEvent, ProcessId, ProcessStatus, RestartPolicy,
};

use crate::support::{Kit, is_alive, lines, next, sh, until, within};

/// A program that fails until a file exists, and writes its number to another one.
fn repairable(folder: &Path) -> Definition {
    let script = format!(
        "echo $$ >> {0}/pids; test -e {0}/repaired || exit 3; exec sleep 1000",
        folder.display()
    );
    sh(script).restart(RestartPolicy::Never)
}

/// A process that has crashed for good and would not crash again.
async fn crashed(folder: &Path) -> (Kit, ProcessId) {
    let kit = Kit::one(repairable(folder)).await;
    let mut events = kit.processes.events();
    let id = kit.spawn().await;
    next(&mut events, |event| {
        matches!(event, ProcessEvent::Crashed { .. }).then_some(())
    })
    .await;
    std::fs::write(folder.join("repaired"), "").unwrap();
    (kit, id)
}

async fn pids(folder: &Path) -> Vec<i32> {
    let pids = lines(&folder.join("pids"), 1).await;
    pids.iter().map(|pid| pid.parse().unwrap()).collect()
}

#[tokio::test]
async fn two_restarts_at_once_of_a_crashed_process_leave_one_program() {
    let folder = tempfile::tempdir().unwrap();
    let (kit, id) = crashed(folder.path()).await;
    let (one, other) =
        within(async { tokio::join!(kit.processes.restart(id), kit.processes.restart(id)) }).await;
    one.unwrap();
    other.unwrap();
    let pid = kit.pid(id).await;
    let others = pids(folder.path()).await;
    let others: Vec<_> = others.into_iter().filter(|it| *it != pid).collect();
    until("the others have ended", || {
        others.iter().all(|pid| !is_alive(*pid))
    })
    .await;
    kit.close().await;
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn a_restart_and_a_stop_at_once_of_a_crashed_process_leave_no_program() {
    let folder = tempfile::tempdir().unwrap();
    let (kit, id) = crashed(folder.path()).await;
    let (restarted, stopped) =
        within(async { tokio::join!(kit.processes.restart(id), kit.processes.stop(id)) }).await;
    stopped.unwrap();
    assert!(
        matches!(restarted, Ok(()) | Err(ProcessError::NotFound { .. })),
        "{restarted:?}"
    );
    for pid in pids(folder.path()).await {
        assert!(!is_alive(pid));
    }
    assert!(kit.processes.list().is_empty());
    assert_eq!(kit.status(id).await, "stopped");
    kit.close().await;
}

/// A daemon that takes its whole patience to end.
async fn stubborn(folder: &Path) -> (Kit, ProcessId) {
    let ready = folder.join("ready");
    let script = format!(
        "trap '' TERM; echo >> {}; while :; do sleep 0.05; done",
        ready.display()
    );
    let definition = sh(script).patience(Duration::from_millis(500));
    let kit = Kit::one(definition).await;
    let id = within(kit.processes.ensure("one", &())).await.unwrap();
    lines(&ready, 1).await;
    (kit, id)
}

async fn is_stopping(kit: &Kit, id: ProcessId) {
    until("it is stopping", || {
        let list = kit.processes.list();
        list.iter()
            .any(|it| it.id == id && it.status == ProcessStatus::Stopping)
    })
    .await;
}

#[tokio::test]
async fn ensure_finds_a_process_that_is_being_restarted() {
    let folder = tempfile::tempdir().unwrap();
    let (kit, id) = stubborn(folder.path()).await;
    let ensured = async {
        is_stopping(&kit, id).await;
        kit.processes.ensure("one", &()).await.unwrap()
    };
    let (restarted, ensured) =
        within(async { tokio::join!(kit.processes.restart(id), ensured) }).await;
    restarted.unwrap();
    assert_eq!(ensured, id);
    assert_eq!(kit.processes.list().len(), 1);
    kit.close().await;
}

#[tokio::test]
async fn ensure_replaces_a_process_that_is_being_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (kit, id) = stubborn(folder.path()).await;
    let ensured = async {
        is_stopping(&kit, id).await;
        kit.processes.ensure("one", &()).await.unwrap()
    };
    let (stopped, ensured) = within(async { tokio::join!(kit.processes.stop(id), ensured) }).await;
    stopped.unwrap();
    assert_ne!(ensured, id);
    kit.close().await;
}
