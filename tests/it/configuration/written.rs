//! How a value may be written into a variable: it is read as what it is, or a fault.

use std::net::SocketAddr;

use bootstrap::Configuration;
use bootstrap::prelude::*;
use serde::Deserialize;
use support::paused;

use super::{Files, diagnosis, mistakes, of_file, variables};

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Values {
    names: Vec<String>,
    sizes: Vec<u16>,
    pairs: Vec<Vec<u8>>,
    two: (u8, u8),
    three: [u8; 3],
    addresses: Vec<SocketAddr>,
    any: Option<Any>,
    number: Option<i64>,
    ratio: f64,
    short: f32,
    flag: bool,
    text: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Any {
    Flag(bool),
    Number(i64),
    Ratio(f64),
    Text(String),
    Texts(Vec<String>),
}

struct Read(Values);

#[plugin(name = "all", states = [Read], collect = never)]
struct All {
    #[option(config = "all")]
    all: Values,
}

impl Hooks for All {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Read> {
        Ok(Read(self.all.clone()))
    }
}

fn app(configuration: Configuration) -> App {
    App::new().with(All::default()).configure(configuration)
}

fn with(key: &str, text: &str) -> App {
    let name = format!("APP_ALL__{key}");
    app(variables(Configuration::new(), &[(&name, text)]))
}

fn values(app: App) -> Values {
    paused(async {
        let running = app.boot().await.unwrap();
        let values = running.try_get::<State<Read>>().unwrap().0.clone();
        running.close().await.unwrap();
        values
    })
}

fn read(key: &str, text: &str) -> Values {
    values(with(key, text))
}

/// The one mistake that a text is.
fn mistake(key: &str, text: &str) -> String {
    let found = mistakes(&with(key, text));
    assert_eq!(found.len(), 1, "{key}={text}: {found:?}");
    found[0].clone()
}

#[test]
fn a_list_in_a_variable_may_stand_in_brackets() {
    for text in ["a,b", "[a,b]", "[\"a\", 'b']", " [ a , b, ] ", "a, b,"] {
        assert_eq!(read("NAMES", text).names, ["a", "b"], "{text}");
    }
    for text in ["1,2", "[1,2]", "[ 1, 0x2, ]"] {
        assert_eq!(read("SIZES", text).sizes, [1, 2], "{text}");
    }
    for text in ["", "[]", " "] {
        assert_eq!(read("NAMES", text).names, [""; 0], "{text}");
    }
    assert_eq!(read("PAIRS", "[[1,2],[3]]").pairs, [vec![1, 2], vec![3]]);
    assert_eq!(read("PAIRS", "[1,2],[3]").pairs, [vec![1, 2], vec![3]]);
    let addresses = read("ADDRESSES", "[::1]:80,[::2]:80").addresses;
    assert_eq!(addresses.len(), 2);
}

#[test]
fn an_item_in_quotes_may_hold_a_comma() {
    let names = read("NAMES", r#"a,"b,c",'d"e',"""#).names;
    assert_eq!(names, ["a", "b,c", "d\"e", ""]);
}

#[test]
fn a_list_that_can_be_read_in_several_ways_is_a_fault_with_the_way_out() {
    let files = Files::new(&[]);
    assert_eq!(
        diagnosis(&with("NAMES", "[a,b"), &files),
        "error[BOOT017]: plugin `all` can't read `all.names`: expected a list, found a text whose brackets do not match
  --> HERE (option `all: Values`)
  found: the environment variable `APP_ALL__NAMES`
  help: correct the environment variable `APP_ALL__NAMES`: write commas between the items, and those that hold commas, brackets or quotes in quotes, as in `[a, \"b, c\"]`"
    );
    for text in [
        "a,b]",
        "[a],b]",
        "{a,b}",
        "a,,b",
        ",",
        "'a,b",
        "\"a\" b,c",
        "a\\,b",
        "say \"a,b\"",
    ] {
        let said = mistake("NAMES", text);
        assert!(
            said.contains("expected a list, found a text "),
            "{text}: {said}"
        );
    }
    for text in ["[[a],b]", "[{a = 1}]", "[a],b"] {
        let said = mistake("NAMES", text);
        assert!(
            said.contains("`all.names.0`: expected a string, found a "),
            "{text}: {said}"
        );
    }
}

#[test]
fn a_number_in_quotes_is_a_string_as_in_a_file() {
    for text in ["\"1\",2", "['1', 2]"] {
        let said = mistake("SIZES", text);
        assert!(
            said.contains("`all.sizes.0`: expected u16, found a string"),
            "{said}"
        );
    }
}

#[test]
fn what_an_array_or_a_tuple_has_no_place_for_is_a_fault() {
    assert_eq!(read("TWO", "1,2").two, (1, 2));
    for text in ["1", "1,2,3", "[1,2,3]"] {
        let said = mistake("TWO", text);
        assert!(
            said.contains("`all.two`: expected a tuple of size 2, found "),
            "{text}: {said}"
        );
    }
    assert!(mistake("THREE", "1,2,3,4").contains("of length 4"));
    let files = Files::new(&[("service.toml", "all.two = [1, 2, 3]")]);
    assert_eq!(
        mistakes(&app(of_file(&files.path("service.toml")))),
        ["plugin `all` can't read `all.two`: expected a tuple of size 2, found a list of length 3"]
    );
}

#[test]
fn a_number_is_written_as_in_toml() {
    for (text, number) in [
        ("+5", 5),
        ("-5", -5),
        ("1_000", 1_000),
        ("0x1F", 31),
        ("0o17", 15),
        ("0b11", 3),
        (" 7 ", 7),
    ] {
        assert_eq!(read("NUMBER", text).number, Some(number), "{text}");
    }
    for text in [
        "1e3", "1.0", "1_", "_1", "1__0", "0x", "0xG", "--1", "+-1", "1 2", "0x-1",
    ] {
        let said = mistake("NUMBER", text);
        assert!(
            said.ends_with("expected i64, found a string"),
            "{text}: {said}"
        );
    }
    for (text, ratio) in [("1e3", 1e3), ("1_000.5", 1000.5), ("5", 5.0), ("-.5", -0.5)] {
        assert!(
            (read("RATIO", text).ratio - ratio).abs() < f64::EPSILON,
            "{text}"
        );
    }
    assert!(read("RATIO", "inf").ratio.is_infinite());
    for text in ["1_.5", "_1", "x"] {
        assert!(
            mistake("RATIO", text).ends_with("expected f64, found a string"),
            "{text}"
        );
    }
}

#[test]
fn a_number_that_would_be_infinite_is_out_of_range() {
    assert!(mistake("RATIO", "1e999").ends_with("expected f64, found a number out of range"));
    assert!(mistake("SHORT", "1e300").ends_with("expected f32, found a number out of range"));
    assert!((read("SHORT", "1e30").short - 1e30).abs() < 1e24);
}

#[test]
fn a_bool_is_a_word_in_any_case() {
    for text in ["TRUE", "1", "Yes", "on", " true "] {
        assert!(read("FLAG", text).flag, "{text}");
    }
    for text in ["tru", "2", "y", "", "[true]"] {
        assert!(mistake("FLAG", text).contains("a boolean"), "{text}");
    }
}

#[test]
fn a_string_is_the_text_as_it_is() {
    for text in ["[a,b]", "\"a\"", " a ", "a,b", "", "nan"] {
        assert_eq!(read("TEXT", text).text, text);
    }
}

#[test]
fn where_nothing_says_what_is_read_it_is_what_it_looks_like() {
    let text = |text: &str| Any::Text(text.to_owned());
    let texts = |all: &[&str]| Any::Texts(all.iter().map(|it| (*it).to_owned()).collect());
    for (written, expected) in [
        ("1", Any::Number(1)),
        ("1.5", Any::Ratio(1.5)),
        ("TRUE", Any::Flag(true)),
        ("a", text("a")),
        ("a,b", text("a,b")),
        ("nan", text("nan")),
        ("infinity", text("infinity")),
        ("\"1\"", text("1")),
        ("'true'", text("true")),
        ("[a,b]", texts(&["a", "b"])),
        ("[\"1\"]", texts(&["1"])),
    ] {
        assert_eq!(read("ANY", written).any, Some(expected), "{written}");
    }
}
