//! Engines that are chosen: by default, by configuration, by hand. A binary of its own, because all of
//! its plugins are linked.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::sync::Arc;

use bootstrap::prelude::*;
use bootstrap::{Configuration, section};
use serde::Deserialize;
use support::paused;

/// An interface.
trait Engine: Send + Sync {
    fn name(&self) -> &'static str;
}

struct Named(&'static str);

impl Engine for Named {
    fn name(&self) -> &'static str {
        self.0
    }
}

/// A constant that several crates could share.
const MEMORY: &str = "memory";

/// The default: opens nothing unless a field requires it.
#[plugin(name = MEMORY, ports = [dyn Engine], collect = needed)]
struct Memory;

impl Hooks for Memory {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Engine>> {
        Ok(Arc::new(Named("memory")))
    }
}

/// A state with an engine that the configuration chooses.
struct Store(&'static str);

#[plugin(
    name = "file-store",
    states = [Store],
    collect = needed,
    enabled = ("store.engine", is = "file", default = true)
)]
struct FileStore;

impl Hooks for FileStore {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Store> {
        Ok(Store("file"))
    }
}

#[plugin(
    name = "network-store",
    states = [Store],
    replaces = FileStore,
    collect = always,
    enabled = ("store.engine", is = "network")
)]
struct NetworkStore;

impl Hooks for NetworkStore {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Store> {
        Ok(Store("network"))
    }
}

#[plugin(name = "user", collect = never)]
struct User {
    engine: Port<dyn Engine>,
    store: State<Store>,
}

impl Hooks for User {}

#[plugin(name = "can-do-without", collect = never)]
struct CanDoWithout {
    engine: Option<Port<dyn Engine>>,
    engines: Ports<dyn Engine>,
    store: Option<State<Store>>,
}

impl Hooks for CanDoWithout {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let engines = (self.engine.is_some(), self.engines.len());
        anyhow::ensure!(engines == (false, 0) && self.store.is_none());
        Ok(())
    }
}

/// An engine that is registered by hand.
#[plugin(name = "custom", ports = [dyn Engine], collect = never)]
struct Custom;

impl Hooks for Custom {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Engine>> {
        Ok(Arc::new(Named("custom")))
    }
}

#[section("store")]
#[derive(Deserialize)]
struct StoreSection {
    #[serde(default)]
    engine: String,
}

fn names(app: &App) -> Vec<String> {
    let plan = app.plan().unwrap();
    plan.order().map(|it| it.name().to_string()).collect()
}

fn with_engine(engine: &str) -> App {
    let configuration = Configuration::new().set("store.engine", engine);
    App::collect().configure(configuration)
}

#[test]
fn a_plugin_that_is_collected_if_needed_joins_for_a_field_that_requires_it() {
    assert_eq!(names(&App::collect()), [""; 0]);
    let app = App::collect().with(User::default());
    assert_eq!(names(&app), ["file-store", "memory", "user"]);
    let app = App::only(User::default());
    assert_eq!(names(&app), ["file-store", "memory", "user"]);
}

