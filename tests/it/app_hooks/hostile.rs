//! Hooks that panic, hang, block, or are cut.

use std::sync::Arc;
use std::time::Duration;

use bootstrap::error::{BootError, BootErrorKind, HookFailure};
use bootstrap::lifecycle::{ShutdownReason, Status};
use bootstrap::{App, plugin_fn};
use support::{Probe, Trace, hangs, panics, panics_after, paused, takes, threaded};

use super::{Adds, SECOND, fails_to_boot, notes};

/// Before and after the first await.
#[test]
fn a_hook_that_panics_is_an_error_like_any_other() {
    for what in [panics("boom"), panics_after(1, "boom")] {
        paused(async {
            let app = || App::new();
            let trace = Trace::new();
            let pre = app().on_loaded(notes(&trace, "a", Arc::clone(&what)));
            let ready = app().on_ready(notes(&trace, "a", Arc::clone(&what)));
            let added = app().with(Adds::new("adds", &trace, vec![("a", Arc::clone(&what))]));
            for (app, said) in [
                (pre, "[app] Plugin on-loaded failed: panicked: boom"),
                (ready, "[app] Plugin on-ready failed: panicked: boom"),
                (added, "[adds] Plugin on-ready failed: panicked: boom"),
            ] {
                assert_eq!(fails_to_boot(app).await.to_string(), said);
            }
        });
    }
}

/// A hook that panics as it is called has no future yet.
#[test]
fn a_hook_that_panics_before_it_has_a_future_is_an_error_like_any_other() {
    paused(async {
        let hook = |_| -> std::future::Ready<bootstrap::Result<()>> { panic!("at once") };
        let error = fails_to_boot(App::new().on_ready(hook)).await;
        assert_eq!(
            error.to_string(),
            "[app] Plugin on-ready failed: panicked: at once"
        );
    });
}

/// The limit of the app, or of the plugin that has added the hook.
#[test]
fn a_hook_that_hangs_is_ended_by_its_limit() {
    paused(async {
        let trace = Trace::new();
        let app = || App::new().load_timeout(3 * SECOND);
        let pre = app().on_loaded(notes(&trace, "a", hangs()));
        let ready = app().on_ready(notes(&trace, "a", hangs()));
        let added = app().with(Adds::new("adds", &trace, vec![("a", hangs())]));
        for (app, said) in [
            (pre, "[app] Plugin on-loaded failed: timed out after 3 s"),
            (ready, "[app] Plugin on-ready failed: timed out after 3 s"),
            (added, "[adds] Plugin on-ready failed: timed out after 1 s"),
        ] {
            let error = fails_to_boot(app).await;
            assert_eq!(error.to_string(), said);
            assert!(error.render().contains("`App::load_timeout`"), "{error:?}");
        }
    });
}

#[test]
fn the_limit_of_the_boot_ends_a_hook_and_says_of_which_kind() {
    paused(async {
        let trace = Trace::new();
        let app = || App::new().boot_timeout(SECOND);
        let pre = app().on_loaded(notes(&trace, "a", hangs()));
        let ready = app().on_ready(notes(&trace, "a", hangs()));
        for (app, hook) in [(pre, "on_loaded"), (ready, "on_ready")] {
            let error = fails_to_boot(app).await;
            assert_eq!(
                error.to_string(),
                format!("boot stopped after 1 s: an `{hook}` hook was still running")
            );
            assert_eq!(error.code(), "BOOT011");
            assert_eq!(error.cancelled(), ["app"]);
        }
    });
}

/// Asks the app to stop while a hook runs.
async fn stopped_in(app: App) -> BootError {
    let handle = app.handle();
    tokio::spawn(async move {
        tokio::time::sleep(SECOND).await;
        handle.shutdown();
    });
    fails_to_boot(app).await
}

