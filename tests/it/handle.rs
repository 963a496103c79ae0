//! `Handle` and `Running`: everybody's view of an app, in every phase.

use std::sync::Arc;
use std::time::Duration;

use bootstrap::error::BootErrorKind;
use bootstrap::lifecycle::{ShutdownReason, Status};
use bootstrap::{App, Handle};
use support::{Probe, Trace, act, fails, hangs, paused, succeeds, takes, threaded};
use tokio::sync::Barrier;

/// S59, A57: closing an app that has not booted is `Ok`, and no hook runs, then or later.
#[test]
fn a_close_before_the_boot_runs_no_hook() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Probe::new("a", &trace));
        let handle = app.handle();
        let report = handle.close().await.unwrap();
        assert_eq!(report.plugins.len(), 0);
        assert_eq!(handle.status(), Status::Closed);
        let error = app.boot().await.unwrap_err();
        assert!(matches!(error.kind(), BootErrorKind::Interrupted { .. }));
        assert_eq!(trace.events(), Vec::<String>::new());
    });
}

/// S49: a shutdown that was asked for before anybody waits is not forgotten.
#[test]
fn a_shutdown_before_the_boot_or_the_wait_is_remembered() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Probe::new("a", &trace));
        app.handle().shutdown();
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "boot was interrupted: shutdown was requested"
        );
        assert_eq!(trace.events(), Vec::<String>::new());

        let running = App::new()
            .with(Probe::new("a", &trace))
            .boot()
            .await
            .unwrap();
        running.handle().shutdown();
        assert_eq!(running.wait().await, ShutdownReason::Requested);
        running.close().await.unwrap();
        assert_eq!(trace.count("close(a)-"), 1);
    });
}

/// S49: an app that was asked to stop before it booted has nothing to report, and is closed.
#[test]
fn an_app_that_was_asked_to_stop_before_its_boot_counts_as_closed() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Probe::new("a", &trace));
        let handle = app.handle();
        handle.shutdown();
        assert_eq!(handle.status(), Status::Configured);
        let error = app.boot().await.unwrap_err();
        assert_eq!(handle.status(), Status::Closed);
        assert_eq!(error.report().plugins.len(), 0);
        assert_eq!(handle.close().await.unwrap().plugins.len(), 0);
        assert_eq!(trace.events(), Vec::<String>::new());
    });
}

/// S58, A58, D21: all who close, at once or later, get one outcome, and the hooks run once.
#[test]
fn everybody_who_closes_gets_the_same_outcome() {
    paused(async {
        let trace = Trace::new();
        let running = App::new()
            .with(
                Probe::new("a", &trace)
                    .close(fails("stuck"))
                    .drain(takes(5)),
            )
            .boot()
            .await
            .unwrap();
        let handle = running.handle();
        let (one, two, three) = tokio::join!(handle.close(), handle.close(), running.close());
        let later = handle.close().await;
        for outcome in [one, two, three, later] {
            let error = outcome.unwrap_err();
            assert_eq!(error.to_string(), "[a] Plugin close failed: stuck");
            assert_eq!(error.report().plugins.len(), 1);
        }
        assert_eq!(trace.count("close(a)+"), 1);
        assert_eq!(handle.closed().await.plugins.len(), 1);
    });
}

#[test]
fn a_handle_follows_the_status_of_its_app() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Probe::new("a", &trace).load(takes(10)).close(takes(10)));
        let handle = app.handle();
        assert_eq!(handle.status(), Status::Configured);
        let boot = tokio::spawn(app.boot());
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(handle.status(), Status::Booting);
        assert_eq!(
            handle.report().plugins.len(),
            1,
            "a report can be had while booting"
        );
        let running = boot.await.unwrap().unwrap();
        assert_eq!(handle.status(), Status::Ready);
        let close = tokio::spawn(running.close());
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(handle.status(), Status::Closing);
        close.await.unwrap().unwrap();
        assert_eq!(handle.status(), Status::Closed);
        assert!(handle.status().is_final());
    });
}

