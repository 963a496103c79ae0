//! Code that has changed since a workflow began, and values that stay.

use bootstrap_services::workflows::{FlowId, FlowState};
use serde_json::json;

use crate::kit::{HOUR, Kit, Script};
use crate::script;

fn first() -> Script {
    script!(|cx, log, input| {
        cx.step("reserve", || async { Ok(log.add("reserve")) })
            .await?;
        let charge = cx.step("charge", || async { Ok(log.add("charge")) });
        charge.undo(|()| async { Ok(log.add("refund")) }).await?;
        cx.sleep("nap", HOUR).await?;
        cx.step("ship", || async { Ok(log.add("ship")) }).await?;
    })
}

/// Deploys other code while a workflow sleeps. Returns the error of that.
async fn deploy(other: Script) -> (Kit, FlowId) {
    let kit = Kit::by_hand(first()).await;
    let id = kit.run().await;
    kit.script.set(&other);
    kit.advance(HOUR).await;
    (kit, id)
}

#[tokio::test]
async fn a_new_step_before_one_that_is_done_is_an_error_that_names_both_and_a_retry_goes_on() {
    let (kit, id) = deploy(script!(|cx, log, input| {
        cx.step("reserve", || async { Ok(log.add("reserve")) })
            .await?;
        cx.step("check", || async { Ok(log.add("check")) }).await?;
        cx.step("charge", || async { Ok(log.add("charge")) })
            .await?;
    }))
    .await;
    assert_eq!(kit.state(&id).await, FlowState::Failed);
    let expected = format!(
        "the workflow `test` has changed since `{id}` began: it reaches the step `check`, where its journal has the step `charge`: \
         keep the order of the steps, or ask `cx.version(..)` which branch to take, and then call `Workflows::retry`"
    );
    assert_eq!(kit.error(&id).await, expected);
    assert_eq!(kit.log.take(), ["reserve", "charge"]);
    kit.script.set(&first());
    assert!(kit.flows.retry(&id).await.unwrap());
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Done);
    assert_eq!(kit.log.take(), ["ship"]);
    kit.close().await;
}

#[tokio::test]
async fn a_step_that_is_missing_at_the_end_and_one_of_another_kind_are_errors() {
    let (kit, id) = deploy(script!(|cx, log, input| {
        cx.step("reserve", || async { Ok(()) }).await?;
    }))
    .await;
    let error = kit.error(&id).await;
    assert!(
        error.contains("it reaches its end, where its journal has the step `charge`"),
        "{error}"
    );
    kit.close().await;
    let (kit, id) = deploy(script!(|cx, log, input| {
        cx.sleep("reserve", HOUR).await?;
    }))
    .await;
    let error = kit.error(&id).await;
    assert!(
        error.contains("it reaches the step `reserve`, where its journal has the step `reserve`"),
        "{error}"
    );
    kit.close().await;
}

#[tokio::test]
async fn steps_may_be_added_behind_what_is_done() {
    let (kit, id) = deploy(script!(|cx, log, input| {
        cx.step("reserve", || async { Ok(()) }).await?;
        cx.step("charge", || async { Ok(()) }).await?;
        cx.sleep("nap", HOUR).await?;
        cx.step("wrap", || async { Ok(log.add("wrap")) }).await?;
    }))
    .await;
    assert_eq!(kit.state(&id).await, FlowState::Done);
    assert_eq!(kit.log.take(), ["reserve", "charge", "wrap"]);
    kit.close().await;
}

#[tokio::test]
async fn a_version_is_1_for_a_workflow_that_was_beyond_and_the_newest_for_others() {
    let second = || {
        script!(|cx, log, input| {
            cx.step("reserve", || async { Ok(()) }).await?;
            if cx.version("check", 2).await? > 1 {
                cx.step("check", || async { Ok(log.add("check")) }).await?;
            }
            cx.step("charge", || async { Ok(()) }).await?;
            cx.sleep("nap", HOUR).await?;
            cx.version("check again", 3).await?
        })
    };
    let (kit, id) = deploy(second()).await;
    assert_eq!(kit.result(&id).await, json!(3));
    assert_eq!(kit.log.take(), ["reserve", "charge"]);
    let new = kit.run().await;
    kit.advance(HOUR).await;
    assert_eq!(kit.result(&new).await, json!(3));
    assert_eq!(kit.log.take(), ["check"]);
    kit.close().await;
}

#[tokio::test]
async fn an_undo_that_the_code_does_not_reach_any_more_is_reported_and_the_workflow_ends() {
    let (kit, id) = {
        let kit = Kit::by_hand(first()).await;
        let id = kit.run().await;
        kit.script.set(&script!(|cx, log, input| {
            cx.step("reserve", || async { Ok(()) }).await?;
        }));
        (kit, id)
    };
    assert!(kit.flows.cancel(&id).await.unwrap());
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Cancelled);
    let errors = kit.errors.take();
    let expected = "the step `charge` was not undone: the workflow does not reach it any more";
    assert!(errors[0].ends_with(expected), "{errors:?}");
    kit.close().await;
}

#[tokio::test]
async fn the_time_and_random_ids_stay_the_same() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let (now, key) = (cx.now("placed").await?, cx.random_id("key").await?);
        log.add(format!("{now:?} {key}"));
        cx.sleep("nap", HOUR).await?;
        key
    }))
    .await;
    let id = kit.run().await;
    kit.advance(HOUR).await;
    let log = kit.log.take();
    assert_eq!((log.len(), &log[0]), (2, &log[1]));
    assert_eq!(kit.result(&id).await.as_str().unwrap().len(), 32);
    kit.close().await;
}
