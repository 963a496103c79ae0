//! `State<T>`: binding, reading, aiming.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bootstrap::error::{LookupError, LookupFailure, Mistake};
use bootstrap::prelude::*;
use bootstrap::{Registration, State, plugin_fn};
use support::{Trace, paused, threaded};

struct Config(String);

#[plugin(name = "config", states = [Config])]
struct ConfigPlugin {
    #[option(default = "default".into())]
    path: String,
}

impl ConfigPlugin {
    fn at(path: &str) -> Self {
        Self { path: path.into() }
    }
}

impl Hooks for ConfigPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        Ok(Config(self.path.clone()))
    }
}

struct Pair(String);

#[plugin(name = "report", states = [Pair])]
struct Report {
    left: State<Config>,
    right: State<Config>,
}

impl Hooks for Report {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pair> {
        Ok(Pair(format!("{} {}", self.left.0, self.right.0)))
    }
}

/// A70, R5, R6, R8: one plugin twice has two states, and a dependent is told which it gets by
/// putting the handle into its field.
#[test]
fn the_same_plugin_twice_has_separate_states() {
    paused(async {
        let mut app = App::new();
        let first = app.register(ConfigPlugin::at("a.toml"));
        let second = app.register(ConfigPlugin::at("b.toml"));
        let pair: State<Pair> = app
            .register(Report {
                left: first.handle(),
                right: second.handle(),
            })
            .handle();
        let swapped: State<Pair> = app
            .register(Report {
                left: second.handle(),
                right: first.handle(),
            })
            .named("swapped")
            .handle();
        let running = app.boot().await.unwrap();
        assert_eq!(pair.0, "a.toml b.toml");
        assert_eq!(swapped.0, "b.toml a.toml");
        let names: Vec<_> = running
            .plan()
            .order()
            .map(|p| p.name().to_string())
            .collect();
        assert_eq!(names, ["config#1", "config#2", "report", "swapped"]);
        running.close().await.unwrap();
    });
}

/// R2, R9: two apps of one process share nothing but the types.
#[test]
fn two_apps_have_separate_states() {
    paused(async {
        let mut one = App::new();
        let in_one: State<Config> = one.register(ConfigPlugin::at("one")).handle();
        let mut other = App::new();
        let in_other: State<Config> = other.register(ConfigPlugin::at("other")).handle();
        let one = one.boot().await.unwrap();
        assert!(State::get(&in_other).is_none());
        let other = other.boot().await.unwrap();
        assert_eq!((in_one.0.as_str(), in_other.0.as_str()), ("one", "other"));
        one.close().await.unwrap();
        other.close().await.unwrap();
    });
}

#[test]
fn a_field_that_is_not_aimed_is_ambiguous_if_two_instances_provide_its_state() {
    let mut app = App::new();
    let first = app.register(ConfigPlugin::at("a"));
    app.register(ConfigPlugin::at("b"));
    app.register(Report {
        left: first.handle(),
        right: State::default(),
    });
    let errors = app.plan().unwrap_err();
    assert_eq!(
        errors.to_string(),
        "plugin `report` needs the state `Config`, and 2 plugins in this app provide it"
    );
    let [
        Mistake::AmbiguousProvider {
            candidates,
            dependents,
            ..
        },
    ] = errors.errors()
    else {
        panic!("{errors:?}");
    };
    assert_eq!(dependents[0].field, "right: State<Config>");
    let names: Vec<_> = candidates
        .iter()
        .map(|place| place.plugin.to_string())
        .collect();
    assert_eq!(names, ["config#1", "config#2"]);
    assert!(candidates.iter().all(|place| place.registered.is_some()));
}

#[test]
fn a_handle_is_unbound_until_its_provider_has_loaded() {
    paused(async {
        let mut app = App::new();
        let handle: State<Config> = app.register(ConfigPlugin::at("x")).handle();
        let copy = handle.clone();
        assert!(State::get(&handle).is_none());
        assert_eq!(
            format!("{:?}", State::<u8>::unbound()),
            "State<u8>(unbound)"
        );
        let running = app.boot().await.unwrap();
        assert_eq!(handle.0, "x");
        assert_eq!(copy.as_ref().0, "x");
        running.close().await.unwrap();
    });
}

#[test]
#[should_panic(
    expected = "the state `Config` is not there yet: plugin `config` (tests/it/state.rs:"
)]
fn reading_an_aimed_handle_too_early_names_the_state_and_its_provider() {
    let mut app = App::new();
    let handle: State<Config> = app.register(ConfigPlugin::default()).handle();
    let _ = &handle.0;
}

