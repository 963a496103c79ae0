//! Plugins that are disabled: why, and what that means for others.

use std::cell::Cell;

use bootstrap::error::PlanErrors;
use bootstrap::prelude::*;
use bootstrap::{Configuration, Unused, plugin_fn};
use support::log_to;
use support::{Trace, paused};

struct Pool;

#[plugin(name = "database", states = [Pool], collect = never)]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

#[plugin(name = "fake-database", states = [Pool], replaces = Database)]
struct FakeDatabase;

impl Hooks for FakeDatabase {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

#[plugin(name = "user", collect = never)]
struct User {
    pool: State<Pool>,
}

impl Hooks for User {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

struct HasPool(bool);

#[plugin(name = "guest", states = [HasPool], after = [Database], collect = never)]
struct Guest {
    pool: Option<State<Pool>>,
}

impl Hooks for Guest {
    async fn load(&mut self, _: &mut LoadContext) -> Result<HasPool> {
        Ok(HasPool(self.pool.is_some()))
    }
}

thread_local! {
    static ANSWER: Cell<fn() -> Result<(), &'static str>> = const { Cell::new(|| Ok(())) };
    static ASKED: Cell<u32> = const { Cell::new(0) };
}

fn is_wanted() -> Result<(), &'static str> {
    ASKED.set(ASKED.get() + 1);
    ANSWER.get()()
}

fn never() -> bool {
    false
}

struct Sent;

#[plugin(name = "mail", states = [Sent], enabled = is_wanted, collect = never)]
struct Mail;

impl Hooks for Mail {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Sent> {
        Ok(Sent)
    }
}

#[plugin(name = "never", enabled = never, collect = never)]
struct Never;

impl Hooks for Never {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        unreachable!()
    }
}

/// On unless it is disabled.
#[plugin(name = "by-key", enabled = "parts.mail")]
struct ByKey;

