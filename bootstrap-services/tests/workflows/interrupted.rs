//! A step that runs when its workflow is to end: it ends first, and is undone as well.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use bootstrap_services::workflows::{FlowId, FlowState, StepState};
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::time::timeout;

use crate::kit::{DEADLINE, HOUR, Kit, LIMIT, Limited, Log, SECOND, Script, Setup};
use crate::script;

/// Waits until the test has written this line.
async fn line(log: &Log, line: &str) {
    while !log.all().iter().any(|it| it == line) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A payment that the bank takes at once, and answers when the test says so; then a step that must not begin.
fn slow_charge() -> Script {
    script!(|cx, log, input| {
        let charge = cx.step("charge", || async {
            log.add("charge");
            line(log, "answer").await;
            Ok("receipt 7".to_owned())
        });
        let undo = |receipt| async move { Ok(log.add(format!("refund {receipt}"))) };
        charge.timeout(10 * HOUR).undo(undo).await?;
        cx.step("ship", || async { Ok(log.add("ship")) }).await?;
    })
}

async fn start_limited(kit: &Kit) -> FlowId {
    let started = kit.flows.start(Limited(json!(null))).await;
    started.unwrap().into_id()
}

#[tokio::test]
async fn a_payment_that_runs_when_its_workflow_is_cancelled_ends_and_is_paid_back_once() {
    let kit = Kit::running(slow_charge()).await;
    let id = kit.start(()).await;
    kit.log.until(1).await;
    assert!(kit.flows.cancel(&id).await.unwrap());
    kit.time.advance(SECOND).await;
    assert_eq!(kit.state(&id).await, FlowState::Running);
    kit.log.add("answer");
    assert_eq!(kit.ended(&id).await.state, FlowState::Cancelled);
    assert_eq!(kit.log.take(), ["charge", "answer", "refund receipt 7"]);
    assert_eq!(kit.errors.take(), [""; 0]);
    kit.close().await;
}

#[tokio::test]
async fn a_payment_that_runs_when_the_time_of_its_workflow_is_over_ends_and_is_paid_back_once() {
    let kit = Kit::running(slow_charge()).await;
    let id = start_limited(&kit).await;
    kit.log.until(1).await;
    kit.time.advance(LIMIT + SECOND).await;
    assert_eq!(kit.state(&id).await, FlowState::Running);
    kit.log.add("answer");
    assert_eq!(kit.ended(&id).await.state, FlowState::TimedOut);
    assert_eq!(kit.log.take(), ["charge", "answer", "refund receipt 7"]);
    kit.close().await;
}

#[tokio::test]
async fn the_last_step_that_ends_after_the_time_limit_does_not_make_a_workflow_succeed() {
    let kit = Kit::running(script!(|cx, log, input| {
        let charge = cx.step("charge", || async {
            log.add("charge");
            Ok(line(log, "answer").await)
        });
        let undo = |()| async { Ok(log.add("refund")) };
        charge.timeout(10 * HOUR).undo(undo).await?;
    }))
    .await;
    let id = start_limited(&kit).await;
    kit.log.until(1).await;
    kit.time.advance(LIMIT).await;
    kit.log.add("answer");
    assert_eq!(kit.ended(&id).await.state, FlowState::TimedOut);
    assert_eq!(kit.log.take(), ["charge", "answer", "refund"]);
    kit.close().await;
}

#[tokio::test]
async fn a_step_that_fails_after_its_workflow_was_cancelled_is_not_attempted_again() {
    let kit = Kit::running(script!(|cx, log, input| {
        let charge = cx.step("charge", || async { Ok(log.add("charge")) });
        charge.undo(|()| async { Ok(log.add("refund")) }).await?;
        let ship = cx.step("ship", || async {
            log.add("ship");
            line(log, "answer").await;
            bail!("no truck")
        });
        let () = ship.backoff(Duration::ZERO, Duration::ZERO).await?;
    }))
    .await;
    let id = kit.start(()).await;
    kit.log.until(2).await;
    assert!(kit.flows.cancel(&id).await.unwrap());
    kit.log.add("answer");
    assert_eq!(kit.ended(&id).await.state, FlowState::Cancelled);
    assert_eq!(kit.log.take(), ["charge", "ship", "answer", "refund"]);
    kit.close().await;
}

/// Two payments at the same time, beside a wait.
fn two_charges() -> Script {
    script!(|cx, log, input| {
        let charge = |name: &'static str| -> BoxFuture<'_, Result<()>> {
            let step = cx.step(name, move || async move {
                log.add(name);
                Ok(line(log, "answer").await)
            });
            let undo = move |()| async move { Ok(log.add(format!("undo {name}"))) };
            Box::pin(async move {
                step.timeout(10 * HOUR).undo(undo).await?;
                let next = cx.step(format!("after {name}"), || async { Ok(log.add("next")) });
                next.await
            })
        };
        let nap = Box::pin(cx.sleep("nap", 20 * HOUR));
        if input == json!("any") {
            cx.any("first", [charge("a"), charge("b"), nap]).await?;
        } else {
            cx.all([charge("a"), charge("b"), nap]).await?;
        }
    })
}

#[tokio::test]
async fn steps_that_run_in_branches_when_their_workflow_is_cancelled_all_end_and_are_undone() {
    for branches in ["all", "any"] {
        let kit = Kit::running(two_charges()).await;
        let id = kit.start(branches).await;
        kit.log.until(2).await;
        assert!(kit.flows.cancel(&id).await.unwrap());
        kit.log.add("answer");
        assert_eq!(kit.ended(&id).await.state, FlowState::Cancelled);
        let mut log = kit.log.take();
        log[3..].sort();
        assert_eq!(log, ["a", "b", "answer", "undo a", "undo b"], "{branches}");
        kit.close().await;
    }
}

#[tokio::test]
async fn a_step_that_runs_when_a_branch_beside_it_fails_ends_and_is_undone() {
    for crash_after in ["", "fails", "charge"] {
        let kit = Kit::running(script!(|cx, log, input| {
            let charge: BoxFuture<'_, Result<()>> = Box::pin(async {
                let charge = cx.step("charge", || async {
                    log.add("charge");
                    Ok(line(log, "answer").await)
                });
                charge.undo(|()| async { Ok(log.add("refund")) }).await?;
                cx.step("ship", || async { Ok(log.add("ship")) }).await
            });
            let fails = Box::pin(async {
                let fails = cx.step("fails", || async {
                    line(log, "charge").await;
                    bail!("no luck")
                });
                fails.attempts(1).await
            });
            cx.all([charge, fails]).await?;
        }))
        .await;
        kit.flows.crash_after(crash_after);
        let id = kit.start(()).await;
        kit.log.until(1).await;
        let failed = async {
            while !kit.history(&id).await.iter().any(|it| it.name == "fails") {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(DEADLINE, failed).await.unwrap();
        kit.log.add("answer");
        let flow = kit.ended(&id).await;
        assert_eq!(flow.error.unwrap(), "the step `fails` failed: no luck");
        let log = kit.log.take();
        // A process that dies knows nothing of a step that it was in the middle of.
        let expected: &[&str] = match crash_after {
            "fails" => &["charge", "answer"],
            _ => &["charge", "answer", "refund"],
        };
        assert_eq!(log, expected, "{crash_after}");
        kit.close().await;
    }
}

#[tokio::test]
async fn a_step_that_runs_in_a_branch_that_loses_ends_first_if_it_can_be_undone() {
    for (can_be_undone, expected) in [
        (true, &["charge", "winner", "answer", "after", "refund"][..]),
        (false, &["charge", "winner", "after"]),
    ] {
        let kit = Kit::running(script!(|cx, log, input| {
            let can_be_undone = input == json!(true);
            let charge: BoxFuture<'_, Result<()>> = Box::pin(async {
                let charge = cx.step("charge", || async {
                    log.add("charge");
                    Ok(line(log, "answer").await)
                });
                let charge = charge.timeout(10 * HOUR);
                if can_be_undone {
                    charge.undo(|()| async { Ok(log.add("refund")) }).await?;
                } else {
                    charge.await?;
                }
                cx.step("ship", || async { Ok(log.add("ship")) }).await
            });
            let quick = Box::pin(async {
                let quick = cx.step("quick", || async {
                    line(log, "charge").await;
                    Ok(log.add("winner"))
                });
                quick.await
            });
            cx.any("first", [charge, quick]).await?;
            cx.step("after", || async { Ok(log.add("after")) }).await?;
            Err::<(), _>(anyhow!("all of it is undone"))?
        }))
        .await;
        let id = kit.start(can_be_undone).await;
        kit.log.until(2).await;
        if can_be_undone {
            kit.log.add("answer");
        }
        assert_eq!(kit.ended(&id).await.state, FlowState::Failed);
        assert_eq!(kit.log.take(), expected);
        kit.close().await;
    }
}

