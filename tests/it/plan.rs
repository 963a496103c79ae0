//! Planning: what is missing, double or circular, and the order of what is not.

use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap::{
    Descriptor, Fields, Plan, PlanError, PlanErrors, PlanWarning, Plugin, PluginName, State, States,
};
use support::{Probe, Trace, fails, paused, register_graph};

struct Config;
struct Pool;
struct Cache;
struct Settings;
bootstrap::supplied!(Settings);

#[plugin(name = "config", states = [Config])]
struct ConfigPlugin {
    settings: Option<State<Settings>>,
}

#[plugin(name = "database", states = [Pool])]
struct Database {
    config: State<Config>,
}

#[plugin(name = "cache", states = [Cache], collect = false)]
struct CachePlugin {
    #[option(required)]
    #[expect(dead_code, reason = "planning reads no option")]
    size: usize,
    config: State<Config>,
}

#[plugin(name = "api")]
struct Api {
    pool: State<Pool>,
    cache: State<Cache>,
    settings: State<Settings>,
}

/// Hooks that must never run while an app is planned.
macro_rules! never_loads {
    ($($plugin:ty => $state:ty),*) => {$(
        impl Hooks for $plugin {
            async fn load(&mut self, _: &mut LoadContext) -> Result<$state> {
                panic!("planning has no side effects")
            }
        }
    )*};
}

never_loads!(ConfigPlugin => Config, Database => Pool, CachePlugin => Cache, Api => ());

fn names<'a>(names: impl IntoIterator<Item = &'a PluginName>) -> Vec<String> {
    names.into_iter().map(PluginName::to_string).collect()
}

fn order(plan: &Plan) -> Vec<String> {
    names(plan.order().map(|plugin| plugin.name()).collect::<Vec<_>>())
}

fn messages(errors: &PlanErrors) -> Vec<String> {
    errors.errors().iter().map(PlanError::to_string).collect()
}

/// S1: a missing provider is reported with both names and the line of the field, and nothing runs.
#[test]
fn a_missing_provider_is_an_error_that_names_the_field_and_what_to_add() {
    let line = line!() + 1;
    let app = App::new().with(Database::default());
    let errors = app.plan().unwrap_err();
    let [
        PlanError::Missing {
            state,
            askers,
            help,
            ..
        },
    ] = errors.errors()
    else {
        panic!("{errors:?}");
    };
    assert_eq!(state.to_string(), "Config");
    let [asker] = askers.as_slice() else {
        panic!("{askers:?}");
    };
    assert_eq!(asker.plugin, "database");
    assert_eq!(asker.field, "config: State<Config>");
    assert!(asker.declared.file().ends_with("plan.rs"));
    assert_eq!(asker.registered.unwrap().line(), line);
    assert!(help.contains("`.with(ConfigPlugin::default())`"), "{help}");
}

/// S2: three plugins with three different missing states are three errors of one run.
#[test]
fn all_missing_states_are_reported_in_one_run() {
    let app = App::new().with(Database::default()).with(Api::default());
    let errors = app.plan().unwrap_err();
    assert_eq!(
        messages(&errors),
        [
            "plugin `api` needs the state `Cache`, and nothing in this app provides it",
            "plugin `database` needs the state `Config`, and nothing in this app provides it",
            "plugin `api` needs the state `Settings`, and nothing in this app provides it",
        ]
    );
    assert_eq!(
        errors.to_string(),
        format!("{} (and 2 errors more)", errors.errors()[0])
    );
}