impl Hooks for ByKey {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

/// Off unless it is enabled.
#[plugin(name = "on-demand", enabled = ("parts.demo", default = false), collect = never)]
struct OnDemand;

impl Hooks for OnDemand {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn names(app: &App) -> Vec<String> {
    let plan = app.plan().unwrap();
    let names = plan.order().map(|plugin| plugin.name().to_string());
    names.collect()
}

/// Who is off and why, without the places.
fn off(app: &App) -> Vec<String> {
    let plan = app.plan().unwrap();
    let off = plan.disabled().iter();
    off.map(|off| plain(&off.to_string())).collect()
}

/// Without the lines of this file.
fn plain(text: &str) -> String {
    let mut parts = text.split(concat!(file!(), ":"));
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        plain += "HERE";
        plain += part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    plain
}

fn rendered(errors: &PlanErrors) -> String {
    plain(&errors.render())
}

#[test]
fn a_registration_that_is_disabled_is_not_loaded() {
    let trace = Trace::new();
    let _guard = log_to(&trace);
    let mut app = App::new();
    app.register(Database).enabled(false, "no disk");
    app.register(Guest::default());
    assert_eq!(names(&app), ["guest"]);
    assert_eq!(off(&app), ["database because no disk (HERE)"]);
    let plan = app.plan().unwrap();
    assert!(plain(&plan.to_string()).ends_with("\ndisabled\n  database because no disk (HERE)"));
    assert!(plain(&plan.to_dot()).contains("// disabled: database because no disk (HERE)"));
    assert!(plain(&plan.to_mermaid()).contains("%% disabled: database because no disk (HERE)"));
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["disabled"][0]["name"], "database");
    paused(async {
        let running = app.boot().await.unwrap();
        assert!(
            !running.try_get::<State<HasPool>>().unwrap().0,
            "who can do without does"
        );
        running.close().await.unwrap();
    });
    let events = trace.events();
    let said = events.iter().map(|event| plain(event));
    let said: Vec<String> = said.filter(|it| it.contains("disabled")).collect();
    assert_eq!(said, ["INFO disabled: database because no disk (HERE)"]);
}

#[test]
fn a_registration_is_switched_by_a_bool() {
    let mut app = App::new();
    app.register(Database)
        .named("on")
        .enabled(true, "never said");
    app.register(Database)
        .named("off")
        .enabled(false, "not here");
    assert_eq!(names(&app), ["on"]);
    assert_eq!(off(&app), ["off because not here (HERE)"]);
}

#[test]
fn who_needs_a_state_is_told_that_its_provider_is_disabled() {
    let mut app = App::new();
    app.register(Database).enabled(false, "no disk");
    app.register(User::default());
    assert_eq!(
        rendered(&app.plan().unwrap_err()),
        "error[BOOT001]: plugin `user` needs the state `Pool`, and nothing in this app provides it
  --> HERE (field `pool: State<Pool>`)
  registered at: HERE
  near: declared by `database` (HERE), disabled because no disk (HERE)
  help: enable `database`: take the `.enabled(false, ..)` at HERE away"
    );
}

#[test]
fn a_handle_to_what_is_disabled_is_told_and_an_optional_one_is_none() {
    let mut app = App::new();
    let on = app.register(Database).named("main");
    let replica = app
        .register(Database)
        .named("replica")
        .enabled(false, "none");
    let _ = on;
    app.register(User {
        pool: replica.handle(),
    });
    assert_eq!(
        rendered(&app.plan().unwrap_err()),
        "error[BOOT001]: plugin `user` needs the state `Pool`, and nothing in this app provides it
  --> HERE (field `pool: State<Pool>`)
  registered at: HERE
  near: declared by `replica` (HERE), disabled because none (HERE)
  help: enable `replica`: take the `.enabled(false, ..)` at HERE away"
    );
    let mut app = App::new();
    app.register(Database).named("main");
    let replica = app
        .register(Database)
        .named("replica")
        .enabled(false, "none");
    app.register(Guest {
        pool: Some(replica.handle()),
    });
    paused(async {
        let running = app.boot().await.unwrap();
        assert!(!running.try_get::<State<HasPool>>().unwrap().0);
        assert!(State::get(&replica.handle::<State<Pool>>()).is_none());
        running.close().await.unwrap();
    });
}

#[test]
fn a_type_is_disabled_wherever_it_stands() {
    let mut app = App::new().disable::<Database>("no disk");
    app.register(Database);
    app.scope("inner", |scope| scope.register(Database));
    assert!(names(&app).is_empty());
    assert_eq!(
        off(&app),
        [
            "database because no disk (HERE)",
            "inner/database because no disk (HERE)"
        ]
    );
}

#[test]
fn what_is_off_in_a_scope_hides_nothing_further_out() {
    let mut app = App::new().with(Database);
    app.scope("inner", |scope| {
        scope.register(Database).enabled(false, "not here");
        scope.register(User::default());
    });
    assert_eq!(names(&app), ["database", "inner/user"]);
}

#[test]
fn an_order_after_what_is_off_is_none() {
    let mut app = App::new();
    let first = app.register(Database).enabled(false, "no");
    app.register(plugin_fn("second", async |_| Ok(())))
        .after(&first);
    assert_eq!(names(&app), ["second"]);
}

#[test]
fn an_expected_plugin_that_is_disabled_is_there() {
    let mut app = App::new().expect(["database"]);
    app.register(Database).enabled(false, "no");
    assert!(names(&app).is_empty());
}

#[test]
fn a_replacement_that_is_off_replaces_nothing_and_may_replace_one_that_is_off() {
    let mut app = App::new().with(Database);
    app.register(FakeDatabase).enabled(false, "real ones only");
    assert_eq!(names(&app), ["database"]);
    let mut app = App::new().with(FakeDatabase);
    app.register(Database).enabled(false, "no disk");
    assert_eq!(names(&app), ["fake-database"]);
    assert!(
        off(&app).is_empty(),
        "it would not be part of the app anyway"
    );
}

#[test]
fn a_predicate_decides_once_a_plan() {
    ANSWER.set(|| Ok(()));
    let app = || App::new().with(Mail);
    ASKED.set(0);
    assert_eq!(names(&app()), ["mail"]);
    assert_eq!(ASKED.get(), 1);
    ANSWER.set(|| Err("nobody reads it"));
    assert_eq!(
        off(&app()),
        ["mail because `is_wanted` says: nobody reads it (HERE)"]
    );
    assert_eq!(
        off(&App::new().with(Never)),
        ["never because `never` says so (HERE)"]
    );
}

#[test]
fn a_predicate_is_not_asked_about_what_is_replaced_or_off_already() {
    ANSWER.set(|| panic!("asked"));
    let mut app = App::new();
    app.register(Mail).enabled(false, "no");
    assert_eq!(off(&app), ["mail because no (HERE)"]);
}

#[test]
fn a_predicate_that_panics_is_a_mistake() {
    ANSWER.set(|| panic!("oh no"));
    assert_eq!(
        rendered(&App::new().with(Mail).plan().unwrap_err()),
        "error[BOOT018]: plugin `mail` asks `is_wanted` whether it is enabled, and that panicked: oh no\n  --> HERE\n  help: let the predicate return `false` instead"
    );
}

#[test]
fn a_key_of_the_configuration_switches_a_plugin() {
    let app = |configuration: Configuration| {
        App::new()
            .with(ByKey)
            .with(OnDemand)
            .configure(configuration)
    };
    assert_eq!(names(&App::new().with(ByKey)), ["by-key"]);
    assert_eq!(
        off(&App::new().with(OnDemand)),
        ["on-demand because `parts.demo` is not set, and without it the plugin is disabled (HERE)"]
    );
    assert_eq!(names(&app(Configuration::new())), ["by-key"]);
    let both = Configuration::new().set("parts.mail", false);
    let both = both.environment_from("APP", [("APP_PARTS__DEMO", "on")]);
    let app = app(both);
    assert_eq!(names(&app), ["on-demand"]);
    assert_eq!(
        off(&app),
        ["by-key because `parts.mail` is false (the value that is set at HERE)"]
    );
}

#[test]
fn a_key_that_is_no_bool_is_a_fault() {
    let configuration = Configuration::new().set("parts.mail", "maybe");
    let app = App::new().with(ByKey).configure(configuration);
    assert_eq!(
        app.plan().unwrap_err().to_string(),
        "plugin `by-key` can't read `parts.mail`: expected a boolean, found a string"
    );
}

#[test]
fn instances_are_switched_by_keys_of_their_own() {
    let configuration = Configuration::new().set("b.parts.mail", false);
    let mut app = App::new().configure(configuration);
    app.register(ByKey).named("a").config_prefix("a");
    app.register(ByKey).named("b").config_prefix("b");
    assert_eq!(names(&app), ["a"]);
}

struct Needed;

#[plugin(name = "needed", states = [Needed])]
struct NeededPlugin;

impl Hooks for NeededPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Needed> {
        Ok(Needed)
    }
}

