//! When the hooks of an app run, and what they see.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bootstrap::lifecycle::{Phase, Status};
use bootstrap::report::Outcome;
use bootstrap::{App, State, plugin_fn};
use support::{Probe, Trace, fails, paused, takes, threaded};

use super::{Adds, SECOND, fails_to_boot, notes};

/// A11, A34, A36, D67: loads, what comes before ready, ready, the hooks for that, start.
#[test]
fn the_hooks_of_a_boot_run_in_their_order() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .on_start(notes(&trace, "start", takes(1)))
            .on_ready(notes(&trace, "on_ready", takes(1)))
            .on_loaded(notes(&trace, "on_loaded", takes(1)))
            .with(Probe::new("a", &trace).load(takes(2)).ready(takes(2)));
        let handle = app.handle();
        let running = app.boot().await.unwrap();
        assert_eq!(handle.status(), Status::Ready);
        assert_eq!(
            trace.take(),
            [
                "load(a)+",
                "load(a)-",
                "on_loaded+",
                "on_loaded-",
                "ready(a)+",
                "ready(a)-",
                "on_ready+",
                "on_ready-",
                "start+",
                "start-"
            ]
        );
        running.close().await.unwrap();
    });
}

/// A12, D56: before anything is ready, the report holds every load, and nothing that comes later.
#[test]
fn the_tree_is_complete_before_anything_is_ready() {
    paused(async {
        let trace = Trace::new();
        let seen = trace.clone();
        let mut app = App::new().on_loaded(async move |cx| {
            let report = cx.report();
            seen.add(report.boot_tree());
            assert!(report.plugins.iter().all(|it| it.ready().is_none()));
            assert!(
                report
                    .plugins
                    .iter()
                    .all(|it| it.load.outcome == Outcome::Done)
            );
            Ok(())
        });
        let first = app.register(Probe::new("first", &Trace::new()).load(takes(5)));
        let second = Probe::new("second", &Trace::new())
            .load(takes(3))
            .ready(takes(9));
        app.register(second).after(&first);
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["boot\n└─┬ first 5 ms\n  └── second 3 ms"]);
    });
}

/// A35, R13, R14, D5: each once, one at a time, in the order in which they were added.
#[test]
fn on_ready_hooks_run_one_after_the_other_in_their_order() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .on_ready(notes(&trace, "first", takes(30)))
            .on_ready(notes(&trace, "second", takes(20)))
            .on_ready(notes(&trace, "third", takes(10)));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["first+", "first-", "second+", "second-", "third+", "third-"]
        );
    });
}

/// D35: what an earlier hook has made, a later one finds.
#[test]
fn an_earlier_hook_provides_for_a_later_one() {
    paused(async {
        let made = Arc::new(AtomicUsize::new(0));
        let (makes, finds) = (Arc::clone(&made), made);
        let app = App::new()
            .on_loaded(async move |_| {
                tokio::time::sleep(SECOND).await;
                makes.store(7, Ordering::Relaxed);
                Ok(())
            })
            .on_ready(async move |_| {
                anyhow::ensure!(finds.load(Ordering::Relaxed) == 7);
                Ok(())
            });
        app.boot().await.unwrap().close().await.unwrap();
    });
}

/// A37, D6, D7, D9: a hook has the app around it, with its configuration, its database and
/// whatever else is a state.
#[test]
fn a_hook_reads_the_states_of_the_app() {
    #[bootstrap::supplied]
    struct Config(&'static str);
    #[bootstrap::supplied]
    struct Pool(u32);
    paused(async {
        let trace = Trace::new();
        let (early, late) = (trace.clone(), trace.clone());
        let app = App::new()
            .supply(Config("test"))
            .supply(Pool(3))
            .on_loaded(async move |cx| {
                early.add(cx.try_get::<State<Config>>()?.0);
                Ok(())
            })
            .on_ready(async move |cx| {
                late.add(cx.try_get::<State<Pool>>()?.0);
                assert!(cx.try_get::<State<u32>>().is_err());
                assert_eq!(cx.handle().status(), Status::Booting);
                Ok(())
            });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["test", "3"]);
    });
}

/// D4: what a plugin listens on accepts connections by then.
#[test]
fn a_hook_can_connect_to_what_a_plugin_has_bound() {
    threaded(async {
        let connected = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connected);
        let mut app = App::new();
        app.register(plugin_fn("http", async move |cx| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
            let address = listener.local_addr()?;
            let accepted = tokio::task::spawn_blocking(move || listener.accept());
            cx.on_ready(async move |_| {
                std::net::TcpStream::connect(address)?;
                accepted.await??;
                count.fetch_add(1, Ordering::Relaxed);
                Ok(())
            });
            Ok(())
        }));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(connected.load(Ordering::Relaxed), 1);
    });
}

