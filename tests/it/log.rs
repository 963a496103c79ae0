//! What is logged for people who watch a service.

use std::time::Duration;

use bootstrap::extend::Plugin;
use bootstrap::{App, Registration, plugin_fn};
use support::{
    Probe, Trace, fails, fails_after, hangs, log_to, paused, register_graph, succeeds, takes,
};

/// What is logged from the boot to the close of an app, without the spans.
fn events(log: &Trace) -> Vec<String> {
    let mut lines = log.take();
    lines.retain(|line| !line.starts_with("span"));
    lines
}

#[test]
fn a_boot_says_how_many_plugins_there_are_and_which() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![Probe::new("b", &trace), Probe::new("a", &trace)];
        register_graph(&mut app, probes, &[&[], &[0]]);
        let running = app.boot().await.unwrap();
        assert_eq!(events(&log), [r#"INFO booting 2 plugins: ["b", "a"]"#]);
        running.close().await.unwrap();
        assert_eq!(events(&log), Vec::<String>::new());
    });
}

#[bootstrap::supplied]
struct Unwanted;

#[test]
fn a_supplied_state_that_nobody_asks_for_is_a_warning_of_the_boot() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let line = line!() + 1;
        let app = App::new().supply(Unwanted);
        assert!(app.plan().is_ok());
        assert_eq!(events(&log), Vec::<String>::new(), "a plan says it itself");
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            events(&log),
            [
                format!(
                    "WARN the state `Unwanted` is supplied at tests/it/log.rs:{line}, and no plugin of \
                     this app asks for it"
                ),
                r#"INFO booting 1 plugin: ["supplied Unwanted"]"#.to_owned(),
            ]
        );
    });
}

/// A67, S61: nobody forgets to close an app without a word about it.
#[test]
fn a_running_app_that_is_dropped_is_a_warning() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let running = App::new().boot().await.unwrap();
        let handle = running.handle();
        events(&log);
        drop(running);
        handle.closed().await;
        assert_eq!(
            events(&log),
            ["WARN a running app was dropped without `close`: it closes in the background"]
        );
    });
}

#[test]
fn every_hook_has_a_span_that_names_its_plugin() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let trace = Trace::new();
        let probe = Probe::new("a", &trace)
            .ready(succeeds())
            .run(succeeds())
            .drain(succeeds());
        let running = App::new().with(probe).boot().await.unwrap();
        running.close().await.unwrap();
        let mut spans = log.take();
        spans.retain(|line| line.starts_with("span"));
        assert_eq!(
            spans,
            [
                "span load plugin=a",
                "span ready plugin=a",
                "span run plugin=a",
                "span drain plugin=a",
                "span close plugin=a",
            ]
        );
    });
}

#[test]
fn what_goes_wrong_while_running_and_closing_is_logged_as_it_happens() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(
            Probe::new("a", &trace)
                .run(fails_after(5, "queue lost"))
                .close(fails("stuck")),
        );
        let running = app.boot().await.unwrap();
        events(&log);
        running.wait().await;
        running.close().await.unwrap_err();
        assert_eq!(
            events(&log),
            [
                "ERROR [a] Plugin run failed: queue lost",
                "ERROR [a] Plugin close failed: stuck",
            ]
        );
    });
}

/// A boot or a close that hangs says so, and again after twice the time.
#[test]
fn hooks_that_take_long_are_logged_with_what_waits_for_them() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let trace = Trace::new();
        let mut app = App::new().close_timeout(Duration::from_secs(8));
        let waits = with_one_that_tells(&mut app);
        app.register(Probe::new("http", &trace).close(hangs()))
            .after(&waits);
        let running = app.boot().await.unwrap();
        let mut said = events(&log);
        said.remove(0);
        assert_eq!(
            said,
            [
                "DEBUG `db`: waiting for the lock",
                "WARN `db` has been loading for 10 s: waiting for the lock; `http` waits for it",
                "WARN `db` has been loading for 20 s: waiting for the lock; `http` waits for it",
            ]
        );
        running.close().await.unwrap_err();
        assert_eq!(
            events(&log)[0],
            "WARN [STOP003] `http` has been closing for 5 s (limit 8 s); `db` waits for it"
        );
    });
}

