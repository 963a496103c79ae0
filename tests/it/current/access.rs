//! What can be read of the current app, and what not.

use std::sync::{Arc, Mutex};

use bootstrap::error::{LookupError, LookupFailure, SetError};
use bootstrap::lifecycle::Status;
use bootstrap::prelude::*;
use bootstrap::{Current, Swap, plugin_fn};
use support::{Trace, paused};

use super::{Config, config};

/// R26: in words that say what is missing.
#[test]
fn without_an_app_there_is_nothing_to_read() {
    let text = "no app is around this code";
    let error = Current::try_current().unwrap_err();
    assert_eq!(error.to_string(), text);
    assert_eq!(
        format!("{error:?}"),
        format!(
            "error[GET008]: {text}\n  help: enter an app, with `Current::enter` or \
             `RequestScope::enter`: code outside of hooks, and tasks that were spawned by hand, have \
             none"
        )
    );
    assert!(State::<Config>::current().is_none());
    let error = config().unwrap_err();
    assert!(matches!(
        error,
        LookupError {
            why: LookupFailure::NoApp,
            ..
        }
    ));
    assert_eq!(
        error.to_string(),
        format!("the state `Config` is not initialized: {text}")
    );
}

struct Missing;

/// R26: `get` is `None`, and `try_get` an error that names the state.
#[test]
fn a_state_that_is_there_is_read_and_one_that_is_not_is_named() {
    paused(async {
        let running = App::new().supply(Config("here")).boot().await.unwrap();
        let current = running.current();
        assert_eq!(current.get::<State<Config>>().unwrap().0, "here");
        assert_eq!(current.try_get::<State<Config>>().unwrap().0, "here");
        assert!(current.get::<State<Missing>>().is_none());
        let missing = current.try_get::<State<Missing>>().unwrap_err();
        assert_eq!(
            missing.to_string(),
            "no plugin of this app provides the state `Missing`"
        );
        current.enter_sync(|| {
            assert_eq!(State::<Config>::current().unwrap().0, "here");
            assert!(State::<Missing>::current().is_none());
            assert_eq!(State::<Missing>::try_current().unwrap_err(), missing);
        });
        running.close().await.unwrap();
    });
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Option<Current>>>);

impl Kept {
    fn keep(&self) {
        *self.0.lock().unwrap() = Some(Current::try_current().unwrap());
    }

    fn take(&self) -> Current {
        self.0.lock().unwrap().take().unwrap()
    }
}

/// Reads a state in every hook, without a field for it.
#[plugin(name = "hasty", collect = never)]
struct Hasty {
    #[option]
    trace: Trace,
    #[option]
    kept: Kept,
}

impl Hasty {
    fn note(&self, hook: &str) {
        match config() {
            Ok(config) => self.trace.add(format_args!("{hook}: {config}")),
            Err(error) => self.trace.add(format_args!("{hook}: {error}")),
        }
    }
}

impl Hooks for Hasty {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        self.note("load");
        self.kept.keep();
        cx.register(plugin_fn("child", async |_| {
            assert!(matches!(
                config(),
                Err(LookupError {
                    why: LookupFailure::InLoad { .. },
                    ..
                })
            ));
            Ok(())
        }))
        .await?;
        Ok(())
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        self.note("ready");
        Ok(())
    }
}

#[test]
fn a_load_reads_no_state_that_is_not_a_field() {
    paused(async {
        let hasty = Hasty::default();
        let (trace, kept) = (hasty.trace.clone(), hasty.kept.clone());
        let app = App::new().supply(Config("here")).with(hasty);
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "load: [hasty] the state `Config` can't be read in `load`, where it would be a race with its provider",
                "ready: here",
            ]
        );
        // Once its load has ended, what was taken in there reads as anybody.
        assert_eq!(kept.take().enter(async { config() }).await.unwrap(), "here");
        running.close().await.unwrap();
    });
}

#[test]
fn a_barrier_reads_what_it_stands_behind() {
    paused(async {
        let app = App::new().supply(Config("here")).barrier(async |_| {
            assert_eq!(config()?, "here");
            Ok(())
        });
        app.boot().await.unwrap().close().await.unwrap();
    });
}

struct Tenant(&'static str);

#[plugin(name = "tenant", collect = never, states = [Tenant])]
struct TenantPlugin {
    #[option]
    name: &'static str,
    #[option]
    trace: Trace,
}

impl Hooks for TenantPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Tenant> {
        Ok(Tenant(self.name))
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        let seen = State::<Tenant>::try_current()?;
        let owner = Current::try_current()?.name().unwrap();
        self.trace.add(format_args!("{owner}: {}", seen.0));
        Ok(())
    }
}

