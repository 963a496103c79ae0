//! Starting, watching, stopping and restarting.

use std::time::Duration;

use bootstrap_services::processes::{
    Definition, Exit, Limit, OnClose, ProcessError, ProcessEvent, ProcessStatus, Processes,
    RestartPolicy,
};

use crate::support::{Kit, execute, is_alive, lines, next, sh, signal, until, within};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// What happened, without the numbers that differ.
fn kind(event: &ProcessEvent) -> &'static str {
    match event {
        ProcessEvent::Started { .. } => "started",
        ProcessEvent::Ended { stopped: true, .. } => "stopped",
        ProcessEvent::Ended { .. } => "ended",
        ProcessEvent::Restarting { .. } => "restarting",
        ProcessEvent::Crashed { .. } => "crashed",
        ProcessEvent::HeartbeatMissed { .. } => "missed",
        ProcessEvent::LimitExceeded { .. } => "limit",
        _ => "other",
    }
}

/// D43: define, spawn, list, get, stop.
#[tokio::test]
async fn a_process_is_spawned_and_stopped() {
    let kit = Kit::one(sh("exec sleep 1000")).await;
    let mut events = kit.processes.events();
    let id = within(kit.processes.spawn("one", &[1, 2])).await.unwrap();
    let pid = kit.pid(id).await;
    assert!(is_alive(pid));
    let [info] = &kit.processes.list()[..] else {
        panic!("{:?}", kit.processes.list())
    };
    assert_eq!((info.id, info.name.as_str()), (id, "one"));
    assert_eq!(info.status, ProcessStatus::Running);
    assert_eq!(info.metadata, serde_json::json!([1, 2]));
    kit.processes.check().await.unwrap();
    kit.stop(id).await.unwrap();
    assert!(!is_alive(pid));
    assert!(kit.processes.list().is_empty());
    let info = kit.info(id).await;
    assert_eq!((info.status, info.pid), (ProcessStatus::Stopped, None));
    assert_eq!(info.exit, Some(Exit::Signal(15)));
    assert!(matches!(
        kit.stop(id).await,
        Err(ProcessError::NotFound { .. })
    ));
    let mut kinds = Vec::new();
    while kinds.last() != Some(&"stopped") {
        kinds.push(kind(&within(events.next()).await.unwrap()));
    }
    assert_eq!(kinds, ["started", "stopped"]);
    kit.close().await;
}

/// A fault of the original: a child had only the variables of its definition, and found no program.
#[tokio::test]
async fn a_process_has_the_environment_of_the_service_and_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("env");
    let script = format!(
        "env > {0}.tmp; pwd >> {0}.tmp; mv {0}.tmp {0}; exec sleep 1000",
        file.display()
    );
    let definition = sh(script)
        .env("OWN", "1")
        .env("BOOTSTRAP_TOKEN", "overridden")
        .env_remove("CARGO_MANIFEST_DIR")
        .cwd("/");
    let kit = Kit::one(definition).await;
    let id = kit.spawn().await;
    let lines = lines(&file, 1).await;
    let has = |line: &str| lines.iter().any(|it| it == line);
    let path = std::env::var("PATH").unwrap();
    assert!(has(&format!("PATH={path}")), "{lines:#?}");
    assert!(has("OWN=1") && has("BOOTSTRAP_METADATA=null"), "{lines:#?}");
    assert!(has(&format!("BOOTSTRAP_PROCESS_ID={id}")), "{lines:#?}");
    assert!(has(&format!("BOOTSTRAP_TOKEN={}", kit.token(id).await)));
    let socket = kit.socket(id).canonicalize().unwrap();
    assert!(has(&format!("BOOTSTRAP_SOCKET_PATH={}", socket.display())));
    assert!(!lines.iter().any(|it| it.starts_with("CARGO_MANIFEST_DIR=")));
    assert_eq!(lines.last().unwrap(), "/");
    kit.close().await;
}

