//! Barriers: hooks between what was registered before them and what after.

use bootstrap::context::BarrierContext;
use bootstrap::error::Mistake;
use bootstrap::prelude::*;
use bootstrap::{Unused, plugin_fn};
use support::{Probe, Trace, fails_after, paused, takes};

struct Config(&'static str);

#[plugin(name = "config", states = [Config], collect = never)]
struct ConfigPlugin {
    #[option(default = "app")]
    value: &'static str,
}

impl Hooks for ConfigPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        Ok(Config(self.value))
    }
}

#[plugin(name = "user", collect = never)]
struct User {
    config: State<Config>,
}

impl Hooks for User {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn order(app: &App) -> Vec<String> {
    let plan = app.plan().unwrap();
    plan.order()
        .map(|plugin| plugin.name().to_string())
        .collect()
}

/// A barrier that adds an event.
fn noting(
    trace: &Trace,
    event: &'static str,
) -> impl FnOnce(BarrierContext) -> std::future::Ready<Result<()>> + Send + 'static {
    let trace = trace.clone();
    move |_| {
        trace.add(event);
        std::future::ready(Ok(()))
    }
}

/// A25: a barrier runs after everything before it, also what is nested, and before the app has
/// started.
#[test]
fn a_barrier_waits_for_all_that_was_registered_before_it() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(Probe::new("slow", &trace).load(takes(20)));
        app.scope("outer", |outer| {
            outer.scope("inner", |inner| {
                inner.register(Probe::new("nested", &trace).load(takes(50)));
            });
        });
        let mut app = app.barrier(noting(&trace, "barrier"));
        app.register(Probe::new("late", &trace));
        let started = trace.clone();
        let app = app.on_start(async move |_| {
            started.add("start");
            Ok(())
        });
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(nested)+",
                "load(slow)+",
                "load(slow)-",
                "load(nested)-",
                "barrier",
                "load(late)+",
                "load(late)-",
                "start",
            ]
        );
        running.close().await.unwrap();
    });
}

/// A31, A33: barriers are chained with what comes between them, and what is added after one still
/// loads.
#[test]
fn barriers_can_be_chained_and_what_comes_after_them_still_loads() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .max_concurrency(1)
            .with(Probe::new("z", &trace))
            .barrier(noting(&trace, "first"))
            .barrier(noting(&trace, "second"))
            .with(Probe::new("y", &trace))
            .barrier(noting(&trace, "third"))
            .with(Probe::new("x", &trace));
        assert_eq!(
            order(&app),
            ["z", "barrier#1", "barrier#2", "y", "barrier#3", "x"]
        );
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(z)+", "load(z)-", "first", "second", "load(y)+", "load(y)-", "third",
                "load(x)+", "load(x)-",
            ]
        );
        running.close().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "close(x)+",
                "close(x)-",
                "close(y)+",
                "close(y)-",
                "close(z)+",
                "close(z)-"
            ]
        );
    });
}

#[test]
fn a_barrier_of_a_scope_concerns_nobody_outside() {
    let trace = Trace::new();
    let mut app = App::new();
    app.scope("admin", |admin| {
        admin.register(Probe::new("early", &trace));
        admin.barrier(async |_| Ok(())).recover(async |_| Ok(()));
        admin.register(Probe::new("late", &trace));
        admin.scope("inner", |inner| inner.register(Probe::new("late", &trace)));
    });
    app.register(Probe::new("beside", &trace));
    let plan = app.plan().unwrap();
    let edges: Vec<String> = plan
        .edges()
        .map(|edge| format!("{} <- {}", edge.from.name(), edge.to.name()))
        .collect();
    assert_eq!(
        edges,
        [
            "admin/barrier <- admin/early",
            "admin/recover <- admin/barrier",
            "admin/inner/late <- admin/recover",
            "admin/late <- admin/recover",
        ]
    );
}

/// As long as nothing fails, `recover` is passed in silence, and `after` hears that all is well.
#[test]
fn a_barrier_hears_that_nothing_went_wrong() {
    paused(async {
        let trace = Trace::new();
        let seen = trace.clone();
        let mut app = App::new().with(ConfigPlugin::default());
        app.scope("admin", |admin| {
            admin.register(ConfigPlugin { value: "admin" });
            let seen = seen.clone();
            admin.barrier(async move |cx: BarrierContext| {
                seen.add(cx.try_get::<State<Config>>()?.0);
                Ok(())
            });
        });
        let app = app
            .recover(noting(&trace, "nothing to recover from"))
            .barrier(async move |cx: BarrierContext| {
                assert!(cx.outcome().is_ok() && cx.errors().is_empty());
                assert!(cx.report().plugin("config").is_some());
                assert_eq!(cx.handle().status(), bootstrap::lifecycle::Status::Booting);
                seen.add(cx.try_get::<State<Config>>()?.0);
                Ok(())
            });
        let running = app.boot().await.unwrap();
        assert_eq!(trace.take(), ["admin", "app"]);
        running.close().await.unwrap();
    });
}

/// A barrier that fails is a plugin that fails, called by its name and shown with its place.
#[test]
fn a_barrier_that_fails_fails_the_boot() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Probe::new("early", &trace));
        let line = line!() + 1;
        let app = app.barrier(async |_| anyhow::bail!("not like this"));
        let app = app.with(Probe::new("late", &trace));
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[barrier] Plugin load failed: not like this"
        );
        assert_eq!(error.failures()[0].declared().line(), line);
        assert_eq!(
            trace.take(),
            [
                "load(early)+",
                "load(early)-",
                "close(early)+",
                "close(early)-"
            ]
        );
    });
}

