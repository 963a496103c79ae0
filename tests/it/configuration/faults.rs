//! What is wrong with a configuration, in words.

use bootstrap::error::Mistake;
use bootstrap::prelude::*;
use bootstrap::{Configuration, plugin_fn};
use serde::Deserialize;
use support::{Trace, paused};

use super::{Files, diagnosis, mistakes, of_file, variables};

#[derive(Deserialize)]
enum Level {
    Low,
    High,
}

#[allow(dead_code, reason = "reading is the point")]
#[derive(Deserialize)]
struct Section {
    url: std::net::SocketAddr,
    size: u16,
    retries: u8,
    level: Level,
    tags: Vec<String>,
    #[serde(default)]
    pool: Pool,
}

#[allow(dead_code, reason = "reading is the point")]
#[derive(Default, Deserialize)]
struct Pool {
    idle: u32,
    busy: u32,
}

impl Section {
    fn new() -> Self {
        Self {
            url: ([127, 0, 0, 1], 0).into(),
            size: 1,
            retries: 1,
            level: Level::Low,
            tags: Vec::new(),
            pool: Pool::default(),
        }
    }
}

#[plugin(name = "database", collect = never)]
struct Database {
    #[option(config = "database")]
    section: Section,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = matches!(self.section.level, Level::High);
        Ok(())
    }
}

#[plugin(name = "cache", collect = never)]
struct Cache {
    #[option(config = "cache.size")]
    size: u32,
    #[option(config = "cache.name", default = String::new())]
    name: String,
}

