//! Which value an option gets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bootstrap::error::ConfigFault;
use bootstrap::prelude::*;
use bootstrap::{Configuration, plugin_with};
use config::{File, FileFormat};
use serde::Deserialize;
use support::paused;

use super::{Files, mistakes, of_file, variables};

#[derive(Clone, Debug, PartialEq)]
struct Seen {
    size: u32,
    name: Option<String>,
}

#[plugin(name = "database", states = [Seen])]
struct Database {
    #[option(config = "database.size", default = 8)]
    size: u32,
    #[option(config = "database.name")]
    name: Option<String>,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Seen> {
        let (size, name) = (self.size, self.name.clone());
        Ok(Seen { size, name })
    }
}

/// What the plugin has got.
fn seen(app: App) -> Seen {
    paused(async {
        let running = app.boot().await.unwrap();
        let seen = (*running.try_get::<State<Seen>>().unwrap()).clone();
        running.close().await.unwrap();
        seen
    })
}

fn size(configuration: Configuration) -> u32 {
    let app = App::new().with(Database::default());
    seen(app.configure(configuration)).size
}

#[test]
fn code_wins_over_the_environment_and_that_over_files_the_last_of_which_wins() {
    let files = Files::new(&[
        ("first.toml", "[database]\nsize = 1"),
        ("second.toml", "[database]\nsize = 2"),
    ]);
    let first = of_file(&files.path("first.toml"));
    assert_eq!(size(Configuration::new()), 8);
    assert_eq!(size(first.clone()), 1);
    let both = first.file(files.path("second.toml"));
    assert_eq!(size(both.clone()), 2);
    let environment = variables(both, &[("APP_DATABASE__SIZE", "3")]);
    assert_eq!(size(environment.clone()), 3);
    assert_eq!(size(environment.set("database.size", 4)), 4);
}

#[test]
fn tables_of_several_sources_are_merged_key_by_key() {
    let files = Files::new(&[
        ("first.toml", "[database]\nsize = 1\nname = 'first'"),
        ("second.toml", "[database]\nsize = 2"),
    ]);
    let configuration = of_file(&files.path("first.toml")).file(files.path("second.toml"));
    let app = App::new().with(Database::default());
    let seen = seen(app.configure(configuration));
    assert_eq!((seen.size, seen.name.as_deref()), (2, Some("first")));
}

#[test]
fn a_file_that_is_optional_may_be_missing() {
    let files = Files::new(&[]);
    let configuration = Configuration::new().optional_file(files.path("none.toml"));
    assert_eq!(size(configuration), 8);
}

#[test]
fn a_source_of_the_crate_config_is_read_like_a_file() {
    let text = "[database]\nsize = 5";
    let source = File::from_str(text, FileFormat::Toml);
    assert_eq!(size(Configuration::new().source(source)), 5);
}

#[test]
fn without_a_configuration_the_value_in_code_holds() {
    let app = App::new().with(Database {
        size: 3,
        ..Database::default()
    });
    assert_eq!(seen(app).size, 3);
}

#[test]
fn a_key_that_is_set_wins_over_a_value_in_code_and_one_that_is_not_leaves_it() {
    let app = || {
        App::new().with(Database {
            size: 3,
            ..Database::default()
        })
    };
    assert_eq!(seen(app().configure(Configuration::new())).size, 3);
    let configuration = Configuration::new().set("database.size", 4);
    assert_eq!(seen(app().configure(configuration)).size, 4);
}

#[test]
fn a_second_configuration_takes_the_place_of_the_first() {
    let app = App::new()
        .with(Database::default())
        .configure(Configuration::new().set("database.size", 1))
        .configure(Configuration::new());
    assert_eq!(seen(app).size, 8);
}

