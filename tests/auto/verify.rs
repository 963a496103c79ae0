//! `verify!`: an app plans, and holds the plugins of a list.

use bootstrap::__private::{assert_verified, verify};
use bootstrap::prelude::*;
use bootstrap::{App, Unused};
use bootstrap_tests_provider::Numbers;

use crate::{ALL, FakeSum, Secrets, SecretsPlugin, Sum, TotalPlugin, Vault, all_but};

bootstrap::verify!();
bootstrap::verify!([
    "announcer",
    "credentials",
    "ink",
    "leaf",
    "numbers",
    "paint",
    "site",
    "source",
    "sum",
    String::from("total"),
]);
bootstrap::verify!(App::only(TotalPlugin::default()));
bootstrap::verify!(App::new().with(TotalPlugin::default()), ["total",],);
bootstrap::verify!(
    /// The same list, under a name of its own.
    a_named_test_has_a_list: [ALL[0], ALL[1], ALL[2], ALL[3], ALL[4], ALL[5], ALL[6], ALL[7],
    ALL[8], ALL[9]]
);
bootstrap::verify!(
    #[should_panic(expected = "missing: `nowhere`")]
    a_named_test_has_attributes: App::collect(),
    ["nowhere"]
);
bootstrap::verify!(a_named_test_has_an_app: App::collect().with(FakeSum));

/// Beside the others, in a module of its own, by the same names.
mod beside {
    bootstrap::verify!();
}

/// What is wrong, without the numbers of lines.
fn wrong(app: App, list: &[&str]) -> Option<String> {
    let list: Vec<String> = list.iter().map(|name| (*name).to_owned()).collect();
    let text = verify(app, Some(&list)).err()?;
    let mut parts = text.split(".rs:");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        out.push_str(".rs");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    Some(out)
}

/// The lines of one kind.
fn lines(app: App, list: &[&str], kind: &str) -> Vec<String> {
    let text = wrong(app, list).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix(kind));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_order_of_a_list_does_not_matter() {
    let mut list = ALL;
    list.reverse();
    assert_eq!(wrong(App::collect(), &list), None);
}

#[test]
fn what_is_disabled_may_be_listed() {
    let app = || App::collect().disable::<TotalPlugin>("no voice");
    // What only that needs is not loaded either.
    let gone = ["numbers", "source", "sum"];
    assert_eq!(wrong(app(), &all_but(&gone, &[])), None);
    let without = [&gone[..], &["total"]].concat();
    assert_eq!(wrong(app(), &all_but(&without, &[])), None);
}

#[test]
fn what_is_missing_and_what_is_unexpected_is_told_with_the_list_that_would_do() {
    let mut list = all_but(&["leaf", "total"], &["http", "totals"]);
    assert_eq!(
        wrong(App::collect(), &list).unwrap(),
        "error[BOOT006]: 2 plugins that the list of `verify!` names are not part of this app\n  \
         missing: `http`\n  \
         missing: `totals`: there is a plugin `total`: was that meant?\n  \
         help: the linker leaves out crates that nothing refers to: write \
         `bootstrap::link!(one, another);` next to `main`, and `verify!` into the crate of `main` \
         (another test binary links other crates); register those that are `collect = never`; take \
         those off the list that a plugin registers while it loads\n\n\
         error[BOOT006]: 2 plugins of this app are not in the list of `verify!`\n  \
         unexpected: `leaf` (tests/leaf/src/lib.rs)\n  \
         unexpected: `total` (tests/auto/main.rs)\n  \
         help: add them to the list; or, if they are no part of this app, take their crates out \
         of `link!`, or mark them with `collect = never`\n\n\
         the plugins of this app: [\"announcer\", \"credentials\", \"ink\", \"leaf\", \"numbers\", \
         \"paint\", \"site\", \"source\", \"sum\", \"total\"]"
    );
    let text = wrong(App::collect(), &list);
    list.reverse();
    assert_eq!(wrong(App::collect(), &list), text);
}

#[test]
fn one_that_is_missing_is_told_in_the_singular() {
    let app = App::new().with(TotalPlugin::default());
    assert_eq!(
        wrong(app, &["total", "http"]).unwrap(),
        "error[BOOT006]: 1 plugin that the list of `verify!` names is not part of this app\n  \
         missing: `http`\n  \
         help: this app holds only what is registered, and what that needs: register it; if a \
         plugin registers it while that loads, take it off the list\n\n\
         the plugins of this app: [\"total\"]"
    );
}