#[test]
#[should_panic(expected = "the state `Config` is not bound")]
fn reading_a_field_that_no_app_has_bound_says_so() {
    let _ = &Report::default().left.0;
}

/// A handle that is asked for after the boot is bound, and one that is asked for after the close
/// is not.
#[test]
fn a_registration_hands_out_the_state_as_it_is() {
    paused(async {
        let mut app = App::new();
        let registration: Registration<ConfigPlugin> = app.register(ConfigPlugin::at("x"));
        let running = app.boot().await.unwrap();
        let late: State<Config> = registration.handle();
        assert_eq!(late.0, "x");
        running.close().await.unwrap();
        let too_late: State<Config> = registration.handle();
        assert!(State::get(&too_late).is_none());
        assert_eq!(late.0, "x", "a handle keeps its value");
    });
}

/// R53: a state is shared: a handle gives a reference, and never a unique one.
#[test]
fn a_state_is_shared_and_outlives_its_app_in_a_handle() {
    paused(async {
        let mut app = App::new().with(ConfigPlugin::at("x"));
        let config: State<Config> = app.register(ConfigPlugin::at("y")).handle();
        let other = config.clone();
        let running = app.boot().await.unwrap();
        assert!(std::ptr::eq::<Config>(
            &raw const *config,
            &raw const *other
        ));
        running.close().await.unwrap();
        assert_eq!(config.0, "y");
    });
}

#[plugin(name = "optional", states = [Seen])]
struct Optional {
    config: Option<State<Config>>,
}

struct Seen(Option<String>);

impl Hooks for Optional {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Seen> {
        Ok(Seen(self.config.as_ref().map(|config| config.0.clone())))
    }
}

#[test]
fn an_optional_state_is_there_if_its_provider_is_part_of_the_app() {
    paused(async {
        let without = App::new().with(Optional::default()).boot().await.unwrap();
        assert_eq!(without.try_get::<State<Seen>>().unwrap().0, None);
        without.close().await.unwrap();

        let app = App::new()
            .with(Optional::default())
            .with(ConfigPlugin::at("x"));
        let with = app.boot().await.unwrap();
        assert_eq!(
            with.try_get::<State<Seen>>().unwrap().0.as_deref(),
            Some("x")
        );
        with.close().await.unwrap();
    });
}

/// S38: an optional state whose plugin is there and fails is a failure, and no `None`.
#[test]
fn an_optional_state_whose_provider_fails_fails_the_boot() {
    #[plugin(states = [Config], replaces = ConfigPlugin)]
    struct Broken;

    impl Hooks for Broken {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
            anyhow::bail!("no such file")
        }
    }

    paused(async {
        let app = App::new().with(Optional::default()).with(Broken);
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[broken] Plugin load failed: no such file"
        );
        let [waiter] = error.not_started() else {
            panic!("{error:?}");
        };
        assert_eq!(waiter.plugin, "optional");
    });
}

/// D8: states are read by their types from the running app.
#[test]
fn a_running_app_hands_out_its_states_by_type() {
    paused(async {
        let app = App::new().with(ConfigPlugin::at("x"));
        let running = app.boot().await.unwrap();
        assert_eq!(running.try_get::<State<Config>>().unwrap().0, "x");
        assert_eq!(
            running.try_get::<State<Pair>>().unwrap_err().to_string(),
            "no plugin of this app provides the state `Pair`"
        );
        running.close().await.unwrap();

        let app = App::new()
            .with(ConfigPlugin::at("x"))
            .with(ConfigPlugin::at("y"));
        let running = app.boot().await.unwrap();
        assert_eq!(
            running.try_get::<State<Config>>().unwrap_err().to_string(),
            "several plugins provide the state `Config` (`config#1`, `config#2`)"
        );
        running.close().await.unwrap();
    });
}

#[plugin(name = "late-reader")]
struct LateReader {
    config: State<Config>,
    #[option]
    trace: Trace,
}

impl Hooks for LateReader {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }

    async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
        anyhow::ensure!(cx.try_get::<State<Config>>()?.0 == self.config.0);
        let unit: () = cx.states();
        self.trace.add("ready");
        Ok(unit)
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        anyhow::ensure!(cx.try_get::<State<Config>>()?.0 == self.config.0);
        self.trace.add("run");
        cx.stopped().await;
        anyhow::ensure!(cx.try_get::<State<Config>>()?.0 == self.config.0);
        self.trace.add("stopped");
        Ok(())
    }

    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        anyhow::ensure!(cx.try_get::<State<Config>>()?.0 == self.config.0);
        self.trace.add("drain");
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        anyhow::ensure!(cx.try_get::<State<Config>>()?.0 == self.config.0);
        anyhow::ensure!(matches!(
            cx.try_get::<State<Pair>>(),
            Err(LookupError {
                why: LookupFailure::Missing,
                ..
            })
        ));
        self.trace.add("close");
        Ok(())
    }
}

