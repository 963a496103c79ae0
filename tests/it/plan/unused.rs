//! Plugins that nobody needs, and what becomes of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bootstrap::Unused;
use bootstrap::error::Mistake;
use bootstrap::plan::PlanWarning;
use bootstrap::prelude::*;
use support::{Probe, Trace, paused};

use super::{Config, ConfigPlugin, Database, Settings, messages, order};

struct Metrics;

/// Nobody needs it, and it does something of its own accord.
#[plugin(name = "metrics", states = [Metrics])]
struct MetricsPlugin;

impl Hooks for MetricsPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Metrics> {
        Ok(Metrics)
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        Ok(())
    }
}

struct Idle;
struct Lazy;

const IDLE_PLUGIN: u32 = line!() + 2;
#[plugin(name = "idle", states = [Idle, Lazy])]
struct IdlePlugin;

impl Hooks for IdlePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<(Idle, Lazy)> {
        panic!("nobody needs it")
    }
}

#[plugin(name = "user", collect = never)]
struct User {
    config: State<Config>,
}

never_loads!(User => ());

/// S8: by default, what nobody needs is loaded like the rest.
#[test]
fn an_unused_plugin_is_loaded_without_a_word() {
    let plan = App::new().with(ConfigPlugin::default()).plan().unwrap();
    assert_eq!(order(&plan), ["config"]);
    assert!(plan.warnings().is_empty() && plan.skipped().is_empty());
    let plan = App::new()
        .with(ConfigPlugin::default())
        .unused(Unused::Load)
        .plan();
    assert_eq!(order(&plan.unwrap()), ["config"]);
}

/// S8: or a warning, which names it and its states.
#[test]
fn an_unused_plugin_may_be_a_warning() {
    let app = App::new().with(MetricsPlugin).unused(Unused::Warn);
    assert!(app.plan().unwrap().warnings().is_empty());
    let line = line!() + 1;
    let plan = app.with(IdlePlugin).plan().unwrap();
    let [PlanWarning::Unused { place, states }] = plan.warnings() else {
        panic!("{:?}", plan.warnings());
    };
    assert_eq!((place.plugin.base(), states.len()), ("idle", 2));
    assert_eq!(
        plan.warnings()[0].to_string(),
        format!(
            "plugin `idle` (tests/it/plan/unused.rs:{IDLE_PLUGIN}, registered at \
             tests/it/plan/unused.rs:{line}) provides the states `Idle`, `Lazy`, and no plugin of \
             this app asks for any of them"
        )
    );
}

/// S8: or an error, one for each.
#[test]
fn an_unused_plugin_may_be_an_error() {
    let line = line!() + 1;
    let app = App::new().with(Database::default());
    let app = app.with(ConfigPlugin::default()).unused(Unused::Deny);
    let errors = app.plan().unwrap_err();
    let declared = errors.render();
    let declared = declared.lines().nth(1).unwrap();
    assert!(
        declared.starts_with("  --> tests/it/plan/mod.rs:")
            && declared.ends_with(&format!("(registered at tests/it/plan/unused.rs:{line})")),
        "{declared}"
    );
    assert_eq!(
        messages(&errors),
        ["plugin `database` provides the state `Pool`, and no plugin of this app requires it"]
    );
    assert_eq!(errors.errors()[0].code(), "BOOT016");
    assert!(errors.render().ends_with(
        "\n  help: do not register it; or, if it is there for its own sake, name it in \
         `.expect([..])`"
    ));
    // Both of two, in the order of their names.
    let both = app.with(IdlePlugin).plan().unwrap_err();
    let unused = |error: &Mistake| matches!(error, Mistake::UnusedProvider { .. });
    assert_eq!(both.errors().iter().filter(|it| unused(it)).count(), 2);
}

/// S8: or it is not part of the app, nor is what only it needs, whatever is wrong with that.
#[test]
fn an_unused_plugin_may_be_skipped_with_what_only_it_needs() {
    paused(async {
        struct Busy;

        #[plugin(name = "wants-idle", states = [Busy])]
        struct WantsIdle {
            idle: State<Idle>,
            settings: State<Settings>,
        }

        never_loads!(WantsIdle => Busy);

        let trace = Trace::new();
        let app = App::new()
            .with(IdlePlugin)
            .with(WantsIdle::default())
            .with(Probe::new("probe", &trace))
            .with(MetricsPlugin)
            .unused(Unused::Skip);
        let plan = app.plan().unwrap();
        assert_eq!(order(&plan), ["metrics", "probe"]);
        assert_eq!(plan.skipped(), ["idle", "wants-idle"]);
        assert_eq!(
            plan.to_string(),
            "2 plugins\nlevel 0\n  metrics\n  probe\nskipped, because no plugin needs them\n  idle\n  \
             wants-idle"
        );
        let json = serde_json::to_value(&plan).unwrap();
        assert_eq!(json["skipped"][1], "wants-idle");
        app.boot().await.unwrap().close().await.unwrap();
    });
}

/// S8: who is needed, expected, held or clear of doubt stays.
#[test]
fn a_plugin_that_somebody_wants_is_not_skipped() {
    let app = || {
        App::new()
            .with(ConfigPlugin::default())
            .unused(Unused::Skip)
    };
    assert_eq!(app().plan().unwrap().len(), 0);
    assert_eq!(app().expect(["config"]).plan().unwrap().len(), 1);

    let mut held = app();
    let idle = held.register(IdlePlugin);
    assert_eq!(held.plan().unwrap().len(), 0);
    let _handle: State<Idle> = idle.handle();
    assert_eq!(order(&held.plan().unwrap()), ["idle"]);

    let only = App::only(Database::default()).unused(Unused::Skip);
    assert_eq!(order(&only.plan().unwrap()), ["config", "database"]);

    // Two that one field could mean are both there, so that the mistake is.
    let unclear = app().with(ConfigPlugin::default()).with(User::default());
    assert_eq!(
        messages(&unclear.plan().unwrap_err()),
        ["plugin `user` needs the state `Config`, and 2 plugins in this app provide it"]
    );
}

/// An instance that is left is called as if it were the only one.
#[test]
fn names_are_given_to_those_who_stay() {
    let mut app = App::new().unused(Unused::Skip);
    app.register(ConfigPlugin::default());
    let used = app.register(ConfigPlugin::default());
    app.register(User {
        config: used.handle(),
    });
    let plan = app.plan().unwrap();
    assert_eq!(order(&plan), ["config", "user"]);
    assert_eq!(plan.skipped(), ["config#1"]);
}

/// S8: the registration of a plugin that is skipped answers, and the plugin is let go of.
#[test]
fn a_skipped_plugin_is_dropped_and_its_registration_answers() {
    struct Noted(Arc<AtomicU32>);

    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("a drop that panics");
        }
    }

    struct Unwanted;

    #[plugin(name = "unwanted", states = [Unwanted], collect = never)]
    struct UnwantedPlugin {
        #[option(required)]
        #[expect(dead_code, reason = "its drop is what counts")]
        noted: Noted,
    }

    never_loads!(UnwantedPlugin => Unwanted);

    paused(async {
        let drops = Arc::new(AtomicU32::new(0));
        let mut app = App::new().unused(Unused::Skip);
        let unwanted = app.register(UnwantedPlugin {
            noted: Noted(Arc::clone(&drops)),
        });
        let running = app.boot().await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        assert_eq!(unwanted.name(), "unwanted");
        let late: State<Unwanted> = unwanted.handle();
        assert!(State::get(&late).is_none());
        assert!(running.restart(&unwanted).await.is_err());
        running.close().await.unwrap();
    });
}