#[test]
fn a_plugin_before_a_barrier_that_needs_one_after_it_is_a_cycle() {
    let early = line!() + 1;
    let app = App::new().with(User::default());
    let barrier = line!() + 1;
    let app = app.barrier(async |_| Ok(()));
    let late = line!() + 1;
    let app = app.with(ConfigPlugin::default());
    let errors = app.plan().unwrap_err();
    let file = "tests/it/barriers.rs";
    let text = errors.render();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "error[BOOT002]: plugin `barrier` depends on itself, through 2 other plugins"
    );
    assert_eq!(
        lines[1],
        format!("  `barrier` -> `user`: `user` is registered before it ({file}:{early})")
    );
    assert!(
        lines[2].starts_with("  `user` -> `config`: field `config: State<Config>` ("),
        "{text}"
    );
    assert_eq!(
        lines[3],
        format!("  `config` -> `barrier`: `config` is registered after it ({file}:{late})")
    );
    assert_eq!(
        lines[4],
        "  help: `config` is registered after the barrier `barrier`, and needed before it: register \
         `config` before the barrier, or `user` after it, or take the barrier away"
    );
    assert_eq!(lines.len(), 5, "{text}");
    let [Mistake::Cycle { steps, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let walk: Vec<_> = steps.iter().map(|step| &step.plugin).collect();
    assert_eq!(walk[0].registered.unwrap().line(), barrier);
}

/// A barrier wants nothing of what stands before it.
#[test]
fn a_way_to_a_mistake_does_not_lead_through_a_barrier() {
    let trace = Trace::new();
    let app = App::new()
        .with(User::default())
        .barrier(async |_| Ok(()))
        .with(Probe::new("late", &trace));
    let errors = app.plan().unwrap_err();
    let [Mistake::MissingProvider { dependents, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    assert_eq!(dependents[0].way, ["user"]);
}

#[test]
fn a_barrier_is_no_plugin_to_expect_and_is_never_unused() {
    let app = || App::new().barrier(async |_| Ok(()));
    assert_eq!(
        app().expect(["barrier"]).plan().unwrap_err().to_string(),
        "plugin `barrier` is expected, and is not part of this app"
    );
    for policy in [Unused::Warn, Unused::Deny, Unused::Skip] {
        let plan = app().unused(policy).plan().unwrap();
        assert_eq!((plan.len(), plan.warnings().len()), (1, 0));
    }
}

#[test]
fn a_plan_shows_barriers_as_what_they_are() {
    let app = App::new()
        .with(ConfigPlugin::default())
        .barrier(async |_| Ok(()))
        .with(User::default());
    let plan = app.plan().unwrap();
    assert_eq!(
        plan.to_string(),
        "2 plugins, 1 barrier\nlevel 0\n  config\nlevel 1\n  barrier, a barrier <- config\nlevel 2\n  user <- config, barrier"
    );
    assert_eq!(
        plan.to_mermaid(),
        r#"flowchart LR
    p0["config"]
    p1{{"barrier"}}
    p2["user"]
    p0 -.-> p1
    p0 -->|"Config"| p2
    p1 -.-> p2"#
    );
    assert!(
        plan.to_dot()
            .contains(r#"p1 [label="barrier", shape=hexagon];"#)
    );
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["plugins"][1]["barrier"], true);
    assert_eq!(json["plugins"][2]["barrier"], false);
    let barriers: Vec<bool> = plan.order().map(|it| it.is_barrier()).collect();
    assert_eq!(barriers, [false, true, false]);
}

/// Each plugin has one edge to the barrier behind it, and each barrier one to what stands before.
#[test]
fn many_barriers_add_an_edge_or_two_for_each_plugin() {
    let trace = Trace::new();
    let mut app = App::new();
    for n in 0..200 {
        for m in 0..5 {
            app.register(Probe::new(format!("p{n:03}{m}"), &trace));
        }
        app = app.barrier(async |_| Ok(()));
    }
    let plan = app.plan().unwrap();
    assert_eq!(plan.len(), 1_200);
    // All plugins but the first five stand after a barrier, and all of them before one; barriers
    // stand after each other.
    assert_eq!(plan.edges().count(), 995 + 1_000 + 199);
}

/// A scope is cut off by a failure beside it. Its own barrier is not called, but whoever stands
/// behind it still waits for what stands before it.
#[test]
fn a_barrier_waits_for_what_stands_before_one_that_was_cut_off() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let (slow, inner) = (trace.clone(), trace.clone());
        app.scope("admin", |admin| {
            admin.register(plugin_fn("slow", async move |cx| {
                cx.on_close(async move |_| {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                    slow.add("cleaned up");
                    Ok(())
                });
                std::future::pending().await
            }));
            admin.barrier(noting(&inner, "never"));
            admin.register(Probe::new("late", &inner));
        });
        app.register(Probe::new("bad", &trace).load(fails_after(10, "boom")));
        let recovered = trace.clone();
        let app = app.recover(async move |cx: BarrierContext| {
            recovered.add(cx.errors().len());
            Ok(())
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.take(), ["load(bad)+", "cleaned up", "1"]);
    });
}

#[test]
fn what_a_barrier_that_was_cut_off_would_have_heard_is_told_to_the_next() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.scope("admin", |admin| {
            admin.register(Probe::new("first", &trace).load(fails_after(5, "one")));
            admin.recover(async |_| std::future::pending().await);
        });
        app.register(Probe::new("second", &trace).load(fails_after(10, "two")));
        let recovered = trace.clone();
        let app = app.recover(async move |cx: BarrierContext| {
            for error in cx.errors() {
                recovered.add(error);
            }
            Ok(())
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(first)+",
                "load(second)+",
                "[admin/first] Plugin load failed: one",
                "[second] Plugin load failed: two",
            ]
        );
    });
}
