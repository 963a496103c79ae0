//! Restarting a part of a running app.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bootstrap::error::{RestartError, RestartRefusal};
use bootstrap::extend::{Plugin, States};
use bootstrap::lifecycle::{ShutdownReason, Status};
use bootstrap::prelude::*;
use bootstrap::report::Outcome;
use bootstrap::{App, Supervision, plugin_fn};
use support::{Probe, Trace, act, hangs, paused, register_graph, takes};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// Which generation of its maker it comes from.
#[derive(Debug)]
struct Config(u32);

/// Counts its loads, and forgets its own memory before each.
#[plugin(name = "config", states = [Config], collect = never)]
struct ConfigPlugin {
    #[option]
    loads: Arc<AtomicU32>,
    #[local]
    scratch: Vec<u32>,
}

impl Hooks for ConfigPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        assert!(
            self.scratch.is_empty(),
            "every load begins with its default"
        );
        self.scratch.push(1);
        Ok(Config(self.loads.fetch_add(1, Ordering::Relaxed) + 1))
    }
}

/// What a reader has seen in its field.
struct Seen(u32);

#[plugin(name = "reader", states = [Seen], collect = never)]
struct Reader {
    config: State<Config>,
}

impl Hooks for Reader {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Seen> {
        Ok(Seen(self.config.0))
    }
}

/// S70: a plugin and its dependents, in reverse and in order again; nobody else notices.
#[test]
fn a_restart_closes_and_loads_what_depends_on_a_plugin_and_nothing_else() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = ["base", "middle", "top", "aside"]
            .map(|name| Probe::new(name, &trace).run(hangs()).drain(takes(1)));
        let registrations = register_graph(&mut app, Vec::from(probes), &[&[], &[0], &[1], &[0]]);
        let app = app.close_timeout(SECOND);
        let running = app.boot().await.unwrap();
        trace.take();
        running.restart(&registrations[1]).await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(
            trace.take(),
            [
                "drain(top)+",
                "drain(top)-",
                "drain(middle)+",
                "drain(middle)-",
                "close(top)+",
                "close(top)-",
                "close(middle)+",
                "close(middle)-",
                "load(middle)+",
                "load(middle)-",
                "load(top)+",
                "load(top)-",
                "run(middle)+",
                "run(top)+",
            ]
        );
        assert_eq!(running.status(), Status::Ready);
        let report = running.report();
        let generation = |name| report.plugin(name).unwrap().generation();
        assert_eq!(
            ["base", "middle", "top", "aside"].map(generation),
            [0, 1, 1, 0]
        );
        assert_eq!(
            report.plugin("top").unwrap().close.outcome,
            Outcome::NotStarted
        );
        running.close().await.unwrap_err();
        assert_eq!(trace.count("close(top)-"), 1);
    });
}

/// Fields are bound anew, `state` gives the new value, and old handles keep the old one.
#[test]
fn a_restart_makes_new_states_and_binds_fields_anew() {
    paused(async {
        let mut app = App::new();
        let config = app.register(ConfigPlugin::default());
        app.register(Reader::default());
        let early: State<Config> = config.handle();
        let running = app.boot().await.unwrap();
        let old = running.try_get::<State<Config>>().unwrap();
        assert_eq!(running.try_get::<State<Seen>>().unwrap().0, 1);

        running.restart(&config).await.unwrap();
        assert_eq!(running.try_get::<State<Config>>().unwrap().0, 2);
        assert_eq!(config.handle::<State<Config>>().0, 2);
        assert_eq!(running.try_get::<State<Seen>>().unwrap().0, 2);
        assert_eq!((old.0, early.0), (1, 1));
        let report = running.close().await.unwrap();
        assert!(
            report.plugin("config").unwrap().outlived().is_empty(),
            "of this generation"
        );
    });
}

/// From anywhere, by its name; the hooks are told why.
#[test]
fn a_handle_restarts_by_name() {
    paused(async {
        let mut app = App::new();
        app.register(ConfigPlugin::default());
        let running = app.boot().await.unwrap();
        running.handle().restart("config").await.unwrap();
        assert_eq!(running.try_get::<State<Config>>().unwrap().0, 2);
        let error = running.handle().restart("confog").await.unwrap_err();
        assert_eq!(
            format!("{error:?}"),
            "error[RUN002]: no plugin of this app is called `confog`\n  help: `Running::plan` lists the names"
        );
        running.close().await.unwrap();
    });
}

/// Two at a time are done one after the other.
#[test]
fn restarts_wait_for_each_other() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(Probe::new("a", &trace).load(takes(1_000)));
        let running = app.boot().await.unwrap();
        trace.take();
        let began = Instant::now();
        let (one, other) = (running.handle(), running.handle());
        let (one, other) = tokio::join!(one.restart("a"), other.restart("a"));
        one.and(other).unwrap();
        assert_eq!(began.elapsed(), 2 * SECOND);
        let twice = ["close(a)+", "close(a)-", "load(a)+", "load(a)-"].repeat(2);
        assert_eq!(trace.take(), twice);
        running.close().await.unwrap();
    });
}