/// D8, D9, D10: every hook after `load`, of plugins and of the app, reads states by their types.
#[test]
fn every_context_after_load_reads_states_by_type() {
    paused(async {
        let trace = Trace::new();
        let (start, close) = (trace.clone(), trace.clone());
        let app = App::new()
            .with(LateReader {
                trace: trace.clone(),
                ..LateReader::default()
            })
            .with(ConfigPlugin::at("x"))
            .on_start(async move |cx| {
                anyhow::ensure!(cx.try_get::<State<Config>>()?.0 == "x");
                start.add("on_start");
                Ok(())
            })
            .on_close(async move |cx| {
                anyhow::ensure!(cx.try_get::<State<Config>>()?.0 == "x");
                close.add("on_close");
                Ok(())
            });
        let running = app.boot().await.unwrap();
        tokio::task::yield_now().await;
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "ready", "on_start", "run", "drain", "stopped", "on_close", "close"
            ]
        );
    });
}

/// A handle may be asked for at any time, also by a hook that runs before its provider loads.
#[test]
fn a_handle_that_is_asked_for_while_booting_is_bound_in_the_end() {
    paused(async {
        let got = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&got);
        let mut app = App::new();
        let config = app.register(ConfigPlugin::at("x"));
        let asked = config.clone();
        let first = app.register(plugin_fn("first", async move |_| {
            let state: State<Config> = asked.handle();
            anyhow::ensure!(State::get(&state).is_none());
            *keep.lock().unwrap() = Some(state);
            Ok(())
        }));
        config.after(&first);
        let running = app.boot().await.unwrap();
        let state = got.lock().unwrap().take().unwrap();
        assert_eq!(state.0, "x");
        running.close().await.unwrap();
    });
}

/// A5: the application's own object is a state that `main` supplies; every plugin may ask for it.
/// A6: an app without one boots as well. A13: it is held, and not inherited from.
#[test]
fn an_object_of_ones_own_is_supplied_to_all_plugins() {
    #[bootstrap::supplied]
    struct Server {
        routes: AtomicU32,
    }

    #[plugin(name = "routes")]
    struct Routes {
        server: State<Server>,
    }

    impl Hooks for Routes {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            self.server.routes.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    paused(async {
        let server = Server {
            routes: AtomicU32::new(0),
        };
        let app = App::new()
            .supply(server)
            .with(Routes::default())
            .with(Routes::default());
        let running = app.boot().await.unwrap();
        let server = running.try_get::<State<Server>>().unwrap();
        assert_eq!(server.routes.load(Ordering::Relaxed), 2);
        running.close().await.unwrap();
        App::new().boot().await.unwrap().close().await.unwrap();
    });
}

/// S19: a state that ten plugins want at once is made once, and all see the same.
#[test]
fn a_state_is_made_once_however_many_want_it() {
    struct Shared(u32);
    static MADE: AtomicU32 = AtomicU32::new(0);

    #[plugin(name = "maker", states = [Shared])]
    struct Maker;

    impl Hooks for Maker {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Shared> {
            tokio::task::yield_now().await;
            Ok(Shared(MADE.fetch_add(1, Ordering::SeqCst)))
        }
    }

    #[plugin(name = "user")]
    struct User {
        shared: State<Shared>,
    }

    impl Hooks for User {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            anyhow::ensure!(self.shared.0 == 0);
            Ok(())
        }
    }

    threaded(async {
        let app = (0..10).fold(App::new().with(Maker), |app, _| app.with(User::default()));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(MADE.load(Ordering::SeqCst), 1);
    });
}

/// S71: what two apps share stays until the second one has closed.
#[test]
fn a_state_that_two_apps_share_stays_until_the_second_one_closes() {
    #[bootstrap::supplied]
    struct Pool(Trace);

    impl Drop for Pool {
        fn drop(&mut self) {
            self.0.add("the pool is gone");
        }
    }

    paused(async {
        let trace = Trace::new();
        let pool = Arc::new(Pool(trace.clone()));
        let first = App::new()
            .supply(State::from_arc(Arc::clone(&pool)))
            .boot()
            .await
            .unwrap();
        let second = App::new()
            .supply(State::from_arc(pool))
            .boot()
            .await
            .unwrap();
        first.close().await.unwrap();
        assert_eq!(trace.events(), [""; 0]);
        second.try_get::<State<Pool>>().unwrap().0.add("in use");
        second.close().await.unwrap();
        assert_eq!(trace.events(), ["in use", "the pool is gone"]);
    });
}
