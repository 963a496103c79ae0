//! Plans without a mistake.

use std::time::Duration;

use bootstrap::State;
use bootstrap::prelude::*;
use support::{Probe, Trace, fails, paused, register_graph};

use super::{Api, CachePlugin, ConfigPlugin, Database, NeedsSettings, Settings, order};

/// S10: planning calls no hook, and may be done again and again.
#[test]
fn planning_has_no_side_effects() {
    let app = App::new()
        .with(Api::default())
        .with(Database::default())
        .with(CachePlugin {
            size: 1,
            config: State::default(),
        })
        .with(ConfigPlugin::default())
        .supply(Settings);
    for _ in 0..3 {
        let plan = app.plan().unwrap();
        assert_eq!(
            order(&plan),
            ["supplied Settings", "config", "cache", "database", "api"]
        );
    }
}

/// S11: a ladder with 2^30 paths is planned and booted like any graph of sixty nodes.
#[test]
fn a_ladder_is_loaded_once_on_every_rung() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let rungs: Vec<Vec<usize>> = (0..60)
            .map(|n| match n / 2 {
                0 => Vec::new(),
                level => vec![2 * level - 2, 2 * level - 1],
            })
            .collect();
        let edges: Vec<&[usize]> = rungs.iter().map(Vec::as_slice).collect();
        let probes = (0..60)
            .map(|n| Probe::new(format!("p{n:02}"), &trace))
            .collect();
        register_graph(&mut app, probes, &edges);
        assert_eq!(app.plan().unwrap().levels().count(), 30);
        app.boot().await.unwrap().close().await.unwrap();
        for n in 0..60 {
            assert_eq!(trace.count(&format!("load(p{n:02})-")), 1);
        }
    });
}

/// S12: the work of a plan grows with the plugins, not with their square: no plugin and no edge
/// is listed more than once, at a thousand and at ten thousand.
#[test]
fn a_plan_holds_each_plugin_and_each_edge_once() {
    for n in [1_000, 10_000_usize] {
        let mut app = App::new();
        let registrations: Vec<_> = (0..n)
            .map(|i| app.register_fn(format!("p{i:05}"), async |_| Ok(())))
            .collect();
        for (i, registration) in registrations.iter().enumerate() {
            for back in [1, 7, 7, 31] {
                if let Some(earlier) = i.checked_sub(back) {
                    registration.clone().after(&registrations[earlier]);
                }
            }
        }
        let plan = app.plan().unwrap();
        assert_eq!(plan.len(), n);
        assert_eq!(plan.edges().count(), 3 * n - 1 - 7 - 31);
    }
}

/// S13: a chain of ten thousand plans, boots, closes and drops without touching the stack.
#[test]
fn a_chain_of_ten_thousand_does_not_overflow_the_stack() {
    paused(async {
        let mut app = App::new();
        let mut last = None;
        for i in 0..10_000 {
            let next = app.register_fn(format!("p{i}"), async |_| Ok(()));
            if let Some(last) = &last {
                next.clone().after(last);
            }
            last = Some(next);
        }
        let plan = app.plan().unwrap();
        assert_eq!(plan.levels().count(), 10_000);
        drop(plan);
        let report = app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(report.plugins.len(), 10_000);
        assert!(report.to_string().lines().count() > 20_000);
    });
}

/// S14: the same plugins in a hundred orders give the same plan and the same errors.
#[test]
fn the_order_of_registration_changes_nothing() {
    fn app(shuffle: usize, complete: bool) -> App {
        let add: [fn(App) -> App; 5] = [
            |app| app.with(Api::default()),
            |app| app.with(Database::default()),
            |app| app.with(ConfigPlugin::default()),
            |app| app.supply(Settings),
            |app| {
                app.with(CachePlugin {
                    size: 1,
                    config: State::default(),
                })
            },
        ];
        let mut steps: Vec<_> = add.iter().take(if complete { 5 } else { 2 }).collect();
        let mut app = App::new();
        let mut number = shuffle;
        while !steps.is_empty() {
            let step = steps.remove(number % steps.len());
            number = number / 3 + 1;
            app = step(app);
        }
        app
    }
    // The call sites are in one closure each, so that even the places are the same.
    let plan = app(0, true).plan().unwrap().to_dot();
    let errors = format!("{:?}", app(0, false).plan().unwrap_err());
    for shuffle in 1..100 {
        assert_eq!(app(shuffle, true).plan().unwrap().to_dot(), plan);
        assert_eq!(
            format!("{:?}", app(shuffle, false).plan().unwrap_err()),
            errors
        );
    }
}