/// Loads, until it is told not to.
fn breaks(broken: &Arc<AtomicBool>) -> support::Act {
    let broken = Arc::clone(broken);
    act(move || {
        let broken = broken.load(Ordering::Relaxed);
        async move {
            anyhow::ensure!(!broken, "broken");
            Ok(())
        }
    })
}

#[test]
fn a_part_that_does_not_load_again_stops_the_app() {
    paused(async {
        let (trace, broken) = (Trace::new(), Arc::default());
        let mut app = App::new();
        let probes = vec![
            Probe::new("base", &trace),
            Probe::new("a", &trace),
            Probe::new("b", &trace).load(breaks(&broken)),
        ];
        let registrations = register_graph(&mut app, probes, &[&[], &[0], &[1]]);
        let running = app.boot().await.unwrap();
        trace.take();
        broken.store(true, Ordering::Relaxed);
        let error = running.restart(&registrations[1]).await.unwrap_err();
        assert_eq!(error.to_string(), "[b] Plugin load failed: broken");
        let RestartError::Failed {
            failures, rollback, ..
        } = &error
        else {
            panic!("{error:?}");
        };
        assert_eq!((failures.len(), rollback.len()), (1, 0));
        let reason = running.wait().await;
        assert_eq!(reason.to_string(), "the restart of `a` failed");
        let error = running.close().await.unwrap_err();
        assert_eq!(error.to_string(), "[b] Plugin load failed: broken");
        assert_eq!(
            trace.take(),
            [
                "close(b)+",
                "close(b)-",
                "close(a)+",
                "close(a)-",
                "load(a)+",
                "load(a)-",
                "load(b)+",
                "close(a)+",
                "close(a)-",
                "close(base)+",
                "close(base)-",
            ]
        );
    });
}

#[test]
fn a_part_that_does_not_load_again_may_stay_down() {
    paused(async {
        let (trace, broken) = (Trace::new(), Arc::default());
        let mut app = App::new().tolerate_failed_restarts();
        let probes = vec![
            Probe::new("a", &trace).load(breaks(&broken)),
            Probe::new("other", &trace),
        ];
        register_graph(&mut app, probes, &[&[], &[]]);
        let running = app.boot().await.unwrap();
        broken.store(true, Ordering::Relaxed);
        running.handle().restart("a").await.unwrap_err();
        tokio::time::sleep(SECOND).await;
        assert_eq!(running.status(), Status::Ready);
        running.close().await.unwrap();
        assert_eq!(trace.count("close(other)-"), 1);
    });
}

/// What can't be done is refused before anything is closed.
#[test]
fn a_part_with_a_closure_is_refused_untouched() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let a = app.register(Probe::new("a", &trace));
        app.register(plugin_fn("once", async |_| Ok(()))).after(&a);
        let running = app.boot().await.unwrap();
        trace.take();
        let error = running.restart(&a).await.unwrap_err();
        assert!(
            matches!(&error, RestartError::Refused { why: RestartRefusal::Once { plugin, .. }, .. } if *plugin == "once")
        );
        assert_eq!(trace.take(), Vec::<String>::new());
        running.close().await.unwrap();
    });
}

#[test]
fn only_an_app_that_runs_can_be_restarted() {
    paused(async {
        let app = App::new();
        let handle = app.handle();
        let error = handle.restart("a").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the app is not running: its status is Configured"
        );
        app.boot().await.unwrap().close().await.unwrap();
        let error = handle.restart("a").await.unwrap_err();
        assert!(matches!(
            error,
            RestartError::Refused {
                why: RestartRefusal::NotRunning {
                    status: Status::Closed,
                    ..
                },
                ..
            }
        ));
    });
}

