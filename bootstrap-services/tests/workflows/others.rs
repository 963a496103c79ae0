//! Jobs and workflows that a step starts: how what they have done is undone.

use anyhow::anyhow;
use bootstrap_services::workflows::{FlowId, FlowState, StepState};
use serde_json::{Value, json};

use crate::kit::{HOUR, Kit, LIMIT, Limited, Part, SECOND, Script, Test};
use crate::script;

/// A reservation, a job that is done, another workflow that is done, and a failure; each can be undone.
fn parts() -> Script {
    script!(|cx, log, input| {
        if input == json!("child") {
            let made = cx.step("make", || async { Ok(log.add("make")) });
            made.undo(|()| async { Ok(log.add("unmake")) }).await?;
            return Ok(json!("made"));
        }
        let reserve = cx.step("reserve", || async { Ok(log.add("reserve")) });
        reserve.undo(|()| async { Ok(log.add("release")) }).await?;
        let part = cx.job("part", Part::Return(5));
        part.undo(|part: u32| async move { Ok(log.add(format!("return part {part}"))) })
            .await?;
        let child = cx.child("child", Test(json!("child")));
        child
            .undo(|made: Value| async move { Ok(log.add(format!("discard {made}"))) })
            .await?;
        Err::<(), _>(anyhow!("no luck"))?
    })
}

#[tokio::test]
async fn a_job_and_a_workflow_that_are_done_are_undone_once_in_reverse_also_with_crashes_between() {
    for crash_after in [
        "",
        "reserve",
        "part",
        "make",
        "child",
        "undo child",
        "undo part",
        "undo reserve",
    ] {
        let kit = Kit::by_hand(parts()).await;
        kit.flows.crash_after(crash_after);
        let id = kit.run().await;
        assert_eq!(kit.error(&id).await, "no luck");
        assert_eq!(
            kit.log.take(),
            [
                "reserve",
                "part Return(5)",
                "make",
                "discard \"made\"",
                "return part 5",
                "release"
            ],
            "{crash_after}"
        );
        let steps = kit.history(&id).await;
        assert!(steps.iter().all(|it| it.state == StepState::Undone));
        kit.close().await;
    }
}

#[tokio::test]
async fn the_undo_of_a_job_is_attempted_as_often_as_its_step_says() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let part = cx.job("part", Part::Return(5)).attempts(3);
        part.backoff(SECOND, SECOND)
            .undo(|_: u32| async {
                log.add("undo");
                Err(anyhow!("no luck"))
            })
            .await?;
        Err::<(), _>(anyhow!("it fails"))?
    }))
    .await;
    let id = kit.run().await;
    kit.advance(SECOND).await;
    assert_eq!(kit.state(&id).await, FlowState::Undoing);
    kit.advance(SECOND).await;
    assert_eq!(kit.state(&id).await, FlowState::Failed);
    assert_eq!(kit.log.take(), ["part Return(5)", "undo", "undo", "undo"]);
    assert_eq!(kit.history(&id).await[0].state, StepState::NotUndone);
    kit.close().await;
}

/// A reservation, and a job that can be undone.
fn part_of(part: Part) -> Script {
    Script::new(move |cx, log, _| {
        let part = part.clone();
        Box::pin(async move {
            let reserve = cx.step("reserve", || async { Ok(log.add("reserve")) });
            reserve.undo(|()| async { Ok(log.add("release")) }).await?;
            let part = cx.job("part", part);
            part.undo(|part: u32| async move { Ok(log.add(format!("return part {part}"))) })
                .await?;
            Ok(json!(null))
        })
    })
}

#[tokio::test]
async fn a_job_that_is_done_although_it_was_cancelled_is_undone_before_what_came_before_it() {
    let kit = Kit::running(part_of(Part::Late(5))).await;
    let id = kit.start(()).await;
    kit.log.until(2).await;
    assert!(kit.flows.cancel(&id).await.unwrap());
    assert_eq!(kit.ended(&id).await.state, FlowState::Cancelled);
    let expected = [
        "reserve",
        "part Late(5)",
        "late",
        "return part 5",
        "release",
    ];
    assert_eq!(kit.log.take(), expected);
    kit.close().await;
}

#[tokio::test]
async fn a_job_that_has_ended_before_its_workflow_noticed_is_undone() {
    let kit = Kit::by_hand(part_of(Part::Return(5))).await;
    let id = kit.start(()).await;
    // The job is done, and the workflow is cancelled in the same moment.
    kit.execute("CREATE TRIGGER cancelled AFTER UPDATE OF state ON _jobs WHEN NEW.state > 2 AND NEW.name = 'part'
        BEGIN UPDATE _flows SET is_unwanted = 1; END")
        .await;
    kit.drain().await;
    assert_eq!(kit.state(&id).await, FlowState::Cancelled);
    let expected = ["reserve", "part Return(5)", "return part 5", "release"];
    assert_eq!(kit.log.take(), expected);
    kit.close().await;
}

#[tokio::test]
async fn a_job_that_was_cancelled_before_it_was_done_is_not_undone() {
    let kit = Kit::running(part_of(Part::Fail)).await;
    let id = kit.start(()).await;
    assert_eq!(kit.ended(&id).await.state, FlowState::Failed);
    assert_eq!(kit.log.take(), ["reserve", "part Fail", "release"]);
    kit.close().await;
}

#[tokio::test]
async fn a_workflow_that_is_cancelled_with_its_parent_undoes_itself_before_its_parent_is_undone() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let name = if input == json!("child") {
            "make"
        } else {
            "reserve"
        };
        let step = cx.step(name, || async { Ok(log.add(name)) });
        step.undo(|()| async { Ok(log.add(format!("undo {name}"))) })
            .await?;
        if input == json!("child") {
            cx.sleep("nap", HOUR).await?;
        } else {
            let child = cx.child("child", Test(json!("child")));
            child.undo(|_| async { Ok(log.add("discard")) }).await?;
        }
    }))
    .await;
    let id = kit.run().await;
    assert!(kit.flows.cancel(&id).await.unwrap());
    kit.drain().await;
    let child = FlowId::new(format!("{id}/child"));
    assert_eq!(kit.state(&id).await, FlowState::Cancelled);
    assert_eq!(kit.state(&child).await, FlowState::Cancelled);
    let expected = ["reserve", "make", "undo make", "undo reserve"];
    assert_eq!(kit.log.take(), expected);
    kit.close().await;
}

// The job was cancelled with the workflow: its end is no failure that the code has seen.
#[tokio::test]
async fn a_retry_starts_the_job_again_that_was_cancelled_when_the_time_was_over() {
    let kit = Kit::running(script!(|cx, log, input| {
        let part = match log.all().len() {
            0 => Part::Stop,
            _ => Part::Return(5),
        };
        cx.job::<_, Value>("part", part).await?
    }))
    .await;
    let started = kit.flows.start(Limited(json!(null))).await;
    let id = started.unwrap().into_id();
    kit.log.until(1).await;
    kit.time.advance(LIMIT).await;
    assert_eq!(kit.ended(&id).await.state, FlowState::TimedOut);
    assert!(kit.flows.retry(&id).await.unwrap());
    let flow = kit.ended(&id).await;
    assert_eq!((flow.state, flow.result), (FlowState::Done, Some(json!(5))));
    kit.close().await;
}
