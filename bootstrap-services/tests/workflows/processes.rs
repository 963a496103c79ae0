//! Two processes with one database: two apps on one file.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bootstrap_services::workflows::FlowState;
use serde_json::json;

use crate::kit::{DEADLINE, HOUR, Log, Script, Setup};
use crate::script;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_never_run_one_workflow_at_the_same_time() {
    const FLOWS: usize = 30;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    // How many runs of each workflow are inside of a step.
    let inside: Arc<Vec<AtomicUsize>> = Arc::new((0..FLOWS).map(|_| AtomicUsize::new(0)).collect());
    let code = Script::new({
        let inside = Arc::clone(&inside);
        move |cx, log, input| {
            let inside = Arc::clone(&inside);
            Box::pin(async move {
                let flow = usize::try_from(input.as_u64().unwrap()).unwrap();
                for step in 0..5 {
                    let work = || async {
                        assert_eq!(
                            inside[flow].fetch_add(1, Ordering::SeqCst),
                            0,
                            "two at the same time"
                        );
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        log.add(format!("{flow} {step}"));
                        inside[flow].fetch_sub(1, Ordering::SeqCst);
                        Ok(())
                    };
                    cx.step(format!("step {step}"), work).await?;
                    cx.signal::<()>(format!("signal {step}")).await?;
                }
                Ok(json!(null))
            })
        }
    });
    let log = Log::default();
    let setup = || {
        let mut setup = Setup::running().on(&file);
        setup.log = log.clone();
        setup
    };
    let (one, two) = (setup().boot(code.clone()).await, setup().boot(code).await);
    let mut ids = Vec::new();
    for flow in 0..FLOWS {
        ids.push(one.start(flow).await);
    }
    // Both send signals, each twice, and wake what waits.
    for step in 0..5 {
        for id in &ids {
            let name = format!("signal {step}");
            for kit in [&one, &two] {
                kit.flows.signal(id, &name, &()).await.unwrap();
            }
        }
        // What one process has enqueued, the other finds when it looks.
        one.time.advance(Duration::from_secs(1)).await;
        two.time.advance(Duration::from_secs(1)).await;
    }
    for id in &ids {
        let ended = async {
            loop {
                two.time.advance(Duration::from_secs(1)).await;
                one.time.advance(Duration::from_secs(1)).await;
                let flow = two.find(id).await;
                if flow.state.has_ended() {
                    return flow;
                }
            }
        };
        let flow = tokio::time::timeout(DEADLINE, ended).await.unwrap();
        assert_eq!(flow.state, FlowState::Done, "{flow:?}");
    }
    let mut lines = log.take();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), 5 * FLOWS);
    assert_eq!((one.errors.take(), two.errors.take()), (vec![], vec![]));
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn a_run_that_another_has_superseded_writes_nothing_more() {
    let kit = Setup::by_hand()
        .boot(script!(|cx, log, input| {
            let first = log.all().is_empty();
            cx.step("charge", || async {
                log.add("charge");
                if first {
                    log.add("stalls");
                    while log.all().len() < 3 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
                Ok(first)
            })
            .await?
        }))
        .await;
    let id = kit.start(()).await;
    let takeover = async {
        kit.log.until(2).await;
        // Another process has claimed the job of this one, which was silent for too long.
        let mut tx = kit.database.begin().await.unwrap();
        sqlx::query("UPDATE _flows SET run = run + 1")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        kit.log.add("taken over");
    };
    tokio::join!(kit.drain(), takeover);
    assert_eq!(kit.history(&id).await, []);
    assert_eq!(kit.state(&id).await, FlowState::Running);
    kit.close().await;
}

#[tokio::test]
async fn a_worker_that_is_one_at_a_time_runs_parents_and_children() {
    let mut setup = Setup::by_hand();
    setup.configuration = bootstrap::Configuration::new().set("jobs.concurrency", 1);
    let kit = setup
        .boot(script!(|cx, log, input| {
            let depth = input.as_u64().unwrap();
            if depth > 0 {
                let below = cx
                    .child("below", crate::kit::Test(json!(depth - 1)))
                    .await?;
                below.as_u64().unwrap() + 1
            } else {
                cx.sleep("nap", HOUR).await?;
                0
            }
        }))
        .await;
    let id = kit.start(5).await;
    kit.drain().await;
    kit.advance(HOUR).await;
    assert_eq!(kit.result(&id).await, json!(5));
    kit.close().await;
}

#[tokio::test]
async fn a_workflow_is_cancelled_by_another_process_when_its_step_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let code = || {
        script!(|cx, log, input| {
            let charge = cx.step("charge", || async {
                log.add("charge");
                while log.all().len() < 2 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Ok(())
            });
            charge.undo(|()| async { Ok(log.add("refund")) }).await?;
            cx.sleep("nap", HOUR).await?;
        })
    };
    let one = Setup::running().on(&file).boot(code()).await;
    let two = Setup::by_hand().on(&file).boot(code()).await;
    let id = one.start(()).await;
    one.log.until(1).await;
    assert!(two.flows.cancel(&id).await.unwrap());
    one.log.add("cancelled");
    assert_eq!(one.ended(&id).await.state, FlowState::Cancelled);
    assert_eq!(one.log.take(), ["charge", "cancelled", "refund"]);
    one.close().await;
    two.close().await;
}
