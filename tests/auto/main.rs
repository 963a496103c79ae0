//! Collecting: which plugins a binary finds by itself. All tests of this binary share its plugins.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test says what is wrong by failing"
)]

use bootstrap::prelude::*;
use bootstrap::{Outcome, Plan, PlanError, State};
use bootstrap_tests_provider::{Numbers, Source};
use support::paused;

bootstrap::link!(bootstrap_tests_leaf);

struct Sum(u32);

/// Its only link to the crate of its provider is the type in its field.
#[plugin(name = "sum", states = [Sum])]
struct SumPlugin {
    numbers: State<Numbers>,
}

impl Hooks for SumPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Sum> {
        Ok(Sum(self.numbers.0.iter().sum()))
    }
}

struct Total(u32);

/// Nobody needs it.
#[plugin(name = "total", states = [Total])]
struct TotalPlugin {
    sum: Option<State<Sum>>,
    #[option(default = 1)]
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
#[plugin(name = "by-hand", collect = false)]
struct ByHand;

impl Hooks for ByHand {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(name = "fake-sum", states = [Sum], stands_in_for = SumPlugin)]
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

/// D2: registrations come from `inventory`, and from the types.
#[test]
fn collect_holds_every_plugin_that_is_linked_or_leads_to_one() {
    let plan = App::collect().plan().unwrap();
    assert_eq!(names(&plan), ["leaf", "numbers", "source", "sum", "total"]);
}

#[test]
fn a_collected_app_boots_and_closes() {
    paused(async {
        let running = App::collect()
            .expect(["leaf", "total"])
            .boot()
            .await
            .unwrap();
        assert_eq!(running.state::<Total>().unwrap().0, 3);
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
        assert_eq!(
            names(&app.plan().unwrap()),
            ["leaf", "numbers", "source", "sum", "total"]
        );
        let running = app.boot().await.unwrap();
        assert_eq!(running.state::<Total>().unwrap().0, 30);
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
            ["leaf", "supplied Sum", "total"]
        );
        let running = app.boot().await.unwrap();
        assert_eq!(running.state::<Total>().unwrap().0, 7);
        running.close().await.unwrap();

        let app = App::collect().supply(Source(2));
        assert_eq!(
            names(&app.plan().unwrap()),
            ["leaf", "numbers", "sum", "supplied Source", "total"]
        );
    });
}

#[test]
fn a_stand_in_replaces_its_plugin_and_what_only_that_needed() {
    paused(async {
        let app = App::collect().with(FakeSum);
        assert_eq!(names(&app.plan().unwrap()), ["fake-sum", "leaf", "total"]);
        let running = app.boot().await.unwrap();
        assert_eq!(running.state::<Total>().unwrap().0, 100);
        running.close().await.unwrap();

        // A second user of what the replaced plugin needed keeps it.
        let app = App::collect().with(FakeSum).with(AlsoNumbers::default());
        assert_eq!(
            names(&app.plan().unwrap()),
            [
                "also-numbers",
                "fake-sum",
                "leaf",
                "numbers",
                "source",
                "total"
            ]
        );
    });
}

#[plugin(name = "also-numbers", collect = false)]
struct AlsoNumbers {
    numbers: State<Numbers>,
}

impl Hooks for AlsoNumbers {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[test]
fn only_pulls_what_a_plugin_requires_and_new_pulls_nothing() {
    let plan = App::only(SumPlugin::default()).plan().unwrap();
    assert_eq!(names(&plan), ["numbers", "source", "sum"]);
    // An optional requirement pulls nothing.
    let plan = App::only(TotalPlugin::default()).plan().unwrap();
    assert_eq!(names(&plan), ["total"]);
    let errors = App::new().with(SumPlugin::default()).plan().unwrap_err();
    assert!(matches!(errors.errors(), [PlanError::Missing { .. }]));
}

#[test]
fn what_is_registered_by_hand_joins_what_is_collected() {
    let plan = App::collect().with(ByHand).plan().unwrap();
    assert_eq!(
        names(&plan),
        ["by-hand", "leaf", "numbers", "source", "sum", "total"]
    );
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