#[test]
fn variables_of_other_programs_with_the_same_prefix_do_no_harm() {
    let all = [
        ("APP_DATABASE_PORT", "tcp://10.0.0.1:5432"),
        ("APP_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("APPLE", "pie"),
        ("APP_DATABASE__SIZE", " 6 "),
    ];
    let configuration = variables(Configuration::new(), &all);
    assert_eq!(size(configuration.clone()), 6);
    let app = App::new()
        .with(Database::default())
        .configure(configuration);
    assert_eq!(app.plan().unwrap().warnings(), []);
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Low,
    VeryHigh,
    Custom(u8),
    Mixed { from: u8, to: u8 },
}

#[derive(Debug, Deserialize, PartialEq)]
struct Item {
    id: u64,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Everything {
    flag: bool,
    letter: char,
    ratio: f64,
    whole: f32,
    signed: i8,
    large: u64,
    level: Level,
    other: Level,
    mixed: Level,
    list: Vec<u16>,
    pair: (u8, String),
    items: Vec<Item>,
    map: BTreeMap<String, u8>,
    address: SocketAddr,
    date: String,
    nothing: Option<u8>,
    something: Option<u8>,
    shared: Arc<str>,
    unit: (),
    wrapped: Wrapped,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Wrapped(u8);

#[plugin(name = "all", collect = never)]
struct All {
    #[option(config = "all")]
    all: Everything,
}

impl Hooks for All {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        assert_eq!(self.all, everything());
        Ok(())
    }
}

fn everything() -> Everything {
    Everything {
        flag: true,
        letter: 'x',
        ratio: 0.5,
        whole: 2.0,
        signed: -3,
        large: u64::MAX,
        level: Level::VeryHigh,
        other: Level::Custom(7),
        mixed: Level::Mixed { from: 1, to: 2 },
        list: vec![1, 2, 0x10],
        pair: (1, "one".into()),
        items: vec![Item { id: 1 }, Item { id: 2 }],
        map: BTreeMap::from([("a".into(), 1), ("b".into(), 2)]),
        address: "127.0.0.1:80".parse().unwrap(),
        date: "2026-11-21".into(),
        nothing: None,
        something: Some(4),
        shared: "text".into(),
        unit: (),
        wrapped: Wrapped(9),
    }
}

fn boots(app: App) {
    paused(async { app.boot().await.unwrap().close().await.unwrap() });
}

fn all() -> All {
    let mut all = everything();
    all.flag = false;
    All { all }
}

const FILE: &str = r#"
[all]
flag = true
letter = "x"
ratio = 0.5
whole = 2
signed = -3
large = 18446744073709551615
level = "very-high"
other = { custom = 7 }
list = [1, 2, 0x10]
pair = [1, "one"]
address = "127.0.0.1:80"
date = 2026-11-21
something = 4
shared = "text"
unit = 0
wrapped = 9

[all.mixed.mixed]
from = 1
to = 2

[[all.items]]
id = 1

[[all.items]]
id = 2

[all.map]
a = 1
b = 2
"#;

#[test]
fn a_file_holds_values_of_every_kind() {
    let files = Files::new(&[("all.toml", FILE)]);
    boots(
        App::new()
            .with(all())
            .configure(of_file(&files.path("all.toml"))),
    );
}

#[test]
fn variables_are_read_as_what_is_asked_for() {
    let files = Files::new(&[("all.toml", FILE)]);
    // All that is wrong in the file would be a fault, but for the variables.
    let text = FILE.replace("true", "false").replace("[1, 2, 0x10]", "[]");
    files.write(
        "all.toml",
        &text.replace("a = 1\n", "").replace("from = 1", "from = 9"),
    );
    let all_of = [
        ("APP_ALL__FLAG", "yes"),
        ("APP_ALL__RATIO", "0.5"),
        ("APP_ALL__SIGNED", "-3"),
        ("APP_ALL__LEVEL", "very-high"),
        ("APP_ALL__MIXED__MIXED__FROM", "1"),
        ("APP_ALL__LIST", "1, 2, 16"),
        ("APP_ALL__PAIR", "1,one"),
        ("APP_ALL__MAP__A", "1"),
        ("APP_ALL__SOMETHING", "4"),
    ];
    let configuration = variables(of_file(&files.path("all.toml")), &all_of);
    boots(App::new().with(all()).configure(configuration));
}

struct Url(String);

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

struct Connection(String);

/// Its option has no default at all.
#[plugin(name = "connector", states = [Connection])]
struct Connector {
    #[option(config = "url")]
    url: Url,
}

impl Hooks for Connector {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Connection> {
        Ok(Connection(self.url.0.clone()))
    }
}

#[plugin(name = "client")]
struct Client {
    connection: State<Connection>,
}

impl Hooks for Client {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        assert_eq!(self.connection.0, "somewhere");
        Ok(())
    }
}

#[test]
fn a_collected_plugin_is_made_from_the_configuration_if_its_options_have_no_default() {
    let configuration = Configuration::new().set("url", "somewhere");
    boots(App::only(Client::default()).configure(configuration));
}

#[test]
fn a_collected_plugin_that_can_not_be_made_without_a_configuration_is_a_mistake() {
    let app = App::only(Client::default());
    assert_eq!(
        mistakes(&app),
        ["plugin `connector` can't read `url`: this app has no configuration"]
    );
}

#[test]
fn what_is_registered_with_a_value_needs_no_configuration() {
    let app = App::only(Client::default());
    boots(app.with(Connector {
        url: Url("somewhere".into()),
    }));
}

#[test]
fn instances_read_keys_of_their_own() {
    paused(async {
        let configuration = Configuration::new()
            .set("main.database.size", 1)
            .set("replica.database.size", 2);
        let mut app = App::new().configure(configuration);
        let main = app.register(Database::default()).config_prefix("main");
        let replica = app.register(Database::default());
        let replica = replica.config_prefix("replica");
        let plain = app.register(Database::default());
        let running = app.boot().await.unwrap();
        let size = |it: State<Seen>| it.size;
        let sizes = [main.handle(), replica.handle(), plain.handle()].map(size);
        assert_eq!(sizes, [1, 2, 8]);
        running.close().await.unwrap();
    });
}

#[plugin(name = "parent", collect = never)]
struct Parent;

impl Hooks for Parent {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        let child = cx.register(Database::default());
        let seen = child.handle::<State<Seen>>();
        child.load().await?;
        assert_eq!(seen.size, 7);
        Ok(())
    }
}

