//! Plans without a mistake.

use std::collections::BTreeSet;
use std::time::Duration;

use bootstrap::error::Mistake;
use bootstrap::extend::{Descriptor, Plugin, States};
use bootstrap::prelude::*;
use bootstrap::{Registration, State, plugin_fn};
use support::{Probe, Trace, fails, paused, register_graph};

use super::{Api, CachePlugin, Config, ConfigPlugin, Database, NeedsSettings, Settings, order};

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

/// Two probes on each rung, each with an edge to both of the rung before: 2^rungs paths.
fn ladder(rungs: usize, trace: &Trace) -> (App, Vec<Registration<Probe>>) {
    let needs: Vec<Vec<usize>> = (0..2 * rungs)
        .map(|n| match n / 2 {
            0 => Vec::new(),
            rung => vec![2 * rung - 2, 2 * rung - 1],
        })
        .collect();
    let edges: Vec<&[usize]> = needs.iter().map(Vec::as_slice).collect();
    let probes = (0..2 * rungs)
        .map(|n| Probe::new(format!("p{n:03}"), trace))
        .collect();
    let mut app = App::new();
    let registrations = register_graph(&mut app, probes, &edges);
    (app, registrations)
}

/// S11: a ladder with 2^200 paths is planned and booted like any graph of 400 nodes. Whoever took
/// the paths one by one would not come to an end.
#[test]
fn a_ladder_is_loaded_once_on_every_rung() {
    paused(async {
        let trace = Trace::new();
        let (app, _) = ladder(200, &trace);
        assert_eq!(app.plan().unwrap().levels().count(), 200);
        app.boot().await.unwrap().close().await.unwrap();
        let mut loaded = trace.events();
        loaded.retain(|event| event.starts_with("load") && event.ends_with('-'));
        loaded.sort();
        let expected: Vec<_> = (0..400).map(|n| format!("load(p{n:03})-")).collect();
        assert_eq!(loaded, expected);
    });
}

/// S11: and so are the ways to a mistake at its foot, and the cycles through it.
#[test]
fn a_ladder_with_a_mistake_is_diagnosed_like_any_graph() {
    paused(async {
        let trace = Trace::new();
        let (mut app, rungs) = ladder(200, &trace);
        let asker = app.register(Database::default());
        rungs[0].clone().after(&asker);
        let errors = app.plan().unwrap_err();
        let [Mistake::MissingProvider { dependents, .. }] = errors.errors() else {
            panic!("{errors:?}");
        };
        assert_eq!(dependents[0].way.len(), 201);

        let (app, rungs) = ladder(200, &trace);
        rungs[0].clone().after(&rungs[399]);
        let errors = app.boot().await.unwrap_err();
        assert_eq!(
            errors.to_string(),
            "plugin `p000` depends on itself, through 199 other plugins"
        );
    });
}

/// S12: the work of a plan grows with the plugins, not with their square: no plugin and no edge
/// is listed more than once, and a hundred thousand are planned as a thousand are.
#[test]
fn a_plan_holds_each_plugin_and_each_edge_once() {
    paused(async {
        for n in [1_000, 100_000_usize] {
            let mut app = App::new();
            let registrations: Vec<_> = (0..n)
                .map(|i| app.register(plugin_fn(format!("p{i:06}"), async |_| Ok(()))))
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
    });
}

/// S13: a chain of ten thousand plans, boots, closes and drops without touching the stack.
#[test]
fn a_chain_of_ten_thousand_does_not_overflow_the_stack() {
    paused(async {
        let mut app = App::new();
        let mut last = None;
        for i in 0..10_000 {
            let next = app.register(plugin_fn(format!("p{i}"), async |_| Ok(())));
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

/// S14: every order of five plugins with three mistakes between them gives the same diagnosis.
#[test]
fn the_order_of_registration_changes_no_diagnosis() {
    // Each in a place of its own, so that even the places are the same.
    const ADD: [fn(App) -> App; 5] = [
        |app| app.with(Api::default()),
        |app| app.with(Database::default()),
        |app| app.with(NeedsSettings::default()),
        |app| app.with(ConfigPlugin::default()),
        |app| app.with(OtherConfig),
    ];
    let mut texts = BTreeSet::new();
    for order in permutations(ADD.len()) {
        let app = order.iter().fold(App::new(), |app, step| ADD[*step](app));
        texts.insert(app.plan().unwrap_err().render());
    }
    assert_eq!(texts.len(), 1, "{texts:#?}");
    let text = texts.pop_first().unwrap();
    let first_lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("error["))
        .collect();
    assert_eq!(
        first_lines,
        [
            "error[BOOT001]: plugin `api` needs the state `Cache`, and nothing in this app \
             provides it",
            "error[BOOT001]: plugin `api` and 1 other field need the state `Settings`, and nothing \
             in this app provides it",
            "error[BOOT003]: plugin `database` needs the state `Config`, and 2 plugins in this app \
             provide it",
        ]
    );
}

/// Every order of `0..n`.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let insert = |shorter: Vec<usize>| {
        (0..n).map(move |place| {
            let mut longer = shorter.clone();
            longer.insert(place, last);
            longer
        })
    };
    permutations(last).into_iter().flat_map(insert).collect()
}

/// Made at run time: a second provider.
struct OtherConfig;

#[bootstrap::extend::async_trait]
impl Plugin for OtherConfig {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("other-config").provides::<Config>()
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        panic!("planning has no side effects")
    }
}

/// S14: also among names that begin with the same sixteen bytes.
#[test]
fn the_order_of_registration_changes_nothing_among_long_names() {
    let names = [
        "sixteen-letters-",
        "sixteen-letters-a",
        "sixteen-letters-b",
        "sixteen-letters-ba",
    ];
    for order in permutations(names.len()) {
        let mut app = App::new();
        for place in order {
            app.register(plugin_fn(names[place], async |_| Ok(())));
        }
        assert_eq!(self::order(&app.plan().unwrap()), names);
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
    app.register(plugin_fn("after-\"all\"", async |_| Ok(())))
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
        assert!(matches!(
            error.kind(),
            bootstrap::error::BootErrorKind::Plan(_)
        ));
        assert_eq!(trace.events(), Vec::<String>::new());
        assert_eq!(handle.status(), bootstrap::lifecycle::Status::Failed);
    });
}

/// S14: also if two different plugins have one name, or several that were expected are not there.
#[test]
fn the_order_of_registration_changes_no_diagnosis_of_a_name() {
    const ADD: [fn(&mut App); 2] = [
        |app| drop(app.register(plugin_fn("same", async |_| Ok(())))),
        |app| drop(app.register(Probe::new("same", &Trace::new()))),
    ];
    let mut texts = BTreeSet::new();
    for order in permutations(2) {
        let mut app = App::new();
        for step in order {
            ADD[step](&mut app);
            app = app.expect([["x", "y"][step]]);
        }
        texts.insert(app.plan().unwrap_err().render());
    }
    assert_eq!(texts.len(), 1, "{texts:#?}");
}
