//! What is too much, and what is malformed.

use std::time::Duration;

use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;
use bootstrap_services::workflows::{FlowError, FlowState};
use serde_json::json;

use crate::kit::{HOUR, Kit, Log, Setup, Test};
use crate::script;

#[tokio::test]
async fn a_name_that_is_used_twice_fails_the_workflow_also_if_the_code_ignores_it() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        for _ in 0..2 {
            let _ = cx.step("charge", || async { Ok(log.add("charge")) }).await;
        }
    }))
    .await;
    let id = kit.run().await;
    assert_eq!(
        kit.error(&id).await,
        "the workflow `test` has two steps with the name `charge`: give each a name of its own, in a loop with a number"
    );
    assert_eq!(kit.log.take(), ["charge"]);
    kit.close().await;
}

#[tokio::test]
async fn a_name_of_a_step_has_1_to_200_bytes() {
    for (bytes, state) in [
        (0, FlowState::Failed),
        (200, FlowState::Done),
        (201, FlowState::Failed),
    ] {
        let kit = Kit::by_hand(script!(|cx, log, input| {
            let bytes = usize::try_from(input.as_u64().unwrap())?;
            cx.step("x".repeat(bytes), || async { Ok(()) }).await?;
        }))
        .await;
        let id = kit.start(bytes).await;
        kit.drain().await;
        assert_eq!(kit.state(&id).await, state, "{bytes}");
        kit.close().await;
    }
}

#[tokio::test]
async fn ten_thousand_steps_are_done_and_one_more_fails_the_workflow() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        for number in 0..input.as_u64().unwrap() {
            cx.version(number, 1).await?;
        }
    }))
    .await;
    // A journal that is nearly full already.
    let id = kit.start(10_001).await;
    let mut tx = kit.database.begin().await.unwrap();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9998)
        INSERT INTO _flow_steps (flow, name, seq, kind, state, result, began_at) SELECT 1, 'version ' || i, i, 5, 1, '1', 0 FROM n";
    sqlx::query(fill).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    kit.drain().await;
    assert_eq!(
        kit.error(&id).await,
        "the workflow `test` has more than 10000 steps: let it start other workflows for parts of its work"
    );
    assert_eq!(kit.history(&id).await.len(), 10_000);
    kit.close().await;
}

#[tokio::test]
async fn a_result_of_one_mebibyte_is_kept_and_one_byte_more_fails_the_step_at_once() {
    for (bytes, state) in [
        (1 << 20, FlowState::Done),
        ((1 << 20) + 1, FlowState::Failed),
    ] {
        let kit = Kit::by_hand(script!(|cx, log, input| {
            // A text has two quotation marks.
            let bytes = usize::try_from(input.as_u64().unwrap())? - 2;
            let text = cx.step("large", || async {
                log.add("made");
                Ok("x".repeat(bytes))
            });
            text.await?.len()
        }))
        .await;
        let id = kit.start(bytes).await;
        kit.drain().await;
        assert_eq!(kit.state(&id).await, state);
        assert_eq!(kit.log.take(), ["made"]);
        if state == FlowState::Failed {
            let error = kit.error(&id).await;
            assert!(
                error.contains("the result of the step `large` has 1048577 bytes"),
                "{error}"
            );
        }
        kit.close().await;
    }
}

#[tokio::test]
async fn an_input_and_a_signal_of_more_than_one_mebibyte_are_refused() {
    let kit = Kit::by_hand(script!(|cx, log, input| { cx.signal::<()>("paid").await? })).await;
    let large = json!("x".repeat(1 << 20));
    let started = kit.flows.start(Test(large.clone())).await;
    assert!(
        matches!(started, Err(FlowError::TooLarge { .. })),
        "{started:?}"
    );
    let id = kit.start(()).await;
    let sent = kit.flows.signal(&id, "paid", &large).await;
    assert!(matches!(sent, Err(FlowError::TooLarge { .. })), "{sent:?}");
    let sent = kit.flows.signal(&id, "", &1).await;
    assert!(
        matches!(sent, Err(FlowError::InvalidName { bytes: 0, .. })),
        "{sent:?}"
    );
    kit.close().await;
}

