//! Background tasks: what happens when they end, and who hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bootstrap::error::{BootErrorKind, HookError, HookFailure};
use bootstrap::lifecycle::{ShutdownReason, Status};
use bootstrap::prelude::*;
use bootstrap::report::Outcome;
use bootstrap::{App, Policy, Restart, Supervision, plugin_fn};
use support::{
    Act, Probe, Trace, act, fails, fails_after, hangs, panics, panics_after, paused, takes,
};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// Fails so often, then waits.
fn fails_then_waits(times: usize, count: &Arc<AtomicUsize>) -> Act {
    let count = Arc::clone(count);
    act(move || {
        let attempt = count.fetch_add(1, Ordering::Relaxed) + 1;
        async move {
            if attempt <= times {
                anyhow::bail!("failure {attempt}");
            }
            std::future::pending().await
        }
    })
}

/// What `on_error` was told.
fn listening(app: App, heard: &Trace) -> App {
    let heard = heard.clone();
    app.on_error(move |cx| {
        heard.add(cx.error());
        async { Ok(()) }
    })
}

fn restarts(most: u32) -> Policy {
    Policy::Restart(Restart::at_most(most, 60 * SECOND).backoff(SECOND, 4 * SECOND))
}

/// D22: a failure that is mended by a restart is heard of, and ends nothing.
#[test]
fn a_task_that_fails_is_started_again() {
    paused(async {
        let (heard, count) = (Trace::new(), Arc::default());
        let mut app = listening(App::new().close_timeout(SECOND), &heard);
        app.register(Probe::new("a", &Trace::new()).run(fails_then_waits(2, &count)))
            .supervise(Supervision::new().on_error(restarts(5)));
        let began = Instant::now();
        let running = app.boot().await.unwrap();
        while count.load(Ordering::Relaxed) < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // One second and two, or at least half of that.
        assert!(began.elapsed() >= Duration::from_millis(1_500));
        assert!(began.elapsed() <= Duration::from_millis(3_020));
        assert_eq!(
            heard.take(),
            [
                "[a] Plugin run failed: failure 1",
                "[a] Plugin run failed: failure 2"
            ]
        );
        assert_eq!(running.status(), Status::Ready);
        assert_eq!(running.report().plugin("a").unwrap().restarts(), 2);
        let error = running.close().await.unwrap_err();
        assert_eq!(
            error.errors().len(),
            1,
            "only that it did not stop: {error:?}"
        );
    });
}

/// One restart too many within the time stops the app, with the last failure.
#[test]
fn a_task_that_fails_too_often_stops_the_app() {
    paused(async {
        let (heard, count) = (Trace::new(), Arc::default());
        let mut app = listening(App::new(), &heard);
        app.register(Probe::new("a", &Trace::new()).run(fails_then_waits(99, &count)))
            .supervise(Supervision::new().on_error(restarts(2)));
        let running = app.boot().await.unwrap();
        let reason = running.wait().await;
        assert!(matches!(reason, ShutdownReason::TaskFailed(name) if name == "a"));
        let error = running.close().await.unwrap_err();
        assert_eq!(error.to_string(), "[a] Plugin run failed: failure 3");
        assert_eq!(heard.events().len(), 3, "each is heard of once: {heard:?}");
    });
}

#[test]
fn panics_and_errors_have_policies_of_their_own() {
    paused(async {
        let heard = Trace::new();
        let mut app = listening(App::new(), &heard);
        app.register(Probe::new("a", &Trace::new()).run(panics("ouch")))
            .supervise(Supervision::new().on_panic(Policy::Ignore));
        app.register(Probe::new("b", &Trace::new()).run(fails("no")))
            .supervise(Supervision::new().on_error(Policy::Ignore));
        let running = app.boot().await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert_eq!(running.status(), Status::Ready);
        let mut said = heard.take();
        said.sort();
        assert_eq!(
            said,
            [
                "[a] Plugin run failed: panicked: ouch",
                "[b] Plugin run failed: no"
            ]
        );
        let report = running.close().await.unwrap();
        let outcome = |name| report.plugin(name).unwrap().run().unwrap().outcome;
        assert_eq!(outcome("a"), Outcome::Panicked);
        assert_eq!(outcome("b"), Outcome::Failed);
    });
}

