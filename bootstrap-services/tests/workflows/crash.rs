//! A run that ends right after something was stored, as if the process had died, and a process that dies.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::ensure;
use bootstrap_services::workflows::{FlowFilter, FlowInfo, FlowState, StepInfo, StepState};
use serde_json::json;
use tokio::time::timeout;

use crate::kit::{DEADLINE, HOUR, Kit, SECOND, Script, Setup};
use crate::script;

/// An order with payment, undo and durable waits. An input of `true` means that it can't be shipped.
fn order() -> Script {
    script!(|cx, log, input| {
        let reserve = cx.step("reserve", || async { Ok(log.add("reserve")) });
        reserve.undo(|()| async { Ok(log.add("release")) }).await?;
        let charge = cx.step("charge", || async {
            log.add("charge");
            Ok("receipt 7".to_owned())
        });
        let receipt = charge
            .undo(|receipt| async move { Ok(log.add(format!("refund {receipt}"))) })
            .await?;
        cx.sleep("nap", HOUR).await?;
        let day: Option<u32> = cx.signal("picked").within(24 * HOUR).await?;
        let ship = cx.step("ship", || async {
            log.add("ship");
            ensure!(input != json!(true), "no truck");
            Ok(())
        });
        ship.attempts(2).backoff(SECOND, SECOND).await?;
        (receipt, day)
    })
}

/// Runs an order to its end. Returns what was done, its state, its result, and the states of its steps.
async fn run_order(
    crash_after: Option<&str>,
    fails: bool,
) -> (
    Vec<String>,
    FlowState,
    String,
    Vec<(String, StepState, u32)>,
) {
    let kit = Kit::by_hand(order()).await;
    if let Some(step) = crash_after {
        kit.flows.crash_after(step);
    }
    let id = kit.start(fails).await;
    kit.drain().await;
    kit.advance(HOUR).await;
    kit.flows.signal(&id, "picked", &5).await.unwrap();
    kit.drain().await;
    kit.advance(SECOND).await;
    let flow = kit.find(&id).await;
    let steps = kit.history(&id).await;
    let steps = steps.into_iter().map(|it| (it.name, it.state, it.attempts));
    let end = (
        kit.log.take(),
        flow.state,
        format!("{:?} {:?}", flow.result, flow.error),
        steps.collect(),
    );
    kit.close().await;
    end
}

#[tokio::test]
async fn an_order_that_crashes_after_any_step_ends_as_one_that_does_not() {
    let expected = run_order(None, false).await;
    assert_eq!(expected.0, ["reserve", "charge", "ship"]);
    assert_eq!(expected.1, FlowState::Done, "{expected:?}");
    for step in ["reserve", "charge", "nap", "picked", "ship"] {
        assert_eq!(
            run_order(Some(step), false).await,
            expected,
            "crash after {step}"
        );
    }
}

#[tokio::test]
async fn an_order_that_fails_is_undone_once_in_reverse_also_if_it_crashes_after_any_step() {
    let expected = run_order(None, true).await;
    assert_eq!(
        expected.0,
        [
            "reserve",
            "charge",
            "ship",
            "ship",
            "refund receipt 7",
            "release"
        ]
    );
    assert_eq!(expected.1, FlowState::Failed, "{expected:?}");
    let states: Vec<_> = expected
        .3
        .iter()
        .map(|(name, state, _)| (&**name, *state))
        .collect();
    assert_eq!(
        states,
        [
            ("reserve", StepState::Undone),
            ("charge", StepState::Undone),
            ("nap", StepState::Done),
            ("picked", StepState::Done),
            ("ship", StepState::Failed)
        ]
    );
    for step in [
        "reserve",
        "charge",
        "nap",
        "picked",
        "ship",
        "undo charge",
        "undo reserve",
    ] {
        assert_eq!(
            run_order(Some(step), true).await,
            expected,
            "crash after {step}"
        );
    }
}

/// What the process of a test does that is killed: it runs an order up to a place, and stays there.
const FILE: &str = "WORKFLOWS_TEST_FILE";
const PLACE: &str = "WORKFLOWS_TEST_PLACE";
const FAILS: &str = "WORKFLOWS_TEST_FAILS";
/// How long the order waits between two of its steps.
const NAP: Duration = Duration::from_secs(10);