/// Loads for half a minute.
fn with_one_that_tells(app: &mut App) -> Registration<impl Plugin + use<>> {
    app.register(plugin_fn("db", async |cx| {
        cx.progress("waiting for the lock");
        tokio::time::sleep(Duration::from_secs(30)).await;
        Ok(())
    }))
}

/// Also what belongs to no plugin: most such hooks have no limit of their own.
#[test]
fn hooks_of_the_app_that_take_long_are_logged() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let slow = async || tokio::time::sleep(Duration::from_secs(25)).await;
        let app = App::new()
            .on_loaded(async move |_| {
                slow().await;
                Ok(())
            })
            .on_close(async |_| std::future::pending().await);
        let running = app.boot().await.unwrap();
        assert_eq!(
            events(&log)[1..],
            [
                "WARN `app` has been in an `on_loaded` hook for 10 s",
                "WARN `app` has been in an `on_loaded` hook for 20 s",
            ]
        );
        running.close().await.unwrap_err();
        assert_eq!(
            events(&log)[0],
            "WARN [STOP003] `app` has been closing for 5 s (limit 10 s)"
        );
    });
}

/// A subscriber learns of a boot that has failed, once, with the code, the diagnosis and the tree.
#[test]
fn a_boot_that_fails_is_logged_with_its_code_its_diagnosis_and_its_tree() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("a", &trace).load(takes(1)),
            Probe::new("b", &trace).load(fails("no")),
            Probe::new("c", &trace).load(hangs()),
            Probe::new("d", &trace),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[], &[1]]);
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            events(&log)[1..],
            [
                format!("ERROR {} code=\"BOOT010\"", error.render()),
                "INFO boot 1 ms\n├─┬ a 1 ms\n│ └── b 0 us failed\n├── c 1 ms cancelled\n\
                 └── d not started"
                    .to_owned(),
            ]
        );
    });
}

/// What a barrier has spared is in the tree as well.
#[test]
fn the_logged_tree_of_a_failed_boot_has_what_was_skipped() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(Probe::new("fails", &trace).load(fails("no")));
        let skipped = app.register(Probe::new("waits", &trace));
        skipped.after(&app.register(Probe::new("first", &trace).load(takes(5))));
        let app = app.barrier(async |_| anyhow::bail!("not recovered"));
        app.boot().await.unwrap_err();
        let tree = events(&log).pop().unwrap();
        assert!(tree.contains("┬ fails 0 us failed"), "{tree}");
        assert!(tree.contains("─ first skipped"), "{tree}");
        assert!(tree.contains("─ waits skipped"), "{tree}");
    });
}

#[test]
fn an_app_that_cannot_be_planned_is_logged_once() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(Probe::new("a", &trace));
        app.register(Probe::new("a", &trace)).named("a");
        assert!(app.plan().is_err());
        assert_eq!(events(&log), Vec::<String>::new(), "a plan is a result");
        let error = app.boot().await.unwrap_err();
        let expected = format!("ERROR {} code=\"BOOT004\"", error.render());
        assert_eq!(events(&log), [expected]);
    });
}

/// The level says whether somebody has to look: a program that stops itself has no fault.
#[test]
fn an_interrupted_boot_is_logged_by_what_interrupted_it() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let trace = Trace::new();
        let boot = async |close| {
            let app = App::new().with(Probe::new("a", &trace).close(close));
            let handle = app.handle();
            let app = app.on_ready(async move |_| {
                handle.shutdown();
                Ok(())
            });
            app.boot().await.unwrap_err().render()
        };
        boot(succeeds()).await;
        let line = "INFO boot was interrupted: shutdown was requested code=\"BOOT012\"";
        assert_eq!(events(&log)[1], line);
        let diagnosis = boot(fails("stuck")).await;
        let logged = events(&log);
        assert_eq!(logged[1], "ERROR [a] Plugin close failed: stuck");
        assert_eq!(logged[2], format!("ERROR {diagnosis} code=\"BOOT012\""));
    });
}

