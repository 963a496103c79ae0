//! Limits of time, and loads that block their thread.

use std::sync::Arc;
use std::time::Duration;

use bootstrap::{App, BootErrorKind, HookError, HookFailure};
use support::{Probe, Trace, act, hangs, paused, register_graph, takes, threaded};
use tokio::time::Instant;

use super::SECOND;

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
            "error[BOOT011]: boot stopped after 15 s: 1 plugin still loading, 2 wait for it\n  \
             loading: `cache` for 14.2 s\n  \
             loaded: 1 plugin, slowest `config` 800 ms\n  \
             critical path: `config` 800 ms -> `cache` 14.2 s\n  \
             waiting: `http` <- `billing` <- `cache`\n  \
             closed again: `config`\n  \
             help: find out what `cache` waits for, or raise `App::boot_timeout`; with a `load_timeout` \
             of its own it would fail sooner"
        );
        assert_eq!(trace.count("drop(cache)"), 1);
    });
}

/// A10: a load has a limit of its own, else the app's.
#[test]
fn a_load_that_takes_too_long_is_cancelled() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .load_timeout(Duration::from_secs(9))
            .with(Probe::new("own", &trace).load(hangs()).load_timeout(SECOND));
        let began = Instant::now();
        let error = app.boot().await.unwrap_err();
        assert_eq!(began.elapsed(), SECOND);
        assert_eq!(
            error.to_string(),
            "[own] Plugin load failed: timed out after 1 s"
        );
        assert!(
            matches!(error.failures()[0].failure(), HookFailure::TimedOut { limit, .. } if *limit == SECOND)
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
                    .load_timeout(Duration::from_secs(30)),
            )
            .with(
                Probe::new("b", &trace)
                    .load(hangs())
                    .load_timeout(Duration::from_secs(20)),
            )
            .with(
                Probe::new("c", &trace)
                    .load(hangs())
                    .load_timeout(Duration::from_secs(25)),
            );
        let began = Instant::now();
        let error = app.boot().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(20));
        assert_eq!(error.failures()[0].plugin(), &"b");
        assert_eq!(error.cancelled(), ["a", "c"]);
    });
}

/// S29: a load that blocks its thread is left behind: the boot returns all the same, on time.
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
                .load_timeout(Duration::from_millis(50)),
        ];
        register_graph(&mut app, probes, &[&[], &[0]]);
        let error = app.boot().await.unwrap_err();
        assert!(error.is_abandoned());
        assert!(
            matches!(error.failures()[0].failure(), HookFailure::Abandoned { .. }),
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

/// The limit of the boot holds for everything that belongs to it.
#[test]
fn what_the_end_of_the_time_for_booting_found_is_said() {
    paused(async {
        let trace = Trace::new();
        let app = || App::new().boot_timeout(SECOND);
        let ready = app().with(Probe::new("a", &trace).ready(hangs()));
        let start = app().on_start(async |_| std::future::pending().await);
        for (app, said) in [
            (ready, "boot stopped after 1 s: 1 plugin not ready"),
            (
                start,
                "boot stopped after 1 s: an `on_start` hook was still running",
            ),
        ] {
            let error = app.boot().await.unwrap_err();
            assert!(matches!(error.kind(), BootErrorKind::TimedOut { .. }));
            assert_eq!(error.to_string(), said);
        }
    });
}

#[test]
fn a_load_that_blocks_through_the_end_of_the_boot_is_what_failed() {
    threaded(async {
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let blocked = std::sync::Mutex::new(blocked);
        let blocks = act(move || {
            let _ = blocked.lock().unwrap().recv();
            async { Ok(()) }
        });
        let trace = Trace::new();
        let error = App::new()
            .boot_timeout(Duration::from_millis(50))
            .with(Probe::new("blocks", &trace).load(blocks))
            .boot()
            .await
            .unwrap_err();
        assert!(matches!(error.kind(), BootErrorKind::Failed), "{error:?}");
        let [failure] = error.failures() else {
            panic!("{error:?}");
        };
        assert!(matches!(failure.failure(), HookFailure::Abandoned { .. }));
        assert!(error.cancelled().is_empty());
        drop(release);
    });
}

#[test]
fn two_loads_whose_time_is_up_at_once_are_both_kept() {
    paused(async {
        let trace = Trace::new();
        let error = App::new()
            .load_timeout(SECOND)
            .with(Probe::new("b", &trace).load(hangs()))
            .with(Probe::new("a", &trace).load(hangs()))
            .boot()
            .await
            .unwrap_err();
        let failures: Vec<_> = error.failures().iter().map(ToString::to_string).collect();
        assert_eq!(
            failures,
            [
                "[a] Plugin load failed: timed out after 1 s",
                "[b] Plugin load failed: timed out after 1 s",
            ]
        );
        assert!(error.cancelled().is_empty());
    });
}

/// A62: a `ready` has the limit that its plugin has for `load`.
#[test]
fn a_ready_hook_that_takes_too_long_fails_the_boot() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .boot_timeout(Duration::from_mins(1))
            .with(Probe::new("a", &trace).ready(hangs()).load_timeout(SECOND));
        let error = app.boot().await.unwrap_err();
        let failures: Vec<_> = error.failures().iter().map(HookError::to_string).collect();
        assert_eq!(failures, ["[a] Plugin ready failed: timed out after 1 s"]);
        assert_eq!(error.closed(), ["a"]);
    });
}

