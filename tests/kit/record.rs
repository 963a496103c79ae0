//! The exact sequence of what happens.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bootstrap::lifecycle::Phase;
use bootstrap::prelude::*;
use bootstrap::report::Outcome;
use bootstrap::testing::{Fault, paused};
use bootstrap::{Policy, Restart, Retry, Supervision, plugin_fn};

use crate::plugins::service;

/// What an assertion says when it fails.
pub fn said<T>(code: impl FnOnce() -> T) -> String {
    let payload = catch_unwind(AssertUnwindSafe(code)).err().unwrap();
    payload.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn everything_that_happens_is_recorded_in_its_order() {
    paused(async {
        let mut app = service().max_concurrency(1);
        let record = app.record();
        let running = app.boot().await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        running.close().await?;
        record.assert_eq([
            "database: load",
            "database: load done",
            "metrics: load",
            "metrics: load done",
            "http: load",
            "http: load done",
            "http: ready",
            "http: ready done",
            "http: run",
            "http: drain",
            "http: drain done",
            "http: stop",
            "http: run done",
            "http: stop done",
            "http: close",
            "http: close done",
            "metrics: close",
            "metrics: close done",
            "database: close",
            "database: close done",
        ]);
        anyhow::Ok(())
    })
    .unwrap();
}

#[test]
fn views_of_a_record_show_a_part_of_it() {
    paused(async {
        let mut app = service();
        let record = app.record();
        app.boot().await?.close().await?;
        record.of("database").assert_eq([
            "database: load",
            "database: load done",
            "database: close",
            "database: close done",
        ]);
        let drains = record.phase(Phase::Drain).of("http").begun();
        drains.assert_eq(["http: drain"]);
        let ended = record.of("http").ended().events();
        assert!(ended.iter().all(|event| event.outcome == Outcome::Done));
        record.assert_before("database: load done", "http: load");
        record.assert_before("http: close done", "database: close");
        record.assert_never("http: load failed");
        record.clear();
        assert!(record.of("database").events().is_empty());
        anyhow::Ok(())
    })
    .unwrap();
}

#[test]
fn how_a_hook_ended_is_recorded() {
    paused(async {
        let mut app = service();
        let record = app.record();
        let booted = app
            .fault(Fault::at("http", Phase::Ready).panic("no"))
            .boot()
            .await;
        assert!(booted.is_err());
        record.of("http").assert_eq([
            "http: load",
            "http: load done",
            "http: ready",
            "http: ready panicked",
            "http: close",
            "http: close done",
        ]);

        let mut app = service();
        let record = app.record();
        let booted = app.fault(Fault::at("database", Phase::Load).hang()).boot();
        assert!(booted.await.is_err());
        record
            .of("database")
            .ended()
            .assert_eq(["database: load timed out"]);
        assert!(record.of("http").events().is_empty());
    });
}

#[test]
fn attempts_restarts_tasks_and_hooks_of_the_app_are_recorded() {
    paused(async {
        let once = Policy::Restart(Restart::at_most(1, Duration::from_mins(1)));
        let supervision = Supervision::new().on_error(once);
        let mut app = App::new().on_start(async |_| Ok(()));
        app.register(Beats)
            .named("heart")
            .retry(Retry::attempts(2))
            .supervise(supervision);
        let heart = app.record();
        let app = app.fault(Fault::at("heart", Phase::Load).fail("late").times(1));
        let app = app.fault(Fault::at("heart", Phase::Run).fail("skips").times(1));
        let running = app.boot().await?;
        tokio::time::sleep(Duration::from_mins(1)).await;
        running.close().await?;
        heart.assert_eq([
            "heart: load",
            "heart: load failed",
            "heart: load",
            "heart/pulse: run",
            "heart: load done",
            "heart/pulse: run done",
            "app: start",
            "app: start done",
            "heart: run",
            "heart: run failed",
            "heart: run",
            "heart: stop",
            "heart: run done",
            "heart: stop done",
            "heart: close",
            "heart: close done",
        ]);
        anyhow::Ok(())
    })
    .unwrap();
}

#[plugin(collect = never)]
struct Beats;

impl Hooks for Beats {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        cx.spawn("pulse", async |_| Ok(()));
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        cx.stopped().await;
        Ok(())
    }
}

#[test]
fn a_record_that_differs_says_where() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("a", async |_| Ok(())));
        let record = app.record();
        let running = app.boot().await.unwrap();
        let loads = record.phase(Phase::Load);
        assert_eq!(
            said(|| loads.assert_eq(["a: load", "b: load", "a: load done"])),
            "the record differs (`-` was expected, `+` happened):\n    a: load\n  - b: load\n    \
             a: load done"
        );
        assert_eq!(
            said(|| loads.assert_before("a: load done", "a: load")),
            "`a: load done` is not before `a: load`; this has:\n  a: load\n  a: load done"
        );
        assert_eq!(
            said(|| loads.assert_before("b: load", "a: load")),
            "`b: load` has not happened; this has:\n  a: load\n  a: load done"
        );
        assert_eq!(
            said(|| loads.assert_never("a: load")),
            "`a: load` has happened:\n  a: load\n  a: load done"
        );
        assert_eq!(format!("{loads:?}"), r#"["a: load", "a: load done"]"#);
        assert_eq!(loads.to_string(), "a: load\na: load done\n");
        running.close().await.unwrap();
    });
}

#[test]
fn an_event_that_can_not_happen_is_a_slip_in_the_test() {
    let record = App::new().record();
    for slip in [
        "a",
        "a: loads",
        "a: load finished",
        "a: load running",
        "a:load",
    ] {
        assert_eq!(
            said(|| record.assert_never(slip)),
            format!(
                "`{slip}` is not an event: write `database: load`, or `database: load failed`, as the \
                 record prints it"
            )
        );
    }
    for event in ["a: load", "a: b: close timed out", "app: on-loaded failed"] {
        record.assert_never(event);
    }
}