/// The future of `boot` would have logged it, and is gone.
#[test]
fn a_boot_whose_future_was_dropped_is_logged() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let trace = Trace::new();
        let probe = Probe::new("a", &trace).load(hangs());
        let app = App::new().with(probe.close(fails("no")));
        let handle = app.handle();
        let boot = tokio::time::timeout(Duration::from_millis(1), app.boot());
        assert!(boot.await.is_err());
        handle.closed().await;
        let line = "INFO boot was interrupted: the app was dropped code=\"BOOT012\"";
        assert_eq!(events(&log)[1], line);
    });
}

#[test]
fn a_boot_without_a_runtime_is_logged() {
    let log = Trace::new();
    let _listening = log_to(&log);
    let mut boot = std::pin::pin!(App::new().boot());
    let waker = std::task::Waker::noop();
    let polled = boot
        .as_mut()
        .poll(&mut std::task::Context::from_waker(waker));
    let std::task::Poll::Ready(Err(error)) = polled else {
        panic!("it needs a runtime");
    };
    let expected = format!("ERROR {} code=\"BOOT013\"", error.render());
    assert_eq!(events(&log), [expected]);
}

/// Only warnings, in their order, without the limits of hooks.
fn warnings(log: &Trace) -> Vec<String> {
    let said = log.take().into_iter();
    let said = said.filter(|line| line.starts_with("WARN"));
    let without_limit = |line: String| match line.split_once(" (limit ") {
        Some((before, behind)) => {
            let behind = behind.split_once(')').map_or("", |(_, behind)| behind);
            format!("{before}{behind}")
        }
        None => line,
    };
    said.map(without_limit).collect()
}

#[test]
fn each_hook_that_takes_long_is_named_after_its_own_time() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let trace = Trace::new();
        let hour = Duration::from_hours(1);
        let mut app = App::new().close_timeout(hour).shutdown_timeout(hour);
        app = app.load_timeout(hour);
        let probe = |name: &'static str| Probe::new(name, &trace);
        let quick = app.register(probe("quick").load(takes(10)).close(takes(12_000)));
        let first = app.register(probe("long").load(takes(41_000)));
        app.register(probe("soon").load(takes(25_000)).close(takes(10)))
            .after(&quick);
        app.register(probe("late").load(takes(12_000)))
            .after(&first);
        let running = app.boot().await.unwrap();
        assert_eq!(
            warnings(&log),
            [
                "WARN `long` has been loading for 10 s; `late` waits for it",
                "WARN `soon` has been loading for 10 s",
                "WARN `long` has been loading for 20 s; `late` waits for it",
                "WARN `soon` has been loading for 20 s",
                "WARN `long` has been loading for 40 s; `late` waits for it",
                "WARN `late` has been loading for 10 s",
            ]
        );
        running.close().await.unwrap();
        assert_eq!(
            warnings(&log),
            [
                "WARN [STOP003] `quick` has been closing for 5 s",
                "WARN [STOP003] `quick` has been closing for 10 s",
            ]
        );
    });
}

/// A parent that waits for a child that takes nearly as long is not named: the child is.
#[test]
fn of_a_parent_and_the_child_that_it_waits_for_the_child_is_named() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("parent", async |cx| {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let child = cx.register(plugin_fn("child", async |_| {
                tokio::time::sleep(Duration::from_secs(21)).await;
                Ok(())
            }));
            child.load().await.map(drop)
        }));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            warnings(&log),
            [
                "WARN `parent/child` has been loading for 10 s; `parent` waits for it",
                "WARN `parent/child` has been loading for 20 s; `parent` waits for it",
            ]
        );
    });
}
