//! Whatever a plugin in a scope leaves to be called later sees the states that the plugin sees.

use std::time::Duration;

use bootstrap::error::LookupError;
use bootstrap::prelude::*;
use bootstrap::{Retry, Supervision, plugin_fn};
use support::{Trace, paused};

struct Place(&'static str);

#[plugin(name = "place", states = [Place], ports = [str], collect = never)]
struct PlacePlugin {
    #[option(required)]
    of: &'static str,
}

impl Hooks for PlacePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<(Place, std::sync::Arc<str>)> {
        Ok((Place(self.of), self.of.into()))
    }
}

/// What a context and `Current::try_current()` see: the same.
macro_rules! see {
    ($trace:expr, $hook:literal, $cx:expr) => {{
        let seen = [
            $cx.try_get::<State<Place>>().map(|it| it.0.to_owned()),
            $cx.try_get::<Port<str>>().map(|it| it.to_string()),
            bootstrap::Current::try_current()?
                .try_get::<State<Place>>()
                .map(|it| it.0.to_owned()),
            bootstrap::Current::try_current()?
                .try_get::<Port<str>>()
                .map(|it| it.to_string()),
        ];
        let seen = seen.map(|it| it.unwrap_or_else(|error: LookupError| error.to_string()));
        assert!(seen.iter().all(|it| *it == seen[0]), "{seen:?}");
        $trace.add(format_args!("{} {}", $hook, seen[0]));
    }};
}

/// Looks around in everything that it can leave to be called.
#[plugin(name = "looks", collect = never)]
struct Looks {
    /// So that its provider is there as long as this plugin is.
    place: State<Place>,
    #[option(default = Trace::new())]
    trace: Trace,
    #[option(default = false)]
    fails: bool,
}

impl Hooks for Looks {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        let trace = self.trace.clone();
        cx.on_ready(async move |cx| {
            see!(trace, "on_ready", cx);
            let late = trace.clone();
            let spawned = bootstrap::Current::try_current()?.spawn(async move {
                see!(
                    late,
                    "spawned in on_ready",
                    bootstrap::Current::try_current()?
                );
                anyhow::Ok(())
            });
            spawned.await?
        });
        let trace = self.trace.clone();
        cx.on_close(async move |cx| {
            see!(trace, "on_close", cx);
            Ok(())
        });
        let trace = self.trace.clone();
        cx.spawn("task", async move |cx| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            see!(trace, "task", cx);
            Ok(())
        });
        let trace = self.trace.clone();
        cx.supervise("supervised", Supervision::new(), move |cx| {
            let trace = trace.clone();
            async move {
                tokio::time::sleep(Duration::from_secs(2)).await;
                see!(trace, "supervised", cx);
                Ok(())
            }
        });
        anyhow::ensure!(!self.fails, "no luck");
        Ok(())
    }

    async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
        see!(self.trace, "ready", cx);
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        see!(self.trace, "run", cx);
        cx.stopped().await;
        Ok(())
    }

    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        see!(self.trace, "drain", cx);
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        see!(self.trace, "close", cx);
        Ok(())
    }
}

fn looks(trace: &Trace) -> Looks {
    Looks {
        trace: trace.clone(),
        ..Looks::default()
    }
}

/// Everything that is called between the start and the end of a life, with what it sees.
fn life(place: &str) -> Vec<String> {
    let hooks = [
        "ready",
        "on_ready",
        "spawned in on_ready",
        "run",
        "task",
        "supervised",
        "drain",
        "close",
        "on_close",
    ];
    hooks.map(|hook| format!("{hook} {place}")).to_vec()
}

async fn live(app: App) {
    let running = app.boot().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    running.close().await.unwrap();
}

/// A37: what a plugin in a scope adds in its `load` sees what the plugin sees: its scope first, then
/// outwards.
#[test]
fn what_a_plugin_in_a_scope_leaves_to_be_called_sees_its_scope_first() {
    paused(async {
        for has_root in [true, false] {
            let trace = Trace::new();
            let mut app = App::new();
            if has_root {
                app.register(PlacePlugin { of: "root" });
            }
            app.scope("inner", |scope| {
                scope.register(PlacePlugin { of: "inner" });
                scope.scope("innermost", |scope| {
                    scope.register(looks(&trace));
                });
            });
            live(app).await;
            assert_eq!(trace.events(), life("inner"));
        }
    });
}

#[test]
fn what_a_plugin_in_a_scope_leaves_to_be_called_looks_outwards() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new().with(PlacePlugin { of: "root" });
        app.scope("inner", |scope| {
            scope.register(looks(&trace));
        });
        app.scope("beside", |scope| {
            scope.register(PlacePlugin { of: "beside" });
        });
        live(app).await;
        assert_eq!(trace.events(), life("root"));
    });
}

#[test]
fn what_a_child_leaves_to_be_called_sees_the_scope_that_its_parent_opened() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new().with(PlacePlugin { of: "root" });
        app.register(plugin_fn("parent", async move |cx| {
            cx.scope("inner", |scope| {
                scope.register(PlacePlugin { of: "inner" });
                scope.register(looks(&inner));
            });
            Ok(())
        }));
        live(app).await;
        assert_eq!(trace.events(), life("inner"));
    });
}

#[test]
fn after_a_restart_they_see_the_same_scope() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new().with(PlacePlugin { of: "root" });
        let looks = app.scope("inner", |scope| {
            scope.register(PlacePlugin { of: "inner" });
            scope.register(looks(&trace))
        });
        let running = app.boot().await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        running.restart(&looks).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        running.close().await.unwrap();
        let twice = [life("inner"), life("inner")].concat();
        assert_eq!(trace.events(), twice);
    });
}

#[test]
fn what_a_load_that_failed_has_left_to_be_done_sees_its_scope() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new().with(PlacePlugin { of: "root" });
        app.scope("inner", |scope| {
            scope.register(PlacePlugin { of: "inner" });
            let looks = Looks {
                fails: true,
                ..looks(&trace)
            };
            scope.register(looks).retry(Retry::attempts(2));
        });
        app.boot().await.unwrap_err();
        let mut events = trace.events();
        events.retain(|event| event.starts_with("on_close"));
        assert_eq!(events, ["on_close inner", "on_close inner"]);
    });
}
