//! How workflows end: cancelled, timed out, failed, retried; and that they end once.

use anyhow::bail;
use bootstrap_services::workflows::{FlowState, StepState};
use serde_json::json;

use crate::kit::{HOUR, Kit, LIMIT, Limited, Part, SECOND, Script, Setup, Test};
use crate::script;

/// `charge`, which can be undone, and then what the input names.
fn charge_and_wait() -> Script {
    script!(|cx, log, input| {
        let charge = cx.step("charge", || async { Ok(log.add("charge")) });
        charge.undo(|()| async { Ok(log.add("refund")) }).await?;
        match input.as_str().unwrap() {
            "signal" => cx.signal::<()>("paid").await?,
            "sleep" => cx.sleep("nap", 2 * HOUR).await?,
            "job" => cx.job("part", Part::Wait).await?,
            "step" => {
                let step = cx.step("hangs", || async {
                    log.add("hangs");
                    Ok(std::future::pending::<()>().await)
                });
                step.timeout(LIMIT + 10 * SECOND).await?;
            }
            "child" => {
                cx.child("child", Test(json!("signal"))).await?;
            }
            "fails" => {
                cx.step("fails", || async { bail!("no luck") })
                    .attempts(2)
                    .backoff(SECOND, SECOND)
                    .await?
            }
            _ => {}
        }
    })
}

#[tokio::test]
async fn a_workflow_that_waits_is_cancelled_and_undone() {
    for wait in ["signal", "sleep"] {
        let kit = Kit::by_hand(charge_and_wait()).await;
        let id = kit.start(wait).await;
        kit.drain().await;
        assert!(kit.flows.cancel(&id).await.unwrap());
        kit.drain().await;
        assert_eq!(kit.state(&id).await, FlowState::Cancelled);
        assert_eq!(kit.log.take(), ["charge", "refund"]);
        assert!(!kit.flows.cancel(&id).await.unwrap());
        assert_eq!(kit.errors.take(), [""; 0]);
        kit.close().await;
    }
}

#[tokio::test]
async fn a_cancellation_in_a_transaction_holds_if_and_only_if_that_is_committed() {
    let kit = Kit::running(charge_and_wait()).await;
    let id = kit.start("step").await;
    kit.log.until(2).await;
    let mut tx = kit.database.begin().await.unwrap();
    assert!(kit.flows.cancel_in(&mut tx, &id).await.unwrap());
    drop(tx);
    kit.time.advance(SECOND).await;
    let is_unwanted = sqlx::query_scalar("SELECT is_unwanted FROM _flows");
    let is_unwanted: bool = is_unwanted.fetch_one(kit.database.read()).await.unwrap();
    assert!(!is_unwanted);
    let mut tx = kit.database.begin().await.unwrap();
    assert!(kit.flows.cancel_in(&mut tx, &id).await.unwrap());
    tx.commit().await.unwrap();
    // The step hangs until its timeout.
    kit.time.advance(LIMIT + 10 * SECOND).await;
    assert_eq!(kit.ended(&id).await.state, FlowState::Cancelled);
    let mut tx = kit.database.begin().await.unwrap();
    assert!(!kit.flows.cancel_in(&mut tx, &id).await.unwrap());
    drop(tx);
    kit.close().await;
}

#[tokio::test]
async fn a_workflow_that_has_not_begun_is_cancelled() {
    let kit = Kit::by_hand(charge_and_wait()).await;
    let id = kit.start("signal").await;
    assert!(kit.flows.cancel(&id).await.unwrap());
    kit.drain().await;
    assert_eq!(
        (kit.state(&id).await, kit.log.take()),
        (FlowState::Cancelled, vec![])
    );
    kit.close().await;
}

#[tokio::test]
async fn a_step_that_hangs_when_its_workflow_is_cancelled_is_dropped_at_its_own_timeout() {
    let kit = Kit::running(charge_and_wait()).await;
    let id = kit.start("step").await;
    kit.log.until(2).await;
    assert!(kit.flows.cancel(&id).await.unwrap());
    kit.time.advance(LIMIT).await;
    assert_eq!(kit.state(&id).await, FlowState::Running);
    kit.time.advance(10 * SECOND).await;
    assert_eq!(kit.ended(&id).await.state, FlowState::Cancelled);
    assert_eq!(kit.log.take(), ["charge", "hangs", "refund"]);
    kit.close().await;
}

#[tokio::test]
async fn a_workflow_that_is_cancelled_cancels_the_job_that_it_waits_for() {
    let kit = Kit::running(charge_and_wait()).await;
    let id = kit.start("job").await;
    kit.log.until(2).await;
    assert!(kit.flows.cancel(&id).await.unwrap());
    assert_eq!(kit.ended(&id).await.state, FlowState::Cancelled);
    assert_eq!(kit.log.take(), ["charge", "part Wait", "refund"]);
    kit.close().await;
}

