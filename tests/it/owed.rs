//! What a `load` leaves to be done: given back whatever becomes of it, once, the last one first.

use std::sync::Arc;
use std::time::Duration;

use bootstrap::error::HookFailure;
use bootstrap::extend::{Descriptor, Plugin, States};
use bootstrap::prelude::*;
use bootstrap::report::Outcome;
use bootstrap::{App, plugin_fn};
use support::{
    Act, Probe, Trace, fails, fails_after, hangs, panics_after, paused, succeeds, takes,
};

/// Leaves three things to be done, then does as it is told.
struct Leaves {
    trace: Trace,
    load: Act,
    close: Act,
    second: Act,
}

impl Leaves {
    fn new(trace: &Trace) -> Self {
        Self {
            trace: trace.clone(),
            load: succeeds(),
            close: succeeds(),
            second: succeeds(),
        }
    }
}

impl Drop for Leaves {
    fn drop(&mut self) {
        self.trace.add("plugin dropped");
    }
}

#[bootstrap::extend::async_trait]
impl Plugin for Leaves {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("leaves").load_timeout(Duration::from_secs(2))
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        for name in ["first", "second", "third"] {
            let (trace, second) = (self.trace.clone(), Arc::clone(&self.second));
            cx.on_close(async move |_| {
                trace.add(name);
                if name == "second" {
                    second().await?;
                }
                Ok(())
            });
        }
        (self.load)().await?;
        Ok(States::new())
    }

    async fn close(&self, _: &CloseContext) -> Result<()> {
        self.trace.add("close");
        (self.close)().await
    }
}

#[test]
fn what_a_load_left_is_done_after_its_close_the_last_one_first() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let base = app.register(Probe::new("base", &trace));
        let leaves = app.register(Leaves::new(&trace)).after(&base);
        app.register(Probe::new("top", &trace)).after(&leaves);
        let running = app.boot().await.unwrap();
        trace.take();
        running.close().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "close(top)+",
                "close(top)-",
                "close",
                "plugin dropped",
                "third",
                "second",
                "first",
                "close(base)+",
                "close(base)-"
            ]
        );
    });
}

/// Error, panic, time out, cancellation: `close` is not owed then, and this is.
#[test]
fn what_a_load_left_is_done_whatever_becomes_of_it() {
    for load in [
        fails("no"),
        fails_after(1, "no"),
        panics_after(1, "no"),
        hangs(),
    ] {
        paused(async {
            let trace = Trace::new();
            let mut leaves = Leaves::new(&trace);
            leaves.load = load;
            let error = App::new().with(leaves).boot().await.unwrap_err();
            assert!(error.rollback_errors().is_empty(), "{error:?}");
            assert!(error.closed().is_empty(), "it never loaded");
            let mut events = trace.take();
            events.retain(|event| event != "plugin dropped");
            assert_eq!(events, ["third", "second", "first"]);
        });
    }
}

#[test]
fn what_a_cancelled_load_left_is_done_before_boot_returns() {
    paused(async {
        let trace = Trace::new();
        let mut leaves = Leaves::new(&trace);
        leaves.load = hangs();
        let app = App::new()
            .with(leaves)
            .with(Probe::new("fails", &trace).load(fails_after(5, "no")));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.cancelled(), ["leaves"]);
        assert_eq!(trace.count("first"), 1);
    });
}

/// Each has its own limit, and none keeps another from being done.
#[test]
fn one_that_fails_or_hangs_is_an_error_and_the_others_are_done() {
    let causes: [(Act, &str); 3] = [
        (fails("sore"), "sore"),
        (panics_after(1, "ouch"), "panicked: ouch"),
        (hangs(), "timed out after 10 s"),
    ];
    for (second, said) in causes {
        paused(async {
            let trace = Trace::new();
            let mut leaves = Leaves::new(&trace);
            leaves.second = second;
            let running = App::new().with(leaves).boot().await.unwrap();
            let error = running.close().await.unwrap_err();
            let error = &error.errors()[0];
            assert_eq!(
                error.to_string(),
                format!("[leaves] Plugin close failed: {said}")
            );
            assert!(error.declared().file().ends_with("owed.rs"));
            assert_eq!(trace.count("first"), 1);
        });
    }
}

#[test]
fn a_close_that_hangs_keeps_nothing_from_being_done() {
    paused(async {
        let trace = Trace::new();
        let mut leaves = Leaves::new(&trace);
        leaves.close = hangs();
        let running = App::new().with(leaves).boot().await.unwrap();
        let error = running.close().await.unwrap_err();
        assert_eq!(error.errors().len(), 1);
        let mut events = trace.take();
        events.retain(|event| event != "plugin dropped");
        assert_eq!(events, ["close", "third", "second", "first"]);
    });
}

/// The end of the time leaves nothing unsaid.
#[test]
fn what_there_is_no_time_for_is_named() {
    paused(async {
        let mut app = App::new().shutdown_timeout(Duration::ZERO);
        app.register(plugin_fn("many", async |cx| {
            for _ in 0..30 {
                cx.on_close(async |_| std::future::pending().await);
            }
            Ok(())
        }));
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        let last = error.errors().last().unwrap();
        assert!(
            matches!(last.failure(), HookFailure::OutOfTime),
            "{error:?}"
        );
    });
}

