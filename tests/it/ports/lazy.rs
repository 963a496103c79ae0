//! What is looked up when it is needed, for plugins that need each other.

use std::sync::Arc;

use bootstrap::error::{LookupError, LookupFailure};
use bootstrap::prelude::*;
use support::{Trace, paused};

use super::*;

struct Front {
    back: Lazy<State<Back>>,
}

#[plugin(name = "front", states = [Front], collect = never)]
struct FrontPlugin {
    back: Lazy<State<Back>>,
}

impl Hooks for FrontPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Front> {
        Ok(Front {
            back: self.back.clone(),
        })
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        assert_eq!(self.back.try_get()?.name, "back");
        Ok(())
    }
}

struct Back {
    name: &'static str,
}

#[plugin(name = "back", states = [Back], collect = never)]
struct BackPlugin {
    front: State<Front>,
    #[option(default = "back")]
    name: &'static str,
}

impl Hooks for BackPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Back> {
        // That is this plugin, which is not there yet.
        assert!(self.front.back.get().is_none());
        Ok(Back { name: self.name })
    }
}

fn both() -> App {
    App::new()
        .with(FrontPlugin::default())
        .with(BackPlugin::default())
}

#[test]
fn two_plugins_need_each_other_if_one_of_them_needs_the_other_later() {
    paused(async {
        let running = both().boot().await.unwrap();
        let front = running.try_get::<State<Front>>().unwrap();
        assert_eq!(front.back.get().unwrap().name, "back");
        running.close().await.unwrap();
    });
}

#[test]
fn what_is_looked_up_while_the_app_loads_is_an_error_that_says_what_to_do() {
    paused(async {
        #[plugin(name = "hasty", collect = never)]
        struct Hasty {
            back: Lazy<State<Back>>,
            #[option(required)]
            trace: Trace,
        }

        impl Hooks for Hasty {
            async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
                self.trace.add(self.back.try_get().err().unwrap());
                Ok(())
            }
        }

        let trace = Trace::new();
        let app = both().with(Hasty {
            back: Lazy::unbound(),
            trace: trace.clone(),
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["the state `Back` of plugin `back` is looked up too early: the app still loads"]
        );
    });
}

#[test]
fn what_nobody_has_loaded_is_an_error_and_no_panic() {
    let lazy = Lazy::<State<Back>>::unbound();
    assert_eq!(
        lazy.try_get().err().unwrap().to_string(),
        "the state `Back` is not bound: this handle belongs to a plugin that no app has loaded"
    );
    assert_eq!(format!("{lazy:?}"), "Lazy<Back>(unbound)");
}

#[test]
fn what_is_looked_up_after_the_end_of_its_app_is_an_error() {
    paused(async {
        let running = both().boot().await.unwrap();
        let back = running.try_get::<State<Front>>().unwrap().back.clone();
        running.close().await.unwrap();
        let error = back.try_get().err().unwrap();
        assert!(
            matches!(
                error,
                LookupError {
                    why: LookupFailure::NotLoaded { .. },
                    ..
                } | LookupError {
                    why: LookupFailure::AppEnded,
                    ..
                }
            ),
            "{error:?}"
        );
    });
}

#[test]
fn somebody_has_to_provide_what_is_looked_up_later() {
    let errors = App::new().with(FrontPlugin::default()).plan().unwrap_err();
    assert_eq!(
        messages(&errors),
        ["plugin `front` needs the state `Back`, and nothing in this app provides it"]
    );
}

#[test]
fn a_port_is_looked_up_later_as_well() {
    #[plugin(name = "later", ports = [str], collect = never)]
    struct Later {
        mailer: Lazy<Port<dyn Mailer>>,
    }

    impl Hooks for Later {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<str>> {
            Ok("later".into())
        }

        async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
            assert_eq!(self.mailer.try_get()?.name(), "after later");
            Ok(())
        }
    }

    #[plugin(name = "mails", ports = [dyn Mailer], collect = never)]
    struct Mails {
        words: Port<str>,
    }

    impl Hooks for Mails {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
            Ok(Arc::new(Sends(format!("after {}", &*self.words))))
        }
    }

    paused(async {
        let app = App::new().with(Later::default()).with(Mails::default());
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn a_handle_says_which_of_several_is_looked_up_later() {
    #[plugin(name = "which", collect = never)]
    struct Which {
        mailer: Lazy<Port<dyn Mailer>>,
    }

    impl Hooks for Which {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }

        async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
            assert_eq!(self.mailer.try_get()?.name(), "second");
            Ok(())
        }
    }

    paused(async {
        let mut app = App::new().with(Mail::by("first"));
        let second = app.register(Mail::by("second"));
        app.register(Which {
            mailer: second.handle::<Port<dyn Mailer>>().into(),
        });
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn what_is_looked_up_later_is_that_of_the_latest_restart() {
    paused(async {
        let mut app = App::new().with(FrontPlugin::default());
        let back = app.register(BackPlugin::default());
        let running = app.boot().await.unwrap();
        let front = running.try_get::<State<Front>>().unwrap();
        let first = front.back.get().unwrap();
        running.restart(&back).await.unwrap();
        let second = front.back.get().unwrap();
        assert!(!std::ptr::eq(&raw const *first, &raw const *second));
        // No edge leads from the one that looks up, so it was not restarted.
        let report = running.report();
        let front = report.plugins.iter().find(|it| it.name == "front").unwrap();
        assert_eq!(front.restarts(), 0);
        drop((first, second));
        running.close().await.unwrap();
    });
}

#[test]
fn what_is_looked_up_later_is_a_dashed_line_in_drawings() {
    let plan = both().plan().unwrap();
    let edges: Vec<String> = plan
        .lazy_edges()
        .map(|edge| {
            let states: Vec<String> = edge.states().map(|it| it.to_string()).collect();
            format!(
                "{} -> {}: {}",
                edge.from.name(),
                edge.to.name(),
                states.join(", ")
            )
        })
        .collect();
    assert_eq!(edges, ["front -> back: Back"]);
    assert_eq!(
        plan.to_mermaid(),
        "flowchart LR\n    p0[\"front\"]\n    p1[\"back\"]\n    p0 -->|\"Front\"| p1\n    \
         p1 -.->|\"lazy Back\"| p0"
    );
    assert!(
        plan.to_dot()
            .contains("p1 -> p0 [style=dashed, constraint=false, label=\"lazy Back\"];")
    );
    assert_eq!(
        plan.to_string(),
        "2 plugins\nlevel 0\n  front; looks up back later\nlevel 1\n  back <- front"
    );
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["plugins"][0]["lazy"], serde_json::json!([1]));
}
