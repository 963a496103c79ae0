//! Hooks that plugins add while they load.

use std::sync::atomic::{AtomicUsize, Ordering};

use bootstrap::{App, Retry, plugin_fn};
use support::{Trace, act, fails, paused, takes};

use super::{Adds, fails_to_boot, notes};

/// Those of the app come first, then those of the plugins as they were added.
#[test]
fn hooks_of_plugins_join_the_queue_in_the_order_in_which_they_were_added() {
    paused(async {
        let trace = Trace::new();
        let mut slow = Adds::new("slow", &trace, vec![("slow", takes(1))]);
        slow.load = takes(9);
        let mut app = App::new();
        let first = app.register(Adds::new(
            "z",
            &trace,
            vec![("z1", takes(9)), ("z2", takes(1))],
        ));
        app.register(Adds::new("a", &trace, vec![("a", takes(1))]))
            .after(&first);
        let app = app.with(slow).on_ready(notes(&trace, "app", takes(3)));
        app.boot().await.unwrap().close().await.unwrap();
        let mut hooks = trace.take();
        assert_eq!(
            hooks
                .drain(..3)
                .filter(|it| it.starts_with("ready("))
                .count(),
            3
        );
        assert_eq!(
            hooks,
            [
                "app+", "app-", "slow+", "slow-", "z1+", "z1-", "z2+", "z2-", "a+", "a-"
            ]
        );
    });
}

/// What opens the app to the outside is open in the hooks of the app.
#[test]
fn what_waits_for_all_ready_hooks_runs_before_the_hooks_of_the_app() {
    paused(async {
        let trace = Trace::new();
        let slow = Adds::new("slow", &trace, vec![("last", takes(1))]);
        let mut app = App::new().with(slow);
        for name in ["a", "b"] {
            let opens = notes(&trace, name, takes(1));
            let later = notes(&trace, "later", takes(1));
            app.register(plugin_fn(name, async move |cx| {
                cx.on_ready(later);
                cx.on_all_ready(opens);
                Ok(())
            }));
        }
        let app = app.on_ready(notes(&trace, "app", takes(1)));
        app.boot().await.unwrap().close().await.unwrap();
        let events = trace.take();
        let begun = events.iter().filter_map(|it| it.strip_suffix('+'));
        let begun: Vec<&str> = begun.collect();
        assert_eq!(events[0], "ready(slow)");
        assert_eq!(begun[..3], ["a", "b", "app"]);
        assert_eq!(begun.len(), 6, "{begun:?}");
    });
}

#[test]
fn an_error_of_a_plugins_hook_names_the_plugin_and_the_place_of_the_hook() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Adds::new("worker", &trace, vec![("hook", fails("no"))]));
        let error = fails_to_boot(app).await;
        assert_eq!(error.to_string(), "[worker] Plugin on-ready failed: no");
        let at = error.failures()[0].declared();
        assert!(at.file().ends_with("app_hooks/mod.rs"), "{at}");
    });
}

#[test]
fn a_load_that_is_tried_again_leaves_no_hook_twice() {
    paused(async {
        let trace = Trace::new();
        let tries = AtomicUsize::new(0);
        let mut adds = Adds::new("adds", &trace, vec![("hook", takes(1))]);
        adds.load = act(move || {
            let enough = tries.fetch_add(1, Ordering::Relaxed) == 2;
            async move {
                anyhow::ensure!(enough, "not yet");
                Ok(())
            }
        });
        let mut app = App::new();
        app.register(adds).retry(Retry::attempts(3));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["ready(adds)", "hook+", "hook-"]);
    });
}

/// There is nothing left that could be ready.
#[test]
fn a_hook_that_is_added_after_the_load_is_dropped() {
    paused(async {
        let trace = Trace::new();
        let late = trace.clone();
        let (keep, kept) = tokio::sync::oneshot::channel();
        let mut app = App::new();
        app.register(plugin_fn("keeps", async move |cx| {
            let _ = keep.send(cx);
            Ok(())
        }));
        let app = app.on_loaded(async move |_| {
            kept.await?.on_ready(notes(&late, "late", takes(1)));
            Ok(())
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert!(trace.events().is_empty(), "{trace:?}");
    });
}

/// What a part adds as it loads again runs when it is ready again, and the app's do not.
#[test]
fn hooks_that_a_restarted_part_adds_run_again() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .on_ready(notes(&trace, "app", takes(1)))
            .with(Adds::new("adds", &trace, vec![("hook", takes(1))]));
        let running = app.boot().await.unwrap();
        trace.take();
        running.handle().restart("adds").await.unwrap();
        assert_eq!(trace.take(), ["ready(adds)", "hook+", "hook-"]);
        running.close().await.unwrap();
    });
}

#[test]
fn a_hook_that_fails_in_a_restart_fails_the_restart() {
    paused(async {
        let trace = Trace::new();
        let runs = AtomicUsize::new(0);
        let hook = act(move || {
            let again = runs.fetch_add(1, Ordering::Relaxed) > 0;
            async move {
                anyhow::ensure!(!again, "not again");
                Ok(())
            }
        });
        let app = App::new().tolerate_failed_restarts().with(Adds::new(
            "adds",
            &trace,
            vec![("hook", hook)],
        ));
        let running = app.boot().await.unwrap();
        let error = running.handle().restart("adds").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[adds] Plugin on-ready failed: not again"
        );
        running.close().await.unwrap();
    });
}