// In the original, the parent of a cancelled branch polled for ever.
#[tokio::test]
async fn a_parent_goes_on_when_its_child_is_cancelled() {
    let kit = Kit::by_hand(charge_and_wait()).await;
    let id = kit.start("child").await;
    kit.drain().await;
    let child = bootstrap_services::workflows::FlowId::new(format!("{id}/child"));
    assert_eq!(kit.state(&child).await, FlowState::Waiting);
    assert!(kit.flows.cancel(&child).await.unwrap());
    kit.drain().await;
    assert_eq!(kit.state(&child).await, FlowState::Cancelled);
    assert_eq!(kit.state(&id).await, FlowState::Failed);
    let error = format!("the step `child` failed: the workflow {child} ended as cancelled");
    assert_eq!(kit.error(&id).await, error);
    // Nothing is left that would run.
    assert!(kit.jobs.drain().await.unwrap().scheduled == 0);
    kit.close().await;
}

#[tokio::test]
async fn a_child_that_ends_wakes_its_parent_and_one_that_is_cancelled_with_it_is_undone() {
    let kit = Kit::by_hand(charge_and_wait()).await;
    let ids = [kit.start("child").await, kit.start("child").await];
    kit.drain().await;
    let child = |id| bootstrap_services::workflows::FlowId::new(format!("{id}/child"));
    kit.flows
        .signal(&child(&ids[0]), "paid", &())
        .await
        .unwrap();
    kit.flows.cancel(&ids[1]).await.unwrap();
    kit.drain().await;
    assert_eq!(kit.state(&ids[0]).await, FlowState::Done);
    assert_eq!(kit.state(&ids[1]).await, FlowState::Cancelled);
    assert_eq!(kit.state(&child(&ids[1])).await, FlowState::Cancelled);
    kit.close().await;
}

// In the original, a step that ran on overwrote the failure with `completed`.
#[tokio::test]
async fn a_workflow_that_takes_too_long_is_undone_and_stays_timed_out() {
    for wait in ["sleep", "signal"] {
        let kit = Kit::by_hand(charge_and_wait()).await;
        let id = kit
            .flows
            .start(Limited(json!(wait)))
            .await
            .unwrap()
            .into_id();
        kit.drain().await;
        kit.advance(HOUR).await;
        assert_eq!(kit.state(&id).await, FlowState::TimedOut);
        assert_eq!(kit.log.take(), ["charge", "refund"]);
        assert!(!kit.flows.signal(&id, "paid", &()).await.unwrap());
        kit.advance(10 * HOUR).await;
        assert_eq!(kit.state(&id).await, FlowState::TimedOut);
        assert_eq!(kit.log.take(), [""; 0]);
        kit.close().await;
    }
}

#[tokio::test]
async fn a_step_that_hangs_when_the_time_of_its_workflow_is_over_is_dropped_at_its_own_timeout() {
    let kit = Kit::running(charge_and_wait()).await;
    let id = kit
        .flows
        .start(Limited(json!("step")))
        .await
        .unwrap()
        .into_id();
    kit.log.until(2).await;
    kit.time.advance(LIMIT).await;
    assert_eq!(kit.state(&id).await, FlowState::Running);
    kit.time.advance(10 * SECOND).await;
    assert_eq!(kit.ended(&id).await.state, FlowState::TimedOut);
    assert_eq!(kit.log.take(), ["charge", "hangs", "refund"]);
    kit.close().await;
}

// The original emitted two terminal events, and let a completion overwrite a failure.
#[tokio::test]
async fn a_cancellation_that_comes_before_the_end_is_stored_is_not_overwritten_by_it() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let charge = cx.step("charge", || async { Ok(log.add("charge")) });
        charge.undo(|()| async { Ok(log.add("refund")) }).await?;
    }))
    .await;
    let id = kit.start(()).await;
    // After the step was stored, before the end is.
    let mut tx = kit.database.begin().await.unwrap();
    let trigger = "CREATE TRIGGER late AFTER INSERT ON _flow_steps BEGIN UPDATE _flows SET is_unwanted = 1; END";
    sqlx::query(trigger).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Cancelled);
    assert_eq!(kit.log.take(), ["charge", "refund"]);
    kit.close().await;
}

#[tokio::test]
async fn a_workflow_that_failed_is_retried_at_the_step_that_failed_and_with_what_was_undone() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        cx.step("look", || async { Ok(log.add("look")) }).await?;
        let charge = cx.step("charge", || async { Ok(log.add("charge")) });
        charge.undo(|()| async { Ok(log.add("refund")) }).await?;
        let ship = cx.step("ship", || async {
            log.add("ship");
            anyhow::ensure!(log.all().iter().any(|it| it == "repaired"), "no truck");
            Ok(())
        });
        ship.attempts(1).await?;
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.state(&id).await, FlowState::Failed);
    kit.log.add("repaired");
    assert!(kit.flows.retry(&id).await.unwrap());
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Done);
    assert_eq!(
        kit.log.take(),
        [
            "look", "charge", "ship", "refund", "repaired", "charge", "ship"
        ]
    );
    assert!(!kit.flows.retry(&id).await.unwrap());
    kit.close().await;
}

