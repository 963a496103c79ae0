//! What undoing reaches.

use std::time::Duration;

use anyhow::Result;
use bootstrap_services::workflows::FlowState;
use futures_util::future::BoxFuture;

use crate::kit::{Kit, SECOND, Setup};
use crate::script;

#[tokio::test]
async fn a_workflow_that_was_beyond_a_new_version_is_undone() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let charge = cx.step("charge", || async { Ok(log.add("charge")) });
        charge.undo(|()| async { Ok(log.add("refund")) }).await?;
        cx.signal::<()>("go").await?
    }))
    .await;
    let id = kit.run().await;
    kit.script.set(&script!(|cx, log, input| {
        let version = cx.version("fee", 2).await?;
        log.add(format!("version {version}"));
        let charge = cx.step("charge", || async { Ok(log.add("charge")) });
        charge.undo(|()| async { Ok(log.add("refund")) }).await?;
        cx.signal::<()>("go").await?
    }));
    assert!(kit.flows.cancel(&id).await.unwrap());
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Cancelled);
    assert_eq!(kit.log.take(), ["charge", "version 1", "refund"]);
    assert_eq!(kit.errors.take().len(), 0);
    kit.close().await;
}

#[tokio::test]
async fn three_crashes_while_a_step_is_undone_give_up_that_step_alone() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        for name in ["a", "b", "c"] {
            let step = cx.step(name, || async { Ok(()) }).backoff(SECOND, SECOND);
            step.undo(|()| async move {
                log.add(format!("undo {name}"));
                anyhow::ensure!(name != "c", "no luck");
                Ok(())
            })
            .await?;
        }
        cx.signal::<()>("go").await?
    }))
    .await;
    let id = kit.run().await;
    assert!(kit.flows.cancel(&id).await.unwrap());
    kit.drain().await;
    let mut tx = kit.database.begin().await.unwrap();
    let crashes = sqlx::query("UPDATE _flows SET crashes = 3");
    crashes.execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    kit.advance(2 * SECOND).await;
    assert_eq!(kit.state(&id).await, FlowState::Cancelled);
    assert_eq!(kit.log.take(), ["undo c", "undo b", "undo a"]);
    let errors = kit.errors.take();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0]
            .ends_with("the step `c` was not undone: its process died 3 times while it was undone"),
        "{errors:?}"
    );
    kit.close().await;
}

/// A short wait that is no step, as for a lock or a connection.
async fn short() {
    tokio::time::sleep(Duration::from_millis(3)).await;
}

#[tokio::test]
async fn a_branch_that_waits_for_a_lock_is_undone_as_well() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let waits: BoxFuture<'_, Result<()>> = Box::pin(async {
            cx.step("look", || async {
                Ok(tokio::time::sleep(Duration::from_millis(50)).await)
            })
            .await?;
            cx.signal::<()>("go").await
        });
        let charges: BoxFuture<'_, Result<()>> = Box::pin(async {
            short().await;
            let charge = cx.step("charge", || async { Ok(log.add("charge")) });
            charge.undo(|()| async { Ok(log.add("refund")) }).await
        });
        cx.all([waits, charges]).await?;
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(kit.state(&id).await, FlowState::Waiting);
    assert!(kit.flows.cancel(&id).await.unwrap());
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Cancelled);
    assert_eq!(kit.log.take(), ["charge", "refund"]);
    assert_eq!(kit.errors.take().len(), 0);
    kit.close().await;
}

#[tokio::test]
async fn a_branch_that_waits_for_a_lock_is_no_change_of_the_code() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let first: BoxFuture<'_, Result<()>> = Box::pin(async {
            cx.step("a1", || async { Ok(log.add("a1")) }).await?;
            short().await;
            cx.step("a2", || async { Ok(log.add("a2")) }).await
        });
        let second: BoxFuture<'_, Result<()>> = Box::pin(async {
            let slow = cx.step("b1", || async {
                while log.all().len() < 2 {
                    short().await;
                }
                Ok(log.add("b1"))
            });
            slow.await?;
            cx.step("b2", || async { Ok(log.add("b2")) }).await
        });
        cx.all([first, second]).await?;
    }))
    .await;
    kit.flows.crash_after("b1");
    let id = kit.run().await;
    assert_eq!(
        kit.state(&id).await,
        FlowState::Done,
        "{:?}",
        kit.errors.all()
    );
    assert_eq!(kit.log.take(), ["a1", "a2", "b1", "b2"]);
    kit.close().await;
}

/// A step can be stored while its future is dropped: its commit was under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_that_is_stored_as_done_is_undone_whenever_the_workflow_is_cancelled() {
    const STEPS: u64 = 10;
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::running().on(folder.path().join("app.db"));
    let kit = setup
        .boot(script!(|cx, log, input| {
            for step in 0..STEPS {
                let step = cx.step(format!("step {step}"), || async { Ok(()) });
                step.undo(|()| async { Ok(()) }).await?;
            }
            cx.signal::<()>("go").await?
        }))
        .await;
    for round in 0..100 {
        let id = kit.start(round).await;
        tokio::time::sleep(Duration::from_micros(137 * round)).await;
        assert!(kit.flows.cancel(&id).await.unwrap());
        assert_eq!(kit.ended(&id).await.state, FlowState::Cancelled);
        let kept = "SELECT count(*) FROM _flow_steps WHERE undo = 1";
        let kept: i64 = sqlx::query_scalar(kept)
            .fetch_one(kit.database.read())
            .await
            .unwrap();
        assert_eq!(kept, 0, "in round {round}");
    }
    kit.close().await;
}