/// An order whose effects are lines of a file. It stays before or after one of them.
fn order_in(file: String, place: String, fails: bool) -> Script {
    Script::new(move |cx, _, _| {
        let (file, place) = (file.clone(), place.clone());
        Box::pin(async move {
            let effect = async |name: &str| {
                stay(&file, &place, &format!("before {name}")).await;
                let mut to = std::fs::OpenOptions::new()
                    .append(true)
                    .create(true)
                    .open(format!("{file}.log"))
                    .unwrap();
                std::io::Write::write_all(&mut to, format!("{name}\n").as_bytes()).unwrap();
                stay(&file, &place, &format!("after {name}")).await;
            };
            let effect = &effect;
            let reserve = cx.step("reserve", || async move { Ok(effect("reserve").await) });
            reserve
                .undo(|()| async move { Ok(effect("release").await) })
                .await?;
            let charge = cx.step("charge", || async move { Ok(effect("charge").await) });
            charge
                .undo(|()| async move { Ok(effect("refund").await) })
                .await?;
            cx.sleep("nap", NAP).await?;
            let day: Option<u32> = cx.signal("picked").within(24 * HOUR).await?;
            let ship = cx.step("ship", || async move {
                effect("ship").await;
                ensure!(!fails, "no truck");
                Ok(())
            });
            ship.attempts(1).await?;
            cx.step("close", || async move { Ok(effect("close").await) })
                .await?;
            Ok(json!(day))
        })
    })
}

/// Stays for ever, if this is the place.
async fn stay(file: &str, place: &str, here: &str) {
    if place == here {
        std::fs::write(format!("{file}.stays"), "").unwrap();
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
#[ignore = "the process that another test kills"]
async fn a_process_that_is_killed() {
    let Ok(file) = std::env::var(FILE) else {
        return;
    };
    let place = std::env::var(PLACE).unwrap();
    let script = order_in(file.clone(), place.clone(), std::env::var(FAILS).is_ok());
    let kit = Setup::running().on(&file).boot(script).await;
    let id = kit.start(()).await;
    let goes = async {
        for wait in ["nap", "picked"] {
            let waits = |step: &StepInfo| step.name == wait && step.state == StepState::Waiting;
            while !(kit.history(&id).await.iter().any(waits)
                && kit.state(&id).await == FlowState::Waiting)
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            stay(&file, &place, &format!("at {wait}")).await;
            if wait == "nap" {
                kit.time.advance(NAP).await;
            } else {
                kit.flows.signal(&id, "picked", &5).await.unwrap();
            }
        }
        std::future::pending::<()>().await;
    };
    let _ = timeout(DEADLINE, goes).await;
}

/// Kills the process of an order at a place, and lets another process go on. Returns the workflow, and the effects of both in their order: one in whose middle the
/// process was killed may be there twice.
async fn killed(place: &str, fails: bool) -> (FlowInfo, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db").display().to_string();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "crash::a_process_that_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(FILE, &file)
        .env(PLACE, place)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if fails {
        command.env(FAILS, "");
    }
    let mut child = command.spawn().unwrap();
    let staying = async {
        while !std::path::Path::new(&format!("{file}.stays")).exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let stays = timeout(DEADLINE, staying).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(stays.is_ok(), "it does not come to `{place}`");
    let code = order_in(file.clone(), String::new(), fails);
    let kit = Setup::by_hand().on(&file).boot(code).await;
    kit.drain().await;
    let all = kit.flows.list(&FlowFilter::new()).await.unwrap();
    let id = all[0].id.clone();
    // Until the run of the process that was killed is taken over.
    let taken_over = async {
        while kit.state(&id).await == FlowState::Running {
            kit.advance(SECOND).await;
        }
    };
    timeout(DEADLINE, taken_over).await.unwrap();
    kit.advance(NAP).await;
    // If it was signalled before, the second one is left.
    kit.flows.signal(&id, "picked", &5).await.unwrap();
    kit.drain().await;
    let flow = kit.find(&id).await;
    kit.close().await;
    let log = std::fs::read_to_string(format!("{file}.log")).unwrap_or_default();
    (flow, log.lines().map(str::to_owned).collect())
}

/// D44: with a real `kill -9`.
#[tokio::test]
async fn an_order_of_a_process_that_is_killed_anywhere_is_shipped_by_the_next() {
    for place in [
        "before reserve",
        "after reserve",
        "before charge",
        "after charge",
        "at nap",
        "at picked",
        "before ship",
        "after ship",
        "before close",
        "after close",
    ] {
        let (flow, mut log) = killed(place, false).await;
        assert_eq!(flow.state, FlowState::Done, "{place}: {flow:?}");
        assert_eq!(flow.result, Some(json!(5)), "{place}");
        let all = log.len();
        log.dedup();
        assert_eq!(log, ["reserve", "charge", "ship", "close"], "{place}");
        assert_eq!(
            all,
            log.len() + usize::from(place.starts_with("after")),
            "{place}"
        );
    }
}

#[tokio::test]
async fn an_order_that_fails_of_a_process_that_is_killed_anywhere_is_undone_by_the_next() {
    for place in [
        "before reserve",
        "before charge",
        "at nap",
        "at picked",
        "before ship",
        "before refund",
        "after refund",
        "before release",
    ] {
        let (flow, mut log) = killed(place, true).await;
        assert_eq!(flow.state, FlowState::Failed, "{place}: {flow:?}");
        let all = log.len();
        log.dedup();
        let expected = ["reserve", "charge", "ship", "refund", "release"];
        assert_eq!(log, expected, "{place}");
        assert_eq!(
            all,
            log.len() + usize::from(place.starts_with("after")),
            "{place}"
        );
    }
}

#[tokio::test]
async fn a_wait_is_not_longer_because_of_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let nap = || {
        script!(|cx, log, input| {
            cx.sleep("nap", HOUR).await?;
        })
    };
    let first = Setup::by_hand().on(&file);
    let time = first.time.clone();
    let kit = first.boot(nap()).await;
    let id = kit.run().await;
    kit.close().await;
    time.advance(HOUR).await;
    let mut second = Setup::by_hand().on(&file);
    second.time = time;
    let kit = second.boot(nap()).await;
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Done);
    kit.close().await;
}

#[tokio::test]
async fn an_app_that_stops_suspends_its_workflows_and_counts_no_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let hangs = script!(|cx, log, input| {
        cx.step("hangs", || async {
            log.add("begun");
            if log.all().len() == 1 {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
        .attempts(1)
        .await?;
    });
    let mut setup = Setup::running().on(&file);
    setup.configuration = bootstrap::Configuration::new().set("jobs.grace", "0s");
    let log = setup.log.clone();
    let kit = setup.boot(hangs.clone()).await;
    let id = kit.start(()).await;
    log.until(1).await;
    kit.close().await;
    let mut next = Setup::by_hand().on(&file);
    next.log = log;
    let kit = next.boot(hangs).await;
    assert_eq!(kit.state(&id).await, FlowState::Waiting);
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Done);
    assert_eq!(kit.history(&id).await[0].attempts, 1);
    kit.close().await;
}

#[tokio::test]
async fn a_workflow_whose_process_always_dies_in_it_fails() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        cx.step("charge", || async { Ok(()) })
            .undo(|()| async { Ok(log.add("refund")) })
            .await?;
        cx.step("poison", || async { Ok(()) }).await?;
    }))
    .await;
    let id = kit.start(()).await;
    // As if the processes of three runs had died.
    let mut tx = kit.database.begin().await.unwrap();
    sqlx::query("UPDATE _flows SET crashes = 3")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Failed);
    assert_eq!(
        kit.error(&id).await,
        "its process died 3 times while it ran"
    );
    kit.close().await;
}