#[plugin(name = "needs", collect = never)]
struct Needs {
    needed: State<Needed>,
}

impl Hooks for Needs {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[test]
fn nothing_is_collected_for_a_plugin_that_is_off() {
    assert_eq!(names(&App::only(Needs::default())), ["needed", "needs"]);
    let app = App::only(Needs::default()).disable::<Needs>("no");
    assert!(names(&app).is_empty());
    let app = App::only(Needs::default()).disable::<NeededPlugin>("no");
    assert_eq!(
        rendered(&app.plan().unwrap_err()),
        "error[BOOT001]: plugin `needs` needs the state `Needed`, and nothing in this app provides it
  --> HERE (field `needed: State<Needed>`)
  registered at: HERE
  near: declared by `needed` (HERE), disabled because no (HERE)
  help: enable `needed`: take the `.disable(..)` at HERE away"
    );
}

#[test]
fn what_is_disabled_is_not_unused() {
    let mut app = App::new().unused(Unused::Deny);
    app.register(Database).enabled(false, "no");
    assert!(names(&app).is_empty());
}

#[plugin(name = "parent", collect = never)]
struct Parent;

impl Hooks for Parent {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        cx.register(Routes);
        cx.register(Never);
        Ok(())
    }
}

struct Table;

#[plugin(name = "routes", states = [Table], child_of = Parent)]
struct Routes;