/// S3: one missing state that ten plugins want is one error with ten askers.
#[test]
fn a_missing_state_is_reported_once_with_all_its_askers() {
    let app = (0..10).fold(App::new(), |app, _| app.with(Database::default()));
    let errors = app.plan().unwrap_err();
    let [PlanError::Missing { askers, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let expected: Vec<_> = (1..=10).map(|n| format!("database#{n}")).collect();
    assert_eq!(names(askers.iter().map(|asker| &asker.plugin)), expected);
}

/// The walk of the only circle.
fn circle(edges: &[&[usize]]) -> (Vec<String>, Vec<String>) {
    let trace = Trace::new();
    let probes = (0..edges.len())
        .map(|n| Probe::new(format!("p{n}"), &trace))
        .collect();
    let mut app = App::new();
    register_graph(&mut app, probes, edges);
    let errors = app.plan().unwrap_err();
    let [PlanError::Circle { walk, way, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    (names(walk.iter().map(|place| &place.plugin)), names(way))
}

/// S4: the walk holds only members of the circle, each once.
#[test]
fn a_circle_is_shown_as_a_walk_of_its_members() {
    assert_eq!(circle(&[&[0]]).0, ["p0"]);
    assert_eq!(circle(&[&[1], &[0]]).0, ["p0", "p1"]);
    assert_eq!(circle(&[&[1], &[2], &[0], &[]]).0, ["p0", "p1", "p2"]);
    // A shortcut: the shorter one of two circles is shown.
    assert_eq!(circle(&[&[1], &[2], &[3, 0], &[0]]).0, ["p0", "p1", "p2"]);
}

/// S5: a circle that nobody at the root is part of is shown with the way to it.
#[test]
fn a_circle_is_shown_with_the_way_that_leads_to_it() {
    let (walk, way) = circle(&[&[1], &[2], &[3], &[2]]);
    assert_eq!(walk, ["p2", "p3"]);
    assert_eq!(way, ["p0", "p1"]);
}

/// D57: the whole circle is in the message, and nothing has been loaded.
#[test]
fn the_diagnosis_of_a_circle_reads_from_the_mistake_to_the_remedy() {
    paused(async {
        let mut app = App::new();
        let a = app.register_fn("a", async |_| panic!("nothing loads"));
        let b = app
            .register_fn("b", async |_| panic!("nothing loads"))
            .after(&a);
        let line_of_a = line!() + 1;
        a.after(&b);
        let error = app.boot().await.unwrap_err();
        let text = error.render();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "error[BOOT002]: plugin `a` depends on itself, through 1 other plugin"
        );
        assert!(lines[1].starts_with("  `a` -> `b`: only an order, by `after` (tests/it/plan.rs:"));
        assert!(lines[2].starts_with("  `b` -> `a`: only an order, by `after` (tests/it/plan.rs:"));
        assert!(lines[3].starts_with("  help: one of them must do without another"));
        assert_eq!(lines.len(), 4, "{text}");
        let _ = line_of_a;
    });
}

#[test]
fn separate_circles_are_separate_errors() {
    let trace = Trace::new();
    let probes = (0..4)
        .map(|n| Probe::new(format!("p{n}"), &trace))
        .collect();
    let mut app = App::new();
    register_graph(&mut app, probes, &[&[1], &[0], &[3], &[2]]);
    assert_eq!(
        messages(&app.plan().unwrap_err()),
        [
            "plugin `p0` depends on itself, through 1 other plugin",
            "plugin `p2` depends on itself, through 1 other plugin",
        ]
    );
}

struct Other;

/// S7: two providers of one state, one of which came in through another plugin's needs.
#[test]
fn two_providers_of_a_state_are_an_error_with_both_places() {
    let trace = Trace::new();
    let mut app = App::new()
        .with(Database::default())
        .with(ConfigPlugin::default());
    app.register(Maker::<Config>::new("own-config", &trace));
    let errors = app.plan().unwrap_err();
    let [PlanError::Ambiguous { candidates, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    assert_eq!(
        names(candidates.iter().map(|place| &place.plugin)),
        ["config", "own-config"]
    );
    assert!(
        candidates
            .iter()
            .all(|place| place.declared.file().ends_with("plan.rs"))
    );
}

/// Made at run time: provides `T`, and may ask for another.
struct Maker<T> {
    name: &'static str,
    trace: Trace,
    asks: Option<State<T>>,
}

impl<T: Send + Sync + 'static> Maker<T> {
    fn new(name: &'static str, trace: &Trace) -> Self {
        Self {
            name,
            trace: trace.clone(),
            asks: None,
        }
    }
}

#[bootstrap::async_trait]
impl<T: Send + Sync + 'static> Plugin for Maker<T> {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.name).provides::<T>()
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        self.trace.add("load");
        let _ = &self.asks;
        anyhow::bail!("never")
    }
}

/// Made at run time: asks for `T`.
struct Asker<T>(State<T>);

#[bootstrap::async_trait]
impl<T: Send + Sync + 'static> Plugin for Asker<T> {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("asker")
    }

    fn fields(&mut self, fields: &mut Fields<'_>) {
        fields.field("it", &mut self.0);
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        anyhow::bail!("never")
    }
}

/// S9: whoever asks for a wrapper around a state is told about the state.
#[test]
fn asking_for_a_wrapper_around_a_state_is_answered_with_a_hint() {
    fn hint<T: Send + Sync + 'static>() -> String {
        let trace = Trace::new();
        let app = App::new()
            .with(Maker::<Other>::new("maker", &trace))
            .with(Asker::<T>(State::unbound()));
        let errors = app.plan().unwrap_err();
        let [PlanError::Missing { near, .. }] = errors.errors() else {
            panic!("{errors:?}");
        };
        near.join("; ")
    }
    let start = "`Other` is provided by `maker` (";
    let hints = [
        hint::<std::sync::Arc<Other>>(),
        hint::<Option<Other>>(),
        hint::<&'static Other>(),
        hint::<Box<Other>>(),
    ];
    for hint in hints {
        assert!(
            hint.starts_with(start) && hint.ends_with("): ask for that"),
            "{hint}"
        );
    }
    assert_eq!(hint::<u8>(), "");
}

mod elsewhere {
    pub(super) struct Other;
}

#[test]
fn two_types_with_one_name_are_told_apart() {
    let trace = Trace::new();
    let app = App::new()
        .with(Maker::<Other>::new("maker", &trace))
        .with(Asker::<elsewhere::Other>(State::unbound()));
    let text = app.plan().unwrap_err().render();
    assert!(
        text.contains("near: `it::plan::Other` is provided by `maker`")
            && text.contains("a different type with the same name"),
        "{text}"
    );
}

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