#[test]
fn a_plugin_in_a_scope_reads_the_states_of_its_scope() {
    paused(async {
        let trace = Trace::new();
        let tenant = |name| TenantPlugin {
            name,
            trace: trace.clone(),
        };
        let mut app = App::new();
        app.scope("one", |scope| scope.register(tenant("first")));
        app.scope("two", |scope| scope.register(tenant("second")));
        let running = app.boot().await.unwrap();
        assert_eq!(trace.events(), ["one/tenant: first", "two/tenant: second"]);
        let outside = running.current().try_get::<State<Tenant>>().unwrap_err();
        assert!(matches!(
            outside,
            LookupError {
                why: LookupFailure::Hidden { .. },
                ..
            }
        ));
        running.close().await.unwrap();
    });
}

/// R24: states belong to an app, and so does what is current.
#[test]
fn two_apps_at_one_time_share_nothing() {
    paused(async {
        let boot = async |name| App::new().supply(Config(name)).boot().await.unwrap();
        let (one, other) = (boot("one").await, boot("other").await);
        let read = async || {
            let mut read = Vec::new();
            for _ in 0..3 {
                read.push(config().unwrap());
                tokio::task::yield_now().await;
            }
            read
        };
        let (first, second) = (one.current(), other.current());
        let reads = tokio::join!(first.enter(read()), second.enter(read()));
        assert_eq!(reads, (vec!["one"; 3], vec!["other"; 3]));
        // One within the other, and back.
        let nested = first.enter(async {
            let inner = second.enter(async { config().unwrap() }).await;
            (config().unwrap(), inner)
        });
        assert_eq!(nested.await, ("one", "other"));
        one.close().await.unwrap();
        assert_eq!(second.enter(async { config() }).await.unwrap(), "other");
        other.close().await.unwrap();
    });
}

#[test]
fn an_app_that_has_closed_is_told_by_errors() {
    paused(async {
        let app = App::new().supply(Config("here"));
        let running = app.boot().await.unwrap();
        let current = running.current();
        running.close().await.unwrap();
        assert_eq!(current.handle().status(), Status::Closed);
        let error = current.enter(async { config() }).await.unwrap_err();
        assert!(matches!(
            error,
            LookupError {
                why: LookupFailure::NotLoaded { .. },
                ..
            }
        ));
    });
}

#[bootstrap::supplied]
struct Level(Swap<u32>);

impl std::ops::Deref for Level {
    type Target = Swap<u32>;

    fn deref(&self) -> &Swap<u32> {
        &self.0
    }
}

/// R11: what can be set at all is set in an app, and elsewhere that is an error and no panic.
#[test]
fn a_state_is_set_in_an_app_that_has_it_and_nowhere_else() {
    paused(async {
        let error = State::<Level>::set(1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Cannot set value for state `Level`: the state `Level` is not initialized: no app is around this code"
        );
        let running = App::new().boot().await.unwrap();
        let error = running.current().enter_sync(|| State::<Level>::set(1));
        let missing = |source: &LookupError| {
            matches!(
                source,
                LookupError {
                    why: LookupFailure::Missing,
                    ..
                }
            )
        };
        assert!(matches!(error, Err(SetError::NotRead { source, .. }) if missing(&source)));
        running.close().await.unwrap();

        let app = App::new().supply(Level(Swap::new(1)));
        let app = app.on_start(async |_| {
            assert_eq!(*State::<Level>::set(2)?, 1);
            Ok(())
        });
        let running = app.boot().await.unwrap();
        assert_eq!(*running.try_get::<State<Level>>().unwrap().0.load(), 2);
        running.close().await.unwrap();
    });
}

/// Has methods that are called as those of a handle.
#[bootstrap::supplied]
struct Dict(Swap<u32>);

impl Dict {
    fn get(&self, add: u32) -> u32 {
        *self.0.load() + add
    }

    fn set(&self, value: u32) {
        self.0.replace(value);
    }
}

#[test]
fn a_handle_leaves_the_methods_of_its_state_alone() {
    paused(async {
        let running = App::new().supply(Dict(Swap::new(1))).boot().await.unwrap();
        let dict = running.try_get::<State<Dict>>().unwrap();
        dict.set(2);
        assert_eq!(dict.get(1), 3);
        running.close().await.unwrap();
    });
}