impl Hooks for Routes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Table> {
        Ok(Table)
    }
}

#[plugin(name = "docs", collect = never)]
struct Docs {
    table: State<Table>,
}

impl Hooks for Docs {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_parent_that_is_off_brings_no_children() {
    let mut app = App::new();
    app.register(Parent).enabled(false, "no server");
    app.register(Docs::default());
    assert_eq!(
        rendered(&app.plan().unwrap_err()),
        "error[BOOT001]: plugin `docs` needs the state `Table`, and nothing in this app provides it
  --> HERE (field `table: State<Table>`)
  registered at: HERE
  near: declared by `routes` (HERE), which `parent` (HERE) registers, disabled because no server (HERE)
  help: enable `parent`: take the `.enabled(false, ..)` at HERE away"
    );
}

#[test]
fn a_child_that_is_off_does_not_join_and_its_parent_loads() {
    let trace = Trace::new();
    let _guard = log_to(&trace);
    paused(async {
        let app = App::new().with(Parent).disable::<Routes>("no routes");
        let running = app.boot().await.unwrap();
        assert!(running.try_get::<State<Table>>().is_err());
        running.close().await.unwrap();
    });
    let events = trace.events();
    let said = events.iter().map(|event| plain(event));
    let said: Vec<String> = said.filter(|it| it.contains("disabled")).collect();
    assert_eq!(
        said,
        [
            "INFO disabled: parent/routes because no routes (HERE)",
            "INFO disabled: parent/never because `never` says so (HERE)",
        ]
    );
}

#[plugin(name = "waits", collect = never)]
struct Waits {
    #[option(default = false)]
    for_never: bool,
}

impl Hooks for Waits {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        if self.for_never {
            cx.register(Never).await?;
        } else {
            cx.register(Routes).enabled(false, "no server").await?;
        }
        Ok(())
    }
}

#[test]
fn a_parent_that_awaits_a_child_that_is_off_fails_and_says_why_it_is_off() {
    paused(async {
        let error = App::new().with(Waits::default()).boot().await.unwrap_err();
        assert_eq!(
            plain(&error.render()),
            "error[BOOT025]: [waits] Plugin load failed: awaits its child `routes`, which is disabled because no server (HERE)
  help: take the `.enabled(false, ..)` at HERE away; or do not await a child that is disabled"
        );
        let app = App::new().with(Waits::default().for_never(true));
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            plain(&error.render()),
            "error[BOOT025]: [waits] Plugin load failed: awaits its child `never`, which is disabled because `never` says so (HERE)
  help: `never` decides (HERE); or do not await a child that is disabled"
        );
    });
}

#[plugin(name = "careless", collect = never)]
struct Careless;

impl Hooks for Careless {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        cx.register(Mail);
        Ok(())
    }
}

#[test]
fn a_predicate_of_a_child_that_panics_is_a_child_that_fails() {
    ANSWER.set(|| panic!("oh no"));
    paused(async {
        let error = App::new().with(Careless).boot().await.unwrap_err();
        assert!(error.to_string().starts_with("[careless/mail]"), "{error}");
        assert_eq!(error.code(), "BOOT018");
        assert!(
            format!("{error:?}").contains("and that panicked: oh no"),
            "{error:?}"
        );
    });
}
