//! Booting: order, parallelism, failure and rollback, limits, cancelling.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap::{
    App, BootErrorKind, Cause, Descriptor, Outcome, Phase, Plugin, ShutdownReason, States, Status,
};
use support::{
    Probe, Trace, act, fails, fails_after, hangs, panics, panics_after, paused, register_graph,
    succeeds, takes, threaded,
};
use tokio::sync::Barrier;
use tokio::time::Instant;

fn second() -> Duration {
    Duration::from_secs(1)
}

/// A2, R8, R65: every plugin loads after what it needs, whatever the order of registration.
#[test]
fn a_plugin_loads_after_what_it_needs() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let names = ["top", "left", "right", "bottom"];
        let probes = names
            .map(|name| Probe::new(name, &trace).load(takes(5)))
            .into();
        register_graph(&mut app, probes, &[&[1, 2], &[3], &[3], &[]]);
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(bottom)+",
                "load(bottom)-",
                "load(left)+",
                "load(right)+",
                "load(left)-",
                "load(right)-",
                "load(top)+",
                "load(top)-",
            ]
        );
        running.close().await.unwrap();
    });
}

/// A3, A4, A38: the app runs once everything has loaded, and not before.
/// A9: nothing loads before the boot is awaited. A41: and then once.
#[test]
fn nothing_loads_before_the_first_poll_and_everything_before_the_end() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Probe::new("a", &trace).load(takes(1)));
        let handle = app.handle();
        let boot = app.boot();
        assert_eq!(handle.status(), Status::Configured);
        assert_eq!(trace.events(), Vec::<String>::new());
        let running = boot.await.unwrap();
        assert_eq!(handle.status(), Status::Ready);
        assert_eq!(trace.events(), ["load(a)+", "load(a)-"]);
        running.close().await.unwrap();
    });
}

/// S16: the two plugins in the middle of a diamond load at the same time: each waits for the other.
#[test]
fn independent_plugins_load_at_the_same_time() {
    async fn boot() {
        let trace = Trace::new();
        let barrier = Arc::new(Barrier::new(2));
        let meets = act(move || {
            let barrier = Arc::clone(&barrier);
            async move {
                barrier.wait().await;
                Ok(())
            }
        });
        let mut app = App::new();
        let probes = vec![
            Probe::new("top", &trace),
            Probe::new("left", &trace).load(meets.clone()),
            Probe::new("right", &trace).load(meets),
            Probe::new("bottom", &trace),
        ];
        register_graph(&mut app, probes, &[&[1, 2], &[3], &[3], &[]]);
        app.boot().await.unwrap().close().await.unwrap();
    }
    paused(boot());
    threaded(boot());
}

/// S17: no levels: what has all it needs does not wait for an unrelated slow one.
#[test]
fn a_plugin_starts_as_soon_as_its_own_needs_are_met() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("quick", &trace).load(takes(1)),
            Probe::new("slow", &trace).load(takes(1_000)),
            Probe::new("user-of-quick", &trace),
        ];
        register_graph(&mut app, probes, &[&[], &[], &[0]]);
        app.boot().await.unwrap().close().await.unwrap();
        assert!(trace.is_before("load(user-of-quick)-", "load(slow)-"));
    });
}

/// S18: in a thousand orders of ends, nothing starts before both of its needs are there.
#[test]
fn a_plugin_waits_for_all_of_its_needs_in_any_order_of_their_ends() {
    paused(async {
        for seed in 0..1_000_u64 {
            let trace = Trace::new();
            let mut app = App::new();
            let time = |n: u64| takes(seed.wrapping_mul(6_364_136_223_846_793_005 + n) >> 61);
            let probes = vec![
                Probe::new("a", &trace).load(time(1)),
                Probe::new("b", &trace).load(time(2)),
                Probe::new("c", &trace).load(time(3)),
            ];
            register_graph(&mut app, probes, &[&[], &[], &[0, 1]]);
            app.boot().await.unwrap().close().await.unwrap();
            assert!(trace.is_before("load(a)-", "load(c)+"), "{trace:?}");
            assert!(trace.is_before("load(b)-", "load(c)+"), "{trace:?}");
        }
    });
}

#[test]
fn a_hundred_independent_waits_take_as_long_as_one() {
    paused(async {
        let trace = Trace::new();
        let probe = |n| Probe::new(format!("p{n:02}"), &trace).load(takes(10));
        let app = (0..100).fold(App::new(), |app, n| app.with(probe(n)));
        let began = Instant::now();
        let running = app.boot().await.unwrap();
        let took = began.elapsed();
        assert!(took < Duration::from_millis(12), "{took:?}");
        running.close().await.unwrap();
    });
}