/// R17: however many wait for an app, its hooks run once.
#[test]
fn many_who_wait_for_the_boot_share_one_run() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().on_ready(notes(&trace, "hook", takes(5)));
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let mut watch = app.handle().watch();
                tokio::spawn(async move {
                    while watch.status() != Status::Ready {
                        watch.changed().await.unwrap();
                    }
                })
            })
            .collect();
        let running = app.boot().await.unwrap();
        for waits in waiting {
            waits.await.unwrap();
        }
        assert_eq!(trace.events(), ["hook+", "hook-"]);
        running.close().await.unwrap();
    });
}

/// R15: the first one that fails keeps the others from running, and what had loaded is closed.
#[test]
fn a_hook_that_fails_keeps_the_others_from_running_and_fails_the_boot() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .on_ready(notes(&trace, "a", takes(1)))
            .on_ready(notes(&trace, "b", fails("no")))
            .on_ready(notes(&trace, "c", takes(1)))
            .on_start(notes(&trace, "start", takes(1)));
        let error = fails_to_boot(app).await;
        assert_eq!(trace.events(), ["a+", "a-", "b+"]);
        assert_eq!(error.to_string(), "[app] Plugin on-ready failed: no");
        assert_eq!(error.code(), "BOOT010");
        let failure = &error.failures()[0];
        assert_eq!(failure.phase(), Phase::OnReady);
        assert!(failure.declared().file().ends_with("app_hooks/order.rs"));
        assert!(error.render().contains("app_hooks/order.rs:"), "{error:?}");
    });
}

#[test]
fn an_on_loaded_hook_that_fails_keeps_everything_from_being_ready() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .on_loaded(notes(&trace, "pre", fails("no")))
            .on_loaded(notes(&trace, "other", takes(1)))
            .on_ready(notes(&trace, "on_ready", takes(1)))
            .with(Adds::new("adds", &trace, vec![("added", takes(1))]));
        let error = fails_to_boot(app).await;
        assert_eq!(trace.events(), ["pre+"]);
        assert_eq!(error.to_string(), "[app] Plugin on-loaded failed: no");
        assert_eq!(error.closed(), ["base", "adds"]);
    });
}

/// A63, A64: after a failure nothing is ready, nothing has started, and the boot has the error.
#[test]
fn nothing_is_ready_and_nothing_starts_after_a_failure() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .on_loaded(notes(&trace, "on_loaded", takes(1)))
            .on_ready(notes(&trace, "first", takes(1)))
            .on_ready(notes(&trace, "second", takes(1)))
            .on_start(notes(&trace, "start", takes(1)))
            .with(Probe::new("fails", &Trace::new()).load(fails("e1")));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[fails] Plugin load failed: e1");
        assert!(trace.events().is_empty(), "{trace:?}");

        let app = App::new()
            .on_start(notes(&trace, "start", takes(1)))
            .with(Probe::new("fails", &Trace::new()).ready(fails("e2")));
        app.boot().await.unwrap_err();
        assert!(trace.events().is_empty(), "{trace:?}");
    });
}

/// D36: whoever wants to go on catches the error.
#[test]
fn a_hook_that_catches_its_error_does_not_fail_the_boot() {
    paused(async {
        let trace = Trace::new();
        let caught = trace.clone();
        let app = App::new().on_ready(async move |_| {
            if let Err(error) = fails("no connection")().await {
                caught.add(format_args!("caught: {error}"));
            }
            Ok(())
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["caught: no connection"]);
    });
}

/// D23: an error from outside of any hook has a context as well, and what that reads may be absent.
#[test]
fn an_error_is_heard_of_with_a_context_whatever_is_there_by_then() {
    paused(async {
        let trace = Trace::new();
        let heard = trace.clone();
        let app = App::new()
            .with(Probe::new("fails", &Trace::new()).load(fails("no")))
            .on_error(move |cx| {
                heard.add(cx.try_get::<State<u32>>().is_err());
                heard.add(cx.error());
                async { Ok(()) }
            });
        app.boot().await.unwrap_err();
        assert_eq!(trace.events(), ["true", "[fails] Plugin load failed: no"]);
    });
}
