//! Runtimes that are not what they should be, and clocks that overflow.

use std::time::Duration;

use bootstrap::error::{BootErrorKind, HookFailure};
use bootstrap::lifecycle::{ShutdownReason, Status};
use bootstrap::{App, plugin_fn};
use support::{Probe, Trace, fails, hangs, paused};
use tokio::runtime::{Builder, Runtime};

fn one_thread() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// The runtime may be dropped at any time: nobody who waits for the app waits for ever, and what
/// was not closed is said.
#[test]
fn an_app_whose_runtime_is_gone_counts_as_ended() {
    let trace = Trace::new();
    let app = App::new().with(Probe::new("a", &trace));
    let handle = app.handle();
    let runtime = one_thread();
    let running = runtime.block_on(app.boot()).unwrap();
    drop(runtime);
    assert_eq!(handle.status(), Status::Failed);
    let error = paused(running.close()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "[a] Plugin close failed: the tokio runtime was shut down before it"
    );
    assert!(matches!(
        error.errors()[0].failure(),
        HookFailure::RuntimeShutDown
    ));
    assert_eq!(trace.events(), ["load(a)+", "load(a)-"]);
}

#[test]
fn a_boot_whose_runtime_is_gone_ends_and_says_what_was_not_closed() {
    let trace = Trace::new();
    let mut app = App::new();
    let a = app.register(Probe::new("a", &trace));
    app.register(Probe::new("b", &trace).load(hangs()))
        .after(&a);
    let handle = app.handle();
    let runtime = one_thread();
    let mut boot = Box::pin(app.boot());
    runtime.block_on(async {
        let soon = Duration::from_millis(1);
        assert!(tokio::time::timeout(soon, &mut boot).await.is_err());
    });
    drop(runtime);
    let error = paused(boot).unwrap_err();
    assert!(matches!(
        error.kind(),
        BootErrorKind::Interrupted {
            reason: ShutdownReason::RuntimeShutDown
        }
    ));
    let story = error.render();
    let place = story.find("tests/support/lib.rs:").map(|at| &story[at..]);
    let place = place.and_then(|it| it.lines().next()).unwrap();
    assert_eq!(
        story,
        format!(
            "error[BOOT012]: boot was interrupted: the tokio runtime was shut down\n  \
             while closing, 1:\n    \
             [a] Plugin close failed: the tokio runtime was shut down before it\n      \
             --> {place}\n  \
             help: keep the runtime until `boot` has returned: nothing can be closed without it"
        )
    );
    assert_eq!(handle.status(), Status::Failed);
    assert_eq!(trace.count("drop(b)"), 1);
}

/// It was dropped before it came to the task that the boot had spawned.
#[test]
fn an_app_whose_runtime_never_polled_it_counts_as_ended() {
    let app = App::new();
    let handle = app.handle();
    let runtime = one_thread();
    runtime.block_on(async {
        let mut boot = Box::pin(app.boot());
        std::future::poll_fn(|cx| {
            assert!(boot.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    });
    drop(runtime);
    paused(handle.closed());
    assert!(handle.status().is_final());
}

#[test]
fn a_boot_on_a_runtime_without_timers_is_an_error_before_anything_runs() {
    let trace = Trace::new();
    let runtime = Builder::new_current_thread().build().unwrap();
    let app = App::new().with(Probe::new("a", &trace));
    let handle = app.handle();
    let error = runtime.block_on(app.boot()).unwrap_err();
    assert_eq!(
        error.render(),
        "error[BOOT014]: boot needs a tokio runtime with timers, and this one has none\n  \
         help: call `enable_all` or `enable_time` on the builder of the runtime"
    );
    assert_eq!(handle.status(), Status::Closed);
    assert!(trace.events().is_empty());
}

/// Durations of any length, up to the longest that there is.
#[test]
fn the_longest_limits_are_no_limits() {
    paused(async {
        let trace = Trace::new();
        let probe = Probe::new("a", &trace)
            .load_timeout(Duration::MAX)
            .close_timeout(Duration::MAX);
        let running = App::new()
            .boot_timeout(Duration::MAX)
            .load_timeout(Duration::MAX)
            .shutdown_timeout(Duration::MAX)
            .close_timeout(Duration::MAX)
            .with(probe.drain(support::takes(1)))
            .on_start(async |_| Ok(()))
            .on_close(async |_| Ok(()))
            .boot()
            .await
            .unwrap();
        running.close().await.unwrap();
        assert_eq!(trace.count("close(a)-"), 1);
    });
}

/// No time is less than any hook needs, but whoever returns at once has needed none.
#[test]
fn limits_of_zero_end_what_waits_and_nothing_else() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .load_timeout(Duration::ZERO)
            .close_timeout(Duration::ZERO)
            .shutdown_timeout(Duration::ZERO)
            .with(Probe::new("quick", &trace))
            .with(Probe::new("waits", &trace).close(hangs()));
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        let said = error.errors().last().unwrap().to_string();
        assert!(
            said == "[waits] Plugin close failed: timed out after 0 us",
            "{error:?}"
        );
        assert_eq!(trace.count("close(quick)-"), 1);
    });
}