#[test]
fn a_context_that_outlives_its_app_takes_nothing_any_more() {
    paused(async {
        let (give, mut take) = tokio::sync::mpsc::unbounded_channel();
        let mut app = App::new();
        app.register(plugin_fn("keeps", async move |cx| Ok(give.send(cx)?)));
        app.boot().await.unwrap().close().await.unwrap();
        let alive = Arc::new(());
        let theirs = Arc::clone(&alive);
        take.recv().await.unwrap().on_close(async move |_| {
            drop(theirs);
            Ok(())
        });
        assert_eq!(Arc::strong_count(&alive), 1, "it was let go of at once");
    });
}

/// S32: a load that tells how far it is has its limit anew each time.
#[test]
fn progress_moves_the_limit_of_a_load() {
    paused(async {
        let mut app = App::new().load_timeout(Duration::from_secs(2));
        app.register(plugin_fn("migrates", async |cx| {
            for step in 0..10 {
                tokio::time::sleep(Duration::from_millis(1_500)).await;
                cx.progress(format!("step {step}"));
            }
            Ok(())
        }));
        let running = app.boot().await.unwrap();
        let report = running.report();
        let migrates = report.plugin("migrates").unwrap();
        assert_eq!(migrates.load.took, Some(Duration::from_secs(15)));
        assert_eq!(migrates.progress().as_ref().unwrap().text, "step 9");
        running.close().await.unwrap();
    });
}

/// S32: and only as long as it does.
#[test]
fn a_load_that_stops_telling_is_ended_and_its_last_words_are_shown() {
    paused(async {
        let mut app = App::new().load_timeout(Duration::from_secs(2));
        app.register(plugin_fn("connects", async |cx| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            cx.progress("connecting to redis:6379");
            std::future::pending().await
        }));
        let error = app.boot().await.unwrap_err();
        let connects = error.report().plugin("connects").unwrap();
        assert_eq!(connects.load.outcome, Outcome::TimedOut);
        assert_eq!(connects.load.took, Some(Duration::from_secs(3)));
        assert!(
            error.render().contains(
                "\n  last progress: `connects`, 2 s before its end: connecting to redis:6379\n"
            ),
            "{error:?}"
        );
    });
}

/// The limit of the boot as a whole is not for a plugin to move.
#[test]
fn progress_does_not_move_the_limit_of_the_boot() {
    paused(async {
        let mut app = App::new().boot_timeout(Duration::from_secs(5));
        app.register(plugin_fn("talks", async |cx| {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                cx.progress("still here");
            }
        }));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.cancelled(), ["talks"]);
    });
}

/// A handle that somebody still has when its plugin has closed is no error, and no secret.
#[test]
fn a_state_that_outlives_its_plugin_is_named_in_the_report() {
    struct Pool;
    struct Makes;
    #[bootstrap::extend::async_trait]
    impl Plugin for Makes {
        fn descriptor(&self) -> Descriptor {
            Descriptor::new("makes").provides::<Pool>()
        }
        async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
            Ok(States::new().with(Pool))
        }
    }
    paused(async {
        let running = App::new().with(Makes).boot().await.unwrap();
        let kept = running.try_get::<State<Pool>>().unwrap();
        let report = running.close().await.unwrap();
        let outlived = &report.plugin("makes").unwrap().outlived();
        assert_eq!(
            outlived.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["Pool"]
        );
        drop(kept);

        let running = App::new().with(Makes).boot().await.unwrap();
        let report = running.close().await.unwrap();
        assert!(report.plugin("makes").unwrap().outlived().is_empty());
    });
}

/// Limits are for one hook each, also if several follow each other at one plugin.
#[test]
fn everything_that_was_left_has_a_limit_of_its_own() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("slow", async |cx| {
            for _ in 0..2 {
                cx.on_close(async |_| {
                    tokio::time::sleep(Duration::from_secs(6)).await;
                    Ok(())
                });
            }
            Ok(())
        }));
        app.boot().await.unwrap().close().await.unwrap();

        let mut app = App::new();
        app.register(plugin_fn("hangs", async |cx| {
            cx.on_close(async |_| {
                tokio::time::sleep(Duration::from_secs(2)).await;
                Ok(())
            });
            cx.on_close(async |_| std::future::pending().await);
            Ok(())
        }));
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        assert_eq!(error.errors().len(), 1, "{error:?}");
    });
}

#[test]
fn a_close_leaves_its_limit_to_itself() {
    paused(async {
        let trace = Trace::new();
        let mut leaves = Leaves::new(&trace);
        leaves.close = takes(6_000);
        leaves.second = takes(6_000);
        let running = App::new().with(leaves).boot().await.unwrap();
        running.close().await.unwrap();
        assert_eq!(trace.count("first"), 1);
    });
}

/// A task that gets on says nothing about a `drain` of its plugin that does not.
#[test]
fn progress_moves_the_limit_of_its_own_hook_alone() {
    paused(async {
        struct Works;
        #[bootstrap::extend::async_trait]
        impl Plugin for Works {
            fn descriptor(&self) -> Descriptor {
                Descriptor::new("works")
            }
            async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
                Ok(States::new())
            }
            async fn run(&self, cx: &RunContext) -> Result<()> {
                while !cx.is_stopped() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    cx.progress("one more");
                }
                Ok(())
            }
            async fn drain(&self, _: &DrainContext) -> Result<()> {
                std::future::pending().await
            }
        }
        let app = App::new().close_timeout(Duration::from_millis(200));
        let running = app.with(Works).boot().await.unwrap();
        let error = running.close().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[works] Plugin drain failed: timed out after 200 ms"
        );
    });
}
