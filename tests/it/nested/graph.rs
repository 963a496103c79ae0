//! What children need, and who needs them.

use bootstrap::prelude::*;
use bootstrap::{App, plugin_fn};
use support::{Trace, paused};
use tokio::time::Instant;

use crate::nested::{Nest, sleep};

pub struct Config(&'static str);

#[plugin(states = [Config], collect = never)]
struct ConfigPlugin {
    #[option(default = "config")]
    text: &'static str,
    #[option(default = 0)]
    millis: u64,
}

impl Hooks for ConfigPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        sleep(self.millis).await;
        Ok(Config(self.text))
    }
}

/// Notes the configuration that it gets.
#[plugin(collect = never)]
struct Reader {
    config: State<Config>,
    #[option(default = Trace::new())]
    trace: Trace,
}

impl Hooks for Reader {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.trace.add(self.config.0);
        Ok(())
    }
}

fn reader(trace: &Trace) -> Reader {
    Reader {
        trace: trace.clone(),
        ..Reader::default()
    }
}

#[test]
fn a_child_waits_for_what_has_not_loaded_yet() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let slow = ConfigPlugin {
            millis: 50,
            ..ConfigPlugin::default()
        };
        let app = App::new()
            .with(slow)
            .with(Nest::new("parent", &trace, move |cx| {
                let trace = inner.clone();
                async move {
                    cx.register(reader(&trace)).await?;
                    Ok(())
                }
            }));
        let began = Instant::now();
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(began.elapsed().as_millis(), 50);
        assert_eq!(
            trace.events(),
            ["load(parent)+", "config", "load(parent)-", "close(parent)"]
        );
    });
}

#[test]
fn a_child_finds_the_state_of_its_sibling_before_that_of_others() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        for text in ["one", "other"] {
            let trace = trace.clone();
            app.register(plugin_fn(text, async move |cx| {
                // The order of registration does not matter.
                cx.register(reader(&trace));
                let config = ConfigPlugin {
                    text,
                    ..ConfigPlugin::default()
                };
                cx.register(config);
                Ok(())
            }));
        }
        app.register(ConfigPlugin::default());
        app.max_concurrency(1)
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        assert_eq!(trace.events(), ["one", "other"]);
    });
}

#[test]
fn a_handle_of_a_child_says_which_one_its_sibling_gets() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(plugin_fn("parent", async move |cx| {
            let first = cx.register(ConfigPlugin::default());
            let second = cx.register(ConfigPlugin {
                text: "second",
                ..ConfigPlugin::default()
            });
            for config in [second.handle(), first.handle()] {
                let trace = inner.clone();
                cx.register(Reader { config, trace });
            }
            Ok(())
        }));
        app.max_concurrency(1)
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        assert_eq!(trace.events(), ["second", "config"]);
    });
}

#[test]
fn two_candidates_are_an_error_that_names_them() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(plugin_fn("parent", async move |cx| {
            cx.register(ConfigPlugin::default());
            cx.register(ConfigPlugin::default());
            cx.register(reader(&trace)).await?;
            Ok(())
        }));
        let error = app.boot().await.unwrap_err().to_string();
        assert_eq!(
            error,
            "[parent/reader] Plugin load failed: needs the state `Config`, and 2 plugins in this app provide it"
        );
    });
}

#[test]
fn a_state_that_nobody_provides_is_an_error_at_once() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(plugin_fn("parent", async move |cx| {
            cx.register(reader(&trace)).await?;
            Ok(())
        }));
        let error = app.boot().await.unwrap_err().to_string();
        assert_eq!(
            error,
            "[parent/reader] Plugin load failed: needs the state `Config`, and nothing in this app provides it"
        );
    });
}

pub struct Own;

/// Registers something that needs its own state.
#[plugin(states = [Own], collect = never)]
struct Selfish;

impl Hooks for Selfish {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Own> {
        cx.register(NeedsOwn::default());
        Ok(Own)
    }
}

#[plugin(collect = never)]
struct NeedsOwn {
    _own: State<Own>,
}

impl Hooks for NeedsOwn {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

/// S37: waiting for oneself is an error, and no hang.
#[test]
fn a_child_that_needs_the_state_of_its_parent_is_an_error_at_once() {
    paused(async {
        let began = Instant::now();
        let error = App::new().with(Selfish).boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[selfish/needs-own] Plugin load failed: needs the state `Own` of `selfish`, which registered it and loads only after it"
        );
        assert_eq!(began.elapsed().as_millis(), 0);
    });
}

pub struct Middle;

#[plugin(states = [Middle], collect = never)]
struct MiddlePlugin {
    _own: State<Own>,
}

impl Hooks for MiddlePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Middle> {
        Ok(Middle)
    }
}

#[plugin(states = [Own], replaces = Selfish)]
struct Roundabout;

impl Hooks for Roundabout {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Own> {
        cx.register(NeedsMiddle::default()).await?;
        Ok(Own)
    }
}

#[plugin(collect = never)]
struct NeedsMiddle {
    _middle: State<Middle>,
}

impl Hooks for NeedsMiddle {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_cycle_that_arises_while_booting_is_an_error_at_once() {
    paused(async {
        let app = App::new().with(Roundabout).with(MiddlePlugin::default());
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[roundabout/needs-middle] Plugin load failed: depends on itself, through 2 other plugins"
        );
        let story = error.render();
        for step in [
            "`roundabout/needs-middle` -> `middle-plugin`: it needs the state `",
            "`middle-plugin` -> `roundabout`: it needs the state `",
            "`roundabout` -> `roundabout/needs-middle`: it loads only after the plugins that it registers",
        ] {
            assert!(story.contains(step), "{story}");
        }
    });
}

