//! Starting, steps, waits, results, and what is stored.

use std::time::Duration;

use bootstrap_services::workflows::{
    FlowError, FlowFilter, FlowId, FlowState, Started, StepKind, StepState,
};
use serde_json::json;

use crate::kit::{HOUR, Kit, Part, SECOND, Test};
use crate::script;

/// D44: started, done, read.
#[tokio::test]
async fn a_workflow_returns_what_its_steps_return() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let one: u32 = cx.step("one", || async { Ok(1) }).await?;
        let two: u32 = cx.step("two", async || Ok(one + 1)).await?;
        (one, two)
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.result(&id).await, json!([1, 2]));
    let result = kit.flows.result::<Test>(&id).await.unwrap();
    assert_eq!(result, Some(json!([1, 2])));
    let steps = kit.history(&id).await;
    let steps: Vec<_> = steps
        .iter()
        .map(|it| {
            (
                &*it.name,
                it.kind,
                it.state,
                it.attempts,
                it.result.clone().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            ("one", StepKind::Step, StepState::Done, 1, json!(1)),
            ("two", StepKind::Step, StepState::Done, 1, json!(2)),
        ]
    );
    kit.close().await;
}

#[tokio::test]
async fn a_step_is_retried_after_its_backoff_while_the_workflow_is_suspended() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        cx.step("flaky", || async {
            log.add("attempt");
            anyhow::ensure!(log.all().len() > 2, "no luck");
            Ok(7)
        })
        .attempts(3)
        .backoff(10 * SECOND, HOUR)
        .await?
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.state(&id).await, FlowState::Waiting);
    assert_eq!(kit.history(&id).await[0].error.as_deref(), Some("no luck"));
    kit.advance(4 * SECOND).await;
    assert_eq!(kit.log.all().len(), 1);
    kit.advance(6 * SECOND).await;
    assert_eq!(kit.log.all().len(), 2);
    kit.advance(20 * SECOND).await;
    assert_eq!(kit.result(&id).await, json!(7));
    assert_eq!(kit.history(&id).await[0].attempts, 3);
    assert_eq!(kit.errors.take(), [""; 0]);
    kit.close().await;
}

#[tokio::test]
async fn a_step_without_attempts_fails_the_workflow_and_reports_it_as_one_of_its_plugin() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let step = cx.step("charge", || async {
            Err::<(), _>(anyhow::anyhow!("no money"))
        });
        step.attempts(1).await?
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.state(&id).await, FlowState::Failed);
    assert_eq!(kit.error(&id).await, "the step `charge` failed: no money");
    assert_eq!(
        kit.errors.take(),
        [format!(
            "test: the workflow {id} failed: the step `charge` failed: no money"
        )]
    );
    kit.close().await;
}

// The original ignored the timeout of a step.
#[tokio::test]
async fn a_step_that_takes_too_long_fails() {
    let kit = Kit::running(script!(|cx, log, input| {
        log.add("begun");
        let step = cx.step("hangs", std::future::pending::<anyhow::Result<()>>);
        step.attempts(1).timeout(SECOND).await?
    }))
    .await;
    let id = kit.start(()).await;
    kit.log.until(1).await;
    kit.time.advance(2 * SECOND).await;
    let ended = kit.ended(&id).await;
    assert_eq!(ended.state, FlowState::Failed);
    let error = ended.error.unwrap();
    assert!(
        error.ends_with("it did not end within its timeout of 1s"),
        "{error}"
    );
    kit.close().await;
}

#[tokio::test]
async fn a_sleep_ends_at_its_time() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        cx.sleep("nap", HOUR).await?;
        log.add("woke");
    }))
    .await;
    let id = kit.run().await;
    kit.advance(Duration::from_mins(59)).await;
    assert_eq!(
        (kit.state(&id).await, kit.log.all().len()),
        (FlowState::Waiting, 0)
    );
    kit.advance(Duration::from_mins(1)).await;
    assert_eq!(kit.state(&id).await, FlowState::Done);
    kit.close().await;
}

#[tokio::test]
async fn signals_are_taken_before_during_and_after_the_wait() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let first: u32 = cx.signal("paid").await?;
        let second: u32 = cx.signal("paid").step("paid again").await?;
        cx.sleep("pause", HOUR).await?;
        first * 10 + second
    }))
    .await;
    let id = kit.start(()).await;
    assert!(kit.flows.signal(&id, "paid", &1).await.unwrap());
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Waiting);
    assert!(kit.flows.signal(&id, "other", &8).await.unwrap());
    assert!(kit.flows.signal(&id, "paid", &2).await.unwrap());
    kit.drain().await;
    assert!(kit.flows.signal(&id, "paid", &9).await.unwrap());
    kit.advance(HOUR).await;
    assert_eq!(kit.result(&id).await, json!(12));
    assert!(!kit.flows.signal(&id, "paid", &9).await.unwrap());
    assert!(
        !kit.flows
            .signal(&FlowId::new("none"), "paid", &9)
            .await
            .unwrap()
    );
    kit.close().await;
}

