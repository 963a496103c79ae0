//! Children that are declared: others need their states, and wait for their parents.

use bootstrap::error::Mistake;
use bootstrap::prelude::*;
use bootstrap::{App, Child, plugin_fn};
use support::{Trace, paused};
use tokio::time::Instant;

use crate::nested::sleep;

pub struct Table(&'static str);

/// Registers its routes, unless it is told not to.
#[plugin]
struct Server {
    #[option(default = Brings::Once)]
    brings: Brings,
}

#[derive(Clone, Copy, PartialEq)]
enum Brings {
    Nothing,
    Once,
    Twice,
    /// One that fails, then one that does not.
    SecondTry,
}

impl Hooks for Server {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        let good = || Routes::default();
        match self.brings {
            Brings::Nothing => {}
            Brings::Once => drop::<Child<Routes>>(cx.register(good())),
            Brings::Twice => {
                cx.register(good());
                cx.register(good());
            }
            Brings::SecondTry => {
                let bad = Routes {
                    fails: true,
                    ..good()
                };
                assert!(cx.register(bad).await.is_err());
                cx.register(good());
            }
        }
        Ok(())
    }
}

fn server(brings: Brings) -> Server {
    Server { brings }
}

#[plugin(states = [Table], child_of = Server)]
struct Routes {
    #[option(default = 20)]
    millis: u64,
    #[option(default = "routes")]
    text: &'static str,
    #[option]
    fails: bool,
    prefix: Option<State<Prefix>>,
}

impl Hooks for Routes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Table> {
        sleep(self.millis).await;
        anyhow::ensure!(!self.fails, "no routes");
        Ok(Table(match &self.prefix {
            Some(prefix) => prefix.0,
            None => self.text,
        }))
    }
}

#[bootstrap::supplied]
pub struct Prefix(&'static str);

/// Needs what the server brings.
#[plugin(name = "docs", collect = never)]
struct Docs {
    table: State<Table>,
    #[option(default = Trace::new())]
    trace: Trace,
}

impl Hooks for Docs {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.trace.add(self.table.0);
        Ok(())
    }
}

fn docs(trace: &Trace) -> Docs {
    Docs {
        trace: trace.clone(),
        ..Docs::default()
    }
}

#[plugin(name = "maybe", collect = never)]
struct Maybe {
    table: Option<State<Table>>,
    #[option(default = Trace::new())]
    trace: Trace,
}

impl Hooks for Maybe {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.trace
            .add(self.table.as_ref().map_or("none", |it| it.0));
        Ok(())
    }
}

#[test]
fn who_needs_the_state_of_a_declared_child_waits_for_its_parent() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(docs(&trace)).with(Server::default());
        let plan = app.plan().unwrap();
        assert_eq!(
            plan.to_string(),
            "2 plugins\nlevel 0\n  server; brings server/routes\nlevel 1\n  docs <- server"
        );
        let began = Instant::now();
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(began.elapsed().as_millis(), 20);
        assert_eq!(trace.events(), ["routes"]);
    });
}

#[test]
fn who_needs_the_state_of_a_declared_child_closes_before_it() {
    paused(async {
        #[plugin(collect = never)]
        struct Parent {
            #[option(default = Trace::new())]
            trace: Trace,
        }

        impl Hooks for Parent {
            async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
                cx.register(Inner {
                    trace: self.trace.clone(),
                });
                Ok(())
            }

            async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
                self.trace.add("close(parent)");
                Ok(())
            }
        }

        struct Made;

        #[plugin(states = [Made], child_of = Parent)]
        struct Inner {
            #[option(default = Trace::new())]
            trace: Trace,
        }

        impl Hooks for Inner {
            async fn load(&mut self, _: &mut LoadContext) -> Result<Made> {
                Ok(Made)
            }

            async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
                self.trace.add("close(inner)");
                Ok(())
            }
        }

        #[plugin(collect = never)]
        struct User {
            _made: State<Made>,
            #[option(default = Trace::new())]
            trace: Trace,
        }

        impl Hooks for User {
            async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
                Ok(())
            }

            async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
                self.trace.add("close(user)");
                Ok(())
            }
        }

        let trace = Trace::new();
        let user = User {
            trace: trace.clone(),
            ..User::default()
        };
        let app = App::new().with(user).with(Parent {
            trace: trace.clone(),
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["close(user)", "close(inner)", "close(parent)"]
        );
    });
}

#[test]
fn a_restart_of_the_parent_gives_the_new_state_of_its_child() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(docs(&trace)).with(Server::default());
        let running = app.boot().await.unwrap();
        running.handle().restart("server").await.unwrap();
        assert_eq!(trace.events(), ["routes", "routes"]);
        running.close().await.unwrap();
    });
}

#[test]
fn a_child_that_its_parent_did_not_register_is_an_error_that_says_so() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(docs(&trace)).with(server(Brings::Nothing));
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[docs] Plugin load failed: needs the state `Table`, and nothing in this app provides it"
        );
    });
}

#[test]
fn an_optional_field_is_none_if_the_parent_did_not_register_the_child() {
    paused(async {
        let trace = Trace::new();
        let maybe = || Maybe {
            trace: trace.clone(),
            ..Maybe::default()
        };
        for brings in [Brings::Nothing, Brings::Once] {
            let app = App::new().with(maybe()).with(server(brings));
            app.boot().await.unwrap().close().await.unwrap();
        }
        let app = App::new().with(maybe());
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["none", "routes", "none"]);
    });
}