#[test]
fn ten_layers_of_ten_take_as_long_as_ten() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = (0..100)
            .map(|n| Probe::new(format!("p{n:02}"), &trace).load(takes(10)))
            .collect();
        let needs: Vec<Vec<usize>> = (0..100_usize)
            .map(|n| match (n / 10).checked_sub(1) {
                Some(below) => (below * 10..below * 10 + 10).collect(),
                None => Vec::new(),
            })
            .collect();
        let edges: Vec<&[usize]> = needs.iter().map(Vec::as_slice).collect();
        register_graph(&mut app, probes, &edges);
        let began = Instant::now();
        let running = app.boot().await.unwrap();
        let took = began.elapsed();
        assert!(took < Duration::from_millis(120), "{took:?}");
        running.close().await.unwrap();
    });
}

/// A2: one after the other, in the order of the plan, for those who want it.
#[test]
fn a_serial_app_loads_in_the_order_of_the_plan_and_closes_in_reverse() {
    paused(async {
        let trace = Trace::new();
        let app = ["c", "a", "b"].into_iter().fold(App::new(), |app, name| {
            app.with(Probe::new(name, &trace).load(takes(3)).close(takes(2)))
        });
        let plan: Vec<_> = app
            .plan()
            .unwrap()
            .order()
            .map(|p| p.name().to_string())
            .collect();
        assert_eq!(plan, ["a", "b", "c"]);
        app.serial().boot().await.unwrap().close().await.unwrap();
        let expected = [
            "load(a)+",
            "load(a)-",
            "load(b)+",
            "load(b)-",
            "load(c)+",
            "load(c)-",
            "close(c)+",
            "close(c)-",
            "close(b)+",
            "close(b)-",
            "close(a)+",
            "close(a)-",
        ];
        assert_eq!(trace.events(), expected);
    });
}

#[test]
fn at_most_as_many_hooks_run_at_a_time_as_allowed() {
    paused(async {
        let trace = Trace::new();
        let probe = |n| Probe::new(format!("p{n}"), &trace).load(takes(10));
        let app = (0..7)
            .fold(App::new(), |app, n| app.with(probe(n)))
            .max_concurrency(3);
        app.boot().await.unwrap().close().await.unwrap();
        let mut at_once = 0_i32;
        let mut most = 0;
        for event in trace.events() {
            match event.as_bytes() {
                [b'l', .., b'+'] => at_once += 1,
                [b'l', .., b'-'] => at_once -= 1,
                _ => {}
            }
            most = most.max(at_once);
        }
        assert_eq!(most, 3);
    });
}

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
        app.register_fn("socket", async |_| {
            Err(io::Error::new(io::ErrorKind::AddrInUse, "port 80 is taken").into())
        });
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
        assert!(began.elapsed() < second());
        assert_eq!(error.cancelled(), ["s"]);
        assert_eq!(trace.events(), ["load(b)+", "load(s)+", "drop(s)"]);
    });
}

/// Two that fail at one instant are both kept, in the order of the plan.
#[test]
fn two_failures_at_once_are_both_kept() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("z", &trace).load(fails_after(5, "z fails")))
            .with(Probe::new("y", &trace).load(fails_after(5, "y fails")));
        let error = app.boot().await.unwrap_err();
        let failures: Vec<_> = error.failures().iter().map(ToString::to_string).collect();
        // The first one to be polled stops the other, unless that is done as well.
        assert_eq!(failures[0], "[y] Plugin load failed: y fails");
        assert!(failures.len() == 2 || error.cancelled() == ["z"]);
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

/// S26, A65: a panic is a failure of its plugin: before an await, after one, on another thread.
#[test]
fn a_panic_is_attributed_to_its_plugin_and_rolled_back() {
    let on_another_thread = act(async || {
        tokio::spawn(async { panic!("boom") }).await?;
        Ok(())
    });
    for load in [panics("boom"), panics_after(5, "boom"), on_another_thread] {
        paused(async move {
            let trace = Trace::new();
            let mut app = App::new();
            let probes = vec![Probe::new("a", &trace), Probe::new("b", &trace).load(load)];
            register_graph(&mut app, probes, &[&[], &[0]]);
            let error = app.boot().await.unwrap_err();
            assert_eq!(error.failures()[0].plugin(), &"b");
            assert!(error.to_string().contains("boom"), "{error}");
            assert_eq!(trace.count("close(a)-"), 1);
            assert_eq!(trace.count("close(b)+"), 0);
        });
    }
}