#[test]
fn children_that_wait_for_each_other_are_an_error_at_once() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(plugin_fn("parent", async move |cx| {
            let one = cx.register(Nest::leaf("one", &trace));
            let other = cx.register(Nest::leaf("other", &trace)).after(&one);
            one.after(&other);
            Ok(())
        }));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.code(), "BOOT002");
        assert_eq!(
            error.to_string(),
            "[parent/one] Plugin load failed: depends on itself, through 1 other plugin"
        );
        let story = error.render();
        let steps = "\n  `parent/one` -> `parent/other`: it loads after that\
                     \n  `parent/other` -> `parent/one`: it loads after that\
                     \n  registered by: `parent`, in its `load`\n";
        assert!(story.contains(steps), "{story}");
        let help = "\n  help: register it elsewhere, or take a field of one of them away";
        assert!(story.ends_with(help), "{story}");
    });
}

#[test]
fn states_of_a_parent_are_seen_when_its_children_have_loaded() {
    paused(async {
        pub struct Late;

        #[plugin(states = [Late], collect = never)]
        struct Parent;

        impl Hooks for Parent {
            async fn load(&mut self, cx: &mut LoadContext) -> Result<Late> {
                cx.register(plugin_fn("child", async |_| {
                    sleep(20).await;
                    Ok(())
                }));
                Ok(Late)
            }
        }

        let mut app = App::new();
        let parent = app.register(Parent);
        let late: State<Late> = parent.handle();
        let seen = late.clone();
        app.register(plugin_fn("observer", async move |_| {
            sleep(10).await;
            anyhow::ensure!(
                State::get(&seen).is_none(),
                "its children are still loading"
            );
            Ok(())
        }));
        let running = app.boot().await.unwrap();
        assert!(State::get(&late).is_some());
        assert!(running.try_get::<State<Late>>().is_ok());
        running.close().await.unwrap();
    });
}

/// A captured context registers where it belongs, whatever runs at the moment.
#[test]
fn a_context_that_was_handed_on_registers_where_it_belongs() {
    paused(async {
        let trace = Trace::new();
        let (give, take) = tokio::sync::oneshot::channel();
        let mut app = App::new();
        app.register(plugin_fn("owner", async move |cx: LoadContext| {
            let _ = give.send(cx.clone());
            sleep(20).await;
            Ok(())
        }));
        let inner = trace.clone();
        app.register(plugin_fn("other", async move |_| {
            let cx: LoadContext = take.await?;
            sleep(10).await;
            cx.register(Nest::leaf("child", &inner));
            Ok(())
        }));
        let running = app.boot().await.unwrap();
        assert!(running.report().plugin("owner/child").is_some());
        running.close().await.unwrap();
    });
}

/// S36: what registers while it loads is accepted, what registers later is refused.
#[test]
fn registering_when_the_parent_has_loaded_is_refused() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let told = trace.clone();
        let (give, take) = tokio::sync::oneshot::channel();
        let mut app = App::new().on_error(move |cx| {
            told.add(cx.error());
            async { Ok(()) }
        });
        app.register(plugin_fn("parent", async move |cx: LoadContext| {
            let _ = give.send(cx.clone());
            Ok(())
        }));
        let running = app.boot().await.unwrap();
        let late = take.await.unwrap();
        let error = late.register(Nest::leaf("late", &inner)).load().await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "plugin `late` was registered after its parent `parent` had loaded"
        );
        assert_eq!(running.report().plugins.len(), 1);
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "[parent] Plugin load failed: plugin `late` was registered after its parent `parent` \
                 had loaded"
            ]
        );
    });
}

#[test]
fn a_plugin_is_known_by_its_states_when_its_parent_has_loaded() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("parent", async |cx| {
            cx.register(ConfigPlugin::default());
            Ok(())
        }));
        let running = app.boot().await.unwrap();
        assert_eq!(running.try_get::<State<Config>>().unwrap().0, "config");
        running.close().await.unwrap();
    });
}

#[test]
fn a_child_comes_after_what_its_declaration_names() {
    #[plugin(name = "migrations", collect = never)]
    struct Migrations {
        #[option(default = Trace::new())]
        trace: Trace,
    }

    impl Hooks for Migrations {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            sleep(10).await;
            self.trace.add("migrated");
            Ok(())
        }
    }

    #[plugin(name = "importer", collect = never, after = [Migrations])]
    struct Importer {
        #[option(default = Trace::new())]
        trace: Trace,
    }

    impl Hooks for Importer {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            self.trace.add("imported");
            Ok(())
        }
    }

    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(Migrations {
            trace: trace.clone(),
        });
        app.register(plugin_fn("parent", async move |cx| {
            cx.register(Importer { trace: inner });
            Ok(())
        }));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["migrated", "imported"]);
    });
}

#[test]
fn a_child_that_awaits_what_includes_itself_gets_an_error_at_once() {
    paused(async {
        for flushes in [false, true] {
            let mut app = App::new();
            app.register(plugin_fn("parent", async move |cx| {
                let parent = cx.clone();
                cx.register(plugin_fn("child", async move |_| {
                    if flushes {
                        return parent.flush().await;
                    }
                    parent
                        .register(plugin_fn("sibling", async |_| Ok(())))
                        .await
                }));
                Ok(())
            }));
            let began = Instant::now();
            let error = app.boot().await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "[parent/child] Plugin load failed: would wait for itself: it awaits the children of `parent`, which include it"
            );
            assert_eq!(began.elapsed().as_millis(), 0);
        }
    });
}