impl Hooks for Cache {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn database() -> Database {
    let section = Section::new();
    Database { section }
}

fn cache(configuration: Configuration) -> App {
    App::new().with(Cache::default()).configure(configuration)
}

#[test]
fn everything_that_is_wrong_in_all_sections_is_told_at_once() {
    let files = Files::new(&[(
        "service.toml",
        "[database]\nurl = 'nowhere'\nsize = 70000\nlevel = 'medium'\ntags = 'one'\nsiez = 1\n\
         pool = { idle = true }\n\n[cache]\nname = 4\n",
    )]);
    let configuration = variables(
        of_file(&files.path("service.toml")),
        &[("APP_DATABASE__RETRIES", "often")],
    );
    let app = App::new()
        .with(database())
        .with(Cache::default())
        .configure(configuration);
    assert_eq!(
        diagnosis(&app, &files),
        "error[BOOT017]: plugin `cache` needs `cache.size`, and the configuration does not have it
  --> HERE (option `size: u32`)
  help: set the environment variable `APP_CACHE__SIZE`, or write `size = ..` into `[cache]` in service.toml

error[BOOT017]: plugin `cache` can't read `cache.name`: expected a string, found an integer
  --> HERE (option `name: String`)
  found: service.toml:10:1
  help: correct it: service.toml:10:1

error[BOOT017]: plugin `database` can't read `database.url`: expected an IP address with a port (`127.0.0.1:8080`, `[::1]:8080`; names are not looked up), found a string that is not one
  --> HERE (option `section: Section`)
  found: service.toml:2:1
  help: correct it: service.toml:2:1

error[BOOT017]: plugin `database` can't read `database.size`: expected u16, found an integer out of range
  --> HERE (option `section: Section`)
  found: service.toml:3:1
  help: correct it: service.toml:3:1

error[BOOT017]: plugin `database` can't read `database.retries`: expected u8, found a string
  --> HERE (option `section: Section`)
  found: the environment variable `APP_DATABASE__RETRIES`
  help: correct the environment variable `APP_DATABASE__RETRIES`

error[BOOT017]: plugin `database` can't read `database.level`: expected one of `Low`, `High`, found another word
  --> HERE (option `section: Section`)
  found: service.toml:4:1
  help: correct it: service.toml:4:1

error[BOOT017]: plugin `database` can't read `database.tags`: expected a sequence, found a string
  --> HERE (option `section: Section`)
  found: service.toml:5:1
  help: correct it: service.toml:5:1

error[BOOT017]: plugin `database` can't read `database.pool.idle`: expected u32, found a bool
  --> HERE (option `section: Section`)
  found: service.toml:7:10
  help: correct it: service.toml:7:10

error[BOOT017]: plugin `database` needs `database.pool.busy`, and the configuration does not have it
  --> HERE (option `section: Section`)
  help: set the environment variable `APP_DATABASE__POOL__BUSY`, or write `busy = ..` into `[database.pool]` in service.toml

error[BOOT017]: plugin `database` does not know `database.siez`, which the configuration has
  --> HERE (option `section: Section`)
  found: service.toml:6:1
  help: did you mean `database.size`? Correct it, or take the key away"
    );
}

#[test]
fn every_missing_value_of_a_section_is_told_also_behind_one_whose_type_is_picky() {
    let configuration = Configuration::new().environment_from::<&str, &str>("APP", []);
    let app = App::new().with(database()).configure(configuration);
    assert_eq!(
        mistakes(&app),
        ["url", "size", "retries", "level", "tags"].map(|field| format!(
            "plugin `database` needs `database.{field}`, and the configuration does not have it"
        ))
    );
    let errors = app.plan().unwrap_err();
    let Some(Mistake::Configuration { fault, .. }) = errors.errors().first() else {
        panic!("{errors:?}");
    };
    assert_eq!(fault.key(), Some("database.url"));
    assert_eq!(fault.plugin().unwrap(), "database");
    assert_eq!(fault.origin(), None);
    assert_eq!(
        fault.help(),
        "set the environment variable `APP_DATABASE__URL`"
    );
}

#[test]
fn a_missing_value_whose_key_is_misspelt_is_told_with_what_is_there() {
    let files = Files::new(&[("service.toml", "[cache]\nsise = 4")]);
    let app = cache(of_file(&files.path("service.toml")));
    assert_eq!(
        diagnosis(&app, &files),
        "error[BOOT017]: plugin `cache` needs `cache.size`, and the configuration does not have it
  --> HERE (option `size: u32`)
  near: `cache.sise` is set (service.toml:2:1): was that meant?
  help: write `size = ..` into `[cache]` in service.toml"
    );
}

#[test]
fn a_key_that_is_nearly_one_that_is_read_is_a_warning() {
    let files = Files::new(&[(
        "service.toml",
        "other = 1\n[cache]\nsize = 1\nnaem = 'x'\nunrelated = 1\n[cahce]\nsize = 2",
    )]);
    let configuration = variables(
        of_file(&files.path("service.toml")),
        &[("APP_CACHE__NAMES", "x"), ("APP_HOME", "/")],
    );
    let plan = cache(configuration).plan().unwrap();
    let warnings = plan.warnings().iter();
    let warnings: Vec<String> = warnings.map(|it| files.plain(&it.to_string())).collect();
    assert_eq!(
        warnings,
        [
            "no plugin reads the key `cache.naem` (service.toml:4:1): did you mean `cache.name`?",
            "no plugin reads the key `cahce` (service.toml:6:2): did you mean `cache`?",
            "no plugin reads the environment variable `APP_CACHE__NAMES`: did you mean `APP_CACHE__NAME`?",
        ]
    );
}

#[test]
fn a_file_that_does_not_parse_is_told_with_its_place_and_what_it_might_hold_is_not_missing() {
    let files = Files::new(&[("service.toml", "[cache]\nsize = 'a\n")]);
    let app = cache(of_file(&files.path("service.toml")));
    assert_eq!(
        diagnosis(&app, &files),
        "error[BOOT017]: the configuration file `service.toml` is not valid TOML: invalid literal string, expected `'`
  found: service.toml:2:10
  help: correct it at service.toml:2:10"
    );
}

#[test]
fn a_file_that_is_not_there_is_a_fault_unless_it_is_optional() {
    let files = Files::new(&[]);
    let app = cache(of_file(&files.path("service.toml")).set("cache.size", 1));
    assert_eq!(
        diagnosis(&app, &files),
        "error[BOOT017]: the configuration file `service.toml` is not there
  help: create it, or add it with `optional_file` if the app can do without"
    );
}

#[test]
fn a_relative_file_that_is_not_there_is_told_with_the_directory_that_it_was_looked_up_in() {
    let app = cache(
        Configuration::new()
            .file("no/such.toml")
            .set("cache.size", 1),
    );
    let directory = std::env::current_dir().unwrap();
    assert_eq!(
        app.plan().unwrap_err().to_string(),
        format!(
            "the configuration file `no/such.toml` is not there: the directory of the process is `{}`",
            directory.display()
        )
    );
}

#[test]
fn a_folder_is_no_file_also_if_it_is_optional() {
    let files = Files::new(&[]);
    std::fs::create_dir(files.path("service")).unwrap();
    let path = files.path("service");
    for configuration in [of_file(&path), Configuration::new().optional_file(&path)] {
        assert_eq!(
            diagnosis(&cache(configuration.set("cache.size", 1)), &files),
            "error[BOOT017]: the configuration file `service` is a directory
  help: name a TOML file in it"
        );
    }
}

#[test]
fn a_file_that_is_no_text_is_told_with_what_to_do() {
    let files = Files::new(&[]);
    std::fs::write(files.path("service.toml"), [0xff, 0xfe]).unwrap();
    assert_eq!(
        diagnosis(&cache(of_file(&files.path("service.toml"))), &files),
        "error[BOOT017]: the configuration file `service.toml` is no text in UTF-8
  help: save it as UTF-8"
    );
}

#[test]
fn a_source_that_is_wrong_is_told_with_the_line_that_adds_it() {
    let files = Files::new(&[("bad.toml", "[cache")]);
    let said = |configuration: Configuration| {
        let errors = cache(configuration.set("cache.size", 1))
            .plan()
            .unwrap_err();
        files.plain(&errors.render())
    };
    let source = config::File::from_str("[cache", config::FileFormat::Toml);
    let at = format!("{}:{}", file!(), line!() + 1);
    let text = said(Configuration::new().source(source));
    let first = format!("error[BOOT017]: the source of the configuration that is added at {at} ");
    assert!(text.starts_with(&first), "{text}");
    assert!(
        text.contains(" does not parse\n  help: correct what it reads"),
        "{text}"
    );
    let named = said(Configuration::new().source(config::File::from(files.path("bad.toml"))));
    assert!(named.contains("does not parse: `"), "{named}");
    assert!(
        named.contains("bad.toml`\n  help: correct what it reads"),
        "{named}"
    );
    let gone = said(Configuration::new().source(config::File::from(files.path("none.toml"))));
    assert!(
        gone.contains(
            " can't be read\n  help: see that what it reads is there, or take it out of the `Configuration`"
        ),
        "{gone}"
    );
}

#[test]
fn what_a_source_says_is_told_with_the_line_that_adds_it() {
    let source = config::File::from_str("cache.size = 'x'", config::FileFormat::Toml);
    let at = format!("{}:{}", file!(), line!() + 1);
    let configuration = Configuration::new().source(source);
    let text = cache(configuration).plan().unwrap_err().render();
    assert!(
        text.contains(&format!("found: the source that is added at {at}\n")),
        "{text}"
    );
}

#[test]
fn a_bad_item_of_a_list_is_told_with_its_line() {
    #[plugin(name = "list", collect = never)]
    struct List {
        #[option(config = "list")]
        _list: Vec<u32>,
    }
    impl Hooks for List {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }
    let files = Files::new(&[("service.toml", "list = [\n  1,\n  'a',\n]")]);
    let app = App::new().with(List::default());
    let app = app.configure(of_file(&files.path("service.toml")));
    assert_eq!(
        diagnosis(&app, &files),
        "error[BOOT017]: plugin `list` can't read `list.1`: expected u32, found a string
  --> HERE (option `_list: Vec<u32>`)
  found: service.toml:3:3
  help: correct it: service.toml:3:3"
    );
}

#[test]
fn a_value_that_is_set_in_code_is_told_with_its_line() {
    let at = bootstrap::plan::Location::new(file!(), line!() + 1, 1);
    let configuration = Configuration::new().set("cache.size", "many");
    let errors = cache(configuration).plan().unwrap_err();
    let expected = format!("found: the value that is set at {at}");
    assert!(errors.render().contains(&expected), "{errors:?}");
}

#[test]
fn a_type_that_panics_is_a_fault_without_what_it_says() {
    struct Panics;
    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("hunter2");
        }
    }
    #[plugin(name = "panics", collect = never)]
    struct Plugin {
        #[option(config = "key")]
        _key: Panics,
    }
    impl Hooks for Plugin {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }
    let app = App::new().with(Plugin { _key: Panics });
    let app = app.configure(Configuration::new().set("key", 1));
    assert_eq!(
        mistakes(&app),
        ["plugin `panics` can't read `key`: its type refuses this (an integer)"]
    );
}