#[test]
fn one_that_is_registered_and_not_listed_is_told_with_where_that_was() {
    let app = App::new().with(TotalPlugin::default());
    assert_eq!(
        wrong(app, &[]).unwrap(),
        "error[BOOT006]: 1 plugin of this app is not in the list of `verify!`\n  \
         unexpected: `total` (tests/auto/main.rs, registered at tests/auto/verify.rs)\n  \
         help: add it to the list, or do not register it\n\n\
         the plugins of this app: [\"total\"]"
    );
}

/// Each reason that can be known.
#[test]
fn why_a_plugin_that_is_linked_is_missing_is_told() {
    let missing = |app: App, name: &str| -> String {
        let missing = lines(app, &[name], "  missing: ");
        let [missing] = missing.try_into().unwrap();
        missing
    };
    assert_eq!(
        missing(App::new(), "leaf"),
        "`leaf`: it is linked (tests/leaf/src/lib.rs), and this app does not collect what is \
         linked: register it"
    );
    assert_eq!(
        missing(App::collect().with(FakeSum), "sum"),
        "`sum`: it is linked (tests/auto/main.rs), and `fake-sum` (tests/auto/main.rs, registered \
         at tests/auto/verify.rs) replaces it"
    );
    assert_eq!(
        missing(App::collect().supply(Sum(1)), "sum"),
        "`sum`: it is linked (tests/auto/main.rs), and `supplied Sum` (tests/auto/verify.rs) \
         provides what it would"
    );
    assert_eq!(
        missing(App::collect().supply(Sum(1)), "numbers"),
        "`numbers`: it is linked (tests/provider/src/lib.rs), and nothing in this app needs it any \
         more"
    );
    assert_eq!(
        missing(App::collect().unused(Unused::Skip), "total"),
        "`total`: no plugin needs it, and this app leaves such plugins out (`Unused::Skip`)"
    );
    let mut app = App::collect();
    app.register(TotalPlugin::default()).named("grand-total");
    assert_eq!(
        missing(app, "total"),
        "`total`: it is linked (tests/auto/main.rs), and is called `grand-total` \
         (tests/auto/main.rs, registered at tests/auto/verify.rs) here"
    );
}

/// Nothing is to be linked then.
#[test]
fn the_help_for_reasons_that_are_known_speaks_of_no_linker() {
    let help = lines(App::collect().with(FakeSum), &["sum"], "  help: ");
    assert_eq!(help[0], "change the list, or what is part of the app");
}

/// A crate of the same kind may have a name that is near, and its link be forgotten.
#[test]
fn a_near_miss_comes_with_the_help_about_linking_all_the_same() {
    let help = lines(App::collect(), &["totals"], "  help: ");
    assert!(help[0].contains("bootstrap::link!(its_crate);"), "{help:?}");
}

/// As with `expect`.
#[test]
fn an_expected_plugin_with_a_near_miss_may_be_one_that_is_not_linked() {
    let errors = App::collect().expect(["totals"]).plan().unwrap_err();
    assert_eq!(
        errors.render(),
        "error[BOOT006]: plugin `totals` is expected, and is not part of this app\n  \
         help: there is a plugin `total`: was that meant? If not, link its crate: \
         `bootstrap::link!(its_crate);` next to `main`"
    );
}

#[test]
fn instances_are_listed_as_one_or_each() {
    let app = || {
        let app = App::new().with(TotalPlugin::default());
        app.with(TotalPlugin::default())
    };
    assert_eq!(wrong(app(), &["total"]), None);
    assert_eq!(wrong(app(), &["total#1", "total#2"]), None);
    let unexpected = lines(app(), &["total#1"], "  unexpected: ");
    assert_eq!(
        unexpected,
        ["`total#2` (tests/auto/main.rs, registered at tests/auto/verify.rs)"]
    );
    let missing = lines(app(), &["total", "total#3"], "  missing: ");
    assert_eq!(
        missing,
        ["`total#3`: there is a plugin `total#1`: was that meant?"]
    );
}

#[test]
fn a_name_that_is_listed_twice_is_told_with_the_way_to_list_instances() {
    let app = App::new().with(TotalPlugin::default());
    assert_eq!(
        wrong(app, &["total", "total"]).unwrap(),
        "error[BOOT006]: the list of `verify!` names `total` more than once\n  \
         help: list it once for all its instances, or each instance: `\"total#1\", \"total#2\"`\n\n\
         the plugins of this app: [\"total\"]"
    );
}