/// S27: a load that never wakes is ended by the limit of the boot, which names it and its waiters.
#[test]
fn a_load_that_never_ends_is_named_with_those_who_wait_for_it() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new().boot_timeout(Duration::from_secs(15));
        let probes = vec![
            Probe::new("config", &trace).load(takes(800)),
            Probe::new("cache", &trace).load(hangs()),
            Probe::new("billing", &trace),
            Probe::new("http", &trace),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[1], &[2]]);
        let error = app.boot().await.unwrap_err();
        assert!(matches!(error.kind(), BootErrorKind::TimedOut { limit } if limit.as_secs() == 15));
        assert_eq!(
            error.render(),
            "error[BOOT011]: boot stopped after 15 s: 1 plugin still loading, 2 not started\n  \
             loading: `cache` for 14.2 s, after `config`\n  \
             cancelled: `cache`\n  \
             not started: `billing` <- `cache`\n  \
             not started: `http` <- `cache`\n  \
             closed again: `config`\n  \
             help: raise `boot_timeout`, or give the plugin that is loading a `timeout` of its \
             own, so that it fails sooner"
        );
        assert_eq!(trace.count("drop(cache)"), 1);
    });
}

/// A load has a limit of its own, else the app's.
#[test]
fn a_load_that_takes_too_long_is_cancelled() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .load_timeout(Duration::from_secs(9))
            .with(Probe::new("own", &trace).load(hangs()).timeout(second()));
        let began = Instant::now();
        let error = app.boot().await.unwrap_err();
        assert_eq!(began.elapsed(), second());
        assert_eq!(
            error.to_string(),
            "[own] Plugin load failed: timed out after 1 s"
        );
        assert!(
            matches!(error.failures()[0].cause(), Cause::TimedOut { limit } if *limit == second())
        );
        assert_eq!(trace.events(), ["load(own)+", "drop(own)"]);

        let app = App::new()
            .load_timeout(Duration::from_secs(9))
            .with(Probe::new("apps", &trace).load(hangs()));
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[apps] Plugin load failed: timed out after 9 s"
        );
    });
}

#[test]
fn limits_hold_in_the_order_of_their_ends_not_of_their_beginnings() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(
                Probe::new("a", &trace)
                    .load(hangs())
                    .timeout(Duration::from_secs(30)),
            )
            .with(
                Probe::new("b", &trace)
                    .load(hangs())
                    .timeout(Duration::from_secs(20)),
            )
            .with(
                Probe::new("c", &trace)
                    .load(hangs())
                    .timeout(Duration::from_secs(25)),
            );
        let began = Instant::now();
        let error = app.boot().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(20));
        assert_eq!(error.failures()[0].plugin(), &"b");
        assert_eq!(error.cancelled(), ["a", "c"]);
    });
}

/// A load that blocks its thread is left behind: the boot returns all the same, on time.
#[test]
fn a_load_that_blocks_its_thread_does_not_keep_the_boot_from_returning() {
    threaded(async {
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let blocked = std::sync::Mutex::new(blocked);
        let trace = Trace::new();
        let mut app = App::new();
        let blocks = act(move || {
            let _ = blocked.lock().unwrap().recv();
            async { Ok(()) }
        });
        let probes = vec![
            Probe::new("a", &trace),
            Probe::new("blocks", &trace)
                .load(blocks)
                .timeout(Duration::from_millis(50)),
        ];
        register_graph(&mut app, probes, &[&[], &[0]]);
        let error = app.boot().await.unwrap_err();
        assert!(error.is_abandoned());
        assert!(
            matches!(error.failures()[0].cause(), Cause::Abandoned { .. }),
            "{error:?}"
        );
        assert_eq!(trace.count("close(a)-"), 1);
        drop(release);
    });
}

/// While one load blocks a thread, the others have the second one.
#[test]
fn loads_that_block_run_beside_each_other() {
    threaded(async {
        let meet = Arc::new(std::sync::Barrier::new(2));
        let blocks = act(move || {
            meet.wait();
            async { Ok(()) }
        });
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("a", &trace).load(blocks.clone()))
            .with(Probe::new("b", &trace).load(blocks));
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn ready_runs_once_everything_has_loaded_providers_first() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("a", &trace).load(takes(9)).ready(takes(9)),
            Probe::new("b", &trace).ready(succeeds()),
            Probe::new("c", &trace).load(takes(20)),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[]]);
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(a)+",
                "load(c)+",
                "load(a)-",
                "load(b)+",
                "load(b)-",
                "load(c)-",
                "ready(a)+",
                "ready(a)-",
                "ready(b)+",
                "ready(b)-",
            ]
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_failing_ready_hook_fails_the_boot_and_closes_everything() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("a", &trace).ready(fails("not ready")))
            .with(Probe::new("b", &trace));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[a] Plugin ready failed: not ready");
        assert_eq!(error.closed(), ["b", "a"]);
        assert_eq!(trace.count("close(a)-"), 1);
    });
}

