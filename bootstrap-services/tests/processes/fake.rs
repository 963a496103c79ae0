//! A child in process, on a clock that the test moves.

use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_services::processes::{
    Definition, Exit, ProcessEvent, ProcessId, ProcessStatus, Processes, ProcessesPlugin,
    RestartPolicy,
};
use bootstrap_services::testing::{self, VirtualClock};
use serde_json::json;

use crate::support::{Definitions, next, until, within};

const SECOND: Duration = Duration::from_secs(1);

async fn boot(
    plugin: ProcessesPlugin,
    definition: Definition,
) -> (bootstrap::Running, VirtualClock) {
    let definitions = Definitions::default().list(vec![("one".to_owned(), definition)]);
    let (app, time) = testing::only(definitions);
    let app = app.with(plugin);
    (within(app.boot()).await.unwrap(), time)
}

fn processes(running: &bootstrap::Running) -> Processes {
    Processes::clone(&running.try_get::<State<Processes>>().unwrap())
}

async fn spawn(processes: &Processes) -> ProcessId {
    within(processes.spawn("one", &json!({ "a": 1 })))
        .await
        .unwrap()
}

fn program() -> Definition {
    Definition::new("no-such-program")
}

async fn close(processes: Processes, running: bootstrap::Running) {
    drop(processes);
    within(running.close()).await.unwrap();
}

#[tokio::test]
async fn it_emits_events_and_obeys_commands() {
    let plugin = ProcessesPlugin::default().fake("one", async |mut child| {
        let metadata = child.metadata().clone();
        child.emit("ready", &metadata).await.unwrap();
        let command = child.command().await.unwrap();
        child.emit("obeyed", &command).await.unwrap();
        child.terminated().await;
        7
    });
    let (running, _time) = boot(plugin, program()).await;
    let processes = processes(&running);
    let mut events = processes.events();
    let id = spawn(&processes).await;
    let emitted = |event| match event {
        ProcessEvent::Emitted(event) => Some((event.event, event.data)),
        _ => None,
    };
    let ready = next(&mut events, emitted).await;
    assert_eq!(ready, ("ready".to_owned(), json!({ "a": 1 })));
    processes.send(id, "do", &[1]).unwrap();
    let obeyed = next(&mut events, emitted).await;
    assert_eq!(obeyed, ("obeyed".to_owned(), json!(["do", [1]])));
    within(processes.stop(id)).await.unwrap();
    let info = within(processes.get(id)).await.unwrap().unwrap();
    assert_eq!(info.exit, Some(Exit::Code(7)));
    close(processes, running).await;
}

/// In virtual time: the delays of the restarts, and that they are forgotten.
#[tokio::test]
async fn it_is_restarted_with_delays_that_double() {
    let plugin = ProcessesPlugin::default().fake("one", async |_| 1);
    let definition = program()
        .backoff(60 * SECOND, 240 * SECOND)
        .max_restarts(3, 3_600 * SECOND);
    let (running, time) = boot(plugin, definition).await;
    let processes = processes(&running);
    let mut events = processes.events();
    let id = spawn(&processes).await;
    let delay = |event| match event {
        ProcessEvent::Restarting { after, .. } => Some(after),
        _ => None,
    };
    for longest in [60, 120, 240] {
        let after = next(&mut events, delay).await;
        let longest = longest * SECOND;
        assert!((longest / 2..=longest).contains(&after), "{after:?}");
        time.advance(after).await;
    }
    next(&mut events, |event| {
        matches!(event, ProcessEvent::Crashed { .. }).then_some(())
    })
    .await;
    assert_eq!(processes.list()[0].status, ProcessStatus::Crashed);
    // By hand, an hour later.
    time.advance(3_600 * SECOND).await;
    within(processes.restart(id)).await.unwrap();
    let after = next(&mut events, delay).await;
    assert!(after <= 60 * SECOND, "{after:?}");
    within(processes.stop(id)).await.unwrap();
    close(processes, running).await;
}

