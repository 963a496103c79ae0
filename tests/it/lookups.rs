//! Look-ups by type that were made before: what they found is kept, and must never be old.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use bootstrap::error::{LookupError, LookupFailure};
use bootstrap::prelude::*;
use bootstrap::{Current, Running};
use support::{paused, threaded};

/// Which generation of its maker it comes from, and how many there are of all generations.
struct Count {
    generation: u32,
    alive: Arc<AtomicU32>,
}

impl Drop for Count {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

#[plugin(name = "counter", states = [Count], collect = never)]
struct Counter {
    #[option]
    loads: Arc<AtomicU32>,
    #[option]
    alive: Arc<AtomicU32>,
    #[option]
    fails: Arc<AtomicBool>,
}

impl Hooks for Counter {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Count> {
        anyhow::ensure!(!self.fails.load(Ordering::SeqCst), "it should");
        let alive = Arc::clone(&self.alive);
        alive.fetch_add(1, Ordering::SeqCst);
        let generation = self.loads.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Count { generation, alive })
    }
}

/// The generation, by each way to look it up outside of hooks.
fn generations(running: &Running, current: &Current) -> [u32; 3] {
    [
        running.try_get::<State<Count>>().unwrap().generation,
        current.try_get::<State<Count>>().unwrap().generation,
        current.enter_sync(|| State::<Count>::try_current().unwrap().generation),
    ]
}

fn is_not_loaded(error: &LookupError) -> bool {
    matches!(error.why, LookupFailure::NotLoaded { .. })
}

/// R55: states are read by their types without a lock, and never read stale.
#[test]
fn after_a_restart_a_look_up_gives_the_new_value_and_nothing_keeps_the_old_one() {
    paused(async {
        let alive = Arc::new(AtomicU32::new(0));
        let mut app = App::new();
        let counter = app.register(Counter::default().alive(Arc::clone(&alive)));
        let running = app.boot().await.unwrap();
        let current = running.current();
        for generation in 1..5 {
            assert_eq!(generations(&running, &current), [generation; 3]);
            assert_eq!(generations(&running, &current), [generation; 3]);
            assert_eq!(alive.load(Ordering::SeqCst), 1);
            running.restart(&counter).await.unwrap();
        }
        let report = running.close().await.unwrap();
        assert!(report.plugin("counter").unwrap().outlived().is_empty());
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn after_the_close_of_its_plugin_a_look_up_is_an_error() {
    paused(async {
        let alive = Arc::new(AtomicU32::new(0));
        let mut app = App::new();
        app.register(Counter::default().alive(Arc::clone(&alive)));
        let running = app.boot().await.unwrap();
        let current = running.current();
        assert_eq!(generations(&running, &current), [1; 3]);
        running.close().await.unwrap();
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        let error = current.try_get::<State<Count>>().unwrap_err();
        assert!(is_not_loaded(&error), "{error:?}");
        let error = current.enter_sync(|| State::<Count>::try_current().unwrap_err());
        assert!(is_not_loaded(&error), "{error:?}");
    });
}

#[test]
fn after_a_restart_that_failed_a_look_up_is_an_error() {
    paused(async {
        let fails = Arc::new(AtomicBool::new(false));
        let mut app = App::new().tolerate_failed_restarts();
        let counter = app.register(Counter::default().fails(Arc::clone(&fails)));
        let running = app.boot().await.unwrap();
        let current = running.current();
        assert_eq!(generations(&running, &current), [1; 3]);
        fails.store(true, Ordering::SeqCst);
        running.restart(&counter).await.unwrap_err();
        let error = running.try_get::<State<Count>>().unwrap_err();
        assert!(is_not_loaded(&error), "{error:?}");
        fails.store(false, Ordering::SeqCst);
        running.restart(&counter).await.unwrap();
        assert_eq!(generations(&running, &current), [2; 3]);
        running.close().await.unwrap();
    });
}

struct Config(&'static str);

#[plugin(name = "config", states = [Config], collect = never)]
struct ConfigPlugin {
    #[option(default = "root")]
    value: &'static str,
}

impl Hooks for ConfigPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        Ok(Config(self.value))
    }
}

/// Looks the configuration up in a hook, both ways.
#[plugin(name = "reader", collect = never)]
struct Reader {
    #[option]
    expected: &'static str,
}

impl Hooks for Reader {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        let expected = self.expected;
        cx.on_ready(async move |cx| {
            for _ in 0..3 {
                assert_eq!(cx.try_get::<State<Config>>()?.0, expected);
                assert_eq!(State::<Config>::try_current()?.0, expected);
            }
            Ok(())
        });
        Ok(())
    }
}

#[test]
fn what_was_found_outside_of_all_scopes_is_not_what_a_scope_means() {
    paused(async {
        let mut app = App::new();
        app.register(ConfigPlugin::default());
        app.register(Reader::default().expected("root"));
        app.scope("inner", |scope| {
            scope.register(ConfigPlugin::default().value("inner"));
            scope.register(Reader::default().expected("inner"));
        });
        let running = app.boot().await.unwrap();
        assert_eq!(running.try_get::<State<Config>>().unwrap().0, "root");
        running.close().await.unwrap();
    });
}

/// Brings a configuration with it, once it is told to.
#[plugin(name = "parent", collect = never)]
struct Parent {
    #[option]
    joins: Arc<AtomicBool>,
}

impl Hooks for Parent {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        if self.joins.load(Ordering::SeqCst) {
            cx.register(ConfigPlugin::default());
        }
        Ok(())
    }
}

