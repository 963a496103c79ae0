//! Hooks and tasks that would wait for themselves.

use std::time::Duration;

use bootstrap::error::{RestartError, RestartRefusal};
use bootstrap::{App, Handle, plugin_fn};
use support::{Act, Probe, Trace, act, hangs, log_to, paused, threaded};
use tokio::time::Instant;

use super::lines;

/// Closes the app, and waits for that; notes what becomes of it.
fn closes(handle: &Handle, trace: &Trace) -> Act {
    let (handle, trace) = (handle.clone(), trace.clone());
    act(move || {
        let (handle, trace) = (handle.clone(), trace.clone());
        async move {
            let error = handle.close().await.unwrap_err();
            trace.add(error.code());
            assert!(error.is_wait_for_itself());
            assert!(error.errors().is_empty());
            Ok(())
        }
    })
}

/// S37: in whatever hook of the app, and in its tasks.
#[test]
fn a_hook_that_waits_for_the_close_of_its_app_is_told_so_at_once() {
    let test = async || {
        let (answers, trace) = (Trace::new(), Trace::new());
        let app = App::new();
        let asks = || closes(&app.handle(), &answers);
        let task = asks();
        let plugin = Probe::new("a", &trace).drain(asks()).close(asks());
        let (on_start, on_close) = (asks(), asks());
        let app = app
            .with(plugin.run(task))
            .on_start({
                let trace = answers.clone();
                async move |_| {
                    trace.add("on_start");
                    drop(on_start);
                    Ok(())
                }
            })
            .on_close(async move |_| on_close().await);
        let began = Instant::now();
        let running = app.boot().await.unwrap();
        running.wait().await;
        running.close().await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(
            answers.events(),
            ["on_start", "STOP007", "STOP007", "STOP007", "STOP007"]
        );
    };
    paused(test());
    threaded(test());
}

/// S37: a `load` as well; the boot is interrupted by its wish.
#[test]
fn a_load_that_waits_for_the_close_of_its_app_is_told_so_at_once() {
    paused(async {
        let (answers, trace) = (Trace::new(), Trace::new());
        let app = App::new();
        let load = closes(&app.handle(), &answers);
        let on_ready = closes(&app.handle(), &answers);
        let app = app
            .with(Probe::new("a", &trace).load(load))
            .on_ready(async move |_| on_ready().await);
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            lines(&error.render()),
            [
                "error[BOOT012]: boot was interrupted: shutdown was requested",
                "  closed again: `a`",
                "  help: everything that had loaded has been closed; boot again",
            ]
        );
        assert_eq!(answers.events(), ["STOP007"]);
    });
}

#[test]
fn the_words_for_a_wait_for_oneself_say_what_to_do() {
    paused(async {
        let trace = Trace::new();
        let told = trace.clone();
        let app = App::new().on_close(async move |cx| {
            told.add(cx.handle().close().await.unwrap_err().render());
            Ok(())
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "error[STOP007]: a hook or a task waits for the app to have closed, and the app waits \
                 for that hook or task\n  help: the app was asked to stop: return from the hook, or \
                 wait elsewhere; `handle.shutdown()` asks without waiting"
            ]
        );
    });
}

/// What a hook spawns is not waited for.
#[test]
fn what_a_hook_has_spawned_may_wait_for_the_close() {
    paused(async {
        let (sender, closed) = tokio::sync::oneshot::channel();
        let mut app = App::new();
        app.register(plugin_fn("spawns", async move |cx| {
            tokio::spawn(async move {
                let closed = cx.handle().close().await.is_ok();
                sender.send(closed).unwrap();
            });
            Ok(())
        }));
        let _ = app.boot().await;
        assert!(closed.await.unwrap());
    });
}

/// One app may be a part of another.
#[test]
fn a_hook_may_wait_for_the_close_of_another_app() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("outer", async |_| {
            let inner = App::new().boot().await?;
            inner.handle().close().await?;
            Ok(())
        }));
        app.boot().await.unwrap().close().await.unwrap();
    });
}

/// S37: it can't say no, so it says so in the log, and does what it promised.
#[test]
fn a_hook_that_waits_until_its_app_has_closed_is_logged() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let trace = Trace::new();
        let app = App::new();
        let handle = app.handle();
        let waits = act(move || {
            let handle = handle.clone();
            async move {
                handle.closed().await;
                Ok(())
            }
        });
        let app = app.with(Probe::new("a", &trace).close(waits));
        let running = app.boot().await.unwrap();
        log.take();
        let error = running.close().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[a] Plugin close failed: timed out after 10 s"
        );
        let said = log.take();
        assert!(
            said.contains(
                &"ERROR [STOP007] a hook or a task waits for the app to have closed, and the app \
                  waits for that hook or task: wait for it elsewhere, or for the wish to stop"
                    .to_owned()
            ),
            "{said:?}"
        );
    });
}

/// S37: a restart stops the tasks of its part first, and waits for the end of the boot.
#[test]
fn a_restart_of_ones_own_part_is_refused_at_once() {
    paused(async {
        let (trace, answers) = (Trace::new(), Trace::new());
        let app = App::new();
        let asks = |name: &'static str| {
            let (handle, answers) = (app.handle(), answers.clone());
            act(move || {
                let (handle, answers) = (handle.clone(), answers.clone());
                async move {
                    match handle.restart(name).await {
                        Ok(()) => answers.add("restarted"),
                        Err(RestartError::Refused {
                            why: RestartRefusal::WaitsForItself,
                            ..
                        }) => answers.add("refused"),
                        Err(error) => panic!("{error}"),
                    }
                    Ok(())
                }
            })
        };
        let own = Probe::new("own", &trace)
            .run(asks("own"))
            .ready(asks("other"));
        let other = Probe::new("other", &trace).run(hangs());
        let other = other.close_timeout(Duration::from_millis(10));
        let third = Probe::new("third", &trace).run(asks("other"));
        let app = app.with(own).with(other).with(third);
        let running = app.boot().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(answers.take(), ["refused", "refused", "restarted"]);
        assert_eq!(trace.count("load(other)+"), 2);
        assert_eq!(trace.count("load(own)+"), 1);
        let _ = running.close().await;
    });
}

#[test]
fn the_words_for_a_refused_restart_say_what_to_do() {
    assert_eq!(
        format!("{:?}", RestartError::from(RestartRefusal::WaitsForItself)),
        "error[RUN002]: a hook, or a task of the part that restarts, would wait for itself if it \
         waited for the restart\n  help: wait for it elsewhere: `tokio::spawn(async move { \
         handle.restart(..).await })`"
    );
}