#[tokio::test]
async fn no_descendant_is_left_after_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    // One in the group, one that ignores the signal, and one in a session of its own.
    let script = format!(
        "sleep 1000 & echo $! >> {0}; sh -c 'trap \"\" TERM; echo $$ >> {0}; while :; do sleep 1; done' &
        setsid sh -c 'echo $$ >> {0}; exec sleep 1000' & wait",
        file.display()
    );
    let kit = Kit::one(sh(script)).await;
    let id = kit.spawn().await;
    let pids = lines(&file, 3).await;
    let pids: Vec<i32> = pids.iter().map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    kit.stop(id).await.unwrap();
    until("all have ended", || pids.iter().all(|pid| !is_alive(*pid))).await;
    kit.close().await;
}

/// The row can't be written, and something has left the group already.
#[tokio::test]
async fn no_descendant_is_left_of_a_process_whose_start_was_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!(
        "setsid sh -c 'echo $$ > {}; exec sleep 1000' & wait",
        file.display()
    );
    let kit = Kit::one(sh(script)).await;
    for statement in [
        // It takes about a second.
        "CREATE VIEW slow AS WITH RECURSIVE counted (number) AS
            (SELECT 1 UNION ALL SELECT number + 1 FROM counted WHERE number < 300000) SELECT * FROM counted",
        "CREATE TRIGGER unwritable BEFORE UPDATE OF identity ON _processes WHEN NEW.identity IS NOT NULL
            BEGIN SELECT count(*) FROM slow; SELECT RAISE(ABORT, 'the disk is on fire'); END",
    ] {
        execute(&kit.database, statement).await;
    }
    let error = within(kit.processes.spawn("one", &())).await.unwrap_err();
    assert!(error.to_string().contains("on fire"), "{error}");
    let pid = lines(&file, 1).await[0].parse().unwrap();
    until("it has ended", || !is_alive(pid)).await;
    kit.close().await;
}

/// The system cuts the name of a program after 15 bytes.
#[tokio::test]
async fn a_program_whose_name_is_not_unicode_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("fourteen-bytesé");
    std::fs::write(&program, "#!/bin/sh\nsleep 1000 & wait\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&program, mode).unwrap();
    let kit = Kit::one(Definition::new(program)).await;
    let id = kit.spawn().await;
    let stat = std::fs::read(format!("/proc/{}/stat", kit.pid(id).await)).unwrap();
    assert!(String::from_utf8(stat).is_err());
    kit.stop(id).await.unwrap();
    kit.close().await;
}

#[tokio::test]
async fn a_process_that_ignores_the_signal_is_killed_after_its_patience() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready");
    let script = format!(
        "trap '' TERM; echo >> {}; while :; do sleep 0.1; done",
        file.display()
    );
    let kit = Kit::one(sh(script).patience(50 * MILLI)).await;
    let id = kit.spawn().await;
    lines(&file, 1).await;
    kit.stop(id).await.unwrap();
    assert_eq!(kit.info(id).await.exit, Some(Exit::Signal(9)));
    kit.close().await;
}

#[tokio::test]
async fn a_process_that_is_suspended_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready");
    let script = format!(
        "trap 'exit 7' TERM; echo >> {}; while :; do sleep 0.05; done",
        file.display()
    );
    let kit = Kit::one(sh(script).patience(SECOND * 30)).await;
    let id = kit.spawn().await;
    lines(&file, 1).await;
    signal("STOP", kit.pid(id).await);
    kit.stop(id).await.unwrap();
    assert_eq!(kit.info(id).await.exit, Some(Exit::Code(7)));
    kit.close().await;
}

#[tokio::test]
async fn kill_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready");
    let script = format!(
        "trap '' TERM; echo >> {}; while :; do sleep 0.1; done",
        file.display()
    );
    let kit = Kit::one(
        sh(script)
            .patience(Duration::from_mins(5))
            .restart(RestartPolicy::Always),
    )
    .await;
    let id = kit.spawn().await;
    lines(&file, 1).await;
    within(kit.processes.kill(id)).await.unwrap();
    let info = kit.info(id).await;
    assert_eq!(info.exit, Some(Exit::Signal(9)));
    assert_eq!(info.status, ProcessStatus::Stopped);
    kit.close().await;
}

