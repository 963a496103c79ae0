//! No value of a configuration is ever shown.

use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap::secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use support::log_to;
use support::{Trace, paused};

use super::{Files, of_file, variables};

const SECRET: &str = "hunter2";

/// A type that quotes what it refuses, in every way that it can.
struct Picky;

impl<'de> Deserialize<'de> for Picky {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(serde::de::Error::custom(format!("`{text}` is refused")))
    }
}

#[derive(Deserialize)]
enum Level {
    Low,
}

#[allow(dead_code, reason = "reading is the point")]
#[derive(Deserialize)]
#[bootstrap::section("section")]
struct Section {
    password: SecretString,
    size: u32,
    flag: bool,
    level: Level,
    picky: Option<Picky>,
    list: Vec<u8>,
    url: std::net::SocketAddr,
    inner: Inner,
}

#[allow(dead_code, reason = "reading is the point")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields, try_from = "String")]
struct Inner(String);

impl TryFrom<String> for Inner {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Err(format!("no {text}"))
    }
}

#[plugin(name = "user", collect = never)]
struct User {
    section: State<Section>,
    #[option(config = "single", default = 1)]
    single: u32,
    #[option(config = "flagged", default = false)]
    flagged: bool,
}

impl Hooks for User {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = matches!(self.section.level, Level::Low);
        Ok(())
    }
}

/// Everything that an app says, of itself and of what is wrong with it.
fn said(configuration: &Configuration) -> String {
    let trace = Trace::new();
    let _guard = log_to(&trace);
    paused(async {
        let mut all = vec![format!("{configuration:?}{configuration:#?}")];
        let app = || {
            App::new()
                .with(User::default())
                .configure(configuration.clone())
        };
        all.push(format!("{:?}", app()));
        match app().plan() {
            Ok(plan) => all.push(format!(
                "{plan}{plan:?}{}{}",
                plan.to_dot(),
                plan.to_mermaid()
            )),
            Err(errors) => {
                all.push(format!("{errors}{errors:?}{}", errors.render()));
                for error in errors.errors() {
                    all.push(format!("{error}{error:?}"));
                }
            }
        }
        match app().boot().await {
            Ok(running) => {
                all.push(format!("{}{running:?}", running.report()));
                all.push(serde_json::to_string(&running.report()).unwrap());
                running.close().await.unwrap();
            }
            Err(error) => all.push(format!("{error}{error:?}{}", error.render())),
        }
        all.extend(trace.events());
        all.join("\n")
    })
}

fn assert_silent(configuration: &Configuration, about: &str) {
    let said = said(configuration);
    assert!(!said.contains(SECRET), "{said}");
    assert!(said.contains(about), "{said}");
}

#[test]
fn files_that_do_not_parse_are_not_quoted() {
    for text in [
        "password = hunter2",
        "password = 'hunter2",
        "password = \"hunter2\\q\"",
        "password = 'a'\npassword = 'hunter2'",
        "[hunter2",
        "hunter2",
        "'hunter2' 'x'",
        "password = 1hunter2",
        "password = 2026-11-21hunter2",
        "password = { hunter2 }",
        "password = ['hunter2'",
        "password = 99999999999999999999999999999999999999999999 hunter2",
        "a = 1\n[a]\nhunter2 = 1\n[a.hunter2]",
        "a.hunter2 = 1\na.hunter2.b = 2",
    ] {
        let files = Files::new(&[("service.toml", text)]);
        let configuration = of_file(&files.path("service.toml"));
        assert_silent(&configuration, "is not valid TOML");
    }
}

#[test]
fn values_that_are_refused_are_not_quoted() {
    let files = Files::new(&[(
        "service.toml",
        "single = 'hunter2'\nflagged = 'hunter2'\n[section]\npassword = ['hunter2']\n\
         size = 'hunter2'\nflag = 'hunter2'\nlevel = 'hunter2'\npicky = 'hunter2'\n\
         list = ['hunter2']\nurl = 'hunter2'\ninner = 'hunter2'",
    )]);
    let configuration = of_file(&files.path("service.toml"));
    let said = said(&configuration);
    assert!(!said.contains(SECRET), "{said}");
    for key in ["single", "flagged"] {
        assert!(
            said.contains(&format!("can't read `{key}`")),
            "{key}: {said}"
        );
    }
    for key in [
        "password", "size", "flag", "level", "picky", "url", "inner", "list.0",
    ] {
        assert!(
            said.contains(&format!("can't read `section.{key}`")),
            "{key}: {said}"
        );
    }
}

#[test]
fn variables_are_not_quoted() {
    let keys = [
        "PASSWORD", "SIZE", "FLAG", "LEVEL", "PICKY", "LIST", "URL", "INNER",
    ];
    let mut all: Vec<(String, String)> = Vec::new();
    for key in keys {
        all.push((format!("APP_SECTION__{key}"), SECRET.to_owned()));
    }
    all.push(("APP_SINGLE".into(), SECRET.to_owned()));
    all.push(("APP_UNKNOWN".into(), SECRET.to_owned()));
    let configuration = Configuration::new().environment_from("APP", all);
    assert_silent(&configuration, "APP_SECTION__URL");
}

#[test]
fn values_of_code_and_of_other_sources_are_not_quoted() {
    let configuration = Configuration::new()
        .set("single", SECRET)
        .set("section.size", SECRET);
    assert_silent(&configuration, "can't read `single`");
    let text = "single = hunter2";
    let source = config::File::from_str(text, config::FileFormat::Toml);
    let configuration = Configuration::new().source(source);
    assert_silent(&configuration, "the source of the configuration");
}

#[derive(Deserialize)]
#[bootstrap::section("login")]
struct Login {
    password: SecretString,
}

#[plugin(name = "door", collect = never)]
struct Door {
    login: State<Login>,
}

impl Hooks for Door {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        assert_eq!(self.login.password.expose_secret(), SECRET);
        Ok(())
    }
}

#[test]
fn a_secret_that_is_right_is_read_and_not_shown() {
    let configuration = variables(Configuration::new(), &[("APP_LOGIN__PASSWORD", SECRET)]);
    let trace = Trace::new();
    let _guard = log_to(&trace);
    paused(async {
        let app = App::new().with(Door::default()).configure(configuration);
        let before = format!("{app:?}");
        let running = app.boot().await.unwrap();
        let after = format!("{running:?}{}", running.report());
        running.close().await.unwrap();
        let said = [before, after, trace.events().join("\n")].concat();
        assert!(!said.contains(SECRET), "{said}");
    });
}