/// S61, A67: a running app that is dropped closes in the background.
#[test]
fn a_running_app_that_is_dropped_closes() {
    paused(async {
        let trace = Trace::new();
        let running = App::new()
            .with(Probe::new("a", &trace))
            .boot()
            .await
            .unwrap();
        let handle = running.handle();
        drop(running);
        handle.closed().await;
        assert_eq!(trace.count("close(a)-"), 1);
    });
}

#[test]
fn an_app_that_is_dropped_without_a_boot_counts_as_closed() {
    paused(async {
        let app = App::new();
        let handle = app.handle();
        drop(app);
        handle.closed().await;
        assert_eq!(handle.status(), Status::Closed);
    });
}

#[test]
fn a_close_while_closing_hangs_no_longer_than_the_close() {
    paused(async {
        let trace = Trace::new();
        let running = App::new()
            .with(Probe::new("a", &trace).close(hangs()))
            .boot()
            .await
            .unwrap();
        let handle = running.handle();
        drop(tokio::time::timeout(Duration::from_secs(1), running.close()).await);
        let error = handle.close().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[a] Plugin close failed: timed out after 10 s"
        );
    });
}

#[bootstrap::supplied]
struct Seven(#[allow(dead_code, reason = "a value")] u8);

/// A18, D26: everything about an app can be said in one chain.
#[test]
fn an_app_is_built_in_one_chain() {
    paused(async {
        let trace = Trace::new();
        App::new()
            .with(Probe::new("a", &trace))
            .with(Probe::new("b", &trace))
            .supply(Seven(7))
            .expect(["a", "b"])
            .max_concurrency(1)
            .max_concurrency(2)
            .boot_timeout(Duration::from_secs(5))
            .load_timeout(Duration::from_secs(1))
            .shutdown_timeout(Duration::from_secs(5))
            .close_timeout(Duration::from_secs(1))
            .on_start(async |_| Ok(()))
            .on_close(async |_| Ok(()))
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        assert_eq!(trace.count("close(a)-"), 1);
    });
}

/// Readiness and liveness: every status from boot to the end, and then no more.
#[test]
fn a_watch_sees_where_the_app_is_until_it_has_ended() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(
            Probe::new("a", &trace)
                .load(takes(1))
                .drain(takes(1))
                .close(takes(1)),
        );
        let mut watch = app.handle().watch();
        let watching = tokio::spawn(async move {
            let mut seen = vec![watch.status()];
            while let Some(status) = watch.changed().await {
                seen.push(status);
            }
            assert_eq!(watch.changed().await, None, "nothing comes after the end");
            seen
        });
        tokio::task::yield_now().await;
        let running = app.boot().await.unwrap();
        tokio::task::yield_now().await;
        running.close().await.unwrap();
        assert_eq!(
            watching.await.unwrap(),
            [
                Status::Configured,
                Status::Booting,
                Status::Ready,
                Status::Draining,
                Status::Closing,
                Status::Closed
            ]
        );
    });
}

/// Also if the app is gone by the time that somebody looks.
#[test]
fn a_watch_keeps_the_last_status() {
    paused(async {
        let app = App::new();
        let mut watch = app.handle().watch();
        app.boot().await.unwrap().close().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(watch.changed().await, Some(Status::Closed));
        assert_eq!(watch.changed().await, None);
    });
}

/// A68: the end is heard of by everybody who waits for it, and not before it has come.
#[test]
fn everybody_hears_of_the_end_of_the_close_when_it_has_come() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Probe::new("a", &trace).close(takes(5)));
        let listening: Vec<_> = ["one", "two"]
            .map(|name| {
                let (handle, trace) = (app.handle(), trace.clone());
                tokio::spawn(async move {
                    let report = handle.closed().await;
                    assert_eq!(handle.status(), Status::Closed);
                    trace.add(format_args!("{name}: {} closed", report.plugins.len()));
                })
            })
            .into();
        let running = app.boot().await.unwrap();
        trace.take();
        running.close().await.unwrap();
        for listener in listening {
            listener.await.unwrap();
        }
        // Who of the two is told first is not said.
        let mut events = trace.take();
        events[2..].sort();
        assert_eq!(
            events,
            ["close(a)+", "close(a)-", "one: 1 closed", "two: 1 closed"]
        );
    });
}