const BREAK: &str = "CREATE TRIGGER broken BEFORE INSERT ON _flow_steps BEGIN SELECT RAISE(FAIL, 'the disk is full'); END";

#[tokio::test]
async fn a_result_that_cannot_be_stored_is_kept_and_stored_when_it_can() {
    let kit = Kit::running(script!(|cx, log, input| {
        cx.step("charge", || async { Ok(log.add("charge")) })
            .await?;
    }))
    .await;
    kit.execute(BREAK).await;
    let id = kit.start(()).await;
    kit.log.until(1).await;
    kit.time.advance(5 * SECOND).await;
    kit.execute("DROP TRIGGER broken").await;
    kit.time.advance(SECOND).await;
    assert_eq!(kit.ended(&id).await.state, FlowState::Done);
    assert_eq!(kit.log.take(), ["charge"]);
    kit.close().await;
}

#[tokio::test]
async fn a_database_that_fails_for_long_is_no_crash_of_the_process() {
    let kit = Kit::running(script!(|cx, log, input| {
        cx.step("charge", || async { Ok(log.add("charge")) })
            .await?;
    }))
    .await;
    kit.execute(BREAK).await;
    let id = kit.start(()).await;
    kit.log.until(1).await;
    // Each run tries for 30 seconds.
    while kit.log.all().len() < 6 {
        timeout(DEADLINE, kit.time.advance(10 * SECOND))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(kit.state(&id).await, FlowState::Running);
    kit.execute("DROP TRIGGER broken").await;
    kit.time.advance(120 * SECOND).await;
    assert_eq!(kit.ended(&id).await.state, FlowState::Done);
    let errors = kit.errors.take();
    assert!(errors[0].contains("the step `charge` of"), "{errors:?}");
    kit.close().await;
}
