//! The hooks that run once everything has loaded.

use std::time::Duration;

use bootstrap::App;
use support::{Probe, Trace, fails, paused, register_graph, succeeds, takes};

#[test]
fn ready_runs_once_everything_has_loaded_providers_first() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("a", &trace).load(takes(9)).ready(takes(9)),
            Probe::new("b", &trace).ready(succeeds()),
            Probe::new("c", &trace).load(takes(20)),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[]]);
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(a)+",
                "load(c)+",
                "load(a)-",
                "load(b)+",
                "load(b)-",
                "load(c)-",
                "ready(a)+",
                "ready(a)-",
                "ready(b)+",
                "ready(b)-",
            ]
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_failing_ready_hook_fails_the_boot_and_closes_everything() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("a", &trace).ready(fails("not ready")))
            .with(Probe::new("b", &trace));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[a] Plugin ready failed: not ready");
        assert_eq!(error.closed(), ["b", "a"]);
        assert_eq!(trace.count("close(a)-"), 1);
    });
}

/// A7: hooks that run once, when the app has started, in the order in which they were added.
#[test]
fn on_start_runs_once_when_everything_is_ready() {
    paused(async {
        let trace = Trace::new();
        let (first, second) = (trace.clone(), trace.clone());
        let app = App::new()
            .with(Probe::new("a", &trace).ready(takes(3)))
            .on_start(async move |cx| {
                first.add(format_args!("first, {:?}", cx.handle().status()));
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(())
            })
            .on_start(async move |cx| {
                second.add(format_args!("second, {} loaded", cx.report().plugins.len()));
                Ok(())
            });
        let running = app.boot().await.unwrap();
        running.close().await.unwrap();
        assert_eq!(
            trace.events()[2..6],
            ["ready(a)+", "ready(a)-", "first, Ready", "second, 1 loaded"]
        );
        assert_eq!(trace.count("first, Ready"), 1);
    });
}

/// S15: also an app without plugins starts and closes once.
#[test]
fn the_hooks_of_an_empty_app_run_once() {
    paused(async {
        let trace = Trace::new();
        let (start, close) = (trace.clone(), trace.clone());
        let app = App::new()
            .on_start(async move |_| {
                start.add("start");
                Ok(())
            })
            .on_close(async move |_| {
                close.add("close");
                Ok(())
            });
        let running = app.boot().await.unwrap();
        assert_eq!(trace.events(), ["start"]);
        let handle = running.handle();
        running.close().await.unwrap();
        handle.close().await.unwrap();
        assert_eq!(trace.events(), ["start", "close"]);
    });
}

#[test]
fn an_on_start_hook_that_fails_or_panics_fails_the_boot() {
    paused(async {
        let trace = Trace::new();
        let app = || App::new().with(Probe::new("a", &trace));
        let error = app()
            .on_start(async |_| anyhow::bail!("no start"))
            .boot()
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "[app] Plugin start failed: no start");
        let error = app()
            .on_start(async |_| panic!("boom"))
            .boot()
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "[app] Plugin start failed: panicked: boom"
        );
        assert_eq!(trace.count("close(a)-"), 2);
    });
}