#[test]
fn what_joins_later_is_found_although_something_was_found_before() {
    paused(async {
        let joins = Arc::new(AtomicBool::new(false));
        let mut app = App::new();
        let counter = app.register(Counter::default());
        let parent = app.register(Parent::default().joins(Arc::clone(&joins)));
        let running = app.boot().await.unwrap();
        let current = running.current();
        assert_eq!(generations(&running, &current), [1; 3]);
        running.try_get::<State<Config>>().unwrap_err();
        joins.store(true, Ordering::SeqCst);
        running.restart(&parent).await.unwrap();
        assert_eq!(running.try_get::<State<Config>>().unwrap().0, "root");
        assert_eq!(generations(&running, &current), [1; 3]);
        running.restart(&counter).await.unwrap();
        assert_eq!(generations(&running, &current), [2; 3]);
        running.close().await.unwrap();
    });
}

/// Threads look up all the time: each sees no generation older than the last whose restart had ended
/// before it asked, and none after the close.
#[test]
fn threads_never_see_a_value_that_has_gone() {
    threaded(async {
        let (alive, loaded) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(1)));
        let has_closed = Arc::new(AtomicBool::new(false));
        let mut app = App::new();
        let counter = app.register(Counter::default().alive(Arc::clone(&alive)));
        let running = app.boot().await.unwrap();
        let look = |current: Current| {
            let (loaded, has_closed) = (Arc::clone(&loaded), Arc::clone(&has_closed));
            thread::spawn(move || {
                let mut found = 0_u32;
                loop {
                    let (least, was_closed) = (
                        loaded.load(Ordering::SeqCst),
                        has_closed.load(Ordering::SeqCst),
                    );
                    let both = [
                        current.try_get::<State<Count>>(),
                        current.enter_sync(State::<Count>::try_current),
                    ];
                    for state in both {
                        match state {
                            Ok(state) => {
                                assert!(!was_closed, "it has closed");
                                assert!(state.generation >= least, "an old one");
                                found += 1;
                            }
                            Err(error) => assert!(is_not_loaded(&error), "{error:?}"),
                        }
                    }
                    if was_closed {
                        return found;
                    }
                }
            })
        };
        let threads = [0; 3].map(|_| look(running.current()));
        for generation in 2..60 {
            running.restart(&counter).await.unwrap();
            loaded.store(generation, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        running.close().await.unwrap();
        has_closed.store(true, Ordering::SeqCst);
        for looks in threads {
            assert!(looks.join().unwrap() > 0);
        }
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    });
}