#[tokio::test]
async fn a_thousand_signals_wait_and_one_more_is_refused() {
    let kit = Kit::by_hand(script!(|cx, log, input| { cx.signal::<()>("paid").await? })).await;
    let id = kit.start(()).await;
    let mut tx = kit.database.begin().await.unwrap();
    for _ in 0..1_000 {
        assert!(
            kit.flows
                .signal_in(&mut tx, &id, "other", &())
                .await
                .unwrap()
        );
    }
    let sent = kit.flows.signal_in(&mut tx, &id, "other", &()).await;
    assert!(
        matches!(sent, Err(FlowError::TooManySignals { .. })),
        "{sent:?}"
    );
    drop(tx);
    kit.close().await;
}

#[tokio::test]
async fn a_value_that_is_not_of_the_type_fails_the_workflow() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        cx.signal::<u32>("paid").await?
    }))
    .await;
    let id = kit.start(()).await;
    kit.flows.signal(&id, "paid", &"cash").await.unwrap();
    kit.drain().await;
    let error = kit.error(&id).await;
    assert!(
        error.starts_with("the result of the step `paid` is not of this type"),
        "{error}"
    );
    kit.close().await;
}

#[tokio::test]
async fn an_input_that_cannot_be_read_fails_the_workflow() {
    let kit = Kit::by_hand(script!(|cx, log, input| {})).await;
    let id = kit
        .flows
        .start(crate::kit::Limited(json!(1)))
        .await
        .unwrap()
        .into_id();
    let mut tx = kit.database.begin().await.unwrap();
    sqlx::query("UPDATE _flows SET version = 0")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    kit.drain().await;
    let error = kit.error(&id).await;
    assert!(
        error.contains("version 1 does not upgrade it: write `Workflow::upgrade`"),
        "{error}"
    );
    kit.close().await;
}

#[tokio::test]
async fn a_configuration_out_of_range_fails_the_boot_of_the_plugin() {
    for (key, value, wrong) in [
        ("workflows.keep", "5s", "`workflows.keep` is 5s"),
        ("workflows.late", "0s", "`workflows.late` is zero"),
    ] {
        let mut setup = Setup::by_hand();
        setup.configuration = bootstrap::Configuration::new().set(key, value);
        let app = setup.app(&script!(|cx, log, input| {}), &Log::default());
        let error = app.boot().await.unwrap_err().to_string();
        assert!(
            error.contains(wrong) && error.contains("workflows"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_health_check_fails_when_no_step_was_done_for_an_hour() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        cx.sleep("nap", 2 * HOUR).await?
    }))
    .await;
    let check = async || kit.running.try_get::<Ports<dyn HealthCheck>>();
    let failing = async || -> Vec<String> {
        let mut errors = Vec::new();
        for (plugin, port) in &check().await.unwrap() {
            if *plugin == "workflows"
                && let Err(error) = port.check().await
            {
                errors.push(error.to_string());
            }
        }
        errors
    };
    let id = kit.run().await;
    kit.time.advance(2 * HOUR).await;
    assert_eq!(failing().await, [""; 0]);
    kit.time.advance(HOUR + Duration::from_secs(1)).await;
    let expected = format!("the workflow {id} of `test` has not done a step for 3600s");
    assert_eq!(failing().await, [expected]);
    kit.drain().await;
    assert_eq!(failing().await, [""; 0]);
    kit.close().await;
}

#[tokio::test]
async fn workflows_that_are_done_are_removed_when_they_are_too_old() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        anyhow::ensure!(input != json!("fails"), "no luck");
    }))
    .await;
    let (done, failed) = (kit.start("done").await, kit.start("fails").await);
    kit.drain().await;
    kit.time.advance(Duration::from_hours(30 * 24 + 2)).await;
    assert_eq!(kit.flows.status(&done).await.unwrap(), None);
    assert_eq!(kit.state(&failed).await, FlowState::Failed);
    kit.close().await;
}