#[test]
fn a_plugin_that_is_skipped_has_no_faults() {
    struct Unneeded;
    #[plugin(name = "unneeded", states = [Unneeded], collect = never)]
    struct Plugin {
        #[option(config = "unneeded.size")]
        size: u32,
    }
    impl Hooks for Plugin {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Unneeded> {
            let _ = self.size;
            Ok(Unneeded)
        }
    }
    let app = || {
        App::new()
            .with(Plugin::default())
            .configure(Configuration::new())
    };
    assert_eq!(mistakes(&app()).len(), 1);
    let plan = app().unused(bootstrap::Unused::Skip).plan().unwrap();
    assert_eq!(plan.skipped(), ["unneeded"]);
}

#[test]
fn nothing_runs_if_there_is_a_fault() {
    let trace = Trace::new();
    let seen = trace.clone();
    let error = paused(async {
        let mut app = cache(Configuration::new());
        app.register(plugin_fn("first", async move |_| {
            seen.add("ran");
            Ok(())
        }));
        app.boot().await.unwrap_err()
    });
    assert_eq!(trace.events(), [""; 0]);
    assert!(format!("{error:?}").contains("error[BOOT017]"), "{error:?}");
    assert!(format!("{error:?}").contains("add `.set(\"cache.size\", ..)`"));
}