#[test]
fn an_instance_that_is_listed_twice_is_told_in_the_same_way() {
    let app = App::new().with(TotalPlugin::default());
    let app = app.with(TotalPlugin::default());
    let list = ["total#1", "total#1", "total#2", "total"];
    let text = wrong(app, &list).unwrap();
    assert!(
        text.contains("names `total#1` more than once")
            && text.contains("`\"total#1\", \"total#2\"`"),
        "{text}"
    );
}

#[test]
fn what_is_in_a_scope_is_listed_with_the_scope_in_front() {
    let app = || {
        let mut app = App::new();
        app.scope("admin", |admin| {
            admin.register(Vault::default());
            admin.supply(Secrets);
        });
        app
    };
    assert_eq!(wrong(app(), &["admin/vault"]), None);
    assert_eq!(
        lines(app(), &["vault"], "  missing: "),
        ["`vault`: there is a plugin `admin/vault`: was that meant?"]
    );
}

#[test]
fn what_is_supplied_may_be_listed_and_need_not() {
    let app = || {
        let app = App::new().with(TotalPlugin::default());
        app.supply(Sum(1))
    };
    assert_eq!(wrong(app(), &["total"]), None);
    assert_eq!(wrong(app(), &["total", "supplied Sum"]), None);
}

#[test]
fn declared_children_may_be_listed_and_need_not() {
    assert_eq!(wrong(App::collect(), &ALL), None);
    let list = all_but(&[], &["site/frame", "site/pages"]);
    assert_eq!(wrong(App::collect(), &list), None);
    let list = all_but(&[], &["site/cover"]);
    assert_eq!(
        lines(App::collect(), &list, "  missing: "),
        ["`site/cover`"]
    );
}

#[test]
fn barriers_are_no_plugins() {
    let app = || {
        let app = App::new().with(TotalPlugin::default());
        app.barrier(async |_| Ok(()))
    };
    assert_eq!(wrong(app(), &["total"]), None);
    assert_eq!(
        lines(app(), &["total", "barrier"], "  missing: "),
        ["`barrier`"]
    );
}

#[test]
fn an_app_that_does_not_plan_fails_with_the_whole_diagnosis() {
    let app = || App::new().with(Vault::default());
    let diagnosis = app().plan().unwrap_err().render();
    assert_eq!(verify(app(), None).unwrap_err(), diagnosis);
}

/// One run tells both what is missing and what that breaks.
#[test]
fn an_app_that_does_not_plan_is_compared_with_the_list_as_well() {
    let text = wrong(App::new().with(Vault::default()), &["vault", "secret"]).unwrap();
    let first: Vec<&str> = text
        .split("\n\n")
        .map(|it| it.lines().next().unwrap())
        .collect();
    assert_eq!(
        first,
        [
            "error[BOOT001]: plugin `vault` needs the state `Secrets`, and nothing in this app provides it",
            "error[BOOT006]: 1 plugin that the list of `verify!` names is not part of this app",
            "the plugins of this app: [\"vault\"]",
        ]
    );
}

/// A warning is allowed, as in `App::plan`.
#[test]
fn warnings_of_the_plan_are_shown_only_if_something_is_wrong() {
    #[bootstrap::supplied]
    struct Nobodys;

    let app = || {
        let app = App::new().with(TotalPlugin::default());
        app.supply(Nobodys)
    };
    assert_eq!(wrong(app(), &["total"]), None);
    let text = wrong(app(), &[]).unwrap();
    assert!(
        text.ends_with(
            "\n\nwarning: the state `Nobodys` is supplied at tests/auto/verify.rs, and no plugin of \
             this app asks for it"
        ),
        "{text}"
    );
}

#[test]
#[should_panic(expected = "error[BOOT001]: plugin `secrets-user`")]
fn the_test_panics_with_the_diagnosis() {
    #[plugin(name = "secrets-user", collect = never)]
    struct User {
        numbers: State<Numbers>,
    }

    impl Hooks for User {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            let _ = &*self.numbers;
            Ok(())
        }
    }

    assert_verified(App::new().with(User::default()), None);
}

/// Nothing is loaded, or made.
#[test]
fn a_plugin_that_is_only_registered_by_hand_is_listed_as_any() {
    let app = App::collect().with(Vault::default());
    let list = all_but(&[], &["secrets", "vault"]);
    assert_eq!(wrong(app.with(SecretsPlugin::default()), &list), None);
}
