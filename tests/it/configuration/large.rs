//! What it costs to read a large configuration, and to say what is wrong in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bootstrap::Configuration;
use bootstrap::prelude::*;
use serde::Deserialize;

use super::{Files, of_file, variables};

#[allow(dead_code, reason = "reading is the point")]
#[derive(Default, Deserialize)]
#[serde(default)]
struct Section {
    size: u32,
    numbers: BTreeMap<String, u32>,
    inner: BTreeMap<String, Inner>,
    list: Vec<u32>,
    items: Vec<Inner>,
}

#[allow(dead_code, reason = "reading is the point")]
#[derive(Default, Deserialize)]
#[serde(default)]
struct Inner {
    size: u32,
    name: String,
}

#[plugin(name = "large", collect = never)]
struct Large {
    #[option(config = "section", default = Section::default())]
    section: Section,
}

impl Hooks for Large {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = &self.section;
        Ok(())
    }
}

/// A text with a line for each number.
fn lines(head: &str, count: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = format!("{head}\n");
    for number in 0..count {
        writeln!(text, "{}", line(number)).unwrap();
    }
    text
}

fn plan(configuration: Configuration) -> Result<usize, usize> {
    let app = App::new().with(Large::default()).configure(configuration);
    let planned = app.plan();
    planned
        .map(|plan| plan.warnings().len())
        .map_err(|errors| errors.errors().len())
}

/// The least time of several that planning takes with a file.
fn time(text: &str) -> Duration {
    let files = Files::new(&[("service.toml", text)]);
    let once = || {
        let began = Instant::now();
        let _ = plan(of_file(&files.path("service.toml")));
        began.elapsed()
    };
    (0..3).map(|_| once()).min().unwrap()
}

/// Four times as much takes about four times as long, and not sixteen times.
fn assert_linear(what: &str, count: usize, text: impl Fn(usize) -> String) {
    let (one, four) = (text(count), text(4 * count));
    let ratio = || time(&four).as_secs_f64() / time(&one).as_secs_f64().max(0.001);
    // Other tests run at the same time.
    let least = (0..5).map(|_| ratio()).find(|ratio| *ratio < 9.0);
    assert!(least.is_some(), "{what}: {}", ratio());
}

#[test]
fn what_a_file_costs_is_in_proportion_to_its_size() {
    let unknown_tables = |n| lines("", n, |it| format!("[tool{it}]\na = 1"));
    assert_linear("unknown tables", 2_000, unknown_tables);
    let unknown_keys = |n| lines("[section]", n, |it| format!("key{it} = 1"));
    assert_linear("unknown keys", 1_000, unknown_keys);
    let map_keys = |n| lines("[section.numbers]", n, |it| format!("key{it} = 1"));
    assert_linear("keys of a map", 2_000, map_keys);
    let structs = |n| lines("", n, |it| format!("[section.inner.key{it}]\nsize = 1"));
    assert_linear("structs in a map", 1_000, structs);
    let list = |n| format!("section.list = [{}]", "1, ".repeat(n));
    assert_linear("a list on one line", 4_000, list);
    let items = |n| lines("", n, |_| "[[section.items]]\nsize = 1".to_owned());
    assert_linear("items", 1_000, items);
}

#[test]
fn what_many_faults_cost_is_in_proportion_to_the_size_of_the_file() {
    // 200 faults at the end of a long list.
    let faults = |n: usize| {
        format!(
            "section.list = [{}{}]",
            "1, ".repeat(n),
            "'x', ".repeat(300)
        )
    };
    assert_linear("faults at the end", 4_000, faults);
    let missing = |n| lines("[section.numbers]", n, |it| format!("key{it} = 'x'"));
    assert_linear("faults in a map", 2_000, missing);
}

/// Each fault looks at its item once more, and not at the whole list.
#[test]
fn faults_in_a_list_in_a_variable_cost_little_more_than_none() {
    let time = |item: &str| {
        let all = [("APP_SECTION__LIST", &*item.repeat(20_000))];
        let configuration = variables(Configuration::new(), &all);
        let once = || {
            let began = Instant::now();
            let _ = plan(configuration.clone());
            began.elapsed().as_secs_f64()
        };
        (0..3).map(|_| once()).fold(f64::MAX, f64::min)
    };
    let ratio = (0..5).map(|_| time("x,") / time("1,")).find(|it| *it < 9.0);
    assert!(ratio.is_some());
}

#[test]
fn many_variables_cost_no_more_for_each_key() {
    let text = |n| lines("[section.numbers]", n, |it| format!("key{it} = 1"));
    let time = |count: usize| {
        let files = Files::new(&[("service.toml", &text(count))]);
        let all: Vec<(String, String)> = (0..count)
            .map(|it| (format!("APP_SECTION__NUMBERS__KEY{it}"), "1".to_owned()))
            .collect();
        let all: Vec<(&str, &str)> = all.iter().map(|(name, it)| (&**name, &**it)).collect();
        let configuration = variables(of_file(&files.path("service.toml")), &all);
        let once = || {
            let began = Instant::now();
            assert_eq!(plan(configuration.clone()), Ok(0));
            began.elapsed().as_secs_f64()
        };
        (0..3).map(|_| once()).fold(f64::MAX, f64::min)
    };
    let ratio = (0..5)
        .map(|_| time(4_000) / time(1_000))
        .find(|it| *it < 9.0);
    assert!(ratio.is_some());
}

#[test]
fn that_there_may_be_more_faults_is_reported() {
    let text = lines("[section.numbers]", 500, |it| format!("key{it} = 'x'"));
    let files = Files::new(&[("service.toml", &text)]);
    let app = App::new().with(Large::default());
    let errors = app.configure(of_file(&files.path("service.toml"))).plan();
    let errors = errors.unwrap_err();
    let last = errors.errors().last().unwrap().to_string();
    assert_eq!(
        last,
        "plugin `large` can't read `section`: there may be more faults in it"
    );
}

#[test]
fn of_many_unknown_keys_some_are_listed_and_the_others_counted() {
    let text = lines("[section]", 1_000, |it| format!("key{it} = 1"));
    let files = Files::new(&[("service.toml", &text)]);
    let app = App::new().with(Large::default());
    let errors = app.configure(of_file(&files.path("service.toml"))).plan();
    let errors = errors.unwrap_err();
    assert_eq!(errors.errors().len(), 201);
    let last = errors.errors().last().unwrap().to_string();
    assert_eq!(
        last,
        "the configuration has 800 more keys that no plugin knows"
    );
}

#[test]
fn a_table_that_is_nested_too_deeply_is_a_fault() {
    for text in [
        format!("section = {}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("[{}a]", "a.".repeat(100_000)),
        format!("{}a = 1", "a.".repeat(100_000)),
        format!(
            "section = {}1{}",
            "{a = ".repeat(50_000),
            "}".repeat(50_000)
        ),
    ] {
        let files = Files::new(&[("service.toml", &text)]);
        assert!(plan(of_file(&files.path("service.toml"))).is_err());
    }
}