#[test]
fn a_shutdown_cuts_a_hook_and_the_others_do_not_run() {
    paused(async {
        let trace = Trace::new();
        for app in [
            App::new().on_loaded(notes(&trace, "hook", hangs())),
            App::new().on_ready(notes(&trace, "hook", hangs())),
        ] {
            let app = app.on_ready(notes(&trace, "other", takes(1)));
            let app = app.on_start(notes(&trace, "other", takes(1)));
            let error = stopped_in(app).await;
            assert_eq!(trace.take(), ["hook+"]);
            assert!(matches!(
                error.kind(),
                BootErrorKind::Interrupted {
                    reason: ShutdownReason::Requested
                }
            ));
            assert_eq!(error.cancelled(), ["app"]);
        }
    });
}

/// One that asks for it itself comes to its end.
#[test]
fn a_hook_that_asks_for_a_shutdown_ends_the_boot() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .on_ready(async |cx| {
                cx.handle().shutdown();
                Ok(())
            })
            .on_ready(notes(&trace, "other", takes(1)));
        let error = fails_to_boot(app).await;
        assert!(matches!(error.kind(), BootErrorKind::Interrupted { .. }));
        assert!(trace.events().is_empty());
    });
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("drop");
    }
}

#[test]
fn a_hook_that_is_cut_and_panics_in_its_drop_says_so() {
    paused(async {
        let app = App::new().on_ready(async |_| {
            let _bomb = Bomb;
            std::future::pending().await
        });
        let error = stopped_in(app).await;
        assert_eq!(
            error.to_string(),
            "[app] Plugin on-ready failed: panicked: drop"
        );
    });
}

#[test]
fn hooks_that_never_ran_and_panic_in_their_drops_stop_nothing() {
    paused(async {
        let bombs = (Bomb, Bomb, Bomb);
        let mut app = App::new()
            .on_loaded(async move |_| {
                let _bomb = &bombs.0;
                Ok(())
            })
            .on_ready(async move |_| {
                let _bomb = &bombs.1;
                Ok(())
            });
        app.register(plugin_fn("adds", async move |cx| {
            cx.on_ready(async move |_| {
                let _bomb = &bombs.2;
                Ok(())
            });
            anyhow::bail!("no")
        }));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[adds] Plugin load failed: no");
        assert_eq!(error.failures().len(), 1);
    });
}

#[test]
fn a_hook_that_blocks_its_thread_does_not_keep_the_boot_from_returning() {
    threaded(async {
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let app = App::new()
            .load_timeout(Duration::from_millis(50))
            .on_ready(async move |_| {
                let _ = blocked.recv();
                Ok(())
            });
        let error = fails_to_boot(app).await;
        assert!(matches!(
            error.failures()[0].failure(),
            HookFailure::Abandoned { .. }
        ));
        assert!(error.is_abandoned());
        drop(release);
    });
}

/// What a hook holds that never ran may block in its drop.
#[test]
fn a_hook_that_never_ran_and_blocks_in_its_drop_does_not_keep_the_boot_from_returning() {
    struct Blocks(std::sync::mpsc::Receiver<()>);
    impl Drop for Blocks {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }
    threaded(async {
        let (release, blocked) = std::sync::mpsc::channel();
        let blocks = Blocks(blocked);
        let app = App::new()
            .on_loaded(async |_| anyhow::bail!("no"))
            .on_ready(async move |_| {
                let _blocks = &blocks;
                Ok(())
            });
        let error = fails_to_boot(app).await;
        assert_eq!(error.to_string(), "[app] Plugin on-loaded failed: no");
        drop(release);
    });
}

#[test]
fn a_boot_whose_future_is_dropped_in_a_hook_rolls_back() {
    paused(async {
        let trace = Trace::new();
        for app in [
            App::new().on_loaded(notes(&trace, "hook", hangs())),
            App::new().on_ready(notes(&trace, "hook", hangs())),
            App::new().with(Adds::new("adds", &Trace::new(), vec![("hook", hangs())])),
        ] {
            let app = app.with(Probe::new("base", &trace));
            let handle = app.handle();
            let half = Duration::from_millis(500);
            assert!(tokio::time::timeout(half, app.boot()).await.is_err());
            handle.closed().await;
            assert_eq!(handle.status(), Status::Failed);
            assert_eq!(trace.count("close(base)-"), 1);
            assert_eq!(trace.count("hook-"), 0);
            trace.take();
        }
    });
}
