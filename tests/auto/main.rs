//! Collecting: which plugins a binary finds by itself. All tests of this binary share its plugins.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test says what is wrong by failing"
)]

mod family;
mod setters;
mod verify;

use std::cell::Cell;

use bootstrap::error::Mistake;
use bootstrap::extend::{Descriptor, Plugin, States};
use bootstrap::plan::Plan;
use bootstrap::prelude::*;
use bootstrap::report::Outcome;
use bootstrap::{State, Unused};
use bootstrap_tests_provider::{Numbers, Source};
use support::paused;

bootstrap::link!(bootstrap_tests_leaf);

struct Sum(u32);

/// Its only link to the crate of its provider is the type in its field.
#[plugin(name = "sum", states = [Sum])]
struct SumPlugin {
    numbers: State<Numbers>,
    announced: State<Announced>,
}

impl Hooks for SumPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Sum> {
        Ok(Sum(self.numbers.0.iter().sum()))
    }
}

struct Announced;

/// Only `sum` needs it, and it does something of its own accord.
#[plugin(name = "announcer", states = [Announced])]
struct Announcer;

impl Hooks for Announcer {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Announced> {
        Ok(Announced)
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        Ok(())
    }
}

thread_local! {
    /// How often the default of an option was made on this thread.
    static DEFAULTS: Cell<u32> = const { Cell::new(0) };
}

fn counted<T>(default: T) -> T {
    DEFAULTS.set(DEFAULTS.get() + 1);
    default
}

struct Total(u32);

/// Nobody needs it.
#[plugin(name = "total", states = [Total])]
struct TotalPlugin {
    sum: Option<State<Sum>>,
    #[option(default = counted(1))]
    factor: u32,
}

impl Hooks for TotalPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Total> {
        Ok(Total(
            self.sum.as_ref().map_or(0, |sum| sum.0 * self.factor),
        ))
    }
}

/// Only registered by hand.
#[plugin(name = "by-hand", collect = never)]
struct ByHand;

impl Hooks for ByHand {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

struct Credentials;

/// Only `secrets` needs it.
#[plugin(name = "credentials", states = [Credentials])]
struct CredentialsPlugin;

impl Hooks for CredentialsPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Credentials> {
        Ok(Credentials)
    }
}

struct Secrets;

/// Only registered by hand, and needs what is collected.
#[plugin(name = "secrets", states = [Secrets], collect = never)]
struct SecretsPlugin {
    credentials: State<Credentials>,
}

impl Hooks for SecretsPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Secrets> {
        let _ = &*self.credentials;
        Ok(Secrets)
    }
}

#[plugin(name = "vault", collect = never)]
struct Vault {
    secrets: State<Secrets>,
}

impl Hooks for Vault {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = &*self.secrets;
        Ok(())
    }
}

#[plugin(name = "fake-sum", states = [Sum], replaces = SumPlugin)]
struct FakeSum;

impl Hooks for FakeSum {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Sum> {
        Ok(Sum(100))
    }
}

fn names(plan: &Plan) -> Vec<String> {
    let mut names: Vec<_> = plan
        .order()
        .map(|plugin| plugin.name().to_string())
        .collect();
    names.sort();
    names
}

/// What a collected app of this binary holds.
const ALL: [&str; 10] = [
    "announcer",
    "credentials",
    "ink",
    "leaf",
    "numbers",
    "paint",
    "site",
    "source",
    "sum",
    "total",
];

