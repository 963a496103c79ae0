//! Workflows that are written as a list of states, and the faults of the original.

use bootstrap_services::workflows::{Definition, FlowState};
use serde_json::json;

use crate::kit::{Kit, Part, SECOND, Script};
use crate::script;

fn sizes() -> Script {
    script!(|cx, log, input| {
        Definition::new()
            .task("measure", |input| async move {
                log.add("measure");
                Ok(input)
            })
            .choice("size", |it| {
                if it.as_u64() > Some(10) {
                    "big"
                } else {
                    "small"
                }
            })
            .task("small", |_| async {
                log.add("small");
                Ok(json!("A"))
            })
            .end()
            .task("big", |_| async {
                log.add("big");
                Ok(json!("B"))
            })
            .end()
            .run(cx, input)
            .await?
    })
}

// In the original, a choice ended its workflow twice, and the output was `big`: the name of the step.
#[tokio::test]
async fn a_choice_ends_once_with_the_output_of_what_it_chose() {
    let kit = Kit::by_hand(sizes()).await;
    for (size, name, output) in [(5, "small", "A"), (50, "big", "B")] {
        kit.flows.crash_after("measure");
        let id = kit.start(size).await;
        let ends = "CREATE TABLE IF NOT EXISTS ends (flow);
            CREATE TRIGGER IF NOT EXISTS ended AFTER UPDATE OF state ON _flows WHEN NEW.state > 1 BEGIN INSERT INTO ends VALUES (NEW.id); END;";
        let mut tx = kit.database.begin().await.unwrap();
        sqlx::raw_sql(ends).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        kit.drain().await;
        assert_eq!(kit.result(&id).await, json!(output));
        assert_eq!(kit.log.take(), ["measure", name]);
        let ends = sqlx::query_scalar("SELECT count(*) FROM ends WHERE flow = ?").bind(id.as_str());
        let ends: i64 = ends.fetch_one(kit.database.read()).await.unwrap();
        assert_eq!(ends, 1);
    }
    kit.close().await;
}

#[tokio::test]
async fn states_run_in_their_order_with_jumps_and_branches() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let definition = Definition::new()
            .pass("double", |it| json!(it.as_u64().unwrap() * 2))
            .then("both")
            .task("skipped", |_| async { anyhow::bail!("not reached") })
            .parallel(
                "both",
                [("left", 1), ("right", 2)],
                |factor, it| async move { Ok(json!(it.as_u64().unwrap() * factor)) },
            )
            .task("sum", |it| async move {
                Ok(json!(
                    it["left"].as_u64().unwrap() + it["right"].as_u64().unwrap()
                ))
            });
        definition.run(cx, input).await?
    }))
    .await;
    let id = kit.start(7).await;
    kit.drain().await;
    assert_eq!(kit.result(&id).await, json!(42));
    let names: Vec<_> = kit
        .history(&id)
        .await
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, ["both/left", "both/right", "sum"]);
    kit.close().await;
}

#[tokio::test]
async fn a_state_is_attempted_timed_and_undone_as_it_says() {
    let kit = Kit::running(script!(|cx, log, input| {
        Definition::new()
            .task("reserve", |it| async move {
                log.add("reserve");
                Ok(it)
            })
            .undo(|it| async move { Ok(log.add(format!("release {it}"))) })
            .job("part", |it| {
                Part::Return(u32::try_from(it.as_u64().unwrap()).unwrap())
            })
            .undo(|part| async move { Ok(log.add(format!("return part {part}"))) })
            .parallel("both", [("a", 1), ("b", 2)], |factor, it| async move {
                Ok(json!(it.as_u64().unwrap() * factor))
            })
            .undo(|it| async move { Ok(log.add(format!("undo {it}"))) })
            .task("ship", |_| async {
                log.add("ship");
                Ok(std::future::pending().await)
            })
            .attempts(1)
            .timeout(SECOND)
            .run(cx, input)
            .await?
    }))
    .await;
    let id = kit.start(7).await;
    kit.log.until(3).await;
    kit.time.advance(SECOND).await;
    assert_eq!(
        kit.ended(&id).await.error.unwrap(),
        "the step `ship` failed: it did not end within its timeout of 1s"
    );
    let mut log = kit.log.take();
    log[3..5].sort();
    assert_eq!(
        log,
        [
            "reserve",
            "part Return(7)",
            "ship",
            "undo 14",
            "undo 7",
            "return part 7",
            "release 7"
        ]
    );
    kit.close().await;
}

#[tokio::test]
async fn a_settled_state_waits_for_all_branches_and_keeps_their_errors() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        Definition::new()
            .parallel(
                "both",
                [("a", false), ("b", true)],
                |is_well, _| async move {
                    anyhow::ensure!(is_well, "no luck");
                    Ok(json!(1))
                },
            )
            .attempts(1)
            .settled()
            .pass("both errors and results", |it| json!([it]))
            .run(cx, input)
            .await?
    }))
    .await;
    let id = kit.run().await;
    let failed = json!({ "error": "the step `both/a` failed: no luck" });
    let expected = json!([{ "a": failed, "b": { "ok": 1 } }]);
    assert_eq!(kit.result(&id).await, expected);
    kit.close().await;
}

#[tokio::test]
async fn a_malformed_definition_fails_before_anything_is_done() {
    let kit = Kit::by_hand(script!(|cx, log, input| {
        let task = |name: &'static str| Definition::new().task(name, |it| async { Ok(it) });
        let definition = match input.as_str() {
            Some("empty") => Definition::new(),
            Some("twice") => task("a").task("a", |it| async { Ok(it) }),
            Some("lost") => task("a").then("b"),
            Some("no work") => task("a").pass("b", |it| it).attempts(2),
            Some("no branches") => task("a").settled(),
            _ => Definition::new().choice("size", |_| "none"),
        };
        definition.run(cx, input).await?
    }))
    .await;
    for (input, expected) in [
        (
            "empty",
            "the workflow has no states: add one, for example with `task`",
        ),
        (
            "twice",
            "two states have the name `a`: give each a name of its own",
        ),
        (
            "lost",
            "the state `a` leads to `b`, which is not there: write the name of a state",
        ),
        (
            "no work",
            "`attempts` has no effect on the state `b`: set it on a state that does work",
        ),
        (
            "no branches",
            "`settled` has no effect on the state `a`: set it on a state that has branches",
        ),
        (
            "choice",
            "the state `size` leads to `none`, which is not there: write the name of a state",
        ),
    ] {
        let id = kit.start(input).await;
        kit.drain().await;
        assert_eq!(kit.state(&id).await, FlowState::Failed);
        assert_eq!(kit.error(&id).await, expected);
        assert_eq!(kit.history(&id).await, []);
    }
    kit.close().await;
}
