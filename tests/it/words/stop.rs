//! Closes that go wrong, and closes that take long.

use std::time::Duration;

use bootstrap::App;
use bootstrap::error::CloseError;
use support::{
    Probe, Trace, fails, fails_after, hangs, log_to, panics, paused, register_graph, takes,
};

use super::lines;

/// Boots `db <- http <- api` and closes it.
async fn close(app: App, http: Probe) -> CloseError {
    let trace = Trace::new();
    let mut app = app;
    let all = vec![Probe::new("db", &trace), http, Probe::new("api", &trace)];
    register_graph(&mut app, all, &[&[], &[0], &[1]]);
    app.boot().await.unwrap().close().await.unwrap_err()
}

fn http() -> Probe {
    Probe::new("http", &Trace::new())
}

#[test]
fn a_hook_that_fails_while_closing_is_stop001() {
    paused(async {
        let failures = [
            (
                fails("boom"),
                "boom",
                "remove the cause, or handle the error in the hook",
            ),
            (
                panics("boom"),
                "panicked: boom",
                "correct the code that panics; return an error for what can fail",
            ),
        ];
        for (act, words, help) in failures {
            let error = close(App::new(), http().close(act)).await;
            assert_eq!(error.code(), "STOP001");
            assert_eq!(
                lines(&error.render()),
                [
                    format!("error[STOP001]: [http] Plugin close failed: {words}"),
                    "  closed all the same: `api`, `db`".to_owned(),
                    format!("  help: everything else has closed; {help}"),
                ]
            );
        }
    });
}

#[test]
fn a_task_that_fails_is_stop002_and_comes_before_what_fails_behind_it() {
    paused(async {
        let trace = Trace::new();
        let sore = Probe::new("sore", &trace).close(fails("no"));
        let http = http().run(fails_after(5, "queue lost")).close(hangs());
        let app = App::new().with(sore);
        let error = close(app, http.close_timeout(Duration::from_secs(2))).await;
        assert_eq!(error.code(), "STOP002");
        assert_eq!(
            lines(&error.render()),
            [
                "error[STOP002]: [http] Plugin run failed: queue lost",
                "  also failed: [sore] Plugin close failed: no",
                "  also failed: [http] Plugin close failed: timed out after 2 s",
                "  closed all the same: `api`, `db`",
                "  help: the app has stopped because of the first error above; everything else has \
                 closed",
            ]
        );
    });
}

#[test]
fn a_close_that_is_cut_short_is_stop004_and_comes_before_hooks_that_failed() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Probe::new("sore", &trace).close(fails("no")));
        let error = close(app, http().close(hangs())).await;
        assert_eq!(error.code(), "STOP004");
        assert_eq!(
            error.to_string(),
            "[sore] Plugin close failed: no (and 1 error more)"
        );
        assert_eq!(
            lines(&error.render()),
            [
                "error[STOP004]: [http] Plugin close failed: timed out after 10 s",
                "  also failed: [sore] Plugin close failed: no",
                "  closed all the same: `api`, `db`",
                "  help: find out what `http` waits for, or raise its `close_timeout`, or \
                 `App::close_timeout`",
            ]
        );
    });
}

#[test]
fn a_close_that_had_less_time_than_it_may_take_says_so() {
    paused(async {
        let app = App::new().shutdown_timeout(Duration::from_secs(4));
        let error = close(app, http().drain(takes(1_000)).close(hangs())).await;
        assert_eq!(
            lines(&error.render()),
            [
                "error[STOP004]: [http] Plugin close failed: timed out after 3 s, what was left of \
                 the 4 s for closing",
                "  closed all the same: `api`, `db`",
                "  help: raise `App::shutdown_timeout`, or find out what took so long",
            ]
        );
    });
}

#[test]
fn a_task_that_does_not_end_is_stop004() {
    paused(async {
        let error = close(App::new(), http().run(hangs())).await;
        assert_eq!(
            lines(&error.render()),
            [
                "error[STOP004]: [http] Plugin run failed: timed out after 10 s",
                "  closed all the same: `api`, `http`, `db`",
                "  help: a task is told to stop by `cx.stopped()`: let it end then, or raise the `close_timeout` of its plugin, or `App::close_timeout`",
            ]
        );
    });
}

#[test]
fn a_close_that_takes_long_is_stop003_with_who_waits_for_it() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        // The task goes on for as long again as the drain takes.
        let http = http().drain(takes(7_000)).run(takes(13_000));
        let slow = Probe::new("sore", &Trace::new()).close(fails("no"));
        close(App::new().with(slow), http.close(takes(6_000))).await;
        let mut said = log.take();
        said.retain(|line| line.starts_with("WARN"));
        assert_eq!(
            said,
            [
                "WARN [STOP003] `http` has been draining for 5 s (limit 10 s); `db` waits for it",
                "WARN [STOP003] `http` has been stopping its tasks for 5 s (limit 10 s); `db` waits \
                 for it",
                "WARN [STOP003] `http` has been closing for 5 s (limit 10 s); `db` waits for it",
            ]
        );
    });
}