#[test]
fn the_end_of_a_task_may_stop_the_app() {
    paused(async {
        let mut app = App::new();
        app.register(Probe::new("job", &Trace::new()).run(takes(5)))
            .supervise(Supervision::new().on_end(Policy::StopApp));
        let running = app.boot().await.unwrap();
        let reason = running.wait().await;
        assert_eq!(reason.to_string(), "the task of `job` ended");
        running.close().await.unwrap();
    });
}

/// A task that ends well and is started again for ever counts its restarts as well.
#[test]
fn a_task_that_ends_too_often_is_a_failure() {
    paused(async {
        let mut app = App::new();
        app.register(Probe::new("a", &Trace::new()).run(takes(5)))
            .supervise(Supervision::new().on_end(restarts(2)));
        let running = app.boot().await.unwrap();
        running.wait().await;
        assert_eq!(
            running.close().await.unwrap_err().to_string(),
            "[a] Plugin run failed: it ended too often to be started again"
        );
    });
}

/// S69: also in the middle of a loop of restarts.
#[test]
fn a_stop_does_not_wait_for_a_restart() {
    paused(async {
        let count = Arc::default();
        let slow = Restart::at_most(5, 600 * SECOND).backoff(100 * SECOND, 100 * SECOND);
        let mut app = App::new();
        app.register(Probe::new("a", &Trace::new()).run(fails_then_waits(99, &count)))
            .supervise(Supervision::new().on_error(Policy::Restart(slow)));
        let running = app.boot().await.unwrap();
        tokio::time::sleep(SECOND).await;
        let began = Instant::now();
        running.close().await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    });
}

/// S68: between the wish to stop and the end nothing is restarted, and nothing is lost.
#[test]
fn what_fails_while_the_app_stops_is_in_the_outcome() {
    paused(async {
        let mut app = App::new();
        let probe = Probe::new("a", &Trace::new()).drain(takes(1_000));
        app.register(probe.run(fails_after(500, "late")))
            .supervise(Supervision::new().on_error(Policy::Ignore));
        let running = app.boot().await.unwrap();
        let error = running.close().await.unwrap_err();
        assert_eq!(error.to_string(), "[a] Plugin run failed: late");
    });
}

#[test]
fn a_spawned_task_ends_before_its_plugin_closes() {
    paused(async {
        let trace = Trace::new();
        let (events, closes) = (trace.clone(), trace.clone());
        let mut app = App::new();
        app.register(plugin_fn("mailer", async move |cx| {
            cx.spawn("outbox", async move |cx| {
                events.add(format_args!("{} runs", cx.name()));
                cx.stopped().await;
                tokio::time::sleep(SECOND).await;
                events.add("outbox is empty");
                Ok(())
            });
            cx.on_close(async move |_| {
                closes.add("mailer closes");
                Ok(())
            });
            Ok(())
        }));
        let running = app.boot().await.unwrap();
        tokio::task::yield_now().await;
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["mailer runs", "outbox is empty", "mailer closes"]
        );
    });
}

#[test]
fn a_spawned_task_that_fails_stops_the_app_under_its_name() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("mailer", async move |cx| {
            cx.spawn("outbox", async |_| {
                tokio::time::sleep(SECOND).await;
                anyhow::bail!("no mail today")
            });
            Ok(())
        }));
        let running = app.boot().await.unwrap();
        let reason = running.wait().await;
        assert_eq!(reason.to_string(), "the task of `mailer/outbox` failed");
        assert_eq!(
            running.close().await.unwrap_err().to_string(),
            "[mailer/outbox] Plugin run failed: no mail today"
        );
    });
}

