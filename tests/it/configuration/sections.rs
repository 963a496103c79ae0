//! Sections of the configuration as states.

use bootstrap::Configuration;
use bootstrap::prelude::*;
use serde::Deserialize;
use support::paused;

use super::{Files, diagnosis, mistakes, of_file, variables};

#[derive(Deserialize)]
#[bootstrap::section("database")]
struct DatabaseSection {
    size: u32,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[bootstrap::section("mail")]
struct Mail {
    from: String,
}

struct Seen(u32, Option<String>);

#[plugin(name = "database", states = [Seen], collect = never)]
struct Database {
    section: State<DatabaseSection>,
    mail: Option<State<Mail>>,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Seen> {
        let _ = &self.section.name;
        let from = self.mail.as_ref().map(|mail| mail.from.clone());
        Ok(Seen(self.section.size, from))
    }
}

fn seen(app: App) -> (u32, Option<String>) {
    paused(async {
        let running = app.boot().await.unwrap();
        let seen = running.try_get::<State<Seen>>().unwrap();
        let seen = (seen.0, seen.1.clone());
        running.close().await.unwrap();
        seen
    })
}

fn app() -> App {
    App::new().with(Database::default())
}

/// D9: the configuration is a state like any other, typed and by section.
#[test]
fn a_section_is_a_state_that_nobody_has_to_register() {
    let configuration = Configuration::new().set("database.size", 4);
    let app = app().configure(configuration);
    let plan = app.plan().unwrap();
    let names: Vec<String> = plan.order().map(|it| it.name().to_string()).collect();
    assert_eq!(names, ["config.database", "database"]);
    assert_eq!(seen(app), (4, None));
}

#[test]
fn an_optional_section_is_there_if_the_configuration_has_it() {
    let configuration = Configuration::new()
        .set("database.size", 4)
        .set("mail.from", "me");
    assert_eq!(seen(app().configure(configuration)), (4, Some("me".into())));
}

#[derive(Deserialize)]
#[bootstrap::section("outer.inner")]
struct Inner {
    #[allow(dead_code, reason = "reading is the point")]
    size: u32,
}

#[plugin(name = "inner", collect = never)]
struct WithInner {
    inner: Option<State<Inner>>,
}

impl Hooks for WithInner {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        assert!(self.inner.is_none());
        Ok(())
    }
}

#[test]
fn a_value_around_an_optional_section_is_a_fault() {
    let app = || App::new().with(WithInner::default());
    let none = app().configure(Configuration::new());
    assert_eq!(none.plan().unwrap().len(), 1);
    assert_eq!(
        mistakes(&app().configure(Configuration::new().set("outer", 1))),
        [
            "plugin `config.outer.inner` can't read `outer.inner`: `outer` is an integer, and no table"
        ]
    );
}

#[test]
fn a_test_supplies_another_section() {
    let section = || DatabaseSection {
        size: 9,
        name: String::new(),
    };
    assert_eq!(seen(app().supply(section())), (9, None));
    let configuration = Configuration::new().set("database.size", 4);
    assert_eq!(
        seen(app().supply(section()).configure(configuration)),
        (9, None)
    );
}

#[test]
fn a_section_without_a_configuration_is_missing() {
    assert_eq!(
        diagnosis(&app(), &Files::new(&[])),
        "error[BOOT001]: plugin `database` needs the state `DatabaseSection`, and nothing in this app provides it
  --> HERE (field `section: State<DatabaseSection>`)
  registered at: HERE
  help: it is a section of the configuration (declared at HERE): give the app one with `.configure(..)`, or add `.supply(..)` with a `DatabaseSection`"
    );
}

#[test]
fn a_section_that_is_not_there_lacks_what_its_type_needs() {
    let configuration = variables(Configuration::new(), &[]);
    let files = Files::new(&[]);
    assert_eq!(
        diagnosis(&app().configure(configuration), &files),
        "error[BOOT017]: plugin `config.database` needs `database.size`, and the configuration does not have it
  --> HERE
  help: set the environment variable `APP_DATABASE__SIZE`"
    );
}

#[test]
fn something_else_than_a_table_is_no_section() {
    let files = Files::new(&[("service.toml", "database = 4")]);
    let app = app().configure(of_file(&files.path("service.toml")));
    assert_eq!(
        mistakes(&app),
        [
            "plugin `config.database` can't read `database`: expected struct DatabaseSection, found an integer"
        ]
    );
}

#[derive(Deserialize)]
#[bootstrap::section]
struct Whole {
    size: u32,
    #[serde(default)]
    list: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    id: u32,
}

#[plugin(name = "user", collect = never)]
struct User {
    whole: State<Whole>,
    #[option(config = "other.size", default = 1)]
    other: u32,
}

impl Hooks for User {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let ids: Vec<u32> = self.whole.list.iter().map(|part| part.id).collect();
        assert_eq!((self.whole.size, ids, self.other), (4, vec![1], 2));
        Ok(())
    }
}

#[test]
fn a_section_may_be_the_whole_configuration_beside_what_others_read() {
    let files = Files::new(&[("service.toml", "list = [{ id = 1 }]\n[other]\nsize = 2")]);
    let configuration = variables(of_file(&files.path("service.toml")), &[("APP_SIZE", "4")]);
    paused(async {
        let app = App::new().with(User::default()).configure(configuration);
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn a_key_that_no_section_knows_is_a_fault_also_in_lists() {
    let files = Files::new(&[(
        "service.toml",
        "size = 1\nextra = 1\nlist = [{ id = 1, more = 2 }]\n[other]\nany = 2",
    )]);
    let app = App::new().with(User::default());
    let app = app.configure(of_file(&files.path("service.toml")));
    assert_eq!(
        mistakes(&app),
        [
            "plugin `config` does not know `extra`, which the configuration has",
            "plugin `config` does not know `list.0.more`, which the configuration has",
        ]
    );
}
