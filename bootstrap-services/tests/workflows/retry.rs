//! Retries of workflows that have ended: where they go on.

use std::time::Duration;

use anyhow::Result;
use bootstrap_services::workflows::{FlowId, FlowState, StepState};
use futures_util::future::BoxFuture;
use serde_json::json;

use crate::kit::{HOUR, Kit, Limited, Log, Script, Test};
use crate::script;

/// Fails until the log says that it was repaired.
async fn ship(log: &Log) -> Result<()> {
    log.add("ship");
    anyhow::ensure!(log.all().iter().any(|it| it == "repaired"), "no truck");
    Ok(())
}

/// Repairs what has failed, and retries. Returns what was done since.
async fn repaired(kit: &Kit, id: &FlowId) -> Vec<String> {
    assert_eq!(kit.state(id).await, FlowState::Failed);
    kit.log.add("repaired");
    let before = kit.log.all().len();
    assert!(kit.flows.retry(id).await.unwrap());
    kit.drain().await;
    assert_eq!(
        kit.state(id).await,
        FlowState::Done,
        "{:?}",
        kit.errors.all()
    );
    kit.log.all().split_off(before)
}

#[tokio::test]
async fn a_retry_begins_with_the_step_that_failed_also_if_the_code_did_something_about_it() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let failed = cx.step("ship", || ship(log)).attempts(1).await;
        if let Err(error) = failed {
            let tell = cx.step("tell", || async { Ok(log.add("tell")) });
            tell.undo(|()| async { Ok(log.add("tell again")) }).await?;
            anyhow::bail!(error.context("not shipped"));
        }
        cx.step("bill", || async { Ok(log.add("bill")) }).await?;
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.log.all(), ["ship", "tell", "tell again"]);
    assert_eq!(repaired(&kit, &id).await, ["ship", "bill"]);
    kit.close().await;
}

#[tokio::test]
async fn a_retry_does_not_repeat_what_a_branch_did_after_another_had_failed() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let ship = cx.step("ship", || ship(log)).attempts(1);
        let bill = cx.step("bill", || async {
            // Until the branch beside it has failed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(log.add("bill"))
        });
        for settled in cx.all_settled([ship, bill]).await {
            settled?;
        }
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.log.all(), ["ship", "bill"]);
    assert_eq!(repaired(&kit, &id).await, ["ship"]);
    kit.close().await;
}

fn waits_for_a_child() -> Script {
    script!(|cx, log, input| {
        if input == json!("child") {
            cx.signal::<()>("go").await?;
            return Ok(json!("child"));
        }
        cx.child("child", Test(json!("child"))).await?;
    })
}

#[tokio::test]
async fn a_retry_after_the_time_limit_starts_the_workflow_again_that_was_cancelled_with_it() {
    let kit = Kit::by_hand(waits_for_a_child()).await;
    let started = kit.flows.start(Limited(json!("parent"))).id("p").await;
    let id = started.unwrap().into_id();
    kit.drain().await;
    kit.advance(HOUR).await;
    assert_eq!(kit.state(&id).await, FlowState::TimedOut);
    assert_eq!(
        kit.state(&FlowId::new("p/child")).await,
        FlowState::Cancelled
    );
    assert!(kit.flows.retry(&id).await.unwrap());
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Waiting);
    let child = FlowId::new("p/child/2");
    kit.flows.signal(&child, "go", &()).await.unwrap();
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Done);
    kit.close().await;
}

#[tokio::test]
async fn a_step_that_a_retry_does_not_reach_again_waits_in_the_history_and_stops_nothing() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        if cx.step("ship", || ship(log)).attempts(1).await.is_err() {
            let tell = cx.step("tell", || async { Ok(log.add("tell")) });
            tell.attempts(1).await?;
            cx.step("ship again", || ship(log)).attempts(1).await?;
        }
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.log.all(), ["ship", "tell", "ship"]);
    // The step that failed last is the one that is repeated.
    assert_eq!(repaired(&kit, &id).await, ["ship"]);
    assert_eq!(
        kit.states(&id).await,
        [StepState::Failed, StepState::Done, StepState::Done]
    );
    kit.close().await;
}

#[tokio::test]
async fn a_retry_may_go_another_way_after_a_step_that_was_undone() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let choose = cx.step("choose", || async {
            let is_first = log.all().is_empty();
            log.add("choose");
            Ok(if is_first { "card" } else { "bank" }.to_owned())
        });
        let way = choose.undo(|_| async { Ok(log.add("forget")) }).await?;
        cx.step(&way, || async { Ok(log.add(&way)) }).await?;
        cx.step("ship", || ship(log)).attempts(1).await?;
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.log.all(), ["choose", "card", "ship", "forget"]);
    assert_eq!(repaired(&kit, &id).await, ["choose", "bank", "ship"]);
    kit.close().await;
}

#[tokio::test]
async fn a_retry_goes_on_with_the_winner_of_a_race_whose_loser_was_undone() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let signalled = cx.signal::<()>("go").into_future();
        let reserves: BoxFuture<'_, Result<()>> = Box::pin(async {
            let reserve = cx.step("reserve", || async { Ok(log.add("reserve")) });
            reserve.undo(|()| async { Ok(log.add("return")) }).await?;
            cx.sleep("wait", HOUR).await
        });
        cx.any("first", [signalled, reserves]).await?;
        cx.step("ship", || ship(log)).attempts(1).await?;
        cx.step("bill", || async { Ok(log.add("bill")) }).await?;
    }))
    .await;
    let id = kit.run().await;
    kit.flows.signal(&id, "go", &()).await.unwrap();
    kit.drain().await;
    assert_eq!(kit.log.all(), ["reserve", "ship", "return"]);
    assert_eq!(repaired(&kit, &id).await, ["ship", "bill"]);
    kit.close().await;
}

#[tokio::test]
async fn a_child_whose_id_is_taken_is_a_failed_step_and_gets_another_one_by_a_retry() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        if input == json!("parent") {
            cx.child("child", Test(json!("child"))).await?;
        }
    }))
    .await;
    let other = kit.flows.start(Test(json!("other"))).id("p/child").await;
    assert!(other.unwrap().is_new());
    let started = kit.flows.start(Test(json!("parent"))).id("p").await;
    let id = started.unwrap().into_id();
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Failed);
    let error = kit.error(&id).await;
    assert!(
        error.starts_with("the step `child` failed: the id `p/child`"),
        "{error}"
    );
    assert!(kit.flows.retry(&id).await.unwrap());
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Done);
    assert_eq!(kit.state(&FlowId::new("p/child/2")).await, FlowState::Done);
    kit.close().await;
}
