//! What else can be wrong with a plan.

use std::sync::Arc;

use bootstrap::error::Mistake;
use bootstrap::extend::{Descriptor, Fields, Plugin, States};
use bootstrap::plan::{Location, PlanWarning};
use bootstrap::prelude::*;
use bootstrap::{State, plugin_fn};
use support::{Probe, Trace};

use super::{Api, Config, ConfigPlugin, Database, NeedsSettings, Settings, messages, names, order};

/// S1: a missing provider is reported with both names and the line of the field, and nothing runs.
#[test]
fn a_missing_provider_is_an_error_that_names_the_field_and_what_to_add() {
    let line = line!() + 1;
    let app = App::new().with(Database::default());
    let errors = app.plan().unwrap_err();
    let [
        Mistake::MissingProvider {
            state,
            dependents,
            help,
            ..
        },
    ] = errors.errors()
    else {
        panic!("{errors:?}");
    };
    assert_eq!(state.to_string(), "Config");
    let [asker] = dependents.as_slice() else {
        panic!("{dependents:?}");
    };
    assert_eq!(asker.plugin, "database");
    assert_eq!(asker.field, "config: State<Config>");
    assert!(asker.declared.file().ends_with("mod.rs"));
    assert_eq!(asker.registered.unwrap().line(), line);
    assert!(help.contains("`.with(ConfigPlugin::default())`"), "{help}");
}

/// S1, S3: the whole diagnosis, with the way from the root and everybody else who asks.
#[test]
fn the_diagnosis_of_a_missing_state_reads_from_the_mistake_to_the_remedy() {
    struct Ledger;

    const LEDGER_PLUGIN: u32 = line!() + 2;
    #[plugin(name = "ledger", states = [Ledger])]
    struct LedgerPlugin;

    const BILLING_FIELD: u32 = line!() + 3;
    #[plugin(name = "billing")]
    struct Billing {
        ledger: State<Ledger>,
    }

    const REPORTS_FIELD: u32 = line!() + 3;
    #[plugin(name = "reports")]
    struct Reports {
        source: State<Ledger>,
    }

    never_loads!(LedgerPlugin => Ledger, Billing => (), Reports => ());

    let trace = Trace::new();
    let mut app = App::new();
    let registered = line!() + 1;
    let billing = app.register(Billing::default());
    let http = app.register(Probe::new("http", &trace)).after(&billing);
    app.register(Probe::new("api", &trace)).after(&http);
    app.register(Reports::default());
    let file = "tests/it/plan/mistakes.rs";
    assert_eq!(
        app.plan().unwrap_err().render(),
        format!(
            "error[BOOT001]: plugin `billing` and 1 other field need the state `Ledger`, and \
             nothing in this app provides it\n  \
             --> {file}:{BILLING_FIELD} (field `ledger: State<Ledger>`)\n  \
             registered at: {file}:{registered}\n  \
             wanted by: api -> http -> billing\n  \
             also wanted by: `reports` ({file}:{REPORTS_FIELD}, field `source: State<Ledger>`)\n  \
             help: plugin `ledger` ({file}:{LEDGER_PLUGIN}) provides it: add \
             `.with(LedgerPlugin::default())` to the app, or make the \
             field an `Option<State<Ledger>>`"
        )
    );
}