#[tokio::test]
async fn a_wait_for_a_signal_ends_with_its_limit() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        cx.signal::<u32>("paid").within(HOUR).await?
    }))
    .await;
    let (late, early) = (kit.run().await, kit.run().await);
    kit.flows.signal(&early, "paid", &7).await.unwrap();
    kit.advance(HOUR).await;
    assert_eq!(kit.result(&late).await, json!(null));
    assert_eq!(kit.result(&early).await, json!(7));
    kit.close().await;
}

#[tokio::test]
async fn a_job_of_a_workflow_wakes_it_when_it_has_ended() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let one: u32 = cx.job("one", Part::Return(1)).await?;
        let failed = cx.job::<_, ()>("two", Part::Fail).await.unwrap_err();
        (one, failed.to_string())
    }))
    .await;
    let id = kit.start(()).await;
    // `Part::Fail` becomes a dead letter.
    assert!(kit.jobs.drain().await.is_err());
    kit.drain().await;
    assert_eq!(
        kit.result(&id).await,
        json!([1, "the step `two` failed: no luck"])
    );
    assert_eq!(kit.log.take(), ["part Return(1)", "part Fail"]);
    kit.close().await;
}

#[tokio::test]
async fn a_workflow_with_a_chosen_id_is_started_once() {
    let kit = Kit::by_hand(script!(|cx, log, input| { log.add("ran") })).await;
    let start = || async { kit.flows.start(Test(json!(1))).id("order-7").await.unwrap() };
    let id = FlowId::new("order-7");
    let started = futures_util::future::join_all((0..20).map(|_| start())).await;
    assert_eq!(started.iter().filter(|it| it.is_new()).count(), 1);
    kit.drain().await;
    assert_eq!(start().await, Started::Already(id.clone()));
    kit.drain().await;
    assert_eq!(kit.log.take(), ["ran"]);
    let taken = kit
        .flows
        .start(crate::kit::Limited(json!(1)))
        .id("order-7")
        .await;
    assert!(matches!(taken, Err(FlowError::IdTaken { .. })), "{taken:?}");
    let empty = kit.flows.start(Test(json!(1))).id("").await;
    assert!(
        matches!(empty, Err(FlowError::InvalidId { bytes: 0 })),
        "{empty:?}"
    );
    kit.close().await;
}

#[tokio::test]
async fn a_start_and_a_signal_of_a_transaction_exist_if_and_only_if_that_commits() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        cx.signal::<u32>("paid").await?
    }))
    .await;
    for commits in [true, false] {
        let mut tx = kit.database.begin().await.unwrap();
        let id = kit
            .flows
            .start_in(&mut tx, Test(json!(1)))
            .await
            .unwrap()
            .into_id();
        assert!(kit.flows.signal_in(&mut tx, &id, "paid", &7).await.unwrap());
        if commits {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
        kit.drain().await;
        let state = kit.flows.status(&id).await.unwrap().map(|it| it.state);
        assert_eq!(state, commits.then_some(FlowState::Done));
    }
    kit.close().await;
}

#[tokio::test]
async fn workflows_are_listed_the_newest_first_and_purged_when_they_have_ended() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        if input == json!(1) {
            cx.sleep("nap", HOUR).await?;
        }
    }))
    .await;
    for (number, id) in [(0, "a"), (1, "b"), (0, "c")] {
        kit.flows.start(Test(json!(number))).id(id).await.unwrap();
        kit.drain().await;
    }
    let list = async |filter: FlowFilter| -> Vec<String> {
        let flows = kit.flows.list(&filter).await.unwrap();
        flows.iter().map(|flow| flow.id.to_string()).collect()
    };
    let all = FlowFilter::new();
    assert_eq!(list(all.clone()).await, ["c", "b", "a"]);
    assert_eq!(
        list(all.clone().before(FlowId::new("c")).limit(1)).await,
        ["b"]
    );
    assert_eq!(list(all.clone().state(FlowState::Waiting)).await, ["b"]);
    assert_eq!(list(all.clone().name("other")).await, [""; 0]);
    kit.time.advance(SECOND).await;
    assert_eq!(
        kit.flows
            .purge(FlowState::Waiting, Duration::ZERO)
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        kit.flows
            .purge(FlowState::Done, Duration::ZERO)
            .await
            .unwrap(),
        2
    );
    assert_eq!(list(all).await, ["b"]);
    kit.close().await;
}
