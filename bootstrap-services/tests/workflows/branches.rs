//! Steps that run at the same time.

use anyhow::{Result, bail};
use bootstrap_services::workflows::{FlowState, StepState};
use futures_util::future::BoxFuture;
use serde_json::json;

use crate::kit::{HOUR, Kit, Part, SECOND};
use crate::script;

/// What was done, and how often it was undone. A branch beside a step after which the process dies may have been in the middle of one, which is done again.
fn done_and_undone(log: &[String]) -> Vec<String> {
    let (mut undone, mut done): (Vec<_>, Vec<_>) =
        log.iter().cloned().partition(|it| it.starts_with("undo"));
    done.sort();
    done.dedup();
    undone.sort();
    done.extend(undone);
    done
}

#[tokio::test]
async fn all_branches_run_at_the_same_time_and_their_results_keep_their_order() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let meeting = tokio::sync::Barrier::new(3);
        let branches = (0..3).map(|it| {
            let meeting = &meeting;
            cx.step(format!("branch {it}"), move || async move {
                meeting.wait().await;
                Ok(it * 10)
            })
        });
        cx.all(branches).await?
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.result(&id).await, json!([0, 10, 20]));
    kit.close().await;
}

#[tokio::test]
async fn branches_that_wait_are_suspended_together_and_go_on_one_by_one() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let nap: BoxFuture<'_, Result<String>> = Box::pin(async {
            cx.sleep("nap", HOUR).await?;
            cx.step("woke", || async { Ok("nap".to_owned()) }).await
        });
        let signal = Box::pin(async {
            let paid: String = cx.signal("paid").await?;
            log.add("paid");
            Ok(paid)
        });
        let job =
            Box::pin(async { Ok(cx.job::<_, u32>("job", Part::Return(5)).await?.to_string()) });
        cx.all([nap, signal, job]).await?
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.state(&id).await, FlowState::Waiting);
    kit.flows.signal(&id, "paid", &"cash").await.unwrap();
    kit.drain().await;
    kit.advance(HOUR).await;
    assert_eq!(kit.result(&id).await, json!(["nap", "cash", "5"]));
    kit.close().await;
}

#[tokio::test]
async fn the_first_branch_that_fails_ends_all_and_what_the_others_did_is_undone() {
    for crash_after in ["", "a", "b"] {
        let kit = Kit::by_hand(script!(|cx, log, input| {
            let a: BoxFuture<'_, Result<()>> = Box::pin(async {
                let a = cx.step("a", || async { Ok(log.add("a")) });
                a.undo(|()| async { Ok(log.add("undo a")) }).await?;
                cx.sleep("nap", HOUR).await
            });
            let b = Box::pin(async {
                cx.sleep("short nap", SECOND).await?;
                cx.step("b", || async { bail!("no luck") })
                    .attempts(1)
                    .await
            });
            let c = Box::pin(async {
                let c = cx.step("c", || async { Ok(log.add("c")) });
                c.undo(|()| async { Ok(log.add("undo c")) }).await
            });
            cx.all([a, b, c]).await?;
        }))
        .await;
        kit.flows.crash_after(crash_after);
        let id = kit.run().await;
        kit.advance(SECOND).await;
        assert_eq!(kit.error(&id).await, "the step `b` failed: no luck");
        let log = done_and_undone(&kit.log.take());
        assert_eq!(log, ["a", "c", "undo a", "undo c"], "{crash_after}");
        kit.close().await;
    }
}

#[tokio::test]
async fn settled_branches_report_each_result() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let branches = (0..3).map(|it| {
            let step = cx.step(format!("branch {it}"), move || async move {
                anyhow::ensure!(it != 1, "no luck");
                Ok(it)
            });
            step.attempts(1)
        });
        let results = cx.all_settled(branches).await;
        results
            .into_iter()
            .map(|it| it.map_err(|error| error.to_string()))
            .collect::<Vec<_>>()
    }))
    .await;
    let id = kit.run().await;
    let failed = "the step `branch 1` failed: no luck";
    assert_eq!(
        kit.result(&id).await,
        json!([{"Ok": 0}, {"Err": failed}, {"Ok": 2}])
    );
    kit.close().await;
}

