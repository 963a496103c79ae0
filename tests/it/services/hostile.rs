//! Factories and values that panic, block, or are cut.

use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bootstrap::{App, BootErrorKind, HookFailure, Phase, Status};
use support::{Probe, Trace, hangs, panics, panics_after, paused, succeeds, threaded};

use super::{SECOND, fails_to_boot, makes};

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("boom");
    }
}

/// Blocks the thread that drops it.
struct Blocks(Receiver<()>);

impl Drop for Blocks {
    fn drop(&mut self) {
        let _ = self.0.recv();
    }
}

/// `Receiver` is not `Sync`.
type Blocking = std::sync::Mutex<Blocks>;

#[test]
fn a_factory_that_panics_is_an_error_of_its_service() {
    for what in [panics("boom"), panics_after(1, "boom")] {
        paused(async {
            let app = App::new().service("a", makes(&Trace::new(), "a", what));
            let error = fails_to_boot(app).await;
            assert_eq!(
                error.to_string(),
                "[a] Service start failed: panicked: boom"
            );
        });
    }
}

#[test]
fn a_shutdown_cuts_a_factory_and_the_others_do_not_run() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .service("first", makes(&trace, "first", succeeds()))
            .service("hangs", makes(&trace, "hangs", hangs()))
            .service("third", makes(&trace, "third", succeeds()));
        let handle = app.handle();
        tokio::spawn(async move {
            tokio::time::sleep(SECOND).await;
            handle.shutdown();
        });
        let error = fails_to_boot(app).await;
        assert!(matches!(error.kind(), BootErrorKind::Interrupted { .. }));
        assert_eq!(error.cancelled(), ["hangs"]);
        assert_eq!(
            trace.take(),
            [
                "make(first)+",
                "make(first)-",
                "make(hangs)+",
                "drop(first)"
            ]
        );
    });
}

#[test]
fn a_boot_whose_future_is_dropped_in_a_factory_rolls_back() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("base", &trace))
            .service("hangs", makes(&Trace::new(), "hangs", hangs()));
        let handle = app.handle();
        assert!(tokio::time::timeout(SECOND, app.boot()).await.is_err());
        handle.closed().await;
        assert_eq!(handle.status(), Status::Failed);
        assert_eq!(trace.count("close(base)-"), 1);
    });
}

#[test]
fn a_factory_that_is_cut_and_panics_in_its_drop_says_so() {
    paused(async {
        let app = App::new().load_timeout(SECOND).service("a", async |_| {
            let _bomb = Bomb;
            std::future::pending::<()>().await;
            Ok(())
        });
        let error = fails_to_boot(app).await;
        assert_eq!(
            error.to_string(),
            "[a] Service start failed: panicked: boom"
        );
    });
}

/// It keeps neither another service nor a plugin from being let go of.
#[test]
fn a_service_that_panics_in_its_drop_is_an_error_of_the_close() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("p", &trace))
            .service("a", makes(&trace, "a", succeeds()))
            .service("bomb", async |_| Ok(Bomb));
        let running = app.boot().await.unwrap();
        trace.take();
        let error = running.close().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[bomb] Service drop failed: panicked: boom"
        );
        assert_eq!(error.errors()[0].phase(), Phase::ServiceDrop);
        assert!(error.render().contains("services/hostile.rs:"), "{error:?}");
        assert_eq!(trace.take(), ["drop(a)", "close(p)+", "close(p)-"]);
    });
}

#[test]
fn a_service_that_panics_in_its_drop_is_an_error_of_the_rollback() {
    paused(async {
        let app = App::new()
            .service("bomb", async |_| Ok(Bomb))
            .on_ready(async |_| anyhow::bail!("no"));
        let error = fails_to_boot(app).await;
        assert_eq!(error.to_string(), "[app] Plugin on-ready failed: no");
        let rollback: Vec<_> = error
            .rollback_errors()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(rollback, ["[bomb] Service drop failed: panicked: boom"]);
    });
}

#[test]
fn a_service_that_blocks_in_its_drop_is_left_behind() {
    threaded(async {
        let trace = Trace::new();
        let (release, blocked) = channel();
        let app = App::new()
            .close_timeout(Duration::from_millis(50))
            .with(Probe::new("p", &trace))
            .service("blocks", async move |_| Ok(Blocking::new(Blocks(blocked))));
        let running = app.boot().await.unwrap();
        let error = running.close().await.unwrap_err();
        let only = &error.errors()[0];
        assert_eq!(*only.plugin(), "blocks");
        assert!(
            matches!(only.failure(), HookFailure::Abandoned { .. }),
            "{error:?}"
        );
        assert_eq!(trace.count("close(p)-"), 1);
        drop(release);
    });
}

/// The time for closing is up, and what is left is dropped elsewhere.
#[test]
fn services_that_there_is_no_time_for_are_dropped_and_named() {
    threaded(async {
        let trace = Trace::new();
        let (release, blocked) = channel();
        let app = App::new()
            .shutdown_timeout(Duration::ZERO)
            .service("a", makes(&trace, "a", succeeds()))
            .service("blocks", async move |_| Ok(Blocking::new(Blocks(blocked))));
        let running = app.boot().await.unwrap();
        trace.take();
        let error = running.close().await.unwrap_err();
        assert_eq!(
            error.errors()[1].to_string(),
            "[a] Service drop failed: not begun: the time for closing was up"
        );
        assert_eq!(trace.take(), ["drop(a)"]);
        drop(release);
    });
}

/// What a factory makes that was left behind comes too late.
#[test]
fn a_factory_that_blocks_its_thread_is_left_behind() {
    threaded(async {
        let (release, blocked) = channel::<()>();
        let trace = Trace::new();
        let late = trace.clone();
        let app =
            App::new()
                .load_timeout(Duration::from_millis(50))
                .service("late", async move |_| {
                    let _ = blocked.recv();
                    late.add("made");
                    Ok(super::Noted {
                        name: "late",
                        trace: late,
                    })
                });
        let error = fails_to_boot(app).await;
        assert!(error.is_abandoned());
        drop(release);
        while trace.events() != ["made", "drop(late)"] {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

/// The runtime goes away with the app still in it: nobody closes, and nothing leaks.
#[test]
fn a_runtime_that_goes_away_lets_go_of_services() {
    support::bounded(|| {
        let trace = Trace::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let app = App::new()
            .service("a", makes(&trace, "a", succeeds()))
            .service("bomb", async |_| Ok(Bomb));
        let running = runtime.block_on(app.boot()).unwrap();
        let handle = running.handle();
        trace.take();
        drop(runtime);
        assert_eq!(trace.take(), ["drop(a)"]);
        let mut closed = std::pin::pin!(handle.close());
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Err(error)) = closed.as_mut().poll(&mut cx) else {
            panic!("it has ended");
        };
        let said: Vec<_> = error.errors().iter().map(ToString::to_string).collect();
        assert_eq!(said, ["[bomb] Service drop failed: panicked: boom"]);
        drop(running);
    });
}

/// Every value is dropped, however many drops panic.
#[test]
fn a_service_that_replaces_a_bomb_is_an_error_of_its_factory() {
    paused(async {
        let app = App::new()
            .service("a", async |_| Ok(1_u32))
            .on_loaded(async |cx| {
                cx.set_service("a", Bomb)?;
                Ok(())
            });
        let error = fails_to_boot(app).await;
        assert_eq!(
            error.to_string(),
            "[a] Service start failed: panicked: boom"
        );
    });
}
