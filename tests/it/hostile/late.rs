//! A request to stop and a hook that fails: the first cause in time decides.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bootstrap::error::{BootError, BootErrorKind, HookFailure, RestartError};
use bootstrap::lifecycle::ShutdownReason;
use bootstrap::prelude::*;
use bootstrap::{App, Handle, plugin_fn};
use support::{Act, Probe, Trace, act, fails, hangs, paused, succeeds, threaded};

const SHORT: Duration = Duration::from_millis(50);

/// Blocks its thread until the sender is dropped.
fn blocks() -> (std::sync::mpsc::Sender<()>, Act) {
    let (release, blocked) = channel::<()>();
    let blocked = Arc::new(Mutex::new(blocked));
    let act = act(move || {
        let _ = blocked.lock().unwrap().recv();
        async { Ok(()) }
    });
    (release, act)
}

/// Requests a stop from outside of the runtime, as a signal does.
fn stop_after(handle: Handle, time: Duration) {
    std::thread::spawn(move || {
        std::thread::park_timeout(time);
        handle.shutdown();
    });
}

fn is_interrupted(error: &BootError) -> bool {
    let reason = ShutdownReason::Requested;
    matches!(error.kind(), BootErrorKind::Interrupted { reason: it } if *it == reason)
}

#[test]
fn a_load_that_blocks_through_a_request_to_stop_interrupts_the_boot() {
    threaded(async {
        let (release, blocks) = blocks();
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("a", &trace))
            .with(Probe::new("blocks", &trace).load(blocks));
        stop_after(app.handle(), SHORT);
        let error = app.boot().await.unwrap_err();
        assert!(is_interrupted(&error), "{error:?}");
        assert_eq!(error.code(), "BOOT012");
        let [failure] = error.failures() else {
            panic!("{error:?}");
        };
        assert!(matches!(failure.failure(), HookFailure::Abandoned { .. }));
        assert!(error.is_abandoned());
        assert_eq!(
            error.to_string(),
            "boot was interrupted: shutdown was requested"
        );
        let story = error.render();
        assert!(
            story.starts_with(
                "error[BOOT012]: boot was interrupted: shutdown was requested\n  after that, 1:\n    \
                 [blocks] Plugin load failed: blocked its thread for "
            ),
            "{story}"
        );
        assert!(
            story.ends_with("nothing waits for such a thread"),
            "{story}"
        );
        drop(release);
    });
}

/// Also a child, a `ready` hook, and hooks of the app.
#[test]
fn whatever_blocks_through_a_request_to_stop_the_boot_is_interrupted() {
    let trace = Trace::new();
    let ready = |blocks| App::new().with(Probe::new("a", &trace).ready(blocks));
    let child = |blocks: Act| {
        let mut app = App::new();
        app.register(plugin_fn("p", async move |cx| {
            let child = cx.register(plugin_fn("c", async move |_| blocks().await));
            child.load().await.map(drop)
        }));
        app
    };
    let on_start = |blocks: Act| App::new().on_start(async move |_| blocks().await);
    let apps: [&dyn Fn(Act) -> App; 3] = [&ready, &child, &on_start];
    for app in apps {
        threaded(async {
            let (release, blocks) = blocks();
            let app = app(blocks);
            stop_after(app.handle(), SHORT);
            let error = app.boot().await.unwrap_err();
            assert!(is_interrupted(&error), "{error:?}");
            assert!(error.is_abandoned(), "{error:?}");
            drop(release);
        });
    }
}

/// A hook that learns that the boot is cancelled may return an error because of it.
#[test]
fn an_error_that_follows_from_the_cancellation_is_not_the_cause() {
    threaded(async {
        let mut app = App::new();
        app.register(plugin_fn("follows", async |cx| {
            let handle = cx.handle();
            std::thread::spawn(move || handle.shutdown())
                .join()
                .unwrap();
            anyhow::bail!("cancelled in the middle")
        }));
        let error = app.boot().await.unwrap_err();
        assert!(is_interrupted(&error), "{error:?}");
        let failures: Vec<_> = error.failures().iter().map(ToString::to_string).collect();
        assert_eq!(
            failures,
            ["[follows] Plugin load failed: cancelled in the middle"]
        );
    });
}

/// On one thread nothing sees the request before the hook returns, and the limits have passed by then.
#[test]
fn a_stop_that_comes_before_a_limit_is_the_cause_although_both_are_seen_late() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let app = |app: App| {
        let trace = Trace::new();
        app.with(Probe::new("waits", &trace).load(hangs()))
            .with(Probe::new("works", &trace).load(act(async || {
                std::thread::park_timeout(SHORT * 6);
                std::future::pending().await
            })))
    };
    for limited in [
        App::new().boot_timeout(SHORT * 4),
        App::new().load_timeout(SHORT * 4),
    ] {
        let app = app(limited);
        stop_after(app.handle(), SHORT);
        let error = runtime.block_on(app.boot()).unwrap_err();
        assert!(is_interrupted(&error), "{error:?}");
    }
}

#[test]
fn what_failed_before_a_request_to_stop_is_the_cause() {
    threaded(async {
        // Its limit is up, and it is still waited for, when the request comes.
        let (release, blocks) = blocks();
        let trace = Trace::new();
        let app = App::new().with(
            Probe::new("blocks", &trace)
                .load(blocks)
                .load_timeout(SHORT),
        );
        stop_after(app.handle(), SHORT * 8);
        let error = app.boot().await.unwrap_err();
        assert!(matches!(error.kind(), BootErrorKind::Failed), "{error:?}");
        drop(release);
    });
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("fails", &trace).load(fails("no")))
            .with(Probe::new("a", &trace));
        let handle = app.handle();
        let app = app.on_error(move |_| {
            handle.shutdown();
            async { Ok(()) }
        });
        let error = app.boot().await.unwrap_err();
        assert!(matches!(error.kind(), BootErrorKind::Failed), "{error:?}");
    });
}

/// Blocks its thread in its second load.
struct Again(Act, u32);

#[bootstrap::extend::async_trait]
impl bootstrap::extend::Plugin for Again {
    fn descriptor(&self) -> bootstrap::extend::Descriptor {
        bootstrap::extend::Descriptor::new("again")
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<bootstrap::extend::States> {
        self.1 += 1;
        let act = if self.1 == 2 {
            self.0.clone()
        } else {
            succeeds()
        };
        act().await?;
        Ok(bootstrap::extend::States::new())
    }
}

#[test]
fn a_load_that_blocks_through_a_request_to_stop_interrupts_the_restart() {
    threaded(async {
        let (release, blocks) = blocks();
        let running = App::new().with(Again(blocks, 0)).boot().await.unwrap();
        let handle = running.handle();
        stop_after(running.handle(), SHORT);
        let error = handle.restart("again").await.unwrap_err();
        assert!(matches!(error, RestartError::Interrupted), "{error:?}");
        let error = running.close().await.unwrap_err();
        assert_eq!(error.abandoned().collect::<Vec<_>>(), ["again"]);
        assert_eq!(error.code(), "STOP004");
        drop(release);
    });
}