#[test]
fn a_child_is_configured_like_any_other_plugin() {
    boots(
        App::new()
            .with(Parent)
            .configure(Configuration::new().set("database.size", 7)),
    );
}

struct Made(u32);

#[plugin(name = "made", states = [Made], collect = never)]
struct Maker {
    #[option(config = "maker.size", default = 1)]
    size: u32,
}

impl Hooks for Maker {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Made> {
        Ok(Made(self.size))
    }
}

#[test]
fn a_plugin_that_is_made_from_states_is_configured_as_well() {
    let made = |configuration: Configuration| {
        let mut app = App::new().configure(configuration);
        let seen = app.register(Database::default()).handle::<State<Seen>>();
        let made = app.register(plugin_with(seen, |seen: State<Seen>| Maker {
            size: seen.size,
        }));
        paused(async {
            let running = app.boot().await.unwrap();
            let size = made.handle::<State<Made>>().0;
            running.close().await.unwrap();
            size
        })
    };
    assert_eq!(made(Configuration::new()), 8);
    assert_eq!(made(Configuration::new().set("maker.size", 5)), 5);
}

#[test]
fn a_value_that_the_caller_holds_already_is_shared() {
    paused(async {
        let held = Arc::new(Seen {
            size: 1,
            name: None,
        });
        let running = App::new()
            .supply(State::from_arc(Arc::clone(&held)))
            .boot()
            .await
            .unwrap();
        let state = running.try_get::<State<Seen>>().unwrap();
        assert_eq!(std::ptr::from_ref(&*state), Arc::as_ptr(&held));
        running.close().await.unwrap();
    });
}

struct Found(usize);
#[plugin(name = "looker", states = [Found], collect = never)]
struct Looker {
    seen: Option<State<Seen>>,
}
impl Hooks for Looker {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Found> {
        let seen = self.seen.as_ref();
        Ok(Found(
            seen.map_or(0, |seen| std::ptr::from_ref(&**seen).addr()),
        ))
    }
}

#[test]
fn a_scope_shares_what_the_caller_holds_with_its_own_plugins_alone() {
    let held = Arc::new(Seen {
        size: 1,
        name: None,
    });
    let mut app = App::new();
    let outside = app.register(Looker::default());
    let inside = app.scope("inside", |scope| {
        scope.supply(State::from_arc(Arc::clone(&held)));
        scope.register(Looker::default())
    });
    paused(async {
        let running = app.boot().await.unwrap();
        assert_eq!(inside.handle::<State<Found>>().0, Arc::as_ptr(&held).addr());
        assert_eq!(outside.handle::<State<Found>>().0, 0);
        running.close().await.unwrap();
    });
}

/// D9: the configuration is there in every context, key by key.
#[test]
fn a_context_reads_a_key_of_the_configuration() {
    #[plugin(name = "reader", collect = never)]
    struct Reader;
    impl Hooks for Reader {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            assert_eq!(cx.config::<u32>("size")?, 4);
            let fault: ConfigFault = cx.config::<bool>("size").unwrap_err();
            assert_eq!(
                fault.to_string(),
                "plugin `reader` can't read `size`: expected a boolean, found an integer"
            );
            assert_eq!(cx.config::<Option<u32>>("none")?, None);
            Ok(())
        }

        async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
            assert_eq!(cx.config::<String>("name")?, "it");
            Ok(())
        }
    }
    let configuration = Configuration::new().set("size", 4).set("name", "it");
    boots(App::new().with(Reader).configure(configuration));
}