/// S34: there is one boot, whatever is asked for, and from however many sides, while it goes on.
#[test]
fn all_who_end_a_boot_from_many_threads_end_it_once() {
    threaded(async {
        let trace = Trace::new();
        let together = Arc::new(Barrier::new(9));
        let meets = Arc::clone(&together);
        let load = act(move || {
            let meets = Arc::clone(&meets);
            async move {
                meets.wait().await;
                std::future::pending().await
            }
        });
        let mut app = App::new();
        let base = app.register(Probe::new("base", &trace));
        app.register(Probe::new("a", &trace).load(load))
            .after(&base);
        let closing: Vec<_> = (0..8)
            .map(|number| {
                let (handle, together) = (app.handle(), Arc::clone(&together));
                tokio::spawn(async move {
                    together.wait().await;
                    if number % 2 == 0 {
                        handle.shutdown();
                    }
                    handle.close().await.unwrap().plugins.len()
                })
            })
            .collect();
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.closed(), ["base"]);
        for closed in closing {
            assert_eq!(closed.await.unwrap(), 2, "each has the whole report");
        }
        assert_eq!(
            trace.events(),
            [
                "load(base)+",
                "load(base)-",
                "load(a)+",
                "drop(a)",
                "close(base)+",
                "close(base)-"
            ]
        );
    });
}

/// S35: an app lives once, and another one like it has a life of its own.
#[test]
fn an_app_that_has_closed_is_made_anew() {
    paused(async {
        let trace = Trace::new();
        let mut ended = Vec::new();
        for _ in 0..3 {
            let app = App::new().with(Probe::new("a", &trace));
            let handle = app.handle();
            app.boot().await.unwrap().close().await.unwrap();
            assert_eq!(
                trace.take(),
                ["load(a)+", "load(a)-", "close(a)+", "close(a)-"]
            );
            ended.push(handle);
        }
        for handle in ended {
            let error = handle.restart("a").await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "the app is not running: its status is Closed"
            );
        }
        assert_eq!(trace.events(), [""; 0]);
    });
}

/// S46: a wish from outside of the runtime, as signals bring it, and one of a plugin, in one tick.
#[test]
fn two_wishes_to_stop_at_once_are_one_shutdown() {
    const RUNS: usize = 1_000;
    let (wish, wishes) = std::sync::mpsc::channel::<(Handle, Arc<std::sync::Barrier>)>();
    let outside = std::thread::spawn(move || {
        for (handle, together) in wishes {
            together.wait();
            handle.shutdown();
        }
    });
    threaded(async move {
        for run in 0..RUNS {
            let trace = Trace::new();
            let together = Arc::new(std::sync::Barrier::new(2));
            let meets = Arc::clone(&together);
            let fails = act(move || {
                meets.wait();
                async { anyhow::bail!("queue lost") }
            });
            let running = App::new()
                .with(Probe::new("a", &trace).run(fails).drain(succeeds()))
                .boot()
                .await
                .unwrap();
            wish.send((running.handle(), together)).unwrap();
            let reason = running.wait().await;
            let error = running.close().await.unwrap_err();
            assert!(
                matches!(
                    reason,
                    ShutdownReason::Requested | ShutdownReason::TaskFailed(_)
                ),
                "{run}: {reason:?}"
            );
            assert_eq!(
                error.to_string(),
                "[a] Plugin run failed: queue lost",
                "{run}"
            );
            let mut events = trace.take();
            events.retain(|event| event != "run(a)+");
            assert_eq!(
                events,
                [
                    "load(a)+",
                    "load(a)-",
                    "drain(a)+",
                    "drain(a)-",
                    "close(a)+",
                    "close(a)-"
                ],
                "{run}"
            );
        }
    });
    outside.join().unwrap();
}
