//! Loads that are tried more than once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap::{App, Descriptor, HookFailure, Plugin, Retry, States};
use support::{Probe, Trace, act, hangs, panics, paused};
use tokio::time::Instant;

use super::SECOND;

/// Fails so many times, leaves something at every attempt, and notes both.
struct Stubborn {
    failures: usize,
    trace: Trace,
    attempts: usize,
}

impl Stubborn {
    fn new(failures: usize, trace: &Trace) -> Self {
        Self {
            failures,
            trace: trace.clone(),
            attempts: 0,
        }
    }
}

#[bootstrap::async_trait]
impl Plugin for Stubborn {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("stubborn").retry(Retry::attempts(3).backoff(SECOND, 4 * SECOND))
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        self.attempts += 1;
        let (trace, attempt) = (self.trace.clone(), self.attempts);
        trace.add(format_args!("attempt {attempt}"));
        cx.on_close(async move |_| {
            trace.add(format_args!("clean up {attempt}"));
            anyhow::ensure!(attempt != 1, "sore");
            Ok(())
        });
        anyhow::ensure!(attempt > self.failures, "no {attempt}");
        Ok(States::new())
    }
}

/// S33: what an attempt left is done before the next one, and what that says keeps nobody from it.
#[test]
fn a_load_is_tried_again_until_it_succeeds() {
    paused(async {
        let trace = Trace::new();
        let began = Instant::now();
        let running = App::new()
            .with(Stubborn::new(2, &trace))
            .boot()
            .await
            .unwrap();
        // A half of one and two seconds, or more.
        assert!(began.elapsed() >= Duration::from_millis(1_500));
        assert!(began.elapsed() <= 3 * SECOND);
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "attempt 1",
                "clean up 1",
                "attempt 2",
                "clean up 2",
                "attempt 3",
                "clean up 3"
            ]
        );
    });
}

#[test]
fn the_last_attempt_decides() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Stubborn::new(9, &trace));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[stubborn] Plugin load failed: no 3");
        assert_eq!(trace.count("clean up 3"), 1);
        assert!(
            error.render().contains("last progress: `stubborn`"),
            "{error:?}"
        );
    });
}

/// The registration knows better than the plugin.
#[test]
fn a_registration_may_say_how_often() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(Stubborn::new(1, &trace))
            .retry(Retry::attempts(1));
        assert!(app.boot().await.is_err());
        assert_eq!(trace.count("attempt 2"), 0);
    });
}

/// Every attempt has the limit of a load for itself; a panic and a limit that has passed are the
/// end.
#[test]
fn only_errors_are_tried_again() {
    paused(async {
        for (load, said) in [
            (panics("ouch"), "panicked: ouch"),
            (hangs(), "timed out after 2 s"),
        ] {
            let attempts = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&attempts);
            let load = act(move || {
                count.fetch_add(1, Ordering::Relaxed);
                let load = Arc::clone(&load);
                async move { load().await }
            });
            let mut app = App::new().load_timeout(2 * SECOND);
            app.register(Probe::new("a", &Trace::new()).load(load))
                .retry(Retry::attempts(3));
            let error = app.boot().await.unwrap_err();
            assert_eq!(error.to_string(), format!("[a] Plugin load failed: {said}"));
            assert_eq!(attempts.load(Ordering::Relaxed), 1);
        }

        let slow = act(async || {
            tokio::time::sleep(Duration::from_millis(1_900)).await;
            anyhow::bail!("slow")
        });
        let mut app = App::new().load_timeout(2 * SECOND);
        app.register(Probe::new("slow", &Trace::new()).load(slow))
            .retry(Retry::attempts(3));
        let error = app.boot().await.unwrap_err();
        assert!(matches!(
            error.failures()[0].failure(),
            HookFailure::Error(_)
        ));
    });
}

/// A boot that fails elsewhere does not wait for another attempt.
#[test]
fn a_wait_between_attempts_is_cancelled_like_a_load() {
    paused(async {
        let trace = Trace::new();
        let began = Instant::now();
        let app = App::new()
            .with(Stubborn::new(9, &trace))
            .with(Probe::new("other", &trace).load(support::fails_after(10, "no")));
        let error = app.boot().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_millis(10));
        assert_eq!(error.to_string(), "[other] Plugin load failed: no");
        assert_eq!(error.cancelled(), ["stubborn"]);
    });
}

#[plugin(name = "forgets", collect = false, retry = 3)]
struct Forgets {
    #[option]
    attempts: usize,
    #[local]
    scratch: Vec<u8>,
}

impl Hooks for Forgets {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        assert!(self.scratch.is_empty(), "left by an earlier attempt");
        self.scratch.push(1);
        self.attempts += 1;
        anyhow::ensure!(self.attempts == 3, "not yet");
        Ok(())
    }
}

/// The plugin's own memory is what its `load` makes of it, each time anew.
#[test]
fn every_attempt_finds_local_fields_at_their_default() {
    paused(async {
        let running = App::new().with(Forgets::default()).boot().await.unwrap();
        running.close().await.unwrap();
    });
}

/// The limit of a `load` is for the attempts, and not for the waits between them.
#[test]
fn a_wait_between_attempts_has_no_limit() {
    paused(async {
        let mut app = App::new();
        let patience = Retry::attempts(3).backoff(5 * SECOND, 5 * SECOND);
        let probe = Stubborn::new(2, &Trace::new());
        app.register(probe).retry(patience);
        app.load_timeout(SECOND)
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
    });
}

/// What an attempt left has the limit of a `close`, and is finished if the boot ends meanwhile.
#[test]
fn what_an_attempt_left_is_given_back_within_its_limit() {
    for (first, events) in [
        (hangs(), ["begins", "rollback"].as_slice()),
        (
            support::takes(100),
            ["begins", "given back", "rollback"].as_slice(),
        ),
    ] {
        paused(async {
            let trace = Trace::new();
            let (events_of, rolled_back) = (trace.clone(), trace.clone());
            let mut app = App::new().close_timeout(SECOND);
            let fails = app.register(Probe::new("other", &Trace::new()).close(act(move || {
                rolled_back.add("rollback");
                async { Ok(()) }
            })));
            let leaves = Arc::new(move |cx: &LoadContext| {
                let (trace, first) = (events_of.clone(), Arc::clone(&first));
                cx.on_close(async move |_| {
                    trace.add("begins");
                    first().await?;
                    trace.add("given back");
                    Ok(())
                });
            });
            app.register(Leaves(leaves)).after(&fails);
            let handle = app.handle();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                handle.shutdown();
            });
            let error = app.boot().await.unwrap_err();
            assert_eq!(error.cancelled(), ["leaves"]);
            assert_eq!(trace.events(), events);
        });
    }
}

/// Leaves something to be done, and fails.
struct Leaves(Arc<dyn Fn(&LoadContext) + Send + Sync>);

#[bootstrap::async_trait]
impl Plugin for Leaves {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("leaves").retry(Retry::attempts(9))
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        (self.0)(cx);
        anyhow::bail!("no")
    }
}