/// A fault of the original: the code 0 counted as a crash.
#[tokio::test]
async fn the_code_0_is_no_failure() {
    let kit = Kit::one(sh("exit 0")).await;
    let mut events = kit.processes.events();
    let id = kit.spawn().await;
    let exit = next(&mut events, |event| match event {
        ProcessEvent::Ended { exit, .. } => Some(exit),
        _ => None,
    });
    assert_eq!(exit.await, Exit::Code(0));
    until("it is not supervised", || kit.processes.list().is_empty()).await;
    kit.processes.check().await.unwrap();
    let info = kit.info(id).await;
    assert_eq!((info.status, info.restarts), (ProcessStatus::Stopped, 0));
    kit.close().await;
}

/// D43: a crash loop.
#[tokio::test]
async fn a_process_that_keeps_failing_has_crashed_for_good_after_its_restarts() {
    let kit = Kit::one(sh("exit 3").max_restarts(3, 60 * SECOND)).await;
    let mut events = kit.processes.events();
    let id = kit.spawn().await;
    let mut kinds = Vec::new();
    while kinds.last() != Some(&"crashed") {
        kinds.push(kind(&within(events.next()).await.unwrap()));
    }
    let life = ["started", "ended", "restarting"];
    let mut expected = [life, life, life].concat();
    expected.extend(["started", "ended", "crashed"]);
    assert_eq!(kinds, expected);
    let info = kit.info(id).await;
    assert_eq!((info.status, info.restarts), (ProcessStatus::Crashed, 3));
    assert_eq!(info.exit, Some(Exit::Code(3)));
    let error = kit.processes.check().await.unwrap_err();
    assert_eq!(error.to_string(), "`one` has crashed for good");
    kit.stop(id).await.unwrap();
    kit.processes.check().await.unwrap();
    assert_eq!(kit.status(id).await, "stopped");
    kit.close().await;
}

#[tokio::test]
async fn a_process_that_has_crashed_for_good_is_restarted_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("repaired");
    let script = format!("test -e {} || exit 3; exec sleep 1000", file.display());
    let kit = Kit::one(sh(script).restart(RestartPolicy::Never)).await;
    let mut events = kit.processes.events();
    let id = kit.spawn().await;
    next(&mut events, |event| {
        matches!(event, ProcessEvent::Crashed { .. }).then_some(())
    })
    .await;
    std::fs::write(&file, "").unwrap();
    within(kit.processes.restart(id)).await.unwrap();
    assert_eq!(kit.info(id).await.status, ProcessStatus::Running);
    kit.processes.check().await.unwrap();
    kit.close().await;
}

#[tokio::test]
async fn always_restarts_after_the_code_0_as_well() {
    let kit = Kit::one(sh("exit 0").restart(RestartPolicy::Always)).await;
    let mut events = kit.processes.events();
    let id = kit.spawn().await;
    next(&mut events, |event| {
        matches!(event, ProcessEvent::Restarting { .. }).then_some(())
    })
    .await;
    kit.stop(id).await.unwrap();
    kit.close().await;
}

/// A fault of the original: what was killed because it sent no heartbeat was never started again.
#[tokio::test]
async fn a_process_that_sends_no_heartbeat_is_killed_and_restarted() {
    let kit = Kit::one(sh("exec sleep 1000").heartbeat(100 * MILLI)).await;
    let mut events = kit.processes.events();
    let id = kit.spawn().await;
    let first = kit.pid(id).await;
    let mut kinds = Vec::new();
    while kinds.iter().filter(|kind| **kind == "started").count() < 2 {
        kinds.push(kind(&within(events.next()).await.unwrap()));
    }
    assert_eq!(
        kinds,
        ["started", "missed", "ended", "restarting", "started"]
    );
    assert!(!is_alive(first));
    kit.stop(id).await.unwrap();
    kit.close().await;
}

