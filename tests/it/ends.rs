//! How tasks end, and what becomes of the app then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bootstrap::lifecycle::{ShutdownReason, Status};
use bootstrap::{App, Policy, Restart, Supervision};
use support::{Act, Probe, Trace, act, fails, fails_after, paused, threaded};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Well,
    WithAnError,
    WithAPanic,
}

/// Ends so when it runs for the first time; goes on until it is stopped when it runs again.
fn ends_once(ends: Ends, runs: &Arc<AtomicUsize>, app: &App) -> Act {
    let (runs, handle) = (Arc::clone(runs), app.handle());
    act(move || {
        let (is_first, handle) = (runs.fetch_add(1, Ordering::Relaxed) == 0, handle.clone());
        async move {
            tokio::time::sleep(SECOND).await;
            match ends {
                _ if !is_first => {
                    let mut watch = handle.watch();
                    while watch.status() == Status::Ready && watch.changed().await.is_some() {}
                    Ok(())
                }
                Ends::Well => Ok(()),
                Ends::WithAnError => anyhow::bail!("lost"),
                Ends::WithAPanic => panic!("lost"),
            }
        }
    })
}

/// What became of the app five seconds after it had booted: why it stops, if it does, how often
/// the task ran, and how the app closed.
async fn end(ends: Ends, policy: Policy) -> (Option<String>, usize, String) {
    let (runs, mut app) = (Arc::default(), App::new());
    let act = ends_once(ends, &runs, &app);
    let supervision = Supervision::new();
    app.register(Probe::new("a", &Trace::new()).run(act))
        .supervise(match ends {
            Ends::Well => supervision.on_end(policy),
            Ends::WithAnError => supervision.on_error(policy),
            Ends::WithAPanic => supervision.on_panic(policy),
        });
    let running = app.boot().await.unwrap();
    let reason = tokio::time::timeout(5 * SECOND, running.wait()).await;
    let closed = running.close().await;
    (
        reason.ok().map(|reason| reason.to_string()),
        runs.load(Ordering::Relaxed),
        closed.map_or_else(|error| error.to_string(), |_| "well".to_owned()),
    )
}

/// S66: three ends, three policies.
#[test]
fn every_end_of_a_task_has_the_outcome_that_its_policy_says() {
    use Ends::{Well, WithAPanic, WithAnError};
    const AGAIN: Policy = Policy::Restart(Restart::at_most(1, SECOND).backoff(SECOND, SECOND));
    const ENDED: Option<&str> = Some("the task of `a` ended");
    const FAILED: Option<&str> = Some("the task of `a` failed");
    const ERROR: &str = "[a] Plugin run failed: lost";
    const PANIC: &str = "[a] Plugin run failed: panicked: lost";
    for (ends, policy, reason, runs, closed) in [
        (Well, Policy::StopApp, ENDED, 1, "well"),
        (Well, AGAIN, None, 2, "well"),
        (Well, Policy::Ignore, None, 1, "well"),
        (WithAnError, Policy::StopApp, FAILED, 1, ERROR),
        (WithAnError, AGAIN, None, 2, "well"),
        (WithAnError, Policy::Ignore, None, 1, "well"),
        (WithAPanic, Policy::StopApp, FAILED, 1, PANIC),
        (WithAPanic, AGAIN, None, 2, "well"),
        (WithAPanic, Policy::Ignore, None, 1, "well"),
    ] {
        let expected = (reason.map(str::to_owned), runs, closed.to_owned());
        let found = paused(end(ends, policy));
        assert_eq!(found, expected, "{ends:?}, {policy:?}");
    }
}

/// S67: each of three is a cause of its own, in the order in which they happened.
#[test]
fn two_tasks_and_a_close_that_fail_are_three_errors() {
    paused(async {
        let trace = Trace::new();
        let running = App::new()
            .with(Probe::new("a", &trace).run(fails_after(5, "a is lost")))
            .with(Probe::new("b", &trace).run(fails_after(5, "b is lost")))
            .with(Probe::new("c", &trace).close(fails("c is sore")))
            .boot()
            .await
            .unwrap();
        running.wait().await;
        let error = running.close().await.unwrap_err();
        let said: Vec<_> = error.errors().iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "[a] Plugin run failed: a is lost",
                "[b] Plugin run failed: b is lost",
                "[c] Plugin close failed: c is sore"
            ]
        );
    });
}

/// Fails whenever it has run for so long.
fn fails_every(millis: u64, runs: &Arc<AtomicUsize>) -> Act {
    let runs = Arc::clone(runs);
    act(move || {
        let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
        async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            anyhow::bail!("failure {run}")
        }
    })
}

fn three_in_five_seconds() -> Supervision {
    let wait = Duration::from_millis(1);
    let restart = Restart::at_most(3, 5 * SECOND).backoff(wait, wait);
    Supervision::new().on_error(Policy::Restart(restart))
}

/// S69: the fourth failure within the time is the end of the app.
#[test]
fn a_task_may_be_restarted_so_often_within_a_time_and_no_oftener() {
    paused(async {
        let (runs, mut app) = (Arc::default(), App::new());
        app.register(Probe::new("a", &Trace::new()).run(fails_every(1_000, &runs)))
            .supervise(three_in_five_seconds());
        let running = app.boot().await.unwrap();
        let reason = running.wait().await;
        assert!(matches!(reason, ShutdownReason::TaskFailed(name) if name == "a"));
        let error = running.close().await.unwrap_err();
        assert_eq!(error.to_string(), "[a] Plugin run failed: failure 4");
        assert_eq!(runs.load(Ordering::Relaxed), 4);
    });
}

/// S69: failures that lie further apart never add up.
#[test]
fn a_task_that_fails_now_and_then_is_restarted_for_ever() {
    paused(async {
        let (runs, mut app) = (Arc::default(), App::new());
        app.register(Probe::new("a", &Trace::new()).run(fails_every(2_000, &runs)))
            .supervise(three_in_five_seconds());
        let running = app.boot().await.unwrap();
        tokio::time::sleep(200 * SECOND).await;
        assert_eq!(running.status(), Status::Ready);
        assert!(runs.load(Ordering::Relaxed) > 90);
        let began = Instant::now();
        let error = running.close().await.unwrap_err();
        // The failure that comes while the app stops is told.
        assert_eq!(error.errors().len(), 1);
        assert!(began.elapsed() <= 2 * SECOND);
    });
}

/// S64: a server that listens in its `run` answers nobody that its app is not ready yet.
#[test]
fn a_task_never_begins_before_its_app_is_ready() {
    threaded(async {
        for run in 0..2_000 {
            let (mut app, seen) = (App::new(), Trace::new());
            let (handle, notes) = (app.handle(), seen.clone());
            let looks = act(move || {
                notes.add(format_args!("{:?}", handle.status()));
                std::future::ready(Ok(()))
            });
            app.register(Probe::new("a", &Trace::new()).run(looks));
            app.register(Probe::new("b", &Trace::new()).run(act(async || Ok(()))));
            let running = app.boot().await.unwrap();
            while seen.events().is_empty() {
                tokio::task::yield_now().await;
            }
            running.close().await.unwrap();
            assert_eq!(seen.events(), ["Ready"], "{run}");
        }
    });
}
