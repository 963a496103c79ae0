//! Why a value is refused: what its type expects, and what the type says.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::time::Duration;

use bootstrap::error::Mistake;
use bootstrap::prelude::*;
use bootstrap::secrecy::{SecretBox, SecretString};
use bootstrap::{Configuration, plugin_fn};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use support::paused;

use super::{Files, of_file, variables};

/// What reading a key of the configuration as a type says.
fn said<T: DeserializeOwned>(configuration: Configuration) -> (String, String) {
    let (sender, said) = std::sync::mpsc::channel();
    paused(async {
        let mut app = App::new().configure(configuration);
        app.register(plugin_fn("reader", async move |cx| {
            let fault = cx.config::<T>("value").err().expect("a fault");
            let words = fault.to_string();
            let words = words.strip_prefix("plugin `reader` can't read `value");
            let help = fault.help().to_owned();
            sender.send((words.expect("a value").to_owned(), help))?;
            Ok(())
        }));
        app.boot().await.unwrap().close().await.unwrap();
    });
    said.recv().unwrap()
}

fn of_variable<T: DeserializeOwned>(text: &str) -> String {
    said::<T>(variables(Configuration::new(), &[("APP_VALUE", text)])).0
}

fn of_toml<T: DeserializeOwned>(text: &str) -> String {
    let files = Files::new(&[("service.toml", text)]);
    said::<T>(of_file(&files.path("service.toml"))).0
}

#[allow(dead_code, reason = "reading is the point")]
#[derive(Debug, Deserialize)]
enum Level {
    Low,
    High,
}

#[test]
fn a_variable_that_is_set_to_nothing_is_reported_as_such() {
    let nothing = "`: the environment variable `APP_VALUE` is set to nothing, and ";
    for (said, expected) in [
        (of_variable::<u32>(""), "u32 is expected"),
        (of_variable::<f64>(" "), "f64 is expected"),
        (of_variable::<Option<u8>>(""), "u8 is expected"),
        (of_variable::<bool>(""), "a boolean is expected"),
        (of_variable::<char>(""), "a character is expected"),
        (of_variable::<NonZeroU8>(""), "a nonzero u8 is expected"),
        (of_variable::<Level>(""), "one of `Low`, `High` is expected"),
        (
            of_variable::<IpAddr>(""),
            "an IP address (`127.0.0.1`, `::1`; names are not looked up) is expected",
        ),
    ] {
        assert_eq!(said, format!("{nothing}{expected}"));
    }
    let (_, help) = said::<u32>(variables(Configuration::new(), &[("APP_VALUE", "")]));
    assert_eq!(help, "set it to a value, or unset it");
    let said = of_variable::<Even>("");
    assert_eq!(
        said,
        "`: the environment variable `APP_VALUE` is set to nothing, which its type refuses: not a number"
    );
    assert_eq!(
        of_toml::<u32>("value = ''"),
        "`: expected u32, found an empty string"
    );
}

#[test]
fn a_text_where_a_type_of_the_standard_library_is_read_is_reported_with_the_expected_form() {
    for name in ["localhost:3000", "127.0.0.1", "3000"] {
        assert_eq!(
            of_variable::<SocketAddr>(name),
            "`: expected an IP address with a port (`127.0.0.1:8080`, `[::1]:8080`; names are not \
             looked up), found a string that is not one"
        );
    }
    assert_eq!(
        of_toml::<SocketAddr>("value = 3000"),
        "`: expected an IP address with a port (`127.0.0.1:8080`, `[::1]:8080`; names are not \
         looked up), found an integer"
    );
    assert!(of_variable::<IpAddr>("localhost").contains("an IP address (`127.0.0.1`, `::1`;"));
    assert_eq!(
        of_toml::<PathBuf>("value = 1"),
        "`: expected a path, found an integer"
    );
    assert_eq!(
        of_toml::<Duration>("value = '5s'"),
        "`: expected a duration as a table (`{ secs = 5, nanos = 0 }`), found a string"
    );
    assert_eq!(
        of_variable::<u8>("256"),
        "`: expected u8, found an integer out of range"
    );
    assert_eq!(
        of_variable::<u8>("-1"),
        "`: expected u8, found an integer out of range"
    );
    assert_eq!(
        of_variable::<NonZeroU8>("0"),
        "`: expected a nonzero u8, found an integer out of range"
    );
    assert_eq!(
        of_variable::<char>("ab"),
        "`: expected a character, found a string that is not one"
    );
}

/// A number that is even, which says why it is none.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Even;

impl TryFrom<String> for Even {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.parse::<u32>() {
            Ok(number) if number % 2 == 0 => Ok(Self),
            Ok(_) => Err(format!("{text} is odd, and `{text}` has to be even")),
            Err(_) => Err("not a number".to_owned()),
        }
    }
}

