//! Boots that are told to end, or whose runtime ends.

use std::sync::{Arc, Mutex};

use bootstrap::error::BootErrorKind;
use bootstrap::lifecycle::{ShutdownReason, Status};
use bootstrap::{App, plugin_fn};
use support::{Probe, Trace, hangs, paused, register_graph, takes};

use super::SECOND;

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
        let waited = tokio::time::timeout(SECOND, app.boot()).await;
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
        tokio::time::sleep(SECOND).await;
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

/// What a load has spawned hears of a boot that fails, also if the load itself was done.
#[test]
fn a_boot_that_fails_cancels_the_token_that_its_loads_hand_on() {
    paused(async {
        let handed_on = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&handed_on);
        let mut app = App::new();
        app.register(plugin_fn("spawns", async move |cx| {
            *keep.lock().unwrap() = Some(cx.cancellation());
            anyhow::ensure!(!cx.cancellation().is_cancelled());
            Ok(())
        }));
        app.register(plugin_fn("fails", async |_| {
            tokio::time::sleep(SECOND).await;
            anyhow::bail!("no")
        }));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[fails] Plugin load failed: no");
        let token = handed_on.lock().unwrap().take().unwrap();
        assert!(token.is_cancelled());
    });
}

/// S42: what has loaded is closed, what loads is cancelled, and what waits never begins.
/// S44: nobody closes what has not loaded.
#[test]
fn a_shutdown_between_three_loads_closes_the_first_one_alone() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("first", &trace),
            Probe::new("second", &trace).load(hangs()),
            Probe::new("third", &trace),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[1]]);
        let handle = app.handle();
        let boot = tokio::spawn(app.boot());
        tokio::time::sleep(SECOND).await;
        handle.shutdown();
        let error = boot.await.unwrap().unwrap_err();
        assert_eq!(
            trace.events(),
            [
                "load(first)+",
                "load(first)-",
                "load(second)+",
                "drop(second)",
                "close(first)+",
                "close(first)-"
            ]
        );
        assert_eq!(error.cancelled(), ["second"]);
        let waited: Vec<_> = error.not_started().iter().map(|it| &it.plugin).collect();
        assert_eq!(waited, ["third"]);
    });
}

/// S44: a load that is done at the very moment of the shutdown has loaded, one that is not has not.
#[test]
fn a_close_is_for_those_who_had_loaded_when_the_boot_was_interrupted() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("done", &trace).load(takes(999)))
            .with(Probe::new("late", &trace).load(takes(1_001)));
        let handle = app.handle();
        let boot = tokio::spawn(app.boot());
        tokio::time::sleep(SECOND).await;
        handle.shutdown();
        boot.await.unwrap().unwrap_err();
        assert_eq!(
            trace.events()[2..],
            ["load(done)-", "drop(late)", "close(done)+", "close(done)-"]
        );
    });
}