/// D33: a boot does not wait for what it spawns, and one that fails leaves none of it behind.
#[test]
fn a_failed_boot_stops_what_was_spawned() {
    paused(async {
        for load_fails in [true, false] {
            let trace = Trace::new();
            let events = trace.clone();
            let mut app = App::new();
            app.register(plugin_fn("spawns", async move |cx| {
                cx.spawn("ticks", async move |cx| {
                    cx.stopped().await;
                    events.add("stopped");
                    Ok(())
                });
                anyhow::ensure!(!load_fails, "no");
                Ok(())
            }));
            app.register(Probe::new("later", &trace).load(fails_after(5, "no")));
            app.boot().await.unwrap_err();
            assert_eq!(trace.count("stopped"), 1);
        }
    });
}

/// A task that fails while the app still boots interrupts the boot, and is its explanation.
#[test]
fn a_task_that_fails_during_the_boot_ends_it() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("spawns", async move |cx| {
            cx.spawn("dies", async |_| anyhow::bail!("at once"));
            Ok(())
        }));
        app.register(Probe::new("slow", &Trace::new()).load(hangs()));
        let error = app.boot().await.unwrap_err();
        assert!(matches!(
            error.kind(),
            BootErrorKind::Interrupted {
                reason: ShutdownReason::TaskFailed(name)
            } if *name == "spawns/dies"
        ));
        let said: Vec<_> = error
            .rollback_errors()
            .iter()
            .map(HookError::to_string)
            .collect();
        assert_eq!(said, ["[spawns/dies] Plugin run failed: at once"]);
    });
}

