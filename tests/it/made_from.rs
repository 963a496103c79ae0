//! Plugins that are made when their turn comes, from states of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bootstrap::prelude::*;
use bootstrap::{App, plugin_fn, plugin_with};
use support::{Trace, paused};

pub struct Config(u32);

#[plugin(states = [Config], collect = never)]
struct ConfigPlugin {
    #[option(default = Arc::default())]
    loads: Arc<AtomicU32>,
    #[option(default = 10)]
    base: u32,
}

impl Hooks for ConfigPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        Ok(Config(
            self.base + self.loads.fetch_add(1, Ordering::SeqCst),
        ))
    }
}

pub struct Sum(u32);

#[plugin(states = [Sum], collect = never)]
struct Summer {
    config: State<Config>,
    #[option(default = 0)]
    more: u32,
    #[option(default = Trace::new())]
    trace: Trace,
}

impl Hooks for Summer {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Sum> {
        self.trace.add(format_args!("load {}", self.config.0));
        Ok(Sum(self.config.0 + self.more))
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        self.trace.add("ready");
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        self.trace.add(format_args!("close {}", cx.states().0));
        Ok(())
    }
}

/// A21: options may be computed from what others have made.
#[test]
fn options_are_computed_when_the_turn_of_the_plugin_comes() {
    paused(async {
        let trace = Trace::new();
        let made = trace.clone();
        let mut app = App::new();
        let config = app.register(ConfigPlugin::default());
        let sum = app.register(plugin_with(
            (config.handle(),),
            move |(config,): (State<Config>,)| {
                made.add("made");
                Summer {
                    more: config.0 * 2,
                    trace: made.clone(),
                    ..Summer::default()
                }
            },
        ));
        let sum: State<Sum> = sum.handle();
        assert_eq!(trace.events(), [""; 0]);
        let running = app.boot().await.unwrap();
        assert_eq!(sum.0, 30);
        running.close().await.unwrap();
        assert_eq!(trace.events(), ["made", "load 10", "ready", "close 30"]);
    });
}

#[test]
fn the_handles_are_edges_and_say_which_instance_a_field_gets() {
    paused(async {
        let mut app = App::new();
        let _first = app.register(ConfigPlugin::default());
        let second = app.register(ConfigPlugin {
            base: 50,
            ..ConfigPlugin::default()
        });
        let sum = app.register(plugin_with(second.handle(), |config: State<Config>| {
            Summer {
                more: config.0,
                ..Summer::default()
            }
        }));
        let sum: State<Sum> = sum.handle();
        let plan = app.plan().unwrap();
        let edges: Vec<String> = plan
            .edges()
            .map(|edge| format!("{} -> {}", edge.from.name(), edge.to.name()))
            .collect();
        assert_eq!(edges, ["summer -> config-plugin#2"]);
        let running = app.boot().await.unwrap();
        assert_eq!(sum.0, 100);
        running.close().await.unwrap();
    });
}

#[test]
fn a_restart_makes_it_again() {
    paused(async {
        let mut app = App::new();
        let config = app.register(ConfigPlugin::default());
        app.register(plugin_with(config.handle(), |config: State<Config>| {
            Summer {
                more: config.0,
                ..Summer::default()
            }
        }));
        let running = app.boot().await.unwrap();
        assert_eq!(running.try_get::<State<Sum>>().unwrap().0, 20);
        running.restart(&config).await.unwrap();
        assert_eq!(running.try_get::<State<Sum>>().unwrap().0, 22);
        running.close().await.unwrap();
    });
}

#[test]
fn a_closure_that_panics_is_an_error_of_the_plugin() {
    paused(async {
        let mut app = App::new();
        let config = app.register(ConfigPlugin::default());
        app.register(plugin_with(config.handle(), |_: State<Config>| -> Summer {
            panic!("no idea")
        }));
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[summer] Plugin load failed: panicked: no idea"
        );
    });
}

#[test]
fn children_are_made_from_their_siblings() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(plugin_fn("parent", async move |cx| {
            let config = cx.register(ConfigPlugin::default());
            let trace = inner.clone();
            let sum = cx.register(plugin_with(
                config.handle(),
                move |config: State<Config>| Summer {
                    more: config.0,
                    trace: trace.clone(),
                    ..Summer::default()
                },
            ));
            let sum = sum.await?;
            inner.add(format_args!("sum {}", sum.0));
            Ok(())
        }));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["load 10", "sum 20", "ready", "close 20"]);
    });
}

#[test]
fn a_handle_that_a_parent_hands_on_is_the_one_that_its_child_gets() {
    #[plugin(collect = never)]
    struct Parent {
        config: State<Config>,
        #[option(default = Trace::new())]
        trace: Trace,
    }

    impl Hooks for Parent {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            let config = self.config.clone();
            let trace = self.trace.clone();
            cx.register(Summer {
                config,
                trace,
                more: 0,
            })
            .await?;
            Ok(())
        }
    }

    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let _first = app.register(ConfigPlugin::default());
        let second = app.register(ConfigPlugin {
            base: 50,
            ..ConfigPlugin::default()
        });
        app.register(Parent {
            config: second.handle(),
            trace: trace.clone(),
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["load 50", "ready", "close 50"]);
    });
}