/// A registration of another app is none of this one's.
#[test]
fn a_registration_of_another_app_restarts_nothing() {
    paused(async {
        let mut other = App::new();
        let theirs = other.register(ConfigPlugin::default());
        let other = other.boot().await.unwrap();
        let running = App::new()
            .with(ConfigPlugin::default())
            .boot()
            .await
            .unwrap();
        let error = running.restart(&theirs).await.unwrap_err();
        assert!(
            matches!(
                error,
                RestartError::Refused {
                    why: RestartRefusal::Unknown { .. },
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(running.try_get::<State<Config>>().unwrap().0, 1);
        running.close().await.unwrap();
        other.close().await.unwrap();
    });
}

/// A shutdown in the middle ends the restart, and closes what there is.
#[test]
fn a_shutdown_interrupts_a_restart() {
    paused(async {
        let (trace, slow) = (Trace::new(), Arc::new(AtomicBool::new(false)));
        let mut app = App::new();
        let is_slow = Arc::clone(&slow);
        let load = act(move || {
            let slow = is_slow.load(Ordering::Relaxed);
            async move {
                if slow {
                    std::future::pending::<()>().await;
                }
                Ok(())
            }
        });
        let probes = vec![
            Probe::new("base", &trace),
            Probe::new("a", &trace).load(load),
        ];
        register_graph(&mut app, probes, &[&[], &[0]]);
        let running = app.boot().await.unwrap();
        slow.store(true, Ordering::Relaxed);
        trace.take();
        let handle = running.handle();
        let restart = tokio::spawn(async move { handle.restart("base").await });
        tokio::time::sleep(SECOND).await;
        running.close().await.unwrap();
        assert!(matches!(
            restart.await.unwrap(),
            Err(RestartError::Interrupted)
        ));
        assert_eq!(
            trace.take(),
            [
                "close(a)+",
                "close(a)-",
                "close(base)+",
                "close(base)-",
                "load(base)+",
                "load(base)-",
                "load(a)+",
                "drop(a)",
                "close(base)+",
                "close(base)-"
            ]
        );
    });
}

/// Tasks of the part end and begin again; those of others go on.
#[test]
fn spawned_tasks_belong_to_one_generation() {
    struct Spawns(Trace, &'static str);
    #[bootstrap::extend::async_trait]
    impl Plugin for Spawns {
        fn descriptor(&self) -> bootstrap::extend::Descriptor {
            bootstrap::extend::Descriptor::new(self.1)
        }
        async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
            let (trace, name) = (self.0.clone(), self.1);
            cx.supervise("task", Supervision::new(), move |cx| {
                let trace = trace.clone();
                async move {
                    trace.add(format_args!("{name} begins"));
                    cx.stopped().await;
                    trace.add(format_args!("{name} ends"));
                    Ok(())
                }
            });
            Ok(States::new())
        }
    }
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Spawns(trace.clone(), "a"))
            .with(Spawns(trace.clone(), "b"));
        let running = app.boot().await.unwrap();
        tokio::time::sleep(SECOND).await;
        trace.take();
        running.handle().restart("a").await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert_eq!(trace.take(), ["a ends", "a begins"]);
        running.close().await.unwrap();
    });
}

/// A drain that is told why can tell a restart from an end.
#[test]
fn hooks_are_told_that_it_is_a_restart() {
    struct Tells(Trace);
    #[bootstrap::extend::async_trait]
    impl Plugin for Tells {
        fn descriptor(&self) -> bootstrap::extend::Descriptor {
            bootstrap::extend::Descriptor::new("tells")
        }
        async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
            Ok(States::new())
        }
        async fn close(&self, cx: &CloseContext) -> Result<()> {
            assert_eq!(
                matches!(cx.reason(), ShutdownReason::Restart(_)),
                self.0.events().is_empty()
            );
            self.0.add(cx.reason());
            Ok(())
        }
    }
    paused(async {
        let trace = Trace::new();
        let running = App::new().with(Tells(trace.clone())).boot().await.unwrap();
        running.handle().restart("tells").await.unwrap();
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["`tells` is restarted", "shutdown was requested"]
        );
    });
}

/// Waits until it is stopped, and fails then.
fn fails_when_stopped() -> impl Plugin {
    struct Sore;
    #[bootstrap::extend::async_trait]
    impl Plugin for Sore {
        fn descriptor(&self) -> bootstrap::extend::Descriptor {
            bootstrap::extend::Descriptor::new("sore")
        }
        async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
            Ok(States::new())
        }
        async fn run(&self, cx: &RunContext) -> Result<()> {
            cx.stopped().await;
            anyhow::bail!("sore")
        }
    }
    Sore
}

/// What goes wrong while a part closes is heard of, and the restart goes on.
#[test]
fn a_task_that_fails_while_its_part_restarts_does_not_stop_the_app() {
    paused(async {
        let heard = Trace::new();
        let told = heard.clone();
        let app = App::new().with(fails_when_stopped()).on_error(move |cx| {
            told.add(cx.error());
            async { Ok(()) }
        });
        let running = app.boot().await.unwrap();
        running.handle().restart("sore").await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert_eq!(running.status(), Status::Ready);
        assert_eq!(heard.take(), ["[sore] Plugin run failed: sore"]);
        let error = running.close().await.unwrap_err();
        assert_eq!(error.to_string(), "[sore] Plugin run failed: sore");
    });
}

/// A task of the rest may fail in the middle of a restart: that is the end of the app.
#[test]
fn a_task_that_fails_during_the_restart_of_others_is_in_the_outcome() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("a", &trace).drain(takes(2_000)))
            .with(Probe::new("other", &trace).run(support::fails_after(1_000, "lost")));
        let running = app.boot().await.unwrap();
        let _ = running.handle().restart("a").await;
        let error = running.close().await.unwrap_err();
        assert_eq!(error.to_string(), "[other] Plugin run failed: lost");
    });
}
