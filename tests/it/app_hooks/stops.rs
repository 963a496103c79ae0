//! A request to stop in each part of a boot: which part decides about the outcome.

use bootstrap::error::BootErrorKind;
use bootstrap::lifecycle::{ShutdownReason, Status};
use bootstrap::{App, Handle};
use support::{Act, Probe, Trace, act, paused, succeeds};
use tokio::time::{Duration, sleep};

/// Asks the app to stop, from outside of its hooks, and then waits until it is cancelled.
fn asks(trace: &Trace, handle: &Handle, by: fn(&Handle)) -> Act {
    let (trace, handle) = (trace.clone(), handle.clone());
    act(move || {
        trace.add(format_args!("{:?}", handle.status()));
        by(&handle);
        std::future::pending()
    })
}

fn shutdown(handle: &Handle) {
    handle.shutdown();
}

fn close(handle: &Handle) {
    let handle = handle.clone();
    tokio::spawn(async move { handle.close().await });
}

/// An app with one hook in each part of its boot, of which one asks.
fn app(trace: &Trace, part: &str, by: fn(&Handle)) -> App {
    let app = App::new();
    let handle = app.handle();
    let hook = |this: &str| {
        if this == part {
            asks(trace, &handle, by)
        } else {
            succeeds()
        }
    };
    let later = |this: &'static str| {
        let (trace, hook) = (trace.clone(), hook(this));
        async move |_| {
            trace.add(this);
            hook().await
        }
    };
    let plugin = Probe::new("a", trace)
        .load(hook("load"))
        .ready(hook("ready"))
        .drain(succeeds())
        .run(succeeds());
    app.with(plugin)
        .on_loaded(later("on-loaded"))
        .on_ready(later("on-ready"))
        .on_start(later("start"))
        .on_start(later("second start"))
        .on_close({
            let trace = trace.clone();
            async move |_| {
                trace.add("on-close");
                Ok(())
            }
        })
}

const WAYS: [fn(&Handle); 2] = [shutdown, close];

#[test]
fn a_request_to_stop_before_the_app_has_started_interrupts_the_boot() {
    for part in ["load", "on-loaded", "ready", "on-ready"] {
        for by in WAYS {
            paused(async {
                let trace = Trace::new();
                let app = app(&trace, part, by);
                let handle = app.handle();
                let error = app.boot().await.unwrap_err();
                let reason = ShutdownReason::Requested;
                let kind = error.kind();
                assert!(
                    matches!(kind, BootErrorKind::Interrupted { reason: r } if *r == reason),
                    "{part}: {error:?}"
                );
                assert_eq!(trace.count("Booting"), 1, "{part}");
                assert_eq!(trace.count("start"), 0, "{part}");
                assert_eq!(trace.count("run(a)+"), 0, "{part}");
                assert_eq!(trace.count("on-close"), 0, "{part}");
                assert_eq!(trace.count("close(a)+"), usize::from(part != "load"));
                assert_eq!(handle.status(), Status::Failed, "{part}");
            });
        }
    }
}

/// A11: hooks of the start belong to an app that has started, and so does a request to stop.
#[test]
fn a_request_to_stop_while_the_app_starts_closes_it_as_one_that_runs() {
    for by in WAYS {
        paused(async {
            let trace = Trace::new();
            let app = app(&trace, "start", by);
            let handle = app.handle();
            let running = app.boot().await.unwrap();
            assert_eq!(running.wait().await, ShutdownReason::Requested);
            running.close().await.unwrap();
            assert_eq!(
                trace.events(),
                [
                    "load(a)+",
                    "load(a)-",
                    "on-loaded",
                    "ready(a)+",
                    "ready(a)-",
                    "on-ready",
                    "start",
                    "Ready",
                    "drain(a)+",
                    "drain(a)-",
                    "on-close",
                    "close(a)+",
                    "close(a)-"
                ]
            );
            assert_eq!(handle.status(), Status::Closed);
        });
    }
}

/// What a hook that is not run holds is dropped, and a panic there ends nothing.
#[test]
fn a_hook_of_the_start_that_is_not_run_is_dropped_without_harm() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    paused(async {
        let panics = Panics;
        let app = App::new();
        let handle = app.handle();
        let app = app
            .on_start(async move |_| {
                handle.shutdown();
                Ok(())
            })
            .on_start(async move |_| {
                let _panics = panics;
                Ok(())
            });
        app.boot().await.unwrap().close().await.unwrap();
    });
}

/// A hook that fails is a failure of the boot, whoever has asked the app to stop meanwhile.
#[test]
fn a_hook_of_the_start_that_fails_fails_the_boot_also_when_the_app_stops() {
    paused(async {
        let app = App::new();
        let handle = app.handle();
        let app = app.on_start(async move |_| {
            handle.shutdown();
            anyhow::bail!("no start")
        });
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[app] Plugin start failed: no start");
    });
}

#[test]
fn an_app_that_is_asked_to_stop_before_its_tasks_begin_runs_none() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Probe::new("a", &trace).run(succeeds()));
        let handle = app.handle();
        let app = app.on_start(async move |_| {
            sleep(Duration::from_millis(1)).await;
            handle.shutdown();
            Ok(())
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.count("run(a)+"), 0);
        assert_eq!(trace.count("close(a)-"), 1);
    });
}