/// S1: of two ways from a root to the asker, the shorter one is shown.
#[test]
fn the_shortest_way_from_a_root_to_the_asker_is_shown() {
    // One root is first in the order of names, the other one last.
    for (near, far) in [("a-near", "z-far"), ("z-near", "a-far")] {
        let trace = Trace::new();
        let mut app = App::new();
        let asker = app.register(Dependent::<u8>::new("asker"));
        let one = app.register(Probe::new("one", &trace)).after(&asker);
        let two = app.register(Probe::new("two", &trace)).after(&one);
        app.register(Probe::new(far, &trace)).after(&two);
        app.register(Probe::new(near, &trace)).after(&asker);
        let errors = app.plan().unwrap_err();
        let [Mistake::MissingProvider { dependents, .. }] = errors.errors() else {
            panic!("{errors:?}");
        };
        assert_eq!(names(&dependents[0].way), [near, "asker"]);
    }
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

/// S3: one missing state that ten plugins want, of three kinds, is one error with ten dependents.
#[test]
fn a_missing_state_is_reported_once_with_all_its_askers() {
    let app = (0..8)
        .fold(App::new(), |app, _| app.with(Database::default()))
        .with(Dependent::<Config>::new("billing"))
        .with(Dependent::<Config>::new("reports"));
    let errors = app.plan().unwrap_err();
    let [Mistake::MissingProvider { dependents, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let mut expected = vec!["billing".to_owned()];
    expected.extend((1..=8).map(|n| format!("database#{n}")));
    expected.push("reports".to_owned());
    assert_eq!(
        names(dependents.iter().map(|asker| &asker.plugin)),
        expected
    );
    let text = errors.render();
    for name in &expected[1..] {
        let line = format!("\n  also wanted by: `{name}` (tests/it/plan/");
        assert_eq!(text.matches(&line).count(), 1, "{name}: {text}");
    }
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
    let [Mistake::AmbiguousProvider { candidates, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    assert_eq!(
        names(candidates.iter().map(|place| &place.plugin)),
        ["config", "own-config"]
    );
    let [config, own] = candidates.as_slice() else {
        panic!("{candidates:?}");
    };
    assert!(config.declared.file().ends_with("plan/mod.rs"));
    assert!(own.declared.file().ends_with("plan/mistakes.rs"));
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

#[bootstrap::extend::async_trait]
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
struct Dependent<T> {
    name: &'static str,
    it: State<T>,
}

impl<T: Send + Sync + 'static> Dependent<T> {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            it: State::unbound(),
        }
    }
}

#[bootstrap::extend::async_trait]
impl<T: Send + Sync + 'static> Plugin for Dependent<T> {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.name)
    }

    fn fields(&mut self, fields: &mut Fields<'_>) {
        fields.field("it", &mut self.it);
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
            .with(Dependent::<T>::new("asker"));
        let errors = app.plan().unwrap_err();
        let [Mistake::MissingProvider { near, .. }] = errors.errors() else {
            panic!("{errors:?}");
        };
        near.join("; ")
    }
    let start = "`Other` is provided by `maker` (";
    let hints = [
        hint::<Arc<Other>>(),
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

/// S9: and so is the reverse, where the provider wraps.
#[test]
fn asking_for_what_a_provided_wrapper_holds_is_answered_with_a_hint() {
    let trace = Trace::new();
    let app = App::new()
        .with(Maker::<Arc<Other>>::new("maker", &trace))
        .with(Dependent::<Other>::new("asker"));
    let errors = app.plan().unwrap_err();
    let [Mistake::MissingProvider { near, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let [near] = near.as_slice() else {
        panic!("{near:?}");
    };
    assert!(
        near.starts_with("`Arc<Other>` is provided by `maker` (tests/it/plan/mistakes.rs:")
            && near.ends_with("): a different type"),
        "{near}"
    );
}

mod elsewhere {
    pub(super) struct Other;
}

#[test]
fn two_types_with_one_name_are_told_apart() {
    let trace = Trace::new();
    let app = App::new()
        .with(Maker::<Other>::new("maker", &trace))
        .with(Dependent::<elsewhere::Other>::new("asker"));
    let text = app.plan().unwrap_err().render();
    assert!(
        text.contains("near: `it::plan::mistakes::Other` is provided by `maker`")
            && text.contains("a different type with the same name"),
        "{text}"
    );
}

/// D2: two plugins with one name are an error; two instances of one plugin are numbered.
#[test]
fn two_different_plugins_can_not_have_one_name() {
    let trace = Trace::new();
    let mut app = App::new();
    app.register(plugin_fn("same", async |_| Ok(())));
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
        text.contains("`main` supplies it (declared at tests/it/plan/mod.rs:"),
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
    let [Mistake::SuppliedTwice { at, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    assert_eq!(at.len(), 2);
    let shown = |at: &Location| format!("  --> {at}:{}", at.column());
    let text = errors.render();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("-->")).collect();
    assert_eq!(lines, [shown(&at[0]), shown(&at[1])], "one line, two calls");

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

#[test]
fn a_provider_that_can_not_be_made_by_default_is_shown_as_the_line_to_write() {
    let app = App::only(Api::default()).supply(Settings);
    let text = app.plan().unwrap_err().render();
    assert!(
        text.contains("plugin `cache` (tests/it/plan/mod.rs:"),
        "{text}"
    );
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
    let foreign = other.register(ConfigPlugin::default()).handle();
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
impl bootstrap::extend::Provides<u16> for Maker<u8> {}

/// A state that a registration is asked for, and that its plugin does not provide.
#[test]
fn a_handle_to_a_state_that_nobody_makes_is_an_error() {
    let trace = Trace::new();
    let mut app = App::new();
    let maker = app.register(Maker::<u8>::new("maker", &trace));
    app.register(Dependent::<u16> {
        name: "asker",
        it: maker.handle(),
    });
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
    assert!(
        text.contains("help: there is a plugin `config`: was that meant?\n"),
        "{text}"
    );
    assert!(
        text.contains("help: this app holds only what is registered: register it"),
        "{text}"
    );
}

/// What the macro refuses in a literal is refused at run time as well.
#[test]
fn a_name_that_messages_cant_show_is_an_error() {
    for name in ["", "two words", "config#1", "tick`", "new\nline"] {
        let mut app = App::new();
        app.register(plugin_fn(name, async |_| Ok(())));
        app.register(ConfigPlugin::default()).named(name);
        let errors = app.plan().unwrap_err();
        let bad = errors.errors().iter().filter(|it| it.code() == "BOOT009");
        assert_eq!(bad.count(), 2, "{errors:?}");
    }
}

#[test]
fn an_order_after_a_plugin_of_another_app_is_an_error() {
    let mut other = App::new();
    let theirs = other.register(plugin_fn("theirs", async |_| Ok(())));
    let mut app = App::new();
    app.register(plugin_fn("ours", async |_| Ok(())))
        .after(&theirs);
    assert_eq!(
        messages(&app.plan().unwrap_err()),
        ["plugin `ours` is ordered after `theirs` of another app"]
    );
}

/// Who supplies a state twice is told that, and not also that the state has two providers.
/// Calls that are chained on one line are told apart by their columns.
#[test]
fn providers_that_are_registered_on_one_line_are_shown_with_their_columns() {
    let config = ConfigPlugin::default;
    let app = App::new().with(config()).with(config());
    let app = app.with(Database::default());
    let errors = app.plan().unwrap_err();
    let [Mistake::AmbiguousProvider { candidates, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let text = errors.render();
    for candidate in candidates {
        let at = candidate.registered.unwrap();
        let shown = format!("registered at {at}:{})", at.column());
        assert_eq!(text.matches(&shown).count(), 1, "{shown}: {text}");
    }

    let mut app = App::new();
    for _ in 0..2 {
        app = app.supply(Settings);
    }
    let text = app.plan().unwrap_err().render();
    assert_eq!(
        text.matches("-->").count(),
        1,
        "one call, made twice: {text}"
    );
}

#[test]
fn a_state_that_is_supplied_twice_is_one_error() {
    let app = App::new()
        .with(NeedsSettings::default())
        .supply(Settings)
        .supply(Settings);
    assert_eq!(
        messages(&app.plan().unwrap_err()),
        ["the state `Settings` is supplied 2 times"]
    );
}

/// A `main` that returns an `anyhow::Result` prints the chain of errors, and nothing else.
#[test]
fn the_whole_diagnosis_is_at_the_end_of_the_chain_of_errors() {
    let app = App::new().with(NeedsSettings::default());
    let error = anyhow::Error::from(app.plan().unwrap_err());
    let printed = format!("{error:?}");
    assert!(printed.starts_with("plugin `needs-settings` needs the state `Settings`"));
    assert!(printed.contains("  help: `main` supplies it"), "{printed}");
}

#[test]
fn a_stand_in_that_lacks_a_state_of_its_original_is_told_so() {
    struct Left;
    struct Right;

    #[plugin(name = "original", states = [Left, Right], collect = never)]
    struct Original;

    #[plugin(name = "half", states = [Left], replaces = Original)]
    struct Half;

    #[plugin(name = "needs-right", collect = never)]
    struct NeedsRight {
        right: State<Right>,
    }

    never_loads!(Original => (Left, Right), Half => Left, NeedsRight => ());

    let app = App::new().with(NeedsRight::default()).with(Half);
    let text = app.plan().unwrap_err().render();
    assert_eq!(
        text.lines().last().unwrap(),
        "  help: `half` replaces `original`, which provides it, and does not: list it in the \
         `states` of `half` as well, or make the field an `Option<State<Right>>`"
    );
    let _ = Original;
}