#[test]
fn a_child_that_was_registered_twice_is_an_error_that_names_both() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(docs(&trace)).with(server(Brings::Twice));
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[docs] Plugin load failed: needs the state `Table`, and 2 plugins in this app provide it"
        );
    });
}

#[test]
fn of_two_tries_to_register_a_child_the_one_that_loaded_counts() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(docs(&trace))
            .with(server(Brings::SecondTry));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["routes"]);
    });
}

#[test]
fn a_state_whose_parent_is_not_there_is_a_plan_error_that_names_the_parent() {
    let trace = Trace::new();
    let errors = App::new().with(docs(&trace)).plan().unwrap_err();
    let [Mistake::MissingProvider { help, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let (before, after) = help.split_once(" (").unwrap();
    assert_eq!(before, "plugin `routes`");
    assert!(
        after.contains(") provides it, which `server` (tests/it/nested/declared.rs:")
            && after.ends_with(
                ") registers while it loads: add `.with(Server::default())` to the app, or make \
                 the field an `Option<State<Table>>`"
            ),
        "{help}"
    );
}

/// It is there for certain, and the other one is only promised.
#[test]
fn a_child_that_is_registered_by_hand_as_well_is_the_one_that_is_meant() {
    paused(async {
        let trace = Trace::new();
        let by_hand = Routes {
            text: "by hand",
            ..Routes::default()
        };
        let app = App::new()
            .with(docs(&trace))
            .with(by_hand)
            .with(Server::default());
        let plan = app.plan().unwrap();
        let docs = plan.order().find(|it| *it.name() == "docs").unwrap();
        let needs: Vec<_> = docs.requires().map(|it| it.name().to_string()).collect();
        assert_eq!(needs, ["routes"]);
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["by hand"]);
    });
}

#[test]
fn two_parents_of_one_child_are_ambiguous() {
    let trace = Trace::new();
    let app = App::new()
        .with(docs(&trace))
        .with(Server::default())
        .with(Server::default());
    let errors = app.plan().unwrap_err();
    let [Mistake::AmbiguousProvider { candidates, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let names: Vec<String> = candidates.iter().map(|it| it.plugin.to_string()).collect();
    assert_eq!(names, ["server#1", "server#2"]);
    assert!(errors.render().contains("register only one"), "{errors:?}");
}

/// A42: a state is seen where the parent of its plugin stands.
#[test]
fn the_scope_of_a_declared_child_is_that_of_its_parent() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.scope("inside", |inside| {
            inside.register(Server::default());
            inside.register(docs(&trace));
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["routes"]);

        let mut app = App::new();
        app.scope("inside", |inside| inside.register(Server::default()));
        app.register(docs(&trace));
        let errors = app.plan().unwrap_err();
        let [Mistake::MissingProvider { near, help, .. }] = errors.errors() else {
            panic!("{errors:?}");
        };
        assert!(
            near[0].ends_with(
                "brings `inside/server/routes`, which provides it, but in a scope that `docs` \
                 does not see"
            ),
            "{near:?}"
        );
        assert!(help.contains("`.export()`"), "{help}");
    });
}

#[test]
fn a_parent_that_a_scope_publishes_shows_what_it_brings() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.scope("inside", |inside| {
            inside.register(Server::default()).export();
        });
        app.register(docs(&trace));
        // Also to those who join later.
        let inner = trace.clone();
        let last = app.register(plugin_fn("last", async move |cx| {
            sleep(50).await;
            cx.register(docs(&inner));
            Ok(())
        }));
        drop(last);
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["routes", "routes"]);
    });
}

/// Whoever joins the app knows as little as the plan whether the parent has come that far.
#[test]
fn who_joins_waits_for_the_parent_of_a_declared_child() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(plugin_fn("early", async move |cx| {
            cx.register(docs(&inner));
            Ok(())
        }));
        app.register(Server::default());
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["routes"]);
    });
}

/// What a child needs holds up the child, and not the beginning of its parent.
#[test]
fn a_parent_does_not_wait_for_what_its_child_needs() {
    let app = App::new().with(Server::default()).supply(Prefix("/"));
    let plan = app.plan().unwrap();
    assert_eq!(plan.edges().count(), 0);
    assert!(plan.warnings().is_empty(), "{:?}", plan.warnings());
}

#[plugin(name = "fake-server", replaces = Server)]
struct FakeServer;

impl Hooks for FakeServer {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(name = "other-server", replaces = Server, children = [Routes])]
struct OtherServer;

impl Hooks for OtherServer {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

/// Nobody knows whether it registers the same; one that does says so.
#[test]
fn a_stand_in_has_the_children_that_it_names_itself() {
    let trace = Trace::new();
    let errors = App::new()
        .with(docs(&trace))
        .with(Server::default())
        .with(FakeServer)
        .plan()
        .unwrap_err();
    assert!(
        errors.render().contains(
            "`fake-server` replaces the one that registers that: if it does so as well, say \
             it there: `children = [Routes]`; or let it make the state itself, in its `states`"
        ),
        "{errors:?}"
    );

    let app = App::new().with(docs(&trace)).with(OtherServer);
    app.plan().unwrap();
}