#[tokio::test]
async fn a_process_that_misses_a_heartbeat_is_unhealthy() {
    let kit = Kit::one(sh("exec sleep 1000").heartbeat(SECOND)).await;
    let mut events = kit.processes.events();
    let id = kit.spawn().await;
    kit.processes.check().await.unwrap();
    next(&mut events, |event| {
        matches!(event, ProcessEvent::HeartbeatMissed { .. }).then_some(())
    })
    .await;
    let error = kit.processes.check().await.unwrap_err();
    assert_eq!(error.to_string(), "`one` sends no heartbeat");
    kit.stop(id).await.unwrap();
    kit.close().await;
}

#[tokio::test]
async fn a_restart_by_hand_keeps_the_number_and_is_not_counted() {
    let kit = Kit::one(sh("exec sleep 1000").restart(RestartPolicy::Never)).await;
    let id = kit.spawn().await;
    let (first, token) = (kit.pid(id).await, kit.token(id).await);
    within(kit.processes.restart(id)).await.unwrap();
    assert_ne!(kit.pid(id).await, first);
    assert_ne!(kit.token(id).await, token, "a new start has a new token");
    assert!(!is_alive(first));
    assert_eq!(kit.info(id).await.restarts, 0);
    kit.close().await;
}

#[tokio::test]
async fn a_process_that_waits_for_its_restart_is_stopped_or_restarted_at_once() {
    let slow = Duration::from_mins(30);
    let kit = Kit::one(sh("exit 3").backoff(slow, slow)).await;
    let mut events = kit.processes.events();
    let id = kit.spawn().await;
    let restarting = |event: ProcessEvent| match event {
        ProcessEvent::Restarting { after, .. } => Some(after),
        _ => None,
    };
    let after = next(&mut events, restarting).await;
    assert!((slow / 2..=slow).contains(&after), "{after:?}");
    within(kit.processes.restart(id)).await.unwrap();
    next(&mut events, restarting).await;
    kit.stop(id).await.unwrap();
    assert_eq!(kit.status(id).await, "stopped");
    kit.close().await;
}

/// D69.
#[tokio::test]
async fn a_process_that_runs_too_long_is_stopped_and_restarted() {
    let kit = Kit::one(sh("exec sleep 1000").max_runtime(50 * MILLI)).await;
    let mut events = kit.processes.events();
    let id = kit.spawn().await;
    let limit = next(&mut events, |event| match event {
        ProcessEvent::LimitExceeded { limit, .. } => Some(limit),
        _ => None,
    });
    assert_eq!(limit.await, Limit::Runtime);
    next(&mut events, |event| {
        matches!(event, ProcessEvent::Restarting { .. }).then_some(())
    })
    .await;
    kit.stop(id).await.unwrap();
    kit.close().await;
}

/// D69: of the whole group.
#[tokio::test]
async fn a_process_that_uses_too_much_memory_or_time_is_stopped() {
    let busy = sh("while :; do :; done & wait").max_cpu(0.05, 5 * SECOND);
    let large = sh("sleep 1000 & wait").max_rss(1);
    let fine = sh("exec sleep 1000")
        .max_rss(1 << 30)
        .max_cpu(0.5, 5 * SECOND);
    let kit = Kit::new([("busy", busy), ("large", large), ("fine", fine)]).await;
    let mut events = kit.processes.events();
    let mut ids = Vec::new();
    for name in ["busy", "large", "fine"] {
        ids.push(within(kit.processes.spawn(name, &())).await.unwrap());
    }
    let mut found = Vec::new();
    while found.len() < 2 {
        let limit = next(&mut events, |event| match event {
            ProcessEvent::LimitExceeded { id, limit } => Some((id, limit)),
            _ => None,
        });
        let limit = limit.await;
        if !found.contains(&limit) {
            found.push(limit);
        }
    }
    found.sort_by_key(|(id, _)| *id);
    assert_eq!(found, [(ids[0], Limit::Cpu), (ids[1], Limit::Rss)]);
    let info = kit.info(ids[2]).await;
    assert!(info.usage.unwrap().rss > 100_000, "{info:?}");
    kit.close().await;
}