/// All of them, with some taken away and some added.
fn all_but(without: &[&str], with: &[&'static str]) -> Vec<&'static str> {
    let mut names = Vec::from(ALL);
    names.retain(|name| !without.contains(name));
    names.extend(with);
    names.sort_unstable();
    names
}

/// D2: registrations come from `inventory`, and from the types.
#[test]
fn collect_holds_every_plugin_that_is_linked_or_leads_to_one() {
    let plan = App::collect().plan().unwrap();
    assert_eq!(names(&plan), ALL);
}

#[test]
fn a_collected_app_boots_and_closes() {
    paused(async {
        let running = App::collect()
            .expect(["leaf", "total"])
            .boot()
            .await
            .unwrap();
        assert_eq!(running.try_get::<State<Total>>().unwrap().0, 3);
        let report = running.close().await.unwrap();
        assert_eq!(report.plugin("leaf").unwrap().load.outcome, Outcome::Done);
    });
}

/// A registration takes the place of the collected default.
#[test]
fn a_plugin_that_is_registered_replaces_its_default() {
    paused(async {
        let app = App::collect().with(TotalPlugin {
            factor: 10,
            ..TotalPlugin::default()
        });
        assert_eq!(names(&app.plan().unwrap()), ALL);
        let running = app.boot().await.unwrap();
        assert_eq!(running.try_get::<State<Total>>().unwrap().0, 30);
        running.close().await.unwrap();
    });
}

/// A supplied state takes the place of the plugin that provides it; what only that needed, stays
/// away.
#[test]
fn a_supplied_state_replaces_its_collected_provider() {
    paused(async {
        let app = App::collect().supply(Sum(7));
        assert_eq!(
            names(&app.plan().unwrap()),
            all_but(&["sum", "numbers", "source"], &["supplied Sum"])
        );
        let running = app.boot().await.unwrap();
        assert_eq!(running.try_get::<State<Total>>().unwrap().0, 7);
        running.close().await.unwrap();

        let app = App::collect().supply(Source(2));
        assert_eq!(
            names(&app.plan().unwrap()),
            all_but(&["source"], &["supplied Source"])
        );
    });
}

/// S73: the real one never loads, nor what only that needs.
#[test]
fn a_stand_in_replaces_its_plugin_and_what_only_that_needed() {
    paused(async {
        let app = App::collect().with(FakeSum);
        assert_eq!(
            names(&app.plan().unwrap()),
            all_but(&["sum", "numbers", "source"], &["fake-sum"])
        );
        let running = app.boot().await.unwrap();
        assert_eq!(running.try_get::<State<Total>>().unwrap().0, 100);
        running.close().await.unwrap();

        // A second user of what the replaced plugin needed keeps it.
        let app = App::collect().with(FakeSum).with(AlsoNumbers::default());
        assert_eq!(
            names(&app.plan().unwrap()),
            all_but(&["sum"], &["also-numbers", "fake-sum"])
        );
    });
}

/// A replacement does without what the replaced plugin needed, but not without what works by itself.
#[test]
fn a_provider_with_a_ready_hook_stays_when_its_only_user_is_replaced() {
    let plan = App::collect().with(FakeSum).plan().unwrap();
    let announcer = plan
        .order()
        .find(|plugin| *plugin.name() == "announcer")
        .unwrap();
    assert_eq!(announcer.dependents().count(), 0);
}

/// Also where the replaced plugin could not have been collected itself.
#[test]
fn a_supplied_state_leaves_out_what_only_its_uncollected_provider_needs() {
    let app = App::collect().with(Vault::default());
    assert_eq!(
        names(&app.with(SecretsPlugin::default()).plan().unwrap()),
        all_but(&[], &["secrets", "vault"])
    );
    let app = App::collect().with(Vault::default()).supply(Secrets);
    assert_eq!(
        names(&app.plan().unwrap()),
        all_but(&["credentials"], &["supplied Secrets", "vault"])
    );
}

/// S7: one provider was collected and one is registered by hand: that one counts, and the plan tells.
#[test]
fn a_registered_provider_outranks_a_collected_one_and_the_plan_says_so() {
    struct OwnSum;

    #[bootstrap::extend::async_trait]
    impl Plugin for OwnSum {
        fn descriptor(&self) -> Descriptor {
            Descriptor::new("own-sum").provides::<Sum>()
        }

        async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
            panic!("nothing loads")
        }
    }

    let plan = App::collect().with(OwnSum).plan().unwrap();
    let hidden = plan.shadowed().map(|it| it.plugin.name().to_string());
    assert_eq!(hidden.collect::<Vec<_>>(), ["sum"]);
    let mut order = plan.order();
    let total = order.find(|it| *it.name() == "total").unwrap();
    let needs = total.requires().map(|it| it.name().to_string());
    assert_eq!(needs.collect::<Vec<_>>(), ["own-sum"]);
}

/// S10: what is collected is made when the app boots, and not when it is planned.
#[test]
fn planning_makes_no_collected_plugin() {
    paused(async {
        let app = App::collect();
        let before = DEFAULTS.get();
        app.plan().unwrap();
        app.plan().unwrap();
        assert_eq!(DEFAULTS.get(), before);
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(DEFAULTS.get(), before + 1);
    });
}

#[plugin(name = "also-numbers", collect = never)]
struct AlsoNumbers {
    numbers: State<Numbers>,
}

impl Hooks for AlsoNumbers {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

/// A42: what is registered in a scope answers those who ask there, and replaces nothing that is
/// collected: that stands in the app itself.
#[test]
fn a_plugin_in_a_scope_replaces_no_collected_one() {
    paused(async {
        let mut app = App::collect();
        let total = app.scope("other", |other| {
            other.register(FakeSum);
            other.register(TotalPlugin {
                factor: 2,
                ..TotalPlugin::default()
            })
        });
        assert_eq!(
            names(&app.plan().unwrap()),
            all_but(&[], &["other/fake-sum", "other/total"])
        );
        let running = app.boot().await.unwrap();
        assert_eq!(running.try_get::<State<Total>>().unwrap().0, 3);
        assert_eq!(total.handle::<State<Total>>().0, 200);
        running.close().await.unwrap();
    });
}

#[test]
fn a_plugin_that_a_scope_publishes_to_the_app_replaces_the_collected_one() {
    let mut app = App::collect();
    app.scope("other", |other| other.register(FakeSum).export());
    assert_eq!(
        names(&app.plan().unwrap()),
        all_but(&["sum", "numbers", "source"], &["other/fake-sum"])
    );
}

/// What a scope provides is not pulled in for those who ask in it, nor what a handle is aimed at.
#[test]
fn a_field_that_is_answered_in_its_scope_pulls_nothing() {
    let mut app = App::only(ByHand);
    app.scope("inside", |inside| {
        inside.supply(Numbers(vec![]));
        inside.scope("further", |further| {
            further.register(AlsoNumbers::default())
        });
    });
    let plan = app.plan().unwrap();
    assert_eq!(
        names(&plan),
        [
            "by-hand",
            "inside/further/also-numbers",
            "inside/supplied Numbers"
        ]
    );

    let mut app = App::only(ByHand);
    let credentials = app.scope("inside", |inside| inside.register(CredentialsPlugin));
    app.register(SecretsPlugin {
        credentials: credentials.handle(),
    });
    let plan = app.plan().unwrap();
    assert_eq!(names(&plan), ["by-hand", "inside/credentials", "secrets"]);

    let mut app = App::only(ByHand);
    app.scope("inside", |inside| inside.register(AlsoNumbers::default()));
    let plan = app.plan().unwrap();
    assert_eq!(
        names(&plan),
        ["by-hand", "inside/also-numbers", "numbers", "source"]
    );
}

/// Collected plugins stand before the first barrier of the app.
#[test]
fn a_collected_plugin_that_needs_one_after_a_barrier_is_a_cycle() {
    let app = || App::collect().barrier(async |_| Ok(()));
    let plan = app().with(ByHand).plan().unwrap();
    let last: Vec<String> = plan
        .order()
        .skip(ALL.len())
        .map(|plugin| plugin.name().to_string())
        .collect();
    assert_eq!(last, ["barrier", "by-hand"]);

    let errors = app().with(SumPlugin::default()).plan().unwrap_err();
    let [Mistake::Cycle { steps, cut, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let reasons: Vec<_> = steps.iter().map(|step| &step.reason).collect();
    assert!(
        reasons[0].starts_with(
            "`total` is collected, and so counts as registered before it (tests/auto/main.rs:"
        ),
        "{reasons:?}"
    );
    assert_eq!(
        cut.as_deref().unwrap(),
        "`sum` is registered after the barrier `barrier`, and `total`, which is collected and so \
         counts as registered before it, needs that: register `sum` before the barrier, or \
         `total` by hand after it, or take the barrier away"
    );
}

/// S8: what nobody needs is left out of a collected app, with what only that needs.
#[test]
fn a_collected_app_leaves_out_what_nobody_needs() {
    let plan = App::collect().unused(Unused::Skip).plan().unwrap();
    assert_eq!(names(&plan), ["announcer", "ink", "leaf", "paint", "site"]);
    let plan = App::collect().with(AlsoNumbers::default());
    let plan = plan.unused(Unused::Skip).plan().unwrap();
    assert_eq!(
        names(&plan),
        [
            "also-numbers",
            "announcer",
            "ink",
            "leaf",
            "numbers",
            "paint",
            "site",
            "source"
        ]
    );
    let errors = App::collect().unused(Unused::Deny).plan().unwrap_err();
    assert_eq!(errors.errors().len(), 2, "{errors:?}");
    assert!(
        errors
            .render()
            .contains("help: mark it with `collect = never`")
    );
}

#[test]
fn only_pulls_what_a_plugin_requires_and_new_pulls_nothing() {
    let plan = App::only(SumPlugin::default()).plan().unwrap();
    assert_eq!(names(&plan), ["announcer", "numbers", "source", "sum"]);
    // An optional requirement pulls nothing.
    let plan = App::only(TotalPlugin::default()).plan().unwrap();
    assert_eq!(names(&plan), ["total"]);
    let errors = App::new().with(SumPlugin::default()).plan().unwrap_err();
    assert!(matches!(
        errors.errors(),
        [
            Mistake::MissingProvider { .. },
            Mistake::MissingProvider { .. }
        ]
    ));
}

#[test]
fn what_is_registered_by_hand_joins_what_is_collected() {
    let plan = App::collect().with(ByHand).plan().unwrap();
    assert_eq!(names(&plan), all_but(&[], &["by-hand"]));
}

#[test]
fn a_leaf_that_is_not_linked_is_missed_by_name() {
    let errors = App::collect()
        .expect(["leaf", "by-hand"])
        .plan()
        .unwrap_err();
    assert_eq!(
        errors.to_string(),
        "plugin `by-hand` is expected, and is not part of this app"
    );
}