#[tokio::test]
async fn a_workflow_that_timed_out_has_its_whole_time_again_when_it_is_retried() {
    let kit = Kit::by_hand(charge_and_wait()).await;
    let id = kit
        .flows
        .start(Limited(json!("signal")))
        .await
        .unwrap()
        .into_id();
    kit.drain().await;
    kit.advance(3 * HOUR).await;
    assert_eq!(kit.state(&id).await, FlowState::TimedOut);
    assert!(kit.flows.retry(&id).await.unwrap());
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Waiting);
    kit.flows.signal(&id, "paid", &()).await.unwrap();
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Done);
    kit.close().await;
}

#[tokio::test]
async fn each_retry_has_the_time_limit_of_the_workflow_and_no_more() {
    let kit = Kit::by_hand(charge_and_wait()).await;
    let started = kit.flows.start(Limited(json!("signal"))).await;
    let id = started.unwrap().into_id();
    kit.drain().await;
    kit.advance(LIMIT).await;
    for retry in 1..=3 {
        assert_eq!(kit.state(&id).await, FlowState::TimedOut, "{retry}");
        kit.advance(5 * HOUR).await;
        assert!(kit.flows.retry(&id).await.unwrap());
        kit.drain().await;
        kit.advance(299 * SECOND).await;
        assert_eq!(kit.state(&id).await, FlowState::Waiting, "{retry}");
        kit.advance(SECOND).await;
    }
    assert_eq!(kit.state(&id).await, FlowState::TimedOut);
    kit.close().await;
}

#[tokio::test]
async fn a_retry_of_a_workflow_that_is_older_than_the_column_has_its_time_limit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let first = Setup::by_hand().on(&file);
    let time = first.time.clone();
    let kit = first.boot(charge_and_wait()).await;
    let started = kit.flows.start(Limited(json!("signal"))).await;
    let id = started.unwrap().into_id();
    kit.drain().await;
    kit.execute("ALTER TABLE _flows DROP COLUMN time_limit")
        .await;
    kit.execute("DELETE FROM _migrations_workflows WHERE version = 3")
        .await;
    kit.close().await;
    let mut second = Setup::by_hand().on(&file);
    second.time = time;
    let kit = second.boot(charge_and_wait()).await;
    kit.advance(LIMIT).await;
    assert_eq!(kit.state(&id).await, FlowState::TimedOut);
    assert!(kit.flows.retry(&id).await.unwrap());
    kit.advance(299 * SECOND).await;
    assert_eq!(kit.state(&id).await, FlowState::Waiting);
    kit.advance(SECOND).await;
    assert_eq!(kit.state(&id).await, FlowState::TimedOut);
    kit.close().await;
}

#[tokio::test]
async fn an_undo_is_retried_and_the_others_are_done_also_if_it_fails() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        for name in ["a", "b", "c"] {
            let step = cx
                .step(name, || async { Ok(()) })
                .attempts(2)
                .backoff(SECOND, SECOND);
            step.undo(|()| async move {
                log.add(format!("undo {name}"));
                anyhow::ensure!(name != "b", "no luck");
                Ok(())
            })
            .await?;
        }
        Err::<(), _>(anyhow::anyhow!("all of it is wrong"))?
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.state(&id).await, FlowState::Undoing);
    kit.advance(SECOND).await;
    assert_eq!(kit.state(&id).await, FlowState::Failed);
    assert_eq!(kit.log.take(), ["undo c", "undo b", "undo b", "undo a"]);
    assert_eq!(
        kit.states(&id).await,
        [StepState::Undone, StepState::NotUndone, StepState::Undone]
    );
    let errors = kit.errors.take();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        errors[1].ends_with("the step `b` was not undone: no luck"),
        "{errors:?}"
    );
    kit.close().await;
}

#[tokio::test]
async fn a_panic_of_a_step_is_a_failed_attempt_and_one_outside_fails_the_workflow() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        if input == json!("step") {
            let () = cx
                .step("panics", || async { panic!("out of cheese") })
                .attempts(1)
                .await?;
        }
        assert!(input == json!("step"), "out of milk");
    }))
    .await;
    let (step, code) = (kit.start("step").await, kit.start("code").await);
    kit.drain().await;
    assert_eq!(
        kit.error(&step).await,
        "the step `panics` failed: it panicked: out of cheese"
    );
    assert_eq!(kit.error(&code).await, "it panicked: out of milk");
    kit.close().await;
}

#[tokio::test]
async fn a_workflow_that_is_being_undone_is_not_cancelled_again_and_keeps_its_end() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let charge = cx
            .step("charge", || async { Ok(()) })
            .attempts(2)
            .backoff(SECOND, SECOND);
        let undo = charge.undo(|()| async {
            log.add("refund");
            anyhow::ensure!(log.all().len() > 1, "no luck");
            Ok(())
        });
        undo.await?;
        Err::<(), _>(anyhow::anyhow!("it fails"))?
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.state(&id).await, FlowState::Undoing);
    assert!(!kit.flows.cancel(&id).await.unwrap());
    assert!(!kit.flows.retry(&id).await.unwrap());
    kit.advance(SECOND).await;
    assert_eq!(kit.state(&id).await, FlowState::Failed);
    assert_eq!(kit.log.take(), ["refund", "refund"]);
    kit.close().await;
}