#[tokio::test]
async fn it_is_killed_when_it_sends_no_heartbeat() {
    let plugin = ProcessesPlugin::default().fake("one", async |mut child| {
        child.heartbeat().await.unwrap();
        std::future::pending().await
    });
    let definition = program()
        .heartbeat(60 * SECOND)
        .restart(RestartPolicy::Never);
    let (running, time) = boot(plugin, definition).await;
    let processes = processes(&running);
    let mut events = processes.events();
    spawn(&processes).await;
    until("it is connected", || processes.list()[0].connected).await;
    processes.check().await.unwrap();
    time.advance(61 * SECOND).await;
    let error = processes.check().await.unwrap_err();
    assert_eq!(error.to_string(), "`one` sends no heartbeat");
    time.advance(60 * SECOND).await;
    let exit = next(&mut events, |event| match event {
        ProcessEvent::Ended { exit, .. } => Some(exit),
        _ => None,
    });
    assert_eq!(exit.await, Exit::Signal(9));
    close(processes, running).await;
}

/// What ended long ago is forgotten.
#[tokio::test]
async fn a_process_that_has_ended_is_remembered_for_a_week() {
    let plugin = ProcessesPlugin::default().fake("one", async |_| 0);
    let (running, time) = boot(plugin, program()).await;
    let processes = processes(&running);
    let id = spawn(&processes).await;
    until("it has ended", || processes.list().is_empty()).await;
    let day = 24 * 3_600 * SECOND;
    time.advance(6 * day).await;
    let info = within(processes.get(id)).await.unwrap().unwrap();
    assert_eq!(info.status, ProcessStatus::Stopped);
    time.advance(2 * day).await;
    assert_eq!(within(processes.get(id)).await.unwrap(), None);
    close(processes, running).await;
}

#[tokio::test]
async fn a_handler_that_hangs_is_unhealthy_after_a_minute() {
    let plugin = ProcessesPlugin::default().fake("one", async |mut child| {
        let _ = child.emit("stuck", &()).await;
        0
    });
    let definition = program().on_event(async |_| std::future::pending().await);
    let (running, time) = boot(plugin, definition).await;
    let processes = processes(&running);
    let id = spawn(&processes).await;
    until("it is connected", || processes.list()[0].connected).await;
    // It reads the event some time after it has connected.
    within(async {
        while processes.check().await.is_ok() {
            time.advance(SECOND).await;
        }
    })
    .await;
    let error = processes.check().await.unwrap_err().to_string();
    assert!(
        error.starts_with("an event of `one` has been handled for 6"),
        "{error}"
    );
    within(processes.kill(id)).await.unwrap();
    close(processes, running).await;
}

#[tokio::test]
async fn it_is_measured() {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};
    let recorder = DebuggingRecorder::new();
    let measured = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let plugin = ProcessesPlugin::default().fake("one", async |mut child| {
        child.emit("tick", &()).await.unwrap();
        3
    });
    let definition = program()
        .backoff(SECOND, SECOND)
        .max_restarts(1, 60 * SECOND);
    let (running, time) = boot(plugin, definition).await;
    let processes = processes(&running);
    let mut events = processes.events();
    spawn(&processes).await;
    next(&mut events, |event| {
        matches!(event, ProcessEvent::Restarting { .. }).then_some(())
    })
    .await;
    time.advance(SECOND).await;
    next(&mut events, |event| {
        matches!(event, ProcessEvent::Crashed { .. }).then_some(())
    })
    .await;
    let mut counters: Vec<_> = measured
        .snapshot()
        .into_vec()
        .into_iter()
        .filter_map(|(key, _, _, value)| match value {
            DebugValue::Counter(count) => Some((key.key().name().to_owned(), count)),
            _ => None,
        })
        .filter(|(name, _)| name.starts_with("processes_"))
        .collect();
    counters.sort();
    let expected = [
        ("processes_crashed_total", 1),
        ("processes_ended_total", 2),
        ("processes_events_total", 2),
        ("processes_restarts_total", 1),
        ("processes_spawned_total", 2),
    ];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(counters, expected);
    close(processes, running).await;
}