/// A7: hooks that run once, when the app has started, in the order in which they were added.
#[test]
fn on_start_runs_once_when_everything_is_ready() {
    paused(async {
        let trace = Trace::new();
        let (first, second) = (trace.clone(), trace.clone());
        let app = App::new()
            .with(Probe::new("a", &trace).ready(takes(3)))
            .on_start(async move |cx| {
                first.add(format_args!("first, {:?}", cx.handle().status()));
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(())
            })
            .on_start(async move |cx| {
                second.add(format_args!("second, {} loaded", cx.report().plugins.len()));
                Ok(())
            });
        let running = app.boot().await.unwrap();
        running.close().await.unwrap();
        assert_eq!(
            trace.events()[2..6],
            [
                "ready(a)+",
                "ready(a)-",
                "first, Booting",
                "second, 1 loaded"
            ]
        );
        assert_eq!(trace.count("first, Booting"), 1);
    });
}

#[test]
fn an_on_start_hook_that_fails_or_panics_fails_the_boot() {
    paused(async {
        let trace = Trace::new();
        let app = || App::new().with(Probe::new("a", &trace));
        let error = app()
            .on_start(async |_| anyhow::bail!("no start"))
            .boot()
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "[app] Plugin start failed: no start");
        let error = app()
            .on_start(async |_| panic!("boom"))
            .boot()
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "[app] Plugin start failed: panicked: boom"
        );
        assert_eq!(trace.count("close(a)-"), 2);
    });
}

/// Provides nothing of what it promised.
struct Forgetful(States);
struct Promised;
struct Surprise;

#[bootstrap::async_trait]
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
            "[forgetful] Plugin load failed: it returned without the state `Promised`, which its \
             descriptor provides"
        );
        assert!(matches!(
            error.failures()[0].cause(),
            Cause::StateNotMade { .. }
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
            matches!(error.failures()[0].cause(), Cause::StateNotDeclared { .. }),
            "{error}"
        );
        let twice = States::new().with(Promised).with(Promised);
        let error = App::new().with(Forgetful(twice)).boot().await.unwrap_err();
        assert!(
            matches!(error.failures()[0].cause(), Cause::StateNotDeclared { .. }),
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

/// Dropping the future of `boot` interrupts it; what had loaded is closed in the background.
#[test]
fn a_boot_whose_future_is_dropped_rolls_back() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("a", &trace),
            Probe::new("b", &trace).load(hangs()),
        ];
        register_graph(&mut app, probes, &[&[], &[0]]);
        let handle = app.handle();
        let waited = tokio::time::timeout(second(), app.boot()).await;
        assert!(waited.is_err());
        handle.closed().await;
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
        assert_eq!(handle.status(), Status::Failed);
    });
}

#[test]
fn a_shutdown_while_booting_interrupts_the_boot() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("a", &trace),
            Probe::new("b", &trace).load(hangs()),
        ];
        register_graph(&mut app, probes, &[&[], &[0]]);
        let handle = app.handle();
        let boot = tokio::spawn(app.boot());
        tokio::time::sleep(second()).await;
        let closed = handle.close().await;
        assert!(closed.is_ok());
        let error = boot.await.unwrap().unwrap_err();
        assert!(matches!(
            error.kind(),
            BootErrorKind::Interrupted {
                reason: ShutdownReason::Requested
            }
        ));
        assert_eq!(error.closed(), ["a"]);
    });
}

#[test]
fn a_boot_outside_of_a_runtime_is_an_error_that_says_where_to_call_it() {
    let mut boot = std::pin::pin!(App::new().boot());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = boot.as_mut().poll(&mut cx) else {
        panic!("it can't wait without a runtime");
    };
    assert!(
        error.render().contains("inside `#[tokio::main]`"),
        "{error:?}"
    );
}

/// The runtime may be dropped at any time: nobody who waits for the app waits for ever.
#[test]
fn an_app_whose_runtime_is_gone_counts_as_ended() {
    let trace = Trace::new();
    let app = App::new().with(Probe::new("a", &trace));
    let handle = app.handle();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let running = runtime.block_on(app.boot()).unwrap();
    drop(runtime);
    assert_eq!(handle.status(), Status::Failed);
    paused(handle.closed());
    drop(running);
    assert_eq!(trace.events(), ["load(a)+", "load(a)-"]);
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
                "  help: everything that had loaded has been closed; fix the first error above",
            ]
        );
    });
}
