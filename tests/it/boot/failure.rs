//! A hook that fails or panics, and what is undone.

use std::error::Error;
use std::io;
use std::time::Duration;

use bootstrap::error::{BootErrorKind, HookFailure, Mistake};
use bootstrap::extend::{Descriptor, Plugin, States};
use bootstrap::lifecycle::{Phase, Status};
use bootstrap::prelude::*;
use bootstrap::report::Outcome;
use bootstrap::{App, plugin_fn};
use support::{
    Act, Probe, Trace, act, fails, fails_after, hangs, panics, panics_after, paused,
    register_graph, takes, threaded,
};
use tokio::time::Instant;

use super::SECOND;

/// S20: before its first await or after it, a failure is the same failure.
/// A23: and it comes out of `boot`. R18: in these words.
#[test]
fn a_load_fails_the_same_way_before_and_after_its_first_await() {
    paused(async {
        for load in [
            fails("connection refused"),
            fails_after(5, "connection refused"),
        ] {
            let trace = Trace::new();
            let mut app = App::new();
            let probes = vec![
                Probe::new("a", &trace),
                Probe::new("my-plugin", &trace).load(load),
                Probe::new("c", &trace),
            ];
            register_graph(&mut app, probes, &[&[], &[0], &[1]]);
            let error = app.boot().await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "[my-plugin] Plugin load failed: connection refused"
            );
            assert_eq!(
                trace.events(),
                [
                    "load(a)+",
                    "load(a)-",
                    "load(my-plugin)+",
                    "close(a)+",
                    "close(a)-"
                ]
            );
        }
    });
}

/// R19: the error that the hook returned is the source, as it was.
#[test]
fn the_original_error_is_the_source_and_can_be_downcast() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("socket", async |_| {
            Err(io::Error::new(io::ErrorKind::AddrInUse, "port 80 is taken").into())
        }));
        let error = app.boot().await.unwrap_err();
        let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.kind(), io::ErrorKind::AddrInUse);
        let failure = &error.failures()[0];
        assert!(failure.error().unwrap().is::<io::Error>());
        assert_eq!(failure.phase(), Phase::Load);
        // And through `anyhow`, as `main` would pass it on.
        let passed_on = anyhow::Error::new(error);
        assert!(
            passed_on
                .chain()
                .any(|cause| cause.downcast_ref::<io::Error>().is_some())
        );
    });
}

/// S21: what had loaded is closed once, what failed is not, and what waited never started.
#[test]
fn a_failure_closes_what_had_loaded_and_starts_nothing_more() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("a", &trace),
            Probe::new("b", &trace).load(fails_after(1, "no luck")),
            Probe::new("c", &trace),
            Probe::new("d", &trace),
        ];
        register_graph(&mut app, probes, &[&[], &[], &[1], &[2]]);
        let handle = app.handle();
        let error = app.boot().await.unwrap_err();
        assert!(matches!(error.kind(), BootErrorKind::Failed));
        assert_eq!(error.failures()[0].plugin(), &"b");
        let waiters: Vec<_> = error
            .not_started()
            .iter()
            .map(|waiter| {
                (
                    waiter.plugin.to_string(),
                    waiter.because.clone().unwrap().to_string(),
                )
            })
            .collect();
        let because_of_b = |name: &str| (name.to_owned(), "b".to_owned());
        assert_eq!(waiters, [because_of_b("c"), because_of_b("d")]);
        assert_eq!(error.closed(), ["a"]);
        assert_eq!(
            trace.events(),
            ["load(a)+", "load(a)-", "load(b)+", "close(a)+", "close(a)-"]
        );
        assert_eq!(handle.status(), Status::Failed);
        assert_eq!(
            handle.report().plugin("b").unwrap().load.outcome,
            Outcome::Failed
        );
    });
}

/// S22: a sibling that takes a minute does not hold the failure up: it is cancelled.
#[test]
fn a_failure_cancels_the_loads_that_are_under_way() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("b", &trace).load(fails_after(10, "no luck")))
            .with(Probe::new("s", &trace).load(takes(60_000)));
        let began = Instant::now();
        let error = app.boot().await.unwrap_err();
        assert!(began.elapsed() < SECOND);
        assert_eq!(error.cancelled(), ["s"]);
        assert_eq!(trace.events(), ["load(b)+", "load(s)+", "drop(s)"]);
    });
}

/// S23: two that fail at one instant are both kept, in the order of the plan, and always so.
#[test]
fn two_failures_at_once_are_both_kept() {
    for (first, last) in [("y", "z"), ("z", "y")] {
        paused(async move {
            let trace = Trace::new();
            let app = App::new()
                .with(Probe::new(first, &trace).load(fails_after(5, "no luck")))
                .with(Probe::new(last, &trace).load(fails_after(5, "no luck")));
            let error = app.boot().await.unwrap_err();
            let failures: Vec<_> = error.failures().iter().map(ToString::to_string).collect();
            assert_eq!(
                failures,
                [
                    "[y] Plugin load failed: no luck",
                    "[z] Plugin load failed: no luck"
                ]
            );
            assert!(error.cancelled().is_empty(), "{error:?}");
        });
    }
}