#[test]
fn the_limit_of_the_boot_holds_for_the_hooks_of_the_app() {
    paused(async {
        let app = App::new()
            .boot_timeout(2 * SECOND)
            .on_start(async |_| std::future::pending().await);
        let boot = tokio::time::timeout(5 * SECOND, app.boot());
        let error = boot.await.unwrap().unwrap_err();
        let limit = 2 * SECOND;
        assert!(
            matches!(error.kind(), BootErrorKind::TimedOut { limit: it } if *it == limit),
            "{error:?}"
        );
        assert_eq!(error.cancelled(), ["app"]);
    });
}

/// Tokio makes a future that has received a lot give way to others: it is polled again.
#[test]
fn a_load_that_uses_up_its_turn_goes_on_in_the_next() {
    paused(async {
        let mut app = App::new();
        app.register_fn("busy", async |_| {
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            for n in 0..10_000 {
                sender.send(n)?;
            }
            for n in 0..10_000 {
                anyhow::ensure!(receiver.recv().await == Some(n));
            }
            Ok(())
        });
        app.boot().await.unwrap().close().await.unwrap();
    });
}

/// A10: nothing limits a load that nobody has limited.
#[test]
fn a_load_without_a_limit_may_take_as_long_as_it_has_to() {
    paused(async {
        let began = Instant::now();
        let day = 24 * 60 * 60 * 1_000;
        let app = App::new().with(Probe::new("slow", &Trace::new()).load(takes(day)));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_millis(day));
    });
}

/// A62: a hook of the app has the limit that the app has for loads.
#[test]
fn an_on_start_hook_that_takes_too_long_fails_the_boot() {
    paused(async {
        let trace = Trace::new();
        let began = Instant::now();
        let app = App::new()
            .load_timeout(SECOND)
            .with(Probe::new("a", &trace))
            .on_start(async |_| std::future::pending().await);
        let error = app.boot().await.unwrap_err();
        assert_eq!(began.elapsed(), SECOND);
        assert_eq!(
            error.to_string(),
            "[app] Plugin start failed: timed out after 1 s"
        );
        assert_eq!(error.closed(), ["a"]);
    });
}

/// S30: a boot that has no time begins nothing.
#[test]
fn a_boot_whose_time_is_up_before_it_begins_runs_no_hook() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new().boot_timeout(Duration::ZERO);
        let probes = vec![Probe::new("a", &trace), Probe::new("b", &trace)];
        register_graph(&mut app, probes, &[&[], &[0]]);
        let error = app.boot().await.unwrap_err();
        assert!(
            matches!(error.kind(), BootErrorKind::TimedOut { limit } if limit.is_zero()),
            "{error:?}"
        );
        assert_eq!(trace.events(), [""; 0]);
    });
}

/// S31: who had loaded when the time was up is closed before `boot` returns.
#[test]
fn a_boot_that_takes_too_long_closes_what_had_loaded() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new().boot_timeout(SECOND);
        let probes = vec![
            Probe::new("a", &trace).close(takes(5)),
            Probe::new("b", &trace).load(hangs()),
            Probe::new("c", &trace),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[1]]);
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.closed(), ["a"]);
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
    });
}
