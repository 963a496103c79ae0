//! Nothing of a configuration is ignored without a word.

use bootstrap::Configuration;
use bootstrap::prelude::*;
use serde::Deserialize;
use support::paused;

use super::{Files, diagnosis, mistakes, of_file, variables};

struct Seen(u32);

#[plugin(name = "pool", states = [Seen], collect = never)]
struct Pool {
    #[option(config = "pool.size", default = 8)]
    size: u32,
}

impl Hooks for Pool {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Seen> {
        Ok(Seen(self.size))
    }
}

fn pool(configuration: Configuration) -> App {
    App::new().with(Pool::default()).configure(configuration)
}

fn size(configuration: Configuration) -> u32 {
    paused(async {
        let running = pool(configuration).boot().await.unwrap();
        let size = running.try_get::<State<Seen>>().unwrap().0;
        running.close().await.unwrap();
        size
    })
}

fn warnings(configuration: Configuration) -> Vec<String> {
    let plan = pool(configuration).plan().unwrap();
    plan.warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn a_prefix_may_be_written_in_any_case_with_a_dash_and_with_its_underscore() {
    for prefix in ["MY_APP", "MY_APP_", "my_app", "my-app", "My_App__"] {
        let all = [("MY_APP_POOL__SIZE", "4"), ("my_app_POOL__SIZE", "5")];
        let configuration = Configuration::new().environment_from(prefix, all);
        assert_eq!(size(configuration), 4, "{prefix}");
    }
}

#[test]
fn without_a_prefix_a_variable_is_called_as_its_key() {
    for prefix in ["", "_"] {
        let all = [("POOL__SIZE", "4"), ("HOME", "/")];
        let configuration = Configuration::new().environment_from(prefix, all);
        assert_eq!(size(configuration.clone()), 4);
        assert_eq!(warnings(configuration), [""; 0]);
    }
}

#[test]
fn a_value_of_a_file_where_a_table_is_read_is_a_fault() {
    let files = Files::new(&[("service.toml", "other = 1\npool = 4")]);
    assert_eq!(
        diagnosis(&pool(of_file(&files.path("service.toml"))), &files),
        "error[BOOT017]: plugin `pool` can't read `pool.size`: `pool` is an integer, and no table
  --> HERE (option `size: u32`)
  found: service.toml:2:1
  help: make a table of it, or take it away: service.toml:2:1"
    );
}

#[test]
fn a_value_where_a_table_is_read_is_told_instead_of_what_is_missing_in_it() {
    #[plugin(name = "needs", collect = never)]
    struct Needs {
        #[option(config = "pool.name")]
        _name: String,
    }
    impl Hooks for Needs {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }
    let app = App::new().with(Needs::default());
    assert_eq!(
        mistakes(&app.configure(Configuration::new().set("pool", vec![1]))),
        ["plugin `needs` can't read `pool.name`: `pool` is a list, and no table"]
    );
}

#[test]
fn a_value_that_a_variable_wins_over_is_no_fault() {
    let files = Files::new(&[("service.toml", "pool = 4")]);
    let file = of_file(&files.path("service.toml"));
    assert_eq!(size(variables(file, &[("APP_POOL__SIZE", "3")])), 3);
}

#[test]
fn a_variable_where_a_table_is_read_is_a_warning() {
    let all = [("APP_POOL", "3")];
    let configuration = variables(Configuration::new(), &all);
    let expected = "no plugin reads the environment variable `APP_POOL`: `pool` is a table, whose \
                    variables are called `APP_POOL__SIZE` and so on";
    assert_eq!(warnings(configuration.clone()), [expected]);
    assert_eq!(size(configuration), 8);
}

#[derive(Deserialize)]
#[bootstrap::section("section")]
struct Section {
    #[serde(default)]
    size: u32,
}

#[plugin(name = "user", collect = never)]
struct User {
    section: State<Section>,
}

impl Hooks for User {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = self.section.size;
        Ok(())
    }
}

