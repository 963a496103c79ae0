//! Failures of children for which nobody waits to the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bootstrap::error::BootErrorKind;
use bootstrap::lifecycle::ShutdownReason;
use bootstrap::{App, Retry};
use support::{Trace, paused};
use tokio::time::timeout;

use crate::nested::{Nest, sleep};

/// A plugin that waits for a child for a moment, and goes on for so many milliseconds.
fn impatient(trace: &Trace, then: u64, flushes: bool) -> Nest {
    let inner = trace.clone();
    Nest::new("parent", trace, move |cx| {
        let trace = inner.clone();
        async move {
            let bad = Nest::new("bad", &trace, async |_| {
                sleep(10).await;
                anyhow::bail!("boom")
            });
            let waited = timeout(Duration::from_millis(1), cx.register(bad).load()).await;
            assert!(waited.is_err());
            sleep(then).await;
            if flushes {
                trace.add(cx.flush().await.unwrap_err());
            }
            Ok(())
        }
    })
}

async fn fails_with_its_child(then: u64) {
    let trace = Trace::new();
    let app = App::new().with(impatient(&trace, then, false));
    let error = app.boot().await.unwrap_err();
    assert_eq!(error.to_string(), "[parent/bad] Plugin load failed: boom");
    assert_eq!(error.failures().len(), 1);
    let events = [
        "load(parent)+",
        "load(bad)+",
        "load(parent)-",
        "close(parent)",
    ];
    assert_eq!(trace.take(), events);
}

#[test]
fn a_child_that_fails_when_nobody_waits_any_more_fails_its_parent() {
    paused(fails_with_its_child(20));
}

#[test]
fn a_child_that_fails_when_its_parent_has_returned_fails_it_as_well() {
    paused(fails_with_its_child(0));
}

#[test]
fn a_failure_that_nobody_has_heard_of_is_told_to_the_next_who_waits() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(impatient(&trace, 20, true));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.take()[2], "[parent/bad] Plugin load failed: boom");
    });
}

#[test]
fn a_failure_that_was_handled_is_no_reason_for_a_boot_that_is_asked_to_stop() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let bad = Nest::new("bad", &trace, async |_| anyhow::bail!("boom"));
                cx.register(bad).load().await.unwrap_err();
                cx.handle().shutdown();
                std::future::pending().await
            }
        }));
        let error = app.boot().await.unwrap_err();
        let BootErrorKind::Interrupted { reason } = error.kind() else {
            panic!("{error:?}");
        };
        assert_eq!(*reason, ShutdownReason::Requested);
        assert_eq!(error.failures().len(), 0);
    });
}

#[test]
fn a_child_of_an_attempt_that_failed_is_cut_off_without_ending_the_boot() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let attempts = Arc::new(AtomicU32::new(0));
        let mut app = App::new();
        app.register(Nest::new("parent", &trace, move |cx| {
            let (trace, attempts) = (inner.clone(), Arc::clone(&attempts));
            async move {
                let slow = Nest::new("slow", &trace, async |_| {
                    sleep(10).await;
                    Ok(())
                });
                let waited = timeout(Duration::from_millis(1), cx.register(slow).load()).await;
                assert!(waited.is_err());
                anyhow::ensure!(attempts.fetch_add(1, Ordering::SeqCst) > 0, "not yet");
                Ok(())
            }
        }))
        .retry(Retry::attempts(2));
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(parent)+",
                "load(slow)+",
                "load(parent)+",
                "load(slow)+",
                "load(parent)-",
                "load(slow)-",
            ]
        );
        running.close().await.unwrap();
    });
}

/// At the very instant at which the parent would have returned.
#[test]
fn a_parent_whose_children_were_cut_off_has_not_loaded() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(Nest::new("bad", &trace, async |_| {
            sleep(10).await;
            anyhow::bail!("boom")
        }));
        app.register(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let slow = Nest::new("slow", &trace, async |_| std::future::pending().await);
                let waited = timeout(Duration::from_millis(10), cx.register(slow).load()).await;
                assert!(waited.is_err());
                Ok(())
            }
        }));
        let running = app.recover(async |_| Ok(())).boot().await.unwrap();
        let events = trace.take();
        let loaded = events.contains(&"load(parent)-".to_owned());
        let closed = events.contains(&"close(parent)".to_owned());
        assert_eq!(loaded, closed, "{events:?}");
        running.close().await.unwrap();
        assert_eq!(trace.take(), [""; 0]);
    });
}