/// S23: one that goes on at the instant at which another one fails goes on no further.
#[test]
fn a_load_that_is_not_done_at_the_instant_of_a_failure_is_cancelled() {
    paused(async {
        let trace = Trace::new();
        let steps = act(async || {
            tokio::time::sleep(Duration::from_millis(5)).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok(())
        });
        let app = App::new()
            .with(Probe::new("fails", &trace).load(fails_after(5, "no luck")))
            .with(Probe::new("goes-on", &trace).load(steps));
        let began = Instant::now();
        let error = app.boot().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_millis(5));
        assert_eq!(error.cancelled(), ["goes-on"]);
        assert_eq!(trace.count("drop(goes-on)"), 1);
    });
}

/// S24: both the failure and what goes wrong while rolling back are kept, in this order.
#[test]
fn errors_of_the_rollback_stand_behind_the_failure() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("a", &trace).close(fails("can't close")),
            Probe::new("b", &trace).load(fails("can't load")),
        ];
        register_graph(&mut app, probes, &[&[], &[0]]);
        let handle = app.handle();
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[b] Plugin load failed: can't load");
        let rollback: Vec<_> = error
            .rollback_errors()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(rollback, ["[a] Plugin close failed: can't close"]);
        let text = error.render();
        assert!(text.find("can't load").unwrap() < text.find("can't close").unwrap());
        // Whoever asks the handle hears of the rollback.
        let closed = handle.close().await.unwrap_err();
        assert_eq!(closed.to_string(), "[a] Plugin close failed: can't close");
    });
}

/// S25: a rollback that hangs ends by its limit, and the error tells of both.
#[test]
fn a_rollback_that_hangs_ends_by_its_limit_and_is_told_behind_the_failure() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("base", &trace),
            Probe::new("a", &trace).close(hangs()),
            Probe::new("b", &trace).load(fails("can't load")),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[1]]);
        let began = Instant::now();
        let error = app.boot().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(10));
        assert_eq!(error.to_string(), "[b] Plugin load failed: can't load");
        let rollback: Vec<_> = error
            .rollback_errors()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(rollback, ["[a] Plugin close failed: timed out after 10 s"]);
        assert_eq!(trace.count("close(base)-"), 1);
    });
}

/// S24: several errors of a rollback are numbered, in the order in which they happened.
#[test]
fn the_errors_of_a_rollback_are_numbered_in_their_order() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("a", &trace).close(fails("a is stuck")),
            Probe::new("b", &trace).close(fails_after(5, "b is stuck")),
            Probe::new("c", &trace).load(fails("no")),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[1]]);
        let text = app.boot().await.unwrap_err().render();
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("-->")).collect();
        assert_eq!(
            lines,
            [
                "error[BOOT010]: [c] Plugin load failed: no",
                "  closed again: `b`, `a` (in 5 ms)",
                "  while closing, 1:",
                "    [b] Plugin close failed: b is stuck",
                "  while closing, 2:",
                "    [a] Plugin close failed: a is stuck",
                "  help: everything that had loaded has been closed; remove the cause; if it is temporary, let `retry` try again",
            ]
        );
    });
}

/// What `on_close` hooks belong to is an app that ran.
#[test]
fn a_rollback_closes_plugins_and_runs_no_hook_of_the_app() {
    paused(async {
        let trace = Trace::new();
        let log = trace.clone();
        let app = App::new()
            .with(Probe::new("a", &trace))
            .with(Probe::new("b", &trace).load(fails_after(5, "no")))
            .on_close(async move |_| {
                log.add("on_close");
                Ok(())
            });
        app.boot().await.unwrap_err();
        assert_eq!(
            trace.events(),
            ["load(a)+", "load(a)-", "load(b)+", "close(a)+", "close(a)-"]
        );
    });
}

/// Boots `a <- b`, where the load of `b` panics.
async fn boot_with_a_panic(load: Act) {
    let trace = Trace::new();
    let mut app = App::new();
    let probes = vec![Probe::new("a", &trace), Probe::new("b", &trace).load(load)];
    register_graph(&mut app, probes, &[&[], &[0]]);
    let error = app.boot().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "[b] Plugin load failed: panicked: boom",
        "{error:?}"
    );
    let [failure] = error.failures() else {
        panic!("{error:?}");
    };
    assert!(matches!(failure.failure(), HookFailure::Panic(message) if message == "boom"));
    let outcome = error.report().plugin("b").unwrap().load.outcome;
    assert_eq!(outcome, Outcome::Panicked);
    assert_eq!(
        trace.events(),
        [
            "load(a)+",
            "load(a)-",
            "load(b)+",
            "drop(b)",
            "close(a)+",
            "close(a)-"
        ]
    );
}