#[tokio::test]
async fn a_workflow_that_another_process_cancels_begins_no_further_step() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let one = Setup::running().on(&file).boot(slow_charge()).await;
    let two = Setup::by_hand().on(&file).boot(slow_charge()).await;
    let id = one.start(()).await;
    one.log.until(1).await;
    assert!(two.flows.cancel(&id).await.unwrap());
    one.log.add("answer");
    assert_eq!(one.ended(&id).await.state, FlowState::Cancelled);
    assert_eq!(one.log.take(), ["charge", "answer", "refund receipt 7"]);
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn a_stop_of_the_app_does_not_wait_for_a_step_of_a_workflow_that_was_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let code = || {
        script!(|cx, log, input| {
            let reserve = cx.step("reserve", || async { Ok(log.add("reserve")) });
            reserve.undo(|()| async { Ok(log.add("release")) }).await?;
            let hangs = cx.step("hangs", || async {
                log.add("hangs");
                Ok(std::future::pending::<()>().await)
            });
            hangs.timeout(10 * HOUR).await?;
        })
    };
    let mut setup = Setup::running().on(&file);
    setup.configuration = bootstrap::Configuration::new().set("jobs.grace", "0s");
    let log = setup.log.clone();
    let kit = setup.boot(code()).await;
    let id = kit.start(()).await;
    log.until(2).await;
    assert!(kit.flows.cancel(&id).await.unwrap());
    kit.close().await;
    let mut next = Setup::by_hand().on(&file);
    next.log = log.clone();
    let kit = next.boot(code()).await;
    assert_eq!(kit.state(&id).await, FlowState::Waiting);
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Cancelled);
    assert_eq!(log.take(), ["reserve", "hangs", "release"]);
    kit.close().await;
}

#[tokio::test]
async fn a_result_that_is_being_stored_when_its_workflow_is_cancelled_is_stored_and_undone() {
    let kit = Kit::running(script!(|cx, log, input| {
        let charge = cx.step("charge", || async { Ok(log.add("charge")) });
        charge.undo(|()| async { Ok(log.add("refund")) }).await?;
    }))
    .await;
    let broken = "CREATE TRIGGER broken BEFORE INSERT ON _flow_steps BEGIN SELECT RAISE(FAIL, 'the disk is full'); END";
    kit.execute(broken).await;
    let id = kit.start(()).await;
    kit.log.until(1).await;
    assert!(kit.flows.cancel(&id).await.unwrap());
    kit.execute("DROP TRIGGER broken").await;
    kit.time.advance(SECOND).await;
    assert_eq!(kit.ended(&id).await.state, FlowState::Cancelled);
    assert_eq!(kit.log.take(), ["charge", "refund"]);
    assert_eq!(kit.history(&id).await[0].state, StepState::Undone);
    kit.close().await;
}
