//! Children of plugins that are loaded more than once, and what is left of those that failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bootstrap::error::{RestartError, RestartRefusal};
use bootstrap::lifecycle::Status;
use bootstrap::prelude::*;
use bootstrap::report::Outcome;
use bootstrap::{App, Retry, plugin_fn};
use support::{Probe, Trace, act, paused};

use crate::nested::Nest;

fn names(running: &bootstrap::Running) -> Vec<String> {
    let report = running.report();
    let names = report.plugins.iter().map(|it| it.name.to_string());
    names.collect()
}

#[test]
fn a_child_keeps_its_name_through_restarts() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            cx.register(Nest::leaf("child", &inner));
            cx.register(Nest::leaf("chosen", &inner)).named("listener");
            async { Ok(()) }
        }));
        let running = app.boot().await.unwrap();
        for _ in 0..3 {
            running.handle().restart("parent").await.unwrap();
            assert_eq!(names(&running), ["parent", "parent/child", "listener"]);
        }
        running.handle().restart("parent/child").await.unwrap();
        running.handle().restart("listener").await.unwrap();
        running.close().await.unwrap();
    });
}

#[test]
fn a_child_is_never_called_as_another_plugin_is() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(Nest::leaf("other", &trace))
            .named("parent/child");
        app.register(Nest::new("parent", &trace, move |cx| {
            cx.register(Nest::leaf("child", &inner));
            async { Ok(()) }
        }));
        let running = app.boot().await.unwrap();
        assert_eq!(
            names(&running),
            ["parent", "parent/child", "parent/child#2"]
        );
        running.close().await.unwrap();
    });
}

#[test]
fn on_ready_hooks_of_children_that_were_closed_do_not_run() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let attempts = Arc::new(AtomicBool::new(false));
        let brings = move |cx: LoadContext| {
            let (trace, attempts) = (inner.clone(), Arc::clone(&attempts));
            async move {
                let noted = trace.clone();
                let child = cx.register(plugin_fn("child", async move |cx| {
                    cx.on_ready(async move |_| {
                        noted.add("ready");
                        Ok(())
                    });
                    Ok(())
                }));
                child.load().await?;
                anyhow::ensure!(attempts.swap(true, Ordering::SeqCst), "not yet");
                Ok(())
            }
        };
        let mut app = App::new();
        let inner = trace.clone();
        app.register(Nest::new("failed", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let child = cx.register(plugin_fn("child", async move |cx| {
                    cx.on_ready(async move |_| {
                        trace.add("never");
                        Ok(())
                    });
                    Ok(())
                }));
                child.load().await?;
                anyhow::bail!("no")
            }
        }));
        let mut app = app.recover(async |_| Ok(()));
        app.register(Nest::new("tried", &trace, brings))
            .retry(Retry::attempts(2));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!((trace.count("ready"), trace.count("never")), (1, 0));
    });
}

#[test]
fn a_part_that_is_kept_down_can_be_restarted_once_it_is_repaired() {
    paused(async {
        let trace = Trace::new();
        let broken = Arc::new(AtomicBool::new(false));
        let is_broken = Arc::clone(&broken);
        let mut app = App::new().tolerate_failed_restarts();
        let database = app.register(Probe::new("database", &trace).load(act(move || {
            let is_broken = is_broken.load(Ordering::SeqCst);
            async move {
                anyhow::ensure!(!is_broken, "no connection");
                Ok(())
            }
        })));
        app.register(Probe::new("http", &trace)).after(&database);
        let running = app.boot().await.unwrap();
        broken.store(true, Ordering::SeqCst);
        for _ in 0..2 {
            let error = running.restart(&database).await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "[database] Plugin load failed: no connection"
            );
        }
        broken.store(false, Ordering::SeqCst);
        running.restart(&database).await.unwrap();
        assert_eq!(running.status(), Status::Ready);
        let report = running.report();
        assert_eq!(report.plugin("http").unwrap().load.outcome, Outcome::Done);
        running.close().await.unwrap();
        assert_eq!(trace.count("close(database)-"), 2);
    });
}

#[test]
fn what_was_recovered_from_can_be_loaded_later() {
    paused(async {
        let trace = Trace::new();
        let there = Arc::new(AtomicBool::new(false));
        let is_there = Arc::clone(&there);
        let app = App::new().with(Probe::new("metrics", &trace).load(act(move || {
            let is_there = is_there.load(Ordering::SeqCst);
            async move {
                anyhow::ensure!(is_there, "not there yet");
                Ok(())
            }
        })));
        let app = app.recover(async |_| Ok(()));
        let running = app.boot().await.unwrap();
        there.store(true, Ordering::SeqCst);
        running.handle().restart("metrics").await.unwrap();
        running.close().await.unwrap();
        assert_eq!(trace.count("close(metrics)-"), 1);
    });
}

#[test]
fn a_plugin_that_a_panic_took_along_is_refused_before_anything_is_closed() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Probe::new("metrics", &trace).load(support::panics("boom")));
        let app = app
            .recover(async |_| Ok(()))
            .with(Probe::new("http", &trace));
        let running = app.boot().await.unwrap();
        let error = running.handle().restart("metrics").await.unwrap_err();
        assert!(
            matches!(
                error,
                RestartError::Refused {
                    why: RestartRefusal::Lost { .. },
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(running.status(), Status::Ready);
        assert_eq!(trace.count("close(http)+"), 0);
        running.close().await.unwrap();
    });
}

#[test]
fn a_child_that_has_loaded_is_given_although_another_failed() {
    pub struct Value(u32);

    #[plugin(name = "give", states = [Value], collect = never)]
    struct Give;

    impl Hooks for Give {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Value> {
            Ok(Value(1))
        }
    }

    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("parent", async |cx| {
            let give = cx.register(Give);
            let optional = cx.register(plugin_fn("optional", async |_| {
                tokio::task::yield_now().await;
                anyhow::bail!("not there")
            }));
            assert!(optional.load().await.is_err());
            assert_eq!(give.await?.0, 1);
            Ok(())
        }));
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn the_report_shows_what_failed_and_was_recovered_from() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("metrics", async |cx| {
            cx.register(plugin_fn("exporter", async |_| {
                anyhow::bail!("port is taken")
            }));
            Ok(())
        }));
        let app = app.recover(async |_| Ok(()));
        let running = app.boot().await.unwrap();
        let report = running.report();
        let exporter = report.plugin("metrics/exporter").unwrap();
        assert_eq!(exporter.load.outcome, Outcome::Failed);
        running.close().await.unwrap();
    });
}