#[test]
fn a_variable_where_a_section_is_read_is_a_warning() {
    let all = [("APP_SECTION", "x")];
    let app = App::new().with(User::default());
    let plan = app.configure(variables(Configuration::new(), &all)).plan();
    let said: Vec<String> = plan
        .unwrap()
        .warnings()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "no plugin reads the environment variable `APP_SECTION`: `section` is a table, whose \
          variables are called `APP_SECTION__SIZE` and so on"
        ]
    );
}

#[test]
fn a_variable_where_a_section_is_read_stands_beside_what_is_missing_in_that() {
    #[plugin(name = "needs", collect = never)]
    struct Needs {
        #[option(config = "inner.item")]
        _item: Item,
    }
    impl Hooks for Needs {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }
    let app = App::new().with(Needs::default());
    assert_eq!(
        diagnosis(
            &app.configure(of_variables(&[("APP_INNER__ITEM", "x")])),
            &Files::new(&[])
        ),
        "error[BOOT017]: plugin `needs` needs `inner.item.id`, and the configuration does not have it
  --> HERE (option `_item: Item`)
  near: the environment variable `APP_INNER__ITEM` is set, and `inner.item` is a table
  help: set the environment variable `APP_INNER__ITEM__ID`"
    );
}

#[test]
fn a_switch_below_a_value_is_a_fault() {
    #[plugin(name = "mail", enabled = "mail.enabled", collect = never)]
    struct Mail;
    impl Hooks for Mail {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }
    let app = App::new()
        .with(Mail)
        .configure(Configuration::new().set("mail", false));
    assert_eq!(
        mistakes(&app),
        ["plugin `mail` can't read `mail.enabled`: `mail` is a bool, and no table"]
    );
}