/// S26, A65: a panic is a failure of its plugin, before an await and after one, on the thread of
/// the test and on those of a runtime.
#[test]
fn a_panic_is_attributed_to_its_plugin_and_rolled_back() {
    paused(boot_with_a_panic(panics("boom")));
    paused(boot_with_a_panic(panics_after(5, "boom")));
    threaded(boot_with_a_panic(panics("boom")));
    threaded(boot_with_a_panic(panics_after(5, "boom")));
}

/// S26: a task that a load has spawned panics on a thread of its own: whoever waits for it gets an
/// error, which is an error of the load.
#[test]
fn a_panic_of_a_task_is_the_error_of_the_load_that_waits_for_it() {
    threaded(async {
        let trace = Trace::new();
        let spawns = act(async || {
            tokio::spawn(async { panic!("boom") }).await?;
            Ok(())
        });
        let app = App::new().with(Probe::new("spawns", &trace).load(spawns));
        let error = app.boot().await.unwrap_err();
        let cause = error.failures()[0].failure();
        let HookFailure::Error(error) = cause else {
            panic!("{cause:?}");
        };
        assert!(
            error
                .downcast_ref::<tokio::task::JoinError>()
                .unwrap()
                .is_panic()
        );
    });
}

/// S26: a closure can panic before there is a future that could.
#[test]
fn a_closure_that_panics_before_it_has_made_its_future_is_a_failed_load() {
    fn explodes(_: LoadContext) -> std::future::Ready<Result<()>> {
        panic!("boom")
    }
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("explodes", explodes));
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[explodes] Plugin load failed: panicked: boom"
        );
        assert!(matches!(
            error.failures()[0].failure(),
            HookFailure::Panic(_)
        ));
        let outcome = error.report().plugin("explodes").unwrap().load.outcome;
        assert_eq!(outcome, Outcome::Panicked);
    });
}

/// Provides nothing of what it promised.
struct Forgetful(States);
struct Promised;
struct Surprise;

#[bootstrap::extend::async_trait]
impl Plugin for Forgetful {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("forgetful").provides::<Promised>()
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        Ok(std::mem::take(&mut self.0))
    }
}

/// R62: a state that was declared and never made is an error, and so is one that was not declared.
#[test]
fn a_plugin_made_at_run_time_must_make_what_its_descriptor_says() {
    paused(async {
        let error = App::new()
            .with(Forgetful(States::new()))
            .boot()
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "[forgetful] Plugin load failed: returned without the state `Promised`, which its descriptor provides"
        );
        assert!(matches!(
            error.failures()[0].failure(),
            HookFailure::Refused(mistake) if matches!(**mistake, Mistake::StatesDiffer { .. })
        ));
        // It has loaded, so it is closed.
        assert_eq!(error.closed(), ["forgetful"]);

        let too_much = States::new().with(Promised).with(Surprise);
        let error = App::new()
            .with(Forgetful(too_much))
            .boot()
            .await
            .unwrap_err();
        assert!(
            matches!(
                error.failures()[0].failure(),
                HookFailure::Refused(mistake) if matches!(**mistake, Mistake::StatesDiffer { .. })
            ),
            "{error}"
        );
        let twice = States::new().with(Promised).with(Promised);
        let error = App::new().with(Forgetful(twice)).boot().await.unwrap_err();
        assert!(
            matches!(
                error.failures()[0].failure(),
                HookFailure::Refused(mistake) if matches!(**mistake, Mistake::StatesDiffer { .. })
            ),
            "{error}"
        );
        let right = States::new().with(Promised);
        App::new()
            .with(Forgetful(right))
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
    });
}

/// The report of a failed boot shows what each plugin came to.
#[test]
fn the_diagnosis_of_a_failure_reads_from_the_cause_to_the_remedy() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let refused = act(async || {
            Err(io::Error::new(
                io::ErrorKind::ConnectionRefused,
                "connection refused",
            ))
            .map_err(|error| anyhow::Error::new(error).context("connecting to redis:6379"))
        });
        let probes = vec![
            Probe::new("config", &trace).close(panics("close boom")),
            Probe::new("cache", &trace).load(refused),
            Probe::new("http", &trace),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[1]]);
        let text = app.boot().await.unwrap_err().render();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.retain(|line| !line.contains("-->"));
        assert_eq!(
            lines,
            [
                "error[BOOT010]: [cache] Plugin load failed: connecting to redis:6379",
                "  caused by: connection refused",
                "  not started: `http` <- `cache`",
                "  closed again: `config`",
                "  while closing, 1:",
                "    [config] Plugin close failed: panicked: close boom",
                "  help: everything that had loaded has been closed; remove the cause; if it is temporary, let `retry` try again",
            ]
        );
    });
}