/// Runs for some milliseconds and drops the runtime in the middle of things; returns the outcome.
fn cut_short(app: App, closes: bool) -> bootstrap::error::CloseError {
    let handle = app.handle();
    let runtime = one_thread();
    runtime.block_on(async {
        let life = tokio::spawn(async move {
            let running = app.boot().await.unwrap();
            if closes {
                running.close().await
            } else {
                std::future::pending().await
            }
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(life);
    });
    drop(runtime);
    paused(handle.close()).unwrap_err()
}

/// What went wrong before the end is not forgotten because of it.
#[test]
fn what_had_gone_wrong_before_the_runtime_went_away_is_in_the_outcome() {
    let trace = Trace::new();
    let mut app = App::new();
    let base = app.register(Probe::new("base", &trace).close(hangs()));
    app.register(Probe::new("top", &trace).close(fails("sore")))
        .after(&base);
    let error = cut_short(app, true);
    assert_eq!(
        error.to_string(),
        "[top] Plugin close failed: sore (and 1 error more)"
    );

    let probe = Probe::new("a", &trace).run(fails("lost")).drain(hangs());
    let error = cut_short(App::new().with(probe), false);
    assert_eq!(
        error.to_string(),
        "[a] Plugin run failed: lost (and 1 error more)"
    );
}

#[test]
fn a_boot_that_had_failed_before_its_runtime_went_away_says_so() {
    let trace = Trace::new();
    let app = App::new()
        .with(Probe::new("base", &trace).close(hangs()))
        .with(Probe::new("fails", &trace).load(support::fails_after(1, "no")));
    let runtime = one_thread();
    let mut boot = Box::pin(app.boot());
    runtime.block_on(async {
        let soon = Duration::from_millis(5);
        assert!(tokio::time::timeout(soon, &mut boot).await.is_err());
    });
    drop(runtime);
    let error = paused(boot).unwrap_err();
    assert!(matches!(error.kind(), BootErrorKind::Failed), "{error:?}");
    assert_eq!(error.to_string(), "[fails] Plugin load failed: no");
}

/// What a load left to be done is owed like a `close`.
#[test]
fn what_was_left_to_be_done_when_the_runtime_went_away_is_named_and_dropped() {
    let alive = std::sync::Arc::new(());
    let theirs = std::sync::Arc::clone(&alive);
    let mut app = App::new();
    app.register(plugin_fn("leaves", async move |cx| {
        cx.on_close(async move |_| {
            drop(theirs);
            Ok(())
        });
        std::future::pending().await
    }));
    let handle = app.handle();
    let runtime = one_thread();
    let mut boot = Box::pin(app.boot());
    runtime.block_on(async {
        let soon = Duration::from_millis(5);
        assert!(tokio::time::timeout(soon, &mut boot).await.is_err());
    });
    drop(runtime);
    let error = paused(handle.close()).unwrap_err();
    assert!(matches!(
        error.errors()[0].failure(),
        HookFailure::RuntimeShutDown
    ));
    assert_eq!(std::sync::Arc::strong_count(&alive), 1);
    drop(boot);
}