/// D2: two plugins with one name are an error; two instances of one plugin are numbered.
#[test]
fn two_different_plugins_can_not_have_one_name() {
    let trace = Trace::new();
    let mut app = App::new();
    app.register_fn("same", async |_| Ok(()));
    app.register(Probe::new("same", &trace));
    let errors = app.plan().unwrap_err();
    assert_eq!(errors.to_string(), "2 plugins are called `same`");
    assert_eq!(errors.errors()[0].code(), "BOOT004");

    let mut app = App::new();
    app.register(Probe::new("a", &trace)).named("x");
    app.register(Probe::new("b", &trace)).named("x");
    assert_eq!(
        app.plan().unwrap_err().to_string(),
        "2 plugins are called `x`"
    );
}

#[test]
fn a_supplied_state_that_is_forgotten_double_or_idle_is_reported() {
    let forgotten = App::only(ConfigPlugin::default()).with(NeedsSettings::default());
    let text = forgotten.plan().unwrap_err().render();
    assert!(
        text.contains("`main` supplies it (declared at tests/it/plan.rs:"),
        "{text}"
    );
    assert!(
        text.contains("add `.supply(..)` with a `Settings`"),
        "{text}"
    );

    let twice = App::new().supply(Settings).supply(Settings);
    let errors = twice.plan().unwrap_err();
    assert_eq!(
        errors.to_string(),
        "the state `Settings` is supplied 2 times"
    );
    let [PlanError::SuppliedTwice { at, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    assert_eq!(at.len(), 2);

    let line = line!() + 1;
    let idle = App::new().supply(Settings).plan().unwrap();
    let [PlanWarning::UnusedSupply { at, .. }] = idle.warnings() else {
        panic!("{:?}", idle.warnings());
    };
    assert_eq!(at.line(), line);
    assert_eq!(
        idle.warnings()[0].to_string(),
        format!("the state `Settings` is supplied at {at}, and no plugin of this app asks for it")
    );
}

#[plugin(name = "needs-settings")]
struct NeedsSettings {
    settings: State<Settings>,
}

never_loads!(NeedsSettings => ());

#[test]
fn a_provider_that_can_not_be_made_by_default_is_shown_as_the_line_to_write() {
    let app = App::only(Api::default()).supply(Settings);
    let text = app.plan().unwrap_err().render();
    assert!(text.contains("plugin `cache` (tests/it/plan.rs:"), "{text}");
    assert!(
        text.contains("add `.with(CachePlugin { .. })` to the app"),
        "{text}"
    );
    assert_eq!(
        text.matches("error[").count(),
        1,
        "the others were pulled in: {text}"
    );
}

#[test]
fn only_holds_one_plugin_and_what_it_requires() {
    let plan = App::only(Database::default()).plan().unwrap();
    // `ConfigPlugin` asks for `Settings` optionally, which pulls nothing.
    assert_eq!(order(&plan), ["config", "database"]);
}

#[test]
fn a_handle_of_another_app_is_an_error() {
    let mut other = App::new();
    let foreign = other.register(ConfigPlugin::default()).state();
    let app = App::new()
        .with(ConfigPlugin::default())
        .with(Database { config: foreign });
    let errors = app.plan().unwrap_err();
    assert_eq!(
        errors.to_string(),
        "plugin `database` holds a handle to the state `Config` of another app"
    );
}

/// It says so, and does not.
impl bootstrap::Provides<u16> for Maker<u8> {}

/// A state that a registration is asked for, and that its plugin does not provide.
#[test]
fn a_handle_to_a_state_that_nobody_makes_is_an_error() {
    let trace = Trace::new();
    let mut app = App::new();
    let maker = app.register(Maker::<u8>::new("maker", &trace));
    app.register(Asker::<u16>(maker.state()));
    assert_eq!(
        app.plan().unwrap_err().to_string(),
        "plugin `asker` expects the state `u16` from `maker`, which does not provide it"
    );
}

#[test]
fn an_expected_plugin_that_is_not_there_is_an_error_with_the_nearest_name() {
    let app = App::new()
        .with(ConfigPlugin::default())
        .expect(["config", "confog", "xyz"]);
    let errors = app.plan().unwrap_err();
    assert_eq!(
        messages(&errors),
        [
            "plugin `confog` is expected, and is not part of this app",
            "plugin `xyz` is expected, and is not part of this app",
        ]
    );
    let text = errors.render();
    assert!(text.contains("near: there is a plugin `config`"), "{text}");
    assert!(text.contains("bootstrap::link!(its_crate);"), "{text}");
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
    app.register_fn("after \"all\"", async |_| Ok(()))
        .after(&config);
    let plan = app.plan().unwrap();
    assert_eq!(
        plan.to_string(),
        "3 plugins\nlevel 0\n  config\nlevel 1\n  after \"all\" <- config\n  database <- config"
    );
    assert_eq!(
        plan.to_mermaid(),
        r#"flowchart LR
    p0["config"]
    p1["after #quot;all#quot;"]
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
    p1 [label="after \"all\""];
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