#[tokio::test]
async fn the_first_branch_that_succeeds_wins_and_stays_the_first() {
    for crash_after in ["", "slow", "quick", "winner", "after"] {
        let kit = Kit::by_hand(script!(|cx, log, input| {
            let slow: BoxFuture<'_, Result<String>> = Box::pin(async {
                let slow = cx.step("slow", || async { Ok(log.add("slow")) });
                slow.undo(|()| async { Ok(log.add("undo slow")) }).await?;
                cx.sleep("nap", HOUR).await?;
                Ok("slow".to_owned())
            });
            let fails = Box::pin(async {
                cx.step("fails", || async { bail!("no luck") })
                    .attempts(1)
                    .await
            });
            let quick = Box::pin(async {
                cx.step("quick", || async { Ok(log.add("quick")) }).await?;
                cx.sleep("short nap", SECOND).await?;
                Ok("quick".to_owned())
            });
            let winner = cx.any("winner", [slow, fails, quick]).await?;
            cx.step("after", || async { Ok(log.add("after")) }).await?;
            cx.sleep("long nap", 5 * HOUR).await?;
            anyhow::ensure!(winner != "quick", "all is undone");
        }))
        .await;
        kit.flows.crash_after(crash_after);
        let id = kit.run().await;
        kit.advance(SECOND).await;
        kit.advance(5 * HOUR).await;
        let log = done_and_undone(&kit.log.take());
        assert_eq!(
            log,
            ["after", "quick", "slow", "undo slow"],
            "{crash_after}"
        );
        assert_eq!(kit.error(&id).await, "all is undone");
        kit.close().await;
    }
}

#[tokio::test]
async fn if_all_branches_fail_the_last_error_counts() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let branches = (0..3).map(|it| {
            let step = cx.step(format!("branch {it}"), move || async move {
                bail!("no luck {it}")
            });
            step.attempts(1)
        });
        let () = cx.any("winner", branches).await?;
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(
        kit.error(&id).await,
        "the step `branch 2` failed: no luck 2"
    );
    let none = kit
        .history(&id)
        .await
        .iter()
        .all(|it| it.state == StepState::Failed);
    assert!(none);
    kit.close().await;
}

#[tokio::test]
async fn a_branch_that_waits_goes_on_while_another_is_in_the_middle_of_a_step() {
    let kit = Kit::running(script!(|cx, log, input| {
        let done = tokio::sync::Notify::new();
        let (done, waits) = (&done, &log);
        let long: BoxFuture<'_, Result<()>> = Box::pin(async {
            cx.step("long", || async {
                waits.add("long begins");
                Ok(done.notified().await)
            })
            .timeout(10 * HOUR)
            .await
        });
        let signal = Box::pin(async {
            cx.signal::<()>("paid").await?;
            cx.job::<_, ()>("job", Part::Return(1)).await.unwrap_err();
            cx.step("short", || async { Ok(done.notify_one()) }).await
        });
        cx.all([long, signal]).await?;
    }))
    .await;
    let id = kit.start(()).await;
    kit.log.until(1).await;
    kit.flows.signal(&id, "paid", &()).await.unwrap();
    assert_eq!(kit.ended(&id).await.state, FlowState::Done);
    assert_eq!(kit.log.take(), ["long begins", "part Return(1)"]);
    kit.close().await;
}

// The loser waits for the transaction of its own step, and nothing polls it any more.
#[tokio::test]
async fn a_branch_that_loses_in_the_middle_of_storing_holds_up_nothing() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let stores: BoxFuture<'_, Result<()>> = Box::pin(async {
            cx.step("one", || async { Ok(()) }).await?;
            cx.step("two", || async { Ok(()) }).await
        });
        let at_once = Box::pin(async { Ok(()) });
        cx.any("winner", [stores, at_once]).await?;
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.state(&id).await, FlowState::Done);
    kit.close().await;
}