#[test]
fn the_reason_of_a_type_that_refuses_a_value_is_shown_without_the_value() {
    assert_eq!(
        of_variable::<Even>("70001"),
        "`: its type refuses this (a string): .. is odd, and `..` has to be even"
    );
    assert_eq!(
        of_toml::<Even>("value = 'x'"),
        "`: its type refuses this (a string): not a number"
    );
    assert_eq!(
        of_toml::<Vec<Even>>("value = ['2', '3']"),
        ".1`: its type refuses this (a string): .. is odd, and `..` has to be even"
    );
}

#[allow(dead_code, reason = "reading is the point")]
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(u8),
    Flag(bool),
}

#[test]
fn the_reason_of_an_untagged_enum_is_shown() {
    assert_eq!(
        of_variable::<Either>("many"),
        "`: its type refuses this (a string): data did not match any variant of untagged enum Either"
    );
}

#[allow(dead_code, reason = "reading is the point")]
#[derive(Debug, Deserialize)]
#[serde(try_from = "Bounds")]
struct Range;

#[derive(Debug, Deserialize)]
struct Bounds {
    name: String,
    from: u8,
    to: u8,
}

impl TryFrom<Bounds> for Range {
    type Error = String;

    fn try_from(bounds: Bounds) -> Result<Self, String> {
        if bounds.from <= bounds.to {
            return Ok(Self);
        }
        Err(format!(
            "in `{}`, {} is more than {}",
            bounds.name, bounds.from, bounds.to
        ))
    }
}

#[test]
fn the_reason_of_a_struct_is_shown_without_the_texts_in_it() {
    assert_eq!(
        of_toml::<Range>("[value]\nname = 'hunter2'\nfrom = 2\nto = 1"),
        "`: its type refuses this (a table): in `..`, 2 is more than 1"
    );
}

#[plugin(name = "ranged", collect = never)]
struct Ranged {
    #[option(config = "value")]
    _value: Range,
}

impl Hooks for Ranged {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[test]
fn what_holds_a_wrong_field_is_not_refused_as_a_whole() {
    // 0 stands in for `to`, and would be less than `from`.
    assert_eq!(
        of_toml::<Range>("[value]\nname = 'x'\nfrom = 2\nto = 'y'"),
        ".to`: expected u8, found a string"
    );
    let files = Files::new(&[("service.toml", "[value]\nname = 'x'\nfrom = 2\nto = 'y'")]);
    let app = App::new().with(Ranged { _value: Range });
    let app = app.configure(of_file(&files.path("service.toml")));
    let errors = app.plan().unwrap_err();
    assert_eq!(errors.errors().len(), 1, "{errors:?}");
    assert!(matches!(errors.errors(), [Mistake::Configuration { .. }]));
}

/// A type that quotes a part of what it refuses.
#[derive(Clone, Debug)]
struct Quotes;

impl<'de> Deserialize<'de> for Quotes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let part = text.get(..3).unwrap_or_default();
        Err(serde::de::Error::custom(format!(
            "begins with {part}\nerror[BOOT999]: \u{1b}[31m"
        )))
    }
}

impl bootstrap::secrecy::CloneableSecret for Quotes {}

impl bootstrap::secrecy::zeroize::Zeroize for Quotes {
    fn zeroize(&mut self) {}
}

#[test]
fn no_reason_is_shown_for_a_type_that_is_a_secret() {
    assert_eq!(
        of_variable::<SecretBox<Quotes>>("hunter2"),
        "`: its type refuses this (a string)"
    );
    assert_eq!(
        of_toml::<SecretString>("value = 1"),
        "`: expected a string, found an integer"
    );
}

#[test]
fn a_reason_stays_on_its_line() {
    assert_eq!(
        of_variable::<Quotes>("hunter2"),
        "`: its type refuses this (a string): begins with hun\\nerror[BOOT999]: \\u{1b}[31m"
    );
}

#[plugin(name = "bounded", collect = never)]
struct Bounded {
    #[option(config = "value")]
    _value: Bounds,
}

impl Hooks for Bounded {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[test]
fn the_name_of_a_key_or_a_file_stays_on_its_line() {
    let files = Files::new(&[(
        "a\nerror[BOOT999]: b.toml",
        "[value]\n\"c\\nerror[BOOT998]\" = 1\nname = 'x'\nfrom = 'y'\nto = 1",
    )]);
    let value = Bounds {
        name: String::new(),
        from: 0,
        to: 0,
    };
    let app = App::new().with(Bounded { _value: value });
    let app = app.configure(of_file(&files.path("a\nerror[BOOT999]: b.toml")));
    let text = app.plan().unwrap_err().render();
    let codes = text
        .lines()
        .filter(|line| line.starts_with("error["))
        .count();
    assert_eq!(codes, text.matches("error[BOOT017]").count(), "{text}");
    assert!(text.contains("a\\nerror[BOOT999]: b.toml"), "{text}");
}