#[tokio::test]
async fn ensure_spawns_one_process() {
    let kit = Kit::one(sh("exec sleep 1000")).await;
    let (one, other) = tokio::join!(
        kit.processes.ensure("one", &()),
        kit.processes.ensure("one", &())
    );
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(kit.processes.list().len(), 1);
    kit.close().await;
}

#[tokio::test]
async fn undefine_stops_the_processes_of_a_name() {
    let kit = Kit::one(sh("exec sleep 1000")).await;
    let id = kit.spawn().await;
    let pid = kit.pid(id).await;
    within(kit.processes.undefine("one")).await.unwrap();
    assert!(!is_alive(pid) && kit.processes.list().is_empty());
    kit.processes
        .define("one", Definition::new("true"))
        .unwrap();
    kit.close().await;
}

#[tokio::test]
async fn closing_the_app_stops_its_processes() {
    let script = "trap '' TERM; while :; do sleep 0.1; done";
    let kit = Kit::new([
        ("gentle", sh("exec sleep 1000")),
        ("stubborn", sh(script).patience(200 * MILLI)),
        (
            "failing",
            sh("exit 1").backoff(Duration::from_mins(9), Duration::from_mins(9)),
        ),
    ])
    .await;
    let mut pids = Vec::new();
    for name in ["gentle", "stubborn"] {
        let id = within(kit.processes.spawn(name, &())).await.unwrap();
        pids.push(kit.pid(id).await);
    }
    let mut events = kit.processes.events();
    within(kit.processes.spawn("failing", &())).await.unwrap();
    next(&mut events, |event| {
        matches!(event, ProcessEvent::Restarting { .. }).then_some(())
    })
    .await;
    let folder = kit.close().await;
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
    while within(events.next()).await.is_some() {}
    let kit = Kit::at(folder, []).await;
    for id in 1..=3 {
        let id = bootstrap_services::processes::ProcessId::new(id);
        assert_eq!(kit.status(id).await, "stopped");
    }
    kit.close().await;
}

#[test]
fn no_process_is_left_when_the_runtime_is_dropped() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (pids, kit) = runtime.block_on(async {
        let keep = sh("exec sleep 1000").on_close(OnClose::Stop);
        let kit = Kit::new([("one", sh("sleep 1000 & wait")), ("two", keep)]).await;
        let id = kit.spawn().await;
        let other = within(kit.processes.spawn("two", &())).await.unwrap();
        (vec![kit.pid(id).await, kit.pid(other).await], kit)
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    drop(kit);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(until("all have ended", || {
        pids.iter().all(|pid| !is_alive(*pid))
    }));
}

/// Processes that are stopped, with the plugins that require them, and loaded again.
#[tokio::test]
async fn the_service_can_be_restarted_in_a_running_app() {
    let definition = || sh("exec sleep 1000");
    let kit = Kit::one(definition()).await;
    let id = kit.spawn().await;
    let pid = kit.pid(id).await;
    within(kit.running.handle().restart("processes"))
        .await
        .unwrap();
    assert!(!is_alive(pid));
    let error = within(kit.processes.spawn("one", &())).await.unwrap_err();
    assert!(matches!(error, ProcessError::Closed { .. }), "{error}");
    let processes = kit.running.try_get::<bootstrap::State<Processes>>();
    let processes = processes.unwrap();
    processes.define("two", definition()).unwrap();
    let id = within(processes.spawn("two", &())).await.unwrap();
    within(processes.stop(id)).await.unwrap();
    drop(processes);
    kit.close().await;
}