#[test]
fn a_field_that_can_do_without_needs_nothing() {
    let app = App::collect().with(CanDoWithout::default());
    assert_eq!(names(&app), ["can-do-without"]);
    paused(async {
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn a_plugin_that_is_registered_keeps_one_away_that_is_collected_if_needed() {
    paused(async {
        let app = App::collect().with(User::default()).with(Custom);
        assert_eq!(names(&app), ["custom", "file-store", "user"]);
        let running = app.boot().await.unwrap();
        assert_eq!(running.get::<Port<dyn Engine>>().unwrap().name(), "custom");
        running.close().await.unwrap();
    });
}

#[test]
fn a_supplied_port_keeps_one_away_that_is_collected_if_needed() {
    let fake = Port::<dyn Engine>::from_arc(Arc::new(Named("fake")));
    let app = App::collect().with(User::default()).supply(fake);
    assert_eq!(names(&app), ["file-store", "supplied dyn Engine", "user"]);
}

#[test]
fn the_configuration_chooses_between_an_engine_and_its_replacement() {
    paused(async {
        for (engine, plugin) in [("file", "file-store"), ("network", "network-store")] {
            let app = with_engine(engine).with(User::default());
            let mut expected = ["memory", plugin, "user"].map(String::from);
            expected.sort();
            assert_eq!(names(&app), expected);
            let running = app.boot().await.unwrap();
            assert_eq!(running.try_get::<State<Store>>().unwrap().0, engine);
            running.close().await.unwrap();
        }
    });
}

#[test]
fn a_collected_replacement_replaces_a_plugin_that_is_registered_by_hand_as_well() {
    let mut app = with_engine("network").with(User::default());
    let file = app.register(FileStore);
    assert_eq!(names(&app), ["memory", "network-store", "user"]);
    paused(async {
        let handle: State<Store> = file.handle();
        let running = app.boot().await.unwrap();
        assert_eq!(handle.0, "network");
        running.close().await.unwrap();
    });
}

#[test]
fn without_its_key_a_choice_is_what_its_default_says() {
    let app = App::collect().with(User::default());
    let plan = app.plan().unwrap();
    let disabled: Vec<String> = plan
        .disabled()
        .iter()
        .map(|it| it.place.plugin.to_string())
        .collect();
    assert_eq!(disabled, ["network-store"]);
    let because = &plan.disabled()[0].because;
    let expected =
        "`store.engine` is not set, and without it the plugin is disabled (tests/engines/main.rs:";
    assert!(because.starts_with(expected), "{because}");
}

#[test]
fn a_value_that_no_linked_plugin_answers_to_is_an_error_of_the_plan_with_a_near_word() {
    let app = with_engine("netwrok").with(User::default());
    let errors = app.plan().unwrap_err();
    let text = errors.render();
    assert_eq!(
        errors.errors().len(),
        1,
        "what it decides about is no second mistake: {text}"
    );
    assert!(text.contains("BOOT019"), "{text}");
    assert!(text.contains("`store.engine`"), "{text}");
    assert!(text.contains("did you mean `network`?"), "{text}");
    assert!(
        text.contains("`file`") && text.contains("`network`"),
        "{text}"
    );
    assert!(!text.contains("netwrok"), "a value is never shown: {text}");
}

#[test]
fn a_value_that_differs_from_a_known_one_only_in_case_is_told_so() {
    let app = with_engine("NETWORK").with(User::default());
    let text = app.plan().unwrap_err().render();
    assert!(text.starts_with("error[BOOT019]: "), "{text}");
    assert!(
        text.ends_with("\n  help: write `network`: upper and lower case have to match"),
        "{text}"
    );
    assert!(!text.contains("NETWORK"), "a value is never shown: {text}");
}

#[test]
fn a_section_that_a_list_of_verify_names_needs_a_configuration() {
    let list = ["config.store".to_owned()];
    let wrong = bootstrap::__private::verify(App::new(), Some(&list)).unwrap_err();
    assert!(
        wrong.contains("missing: `config.store`: it is a section of the configuration (tests/"),
        "{wrong}"
    );
    assert!(wrong.contains("(`.configure(..)`)"), "{wrong}");
    assert!(!wrong.contains("link!"), "{wrong}");
}

#[test]
fn a_section_is_called_by_its_key() {
    #[plugin(name = "reads", collect = never)]
    struct Reads {
        section: State<StoreSection>,
    }

    impl Hooks for Reads {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            anyhow::ensure!(self.section.engine == "file");
            Ok(())
        }
    }

    paused(async {
        let app = with_engine("file").with(Reads::default());
        assert_eq!(names(&app), ["config.store", "reads"]);
        let running = app.boot().await.unwrap();
        running.handle().restart("config.store").await.unwrap();
        running.close().await.unwrap();
    });
}