#[test]
fn a_spawned_task_that_does_not_stop_is_cancelled_and_named() {
    paused(async {
        let alive = Arc::new(());
        let theirs = Arc::clone(&alive);
        let mut app = App::new().close_timeout(SECOND);
        app.register(plugin_fn("a", async move |cx| {
            cx.supervise("deaf", Supervision::new(), move |_| {
                let held = Arc::clone(&theirs);
                async move {
                    let () = std::future::pending().await;
                    drop(held);
                    Ok(())
                }
            });
            Ok(())
        }));
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[a/deaf] Plugin run failed: timed out after 1 s"
        );
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

#[test]
fn a_task_that_is_spawned_too_late_never_runs() {
    paused(async {
        let (give, mut take) = tokio::sync::mpsc::unbounded_channel();
        let mut app = App::new();
        app.register(plugin_fn("keeps", async move |cx| Ok(give.send(cx)?)));
        app.boot().await.unwrap().close().await.unwrap();
        let alive = Arc::new(());
        let theirs = Arc::clone(&alive);
        take.recv().await.unwrap().spawn("late", async move |_| {
            drop(theirs);
            Ok(())
        });
        assert_eq!(Arc::strong_count(&alive), 1, "it was let go of at once");
    });
}

/// D22: failed boots and closes are heard of as well, each error once.
#[test]
fn on_error_hears_of_boot_and_close() {
    paused(async {
        let heard = Trace::new();
        let app = listening(App::new(), &heard)
            .with(Probe::new("a", &Trace::new()).close(fails("sore")))
            .with(Probe::new("b", &Trace::new()).load(fails_after(1, "no")))
            .with(Probe::new("c", &Trace::new()).load(hangs()));
        app.boot().await.unwrap_err();
        assert_eq!(
            heard.take(),
            [
                "[b] Plugin load failed: no",
                "[a] Plugin close failed: sore"
            ]
        );
    });
}

/// D23: what an `on_error` hook would like to use may not be there: the boot has failed before.
#[bootstrap::supplied]
struct Seven(u8);

#[test]
fn an_on_error_hook_may_ask_for_what_is_not_there() {
    paused(async {
        let heard = Trace::new();
        let tells = heard.clone();
        let mut app = App::new().supply(Seven(7)).on_error(move |cx| {
            let number = cx.try_get::<State<Seven>>().map(|number| number.0);
            let name = cx.try_get::<State<String>>().map(|name| name.len());
            tells.add(format_args!("{}: {number:?}, {name:?}", cx.error()));
            async { Ok(()) }
        });
        app.register(plugin_fn("fails", async |_| {
            tokio::time::sleep(SECOND).await;
            anyhow::bail!("no")
        }));
        app.boot().await.unwrap_err();
        let [line] = &heard.events()[..] else {
            panic!("{heard:?}");
        };
        assert!(line.starts_with("[fails] Plugin load failed: no: Ok(7), Err("));
    });
}

/// D24: what an `on_error` hook does wrong stays with it.
#[test]
fn an_on_error_hook_that_misbehaves_is_contained() {
    paused(async {
        let heard = Trace::new();
        let app = App::new()
            .close_timeout(SECOND)
            .on_error(async |_| anyhow::bail!("the tracker is down"))
            .on_error(async |_| panic!("the tracker is gone"))
            .on_error(|_| -> std::future::Ready<Result<()>> { panic!("at once") })
            .on_error(async |_| std::future::pending().await);
        let app = listening(app, &heard)
            .with(Probe::new("a", &Trace::new()).close(panics_after(1, "ouch")));
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        assert!(matches!(error.errors()[0].failure(), HookFailure::Panic(_)));
        assert_eq!(error.errors().len(), 1);
        assert_eq!(heard.events(), ["[a] Plugin close failed: panicked: ouch"]);
    });
}

const AGAIN: Policy = Policy::Restart(Restart::at_most(1, SECOND).backoff(SECOND, SECOND));

/// Fails to load once, and its task fails once.
#[plugin(name = "stubborn", collect = never, retry = 2, supervise = Supervision::new().on_error(AGAIN))]
struct Stubborn {
    #[option]
    loads: AtomicUsize,
    #[local]
    runs: AtomicUsize,
}

impl Hooks for Stubborn {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        anyhow::ensure!(self.loads.fetch_add(1, Ordering::Relaxed) > 0, "not yet");
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        anyhow::ensure!(self.runs.fetch_add(1, Ordering::Relaxed) > 0, "not yet");
        cx.stopped().await;
        Ok(())
    }
}

#[test]
fn a_plugin_declares_its_policies() {
    paused(async {
        let running = App::new().with(Stubborn::default()).boot().await.unwrap();
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(running.status(), Status::Ready);
        let report = running.close().await.unwrap();
        assert_eq!(report.plugin("stubborn").unwrap().restarts(), 1);
    });
}

/// Also for a plugin that never had a task before, and through whatever hook of another one.
#[test]
fn a_task_that_is_spawned_while_its_plugin_closes_is_cancelled() {
    paused(async {
        let (give, take) = std::sync::mpsc::channel::<LoadContext>();
        let take = std::sync::Mutex::new(take);
        let alive = Arc::new(());
        let theirs = Arc::clone(&alive);
        let spawns = act(move || {
            let held = Arc::clone(&theirs);
            take.lock()
                .unwrap()
                .recv()
                .unwrap()
                .spawn("late", async move |_| {
                    let () = std::future::pending().await;
                    drop(held);
                    Ok(())
                });
            async { Ok(()) }
        });
        let mut app = App::new();
        app.register(plugin_fn("jobs", async move |cx| Ok(give.send(cx)?)));
        app.register(Probe::new("other", &Trace::new()).close(spawns));
        app.boot().await.unwrap().close().await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

#[test]
fn a_task_that_was_started_again_is_reported_as_running() {
    paused(async {
        let count = Arc::default();
        let mut app = App::new().close_timeout(SECOND);
        app.register(Probe::new("a", &Trace::new()).run(fails_then_waits(1, &count)))
            .supervise(Supervision::new().on_error(restarts(5)));
        let running = app.boot().await.unwrap();
        tokio::time::sleep(2 * SECOND).await;
        let run = running.report().plugin("a").unwrap().run().unwrap();
        assert_eq!((run.outcome, run.took), (Outcome::Started, None));
        running.close().await.unwrap_err();
    });
}