/// S15: an empty app boots and closes.
#[test]
fn an_empty_app_plans_boots_and_closes() {
    paused(async {
        let app = App::new();
        assert!(app.plan().unwrap().is_empty());
        assert_eq!(app.plan().unwrap().levels().count(), 0);
        let report = app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(report.plugins.len(), 0);
    });
}

/// A2: every plugin comes after what it needs; ties are broken by name.
#[test]
fn a_plan_shows_order_levels_and_edges() {
    let plan = App::only(Database::default())
        .with(ConfigPlugin::default())
        .with(NeedsSettings::default())
        .supply(Settings)
        .plan()
        .unwrap();
    let levels: Vec<Vec<String>> = plan
        .levels()
        .map(|level| {
            level
                .iter()
                .map(|plugin| plugin.name().to_string())
                .collect()
        })
        .collect();
    assert_eq!(
        levels,
        [
            vec!["supplied Settings"],
            vec!["config", "needs-settings"],
            vec!["database"]
        ]
    );
    let edges: Vec<String> = plan
        .edges()
        .map(|edge| {
            let states: Vec<_> = edge.states().map(|state| state.to_string()).collect();
            format!(
                "{} <- {} ({})",
                edge.from.name(),
                edge.to.name(),
                states.join(", ")
            )
        })
        .collect();
    assert_eq!(
        edges,
        [
            "config <- supplied Settings (Settings)",
            "needs-settings <- supplied Settings (Settings)",
            "database <- config (Config)",
        ]
    );
    let config = plan.order().nth(1).unwrap();
    assert_eq!(config.level(), 1);
    assert_eq!(config.provides().len(), 1);
    assert_eq!(config.dependents().count(), 1);
    assert_eq!(config.requires().count(), 1);
}

#[test]
fn a_plan_is_drawn_as_a_list_as_mermaid_and_as_dot() {
    let mut app = App::new().with(Database::default());
    let config = app.register(ConfigPlugin::default());
    app.register_fn("after-\"all\"", async |_| Ok(()))
        .after(&config);
    let plan = app.plan().unwrap();
    assert_eq!(
        plan.to_string(),
        "3 plugins\nlevel 0\n  config\nlevel 1\n  after-\"all\" <- config\n  database <- config"
    );
    assert_eq!(
        plan.to_mermaid(),
        r#"flowchart LR
    p0["config"]
    p1["after-#quot;all#quot;"]
    p2["database"]
    p0 -.-> p1
    p0 -->|"Config"| p2"#
    );
    assert_eq!(
        plan.to_dot(),
        r#"digraph plan {
    rankdir=LR;
    node [shape=box];
    p0 [label="config"];
    p1 [label="after-\"all\""];
    p2 [label="database"];
    p0 -> p1 [style=dashed];
    p0 -> p2 [label="Config"];
}"#
    );
}

#[plugin(name = "migrations")]
struct Migrations;

#[plugin(name = "importer", after = [Migrations, Database])]
struct Importer;

never_loads!(Migrations => (), Importer => ());

#[test]
fn after_is_an_order_and_asks_for_nothing() {
    let alone = App::new().with(Importer).plan().unwrap();
    assert_eq!(order(&alone), ["importer"]);
    let both = App::new().with(Importer).with(Migrations).plan().unwrap();
    assert_eq!(order(&both), ["migrations", "importer"]);
    assert_eq!(both.edges().next().unwrap().states().count(), 0);
}

/// A fault in a plan is found before any hook of any plugin has run.
#[test]
fn a_faulty_plan_runs_no_hook() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("fine", &trace).load(fails("must not run")))
            .with(Database::default())
            .boot_timeout(Duration::from_secs(1));
        let handle = app.handle();
        let error = app.boot().await.unwrap_err();
        assert!(matches!(error.kind(), bootstrap::BootErrorKind::Plan(_)));
        assert_eq!(trace.events(), Vec::<String>::new());
        assert_eq!(handle.status(), bootstrap::Status::Failed);
    });
}
