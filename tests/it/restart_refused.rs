//! A restart waits for the end of the boot, and one that is refused names the reason.

use std::time::Duration;

use bootstrap::App;
use bootstrap::error::{RestartError, RestartRefusal};
use bootstrap::lifecycle::Status;
use support::{Probe, Trace, fails, hangs, paused, takes, threaded};

fn one(trace: &Trace) -> App {
    App::new().with(Probe::new("a", trace))
}

#[test]
fn a_restart_that_is_asked_for_while_the_app_boots_waits_for_the_end_of_the_boot() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Probe::new("a", &trace).load(takes(100)));
        let handle = app.handle();
        let mut watch = handle.watch();
        let restart = tokio::spawn(async move {
            assert_eq!(watch.changed().await, Some(Status::Booting));
            handle.restart("a").await
        });
        let running = app.boot().await.unwrap();
        restart.await.unwrap().unwrap();
        assert_eq!(trace.count("load(a)-"), 2);
        running.close().await.unwrap();
    });
}

#[test]
fn a_restart_in_the_moment_when_the_app_becomes_ready_is_done() {
    for _ in 0..50 {
        threaded(async {
            let trace = Trace::new();
            let app = one(&trace);
            let handle = app.handle();
            let mut watch = handle.watch();
            let restart = tokio::spawn(async move {
                while watch.changed().await != Some(Status::Ready) {}
                handle.restart("a").await
            });
            let running = app.boot().await.unwrap();
            running.handle().restart("a").await.unwrap();
            restart.await.unwrap().unwrap();
            assert_eq!(trace.count("load(a)-"), 3);
            running.close().await.unwrap();
        });
    }
}

#[test]
fn an_app_that_was_asked_to_stop_and_has_not_begun_to_says_why_it_stops() {
    paused(async {
        let running = one(&Trace::new()).boot().await.unwrap();
        let handle = running.handle();
        handle.shutdown();
        assert_eq!(handle.status(), Status::Ready);
        let error = handle.restart("a").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the app is stopping: shutdown was requested"
        );
        assert!(matches!(
            error,
            RestartError::Refused {
                why: RestartRefusal::Stopping { .. },
                ..
            }
        ));
        running.close().await.unwrap();
    });
}

#[test]
fn an_app_that_stops_because_its_owner_has_gone_says_so() {
    paused(async {
        let running = one(&Trace::new()).boot().await.unwrap();
        let handle = running.handle();
        drop(running);
        let error = handle.restart("a").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the app is stopping: the app was dropped"
        );
        handle.closed().await;
    });
}

#[test]
fn requests_that_wait_for_a_restart_that_fails_name_it() {
    paused(async {
        let trace = Trace::new();
        let loads = std::sync::atomic::AtomicU32::new(0);
        let loads = std::sync::Arc::new(loads);
        let load = support::act(move || {
            let first = loads.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            async move {
                anyhow::ensure!(first, "gone");
                Ok(())
            }
        });
        let app = one(&trace).with(Probe::new("b", &trace).load(load));
        let running = app.boot().await.unwrap();
        let handle = running.handle();
        let (first, second) = tokio::join!(handle.restart("b"), handle.restart("a"));
        assert!(matches!(first.unwrap_err(), RestartError::Failed { .. }));
        assert_eq!(
            second.unwrap_err().to_string(),
            "the app is stopping: the restart of `b` failed"
        );
        running.close().await.unwrap_err();
    });
}

#[test]
fn a_restart_is_refused_when_the_boot_that_it_waits_for_fails_or_is_interrupted() {
    paused(async {
        for load in [fails("no"), hangs()] {
            let app = App::new().with(Probe::new("a", &Trace::new()).load(load));
            let app = app.boot_timeout(Duration::from_secs(1));
            let handle = app.handle();
            let mut watch = handle.watch();
            let restart = tokio::spawn(async move {
                watch.changed().await;
                handle.restart("a").await
            });
            app.boot().await.unwrap_err();
            let error = restart.await.unwrap().unwrap_err();
            assert_eq!(
                error.to_string(),
                "the app is not running: its status is Failed"
            );
        }
    });
}

#[test]
fn a_plugin_that_is_disabled_is_named_with_the_reason() {
    paused(async {
        let trace = Trace::new();
        let mut app = one(&trace);
        let off = app.register(Probe::new("mail", &trace));
        let off = off.enabled(false, "there is no server here");
        let running = app.boot().await.unwrap();
        let expected = "[mail] is not part of the app that runs: it is disabled because there is \
                        no server here (";
        let by_name = running.handle().restart("mail").await.unwrap_err();
        assert!(by_name.to_string().starts_with(expected), "{by_name}");
        let by_handle = running.restart(&off).await.unwrap_err();
        assert_eq!(by_handle.to_string(), by_name.to_string());
        running.close().await.unwrap();
    });
}
