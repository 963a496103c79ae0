//! Children in scopes of their own.

use bootstrap::prelude::*;
use bootstrap::{App, plugin_fn};
use support::{Trace, paused};

use crate::nested::Nest;

pub struct Prefix(&'static str);

#[plugin(name = "prefix", states = [Prefix], collect = never)]
struct PrefixPlugin {
    #[option(default = "/")]
    path: &'static str,
}

impl Hooks for PrefixPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Prefix> {
        Ok(Prefix(self.path))
    }
}

#[plugin(name = "routes", collect = never)]
struct Routes {
    prefix: State<Prefix>,
    #[option(default = Trace::new())]
    trace: Trace,
}

impl Hooks for Routes {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        self.trace
            .add(format_args!("{}: {}", cx.name(), self.prefix.0));
        Ok(())
    }

    async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
        let seen = cx.try_get::<State<Prefix>>()?;
        self.trace.add(format_args!("{}: {}", cx.name(), seen.0));
        Ok(())
    }
}

fn routes(trace: &Trace) -> Routes {
    Routes {
        trace: trace.clone(),
        ..Routes::default()
    }
}

fn prefix(path: &'static str) -> PrefixPlugin {
    PrefixPlugin { path }
}

#[test]
fn children_in_scopes_see_outwards_and_not_beside_them() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(prefix("/app"));
        app.register(plugin_fn("http", async move |cx| {
            cx.scope("admin", |scope| {
                scope.register(routes(&inner));
                scope.register(prefix("/admin"));
                scope.scope("users", |scope| {
                    scope.register(routes(&inner));
                });
            });
            cx.scope("public", |scope| {
                scope.register(routes(&inner));
            });
            Ok(())
        }));
        let running = app.max_concurrency(1).boot().await.unwrap();
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "http/admin/routes: /admin",
                "http/admin/users/routes: /admin",
                "http/public/routes: /app",
                "http/admin/routes: /admin",
                "http/admin/users/routes: /admin",
                "http/public/routes: /app",
            ]
        );
    });
}

#[test]
fn a_child_that_is_published_is_seen_around_its_scope() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(plugin_fn("http", async move |cx| {
            cx.scope("admin", |scope| {
                scope.register(prefix("/admin")).export();
            });
            cx.register(routes(&inner)).await?;
            Ok(())
        }));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["http/routes: /admin", "http/routes: /admin"]
        );
    });
}

#[test]
fn a_state_in_a_scope_that_is_not_seen_is_an_error_that_says_where_it_is() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(plugin_fn("http", async move |cx| {
            cx.scope("admin", |scope| {
                scope.register(prefix("/admin"));
            });
            cx.register(routes(&trace)).await?;
            Ok(())
        }));
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[http/routes] Plugin load failed: needs the state `Prefix`, and nothing in this app provides it"
        );
    });
}

#[test]
fn a_child_of_a_scoped_plugin_stands_in_its_scope() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(prefix("/app"));
        app.scope("admin", |scope| {
            scope.register(prefix("/admin"));
            scope.register(Nest::new("http", &Trace::new(), move |cx| {
                cx.register(routes(&inner));
                async { Ok(()) }
            }));
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["admin/http/routes: /admin", "admin/http/routes: /admin"]
        );
    });
}

#[test]
fn a_child_whose_name_messages_cant_show_is_an_error() {
    paused(async {
        for name in ["", "two words", "a#1"] {
            let mut app = App::new();
            app.register(plugin_fn("parent", async move |cx| {
                cx.register(plugin_fn(name, async |_| Ok(()))).await
            }));
            let error = app.boot().await.unwrap_err();
            assert_eq!(error.code(), "BOOT009");
            let story = error.render();
            assert!(story.contains("help: a name is one word"), "{story}");
        }
    });
}

#[test]
fn two_children_can_not_be_given_one_name() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("parent", async move |cx| {
            cx.register(plugin_fn("one", async |_| Ok(())))
                .named("twin");
            cx.register(plugin_fn("other", async |_| Ok(())))
                .named("twin");
            cx.flush().await
        }));
        let error = app.boot().await.unwrap_err().to_string();
        assert_eq!(
            error,
            "[twin] Plugin load failed: 2 plugins are called `twin`"
        );
    });
}