#[test]
fn a_value_that_is_set_over_a_table_hides_what_is_in_it_in_every_layer() {
    let line = line!() + 1;
    let configuration = Configuration::new().set("pool.size", 4).set("pool", "text");
    let files = Files::new(&[("service.toml", "[pool]\nsize = 1")]);
    let below = configuration.clone().file(files.path("service.toml"));
    let below = variables(below, &[("APP_POOL__SIZE", "3")]);
    for configuration in [configuration.clone(), below] {
        let said = pool(configuration).plan().unwrap_err().render();
        let first = "plugin `pool` can't read `pool.size`: `pool` is a string, and no table";
        assert!(said.contains(first), "{said}");
        assert!(said.contains(&format!("{}:{line}\n", file!())), "{said}");
    }
    let again = configuration.set("pool.size", 5);
    assert_eq!(size(again), 5);
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Numbers {
    unsigned: u128,
    signed: i128,
    small: u32,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
enum Event {
    Never,
    After(u32),
    #[serde(rename = "very-late")]
    VeryLate {
        by: u32,
    },
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Everything {
    numbers: Numbers,
    #[serde(alias = "sz", alias = "s")]
    size: u32,
    event: Option<Event>,
    items: Vec<Item>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
struct Item {
    id: u32,
    #[serde(default, alias = "nm")]
    name: String,
}

struct Read(Everything);

#[plugin(name = "all", states = [Read], collect = never)]
struct All {
    #[option(config = "all")]
    all: Everything,
}

impl Hooks for All {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Read> {
        Ok(Read(std::mem::take(&mut self.all)))
    }
}

fn all(configuration: Configuration) -> App {
    App::new().with(All::default()).configure(configuration)
}

fn read(configuration: Configuration) -> Everything {
    paused(async {
        let running = all(configuration).boot().await.unwrap();
        let read = running.try_get::<State<Read>>().unwrap().0.clone();
        running.close().await.unwrap();
        read
    })
}

fn of_variables(all: &[(&str, &str)]) -> Configuration {
    variables(Configuration::new(), all)
}

#[test]
fn the_largest_numbers_are_read_from_variables() {
    let (large, small) = (u128::MAX.to_string(), i128::MIN.to_string());
    let read = read(of_variables(&[
        ("APP_ALL__NUMBERS__UNSIGNED", &large),
        ("APP_ALL__NUMBERS__SIGNED", &small),
    ]));
    assert_eq!(
        (read.numbers.unsigned, read.numbers.signed),
        (u128::MAX, i128::MIN)
    );
}

#[test]
fn a_number_that_is_too_large_is_out_of_range_wherever_it_stands() {
    let large = format!("{}0", u128::MAX);
    let files = Files::new(&[("service.toml", "")]);
    for number in [&*large, "340282366920938463463374607431768211455"] {
        files.write("service.toml", &format!("all.numbers.small = {number}"));
        let expected = "plugin `all` can't read `all.numbers.small`: expected u32, found an \
                        integer out of range";
        let file = of_file(&files.path("service.toml"));
        assert_eq!(mistakes(&all(file)), [expected]);
        let variable = of_variables(&[("APP_ALL__NUMBERS__SMALL", number)]);
        assert_eq!(mistakes(&all(variable)), [expected]);
    }
    let minus = format!("-{large}");
    let variable = of_variables(&[("APP_ALL__NUMBERS__SIGNED", &minus)]);
    assert_eq!(
        mistakes(&all(variable)),
        [
            "plugin `all` can't read `all.numbers.signed`: expected i128, found an integer out of range"
        ]
    );
}

#[test]
fn of_two_names_of_a_field_the_one_in_the_layer_that_wins_is_read() {
    let files = Files::new(&[
        (
            "first.toml",
            "all.sz = 1\nall.items = [{ id = 1, nm = 'x' }]",
        ),
        ("second.toml", "all.size = 2"),
    ]);
    let first = of_file(&files.path("first.toml"));
    let size = |configuration| read(configuration).size;
    assert_eq!(size(first.clone()), 1);
    assert_eq!(size(variables(first.clone(), &[("APP_ALL__SIZE", "3")])), 3);
    let both = first.clone().file(files.path("second.toml"));
    assert_eq!(size(both.clone()), 2);
    assert_eq!(size(both.clone().set("all.s", 4)), 4);
    assert_eq!(size(variables(both.clone(), &[("APP_ALL__S", "5")])), 5);
    let other = of_file(&files.path("second.toml")).file(files.path("first.toml"));
    assert_eq!(size(other), 1);
}

#[test]
fn two_names_of_a_field_in_one_file_are_a_fault_beside_what_else_is_wrong() {
    let text = "[all]\nsz = 1\nsize = 2\nitems = [{ id = 1, name = 'x', nm = 'y' }, { id = 'z' }]";
    let files = Files::new(&[("service.toml", text)]);
    let app = all(of_file(&files.path("service.toml")));
    assert_eq!(
        diagnosis(&app, &files),
        "error[BOOT017]: plugin `all` can't read `all.sz`: `all.size` sets the same
  --> HERE (option `all: Everything`)
  found: service.toml:2:1
  help: take one of the two away: service.toml:2:1, or service.toml:3:1

error[BOOT017]: plugin `all` can't read `all.items.0.nm`: `all.items.0.name` sets the same
  --> HERE (option `all: Everything`)
  found: service.toml:4:32
  help: take one of the two away: service.toml:4:32, or service.toml:4:20

error[BOOT017]: plugin `all` can't read `all.items.1.id`: expected u32, found a string
  --> HERE (option `all: Everything`)
  found: service.toml:4:46
  help: correct it: service.toml:4:46"
    );
}

#[test]
fn variables_name_variants_in_any_case() {
    let event = |all: &[(&str, &str)]| read(of_variables(all)).event.unwrap();
    assert_eq!(event(&[("APP_ALL__EVENT__AFTER", "4")]), Event::After(4));
    let late = [("APP_ALL__EVENT__VERY_LATE__BY", "4")];
    assert_eq!(event(&late), Event::VeryLate { by: 4 });
    for never in ["Never", "never", " NEVER "] {
        assert_eq!(event(&[("APP_ALL__EVENT", never)]), Event::Never);
    }
}

#[test]
fn a_variable_that_names_a_variant_wins_over_a_file_that_names_another_one() {
    let files = Files::new(&[("service.toml", "[all.event]\nAfter = 3")]);
    let of = |all: &[(&str, &str)]| {
        let file = of_file(&files.path("service.toml"));
        read(variables(file, all)).event.unwrap()
    };
    assert_eq!(of(&[]), Event::After(3));
    assert_eq!(of(&[("APP_ALL__EVENT__AFTER", "4")]), Event::After(4));
    assert_eq!(of(&[("APP_ALL__EVENT", "Never")]), Event::Never);
    files.write("service.toml", "all.event = 'Never'");
    assert_eq!(of(&[("APP_ALL__EVENT__AFTER", "4")]), Event::After(4));
}

#[test]
fn a_list_of_tables_that_is_a_variable_is_a_fault_that_says_where_it_belongs() {
    let files = Files::new(&[("service.toml", "")]);
    let said = |all_of: &[(&str, &str)]| {
        let configuration = variables(of_file(&files.path("service.toml")), all_of);
        diagnosis(&all(configuration), &files)
    };
    assert_eq!(
        said(&[("APP_ALL__ITEMS", "x")]),
        "error[BOOT017]: plugin `all` can't read `all.items.0`: expected struct Item, found a string
  --> HERE (option `all: Everything`)
  found: the environment variable `APP_ALL__ITEMS`
  help: take the environment variable `APP_ALL__ITEMS` away: a list of tables has none; write `[[all.items]]` into service.toml"
    );
    assert_eq!(
        said(&[("APP_ALL__ITEMS__0__ID", "1")]),
        "error[BOOT017]: plugin `all` can't read `all.items`: expected a sequence, found a table
  --> HERE (option `all: Everything`)
  found: the environment variable `APP_ALL__ITEMS__0__ID`
  help: take the environment variable `APP_ALL__ITEMS__0__ID` away: the items of a list have none; set `APP_ALL__ITEMS`, with commas between them, or write a list of tables into service.toml, as `[[all.items]]`"
    );
}

#[test]
fn what_is_missing_in_an_item_of_a_list_is_told_with_the_place_of_the_item() {
    let files = Files::new(&[(
        "service.toml",
        "[[all.items]]\nid = 1\n\n[[all.items]]\nname = 'x'",
    )]);
    let configuration = variables(of_file(&files.path("service.toml")), &[]);
    assert_eq!(
        diagnosis(&all(configuration), &files),
        "error[BOOT017]: plugin `all` needs `all.items.1.id`, and the configuration does not have it
  --> HERE (option `all: Everything`)
  help: add `id` to the item of the list: service.toml:4:1"
    );
}

#[test]
fn an_item_of_a_list_is_told_with_its_place() {
    let files = Files::new(&[(
        "service.toml",
        "[[all.items]]\nid = 1\n\n[[all.items]]\nid = 'x'",
    )]);
    let app = all(of_file(&files.path("service.toml")));
    assert_eq!(
        diagnosis(&app, &files),
        "error[BOOT017]: plugin `all` can't read `all.items.1.id`: expected u32, found a string
  --> HERE (option `all: Everything`)
  found: service.toml:5:1
  help: correct it: service.toml:5:1"
    );
}

#[test]
fn a_table_of_variables_where_a_value_is_read_is_told_with_the_variable() {
    let files = Files::new(&[]);
    let app = pool(variables(
        Configuration::new(),
        &[("APP_POOL__SIZE__X", "3")],
    ));
    assert_eq!(
        diagnosis(&app, &files),
        "error[BOOT017]: plugin `pool` can't read `pool.size`: expected u32, found a table
  --> HERE (option `size: u32`)
  found: the environment variable `APP_POOL__SIZE__X`
  help: take the environment variable `APP_POOL__SIZE__X` away, or call it `APP_POOL__SIZE`"
    );
}
