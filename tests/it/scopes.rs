//! Scopes: which state a plugin sees, and how it comes to see another.

use std::time::Duration;

use bootstrap::error::{LookupError, LookupFailure, Mistake, PlanErrors};
use bootstrap::plan::PlanWarning;
use bootstrap::plugin_fn;
use bootstrap::prelude::*;
use support::paused;

struct Config(&'static str);

#[plugin(name = "config", states = [Config], collect = never)]
struct ConfigPlugin {
    #[option(default = "default")]
    value: &'static str,
}

impl ConfigPlugin {
    fn of(value: &'static str) -> Self {
        Self { value }
    }
}

impl Hooks for ConfigPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        Ok(Config(self.value))
    }
}

struct Seen(&'static str);

/// Tells which configuration it was given.
#[plugin(name = "seer", states = [Seen], collect = never)]
struct Seer {
    config: State<Config>,
}

impl Hooks for Seer {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Seen> {
        Ok(Seen(self.config.0))
    }
}

#[plugin(name = "fake-config", states = [Config], replaces = ConfigPlugin)]
struct FakeConfig;

impl Hooks for FakeConfig {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        Ok(Config("fake"))
    }
}

fn names(app: &App) -> Vec<String> {
    let plan = app.plan().unwrap();
    plan.order()
        .map(|plugin| plugin.name().to_string())
        .collect()
}

fn messages(errors: &PlanErrors) -> Vec<String> {
    errors.errors().iter().map(Mistake::to_string).collect()
}

/// A42, A43: plugins in a scope see its states, and nobody beside it does; the same plugin in two
/// scopes has two states.
#[test]
fn a_sibling_does_not_see_the_states_of_a_scope() {
    paused(async {
        let mut app = App::new();
        let [left, right] = ["left", "right"].map(|name| {
            app.scope(name, |scope| {
                scope.register(ConfigPlugin::of(name));
                scope.register(Seer::default())
            })
        });
        assert_eq!(
            names(&app),
            ["left/config", "right/config", "left/seer", "right/seer"]
        );
        let running = app.boot().await.unwrap();
        assert_eq!(left.handle::<State<Seen>>().0, "left");
        assert_eq!(right.handle::<State<Seen>>().0, "right");
        running.close().await.unwrap();
    });
}

/// A42: what is not in a scope is looked for in the one around it, and so on; what is, is not.
#[test]
fn a_field_is_resolved_from_the_inside_out() {
    paused(async {
        let mut app = App::new().with(ConfigPlugin::of("app"));
        let (outer, inner, hiding) = app.scope("outer", |outer| {
            let (inner, hiding) = outer.scope("inner", |inner| {
                let seen = inner.register(Seer::default());
                let hiding = inner.scope("hiding", |hiding| {
                    hiding.supply(Config("hiding"));
                    hiding.register(Seer::default())
                });
                (seen, hiding)
            });
            (outer.register(Seer::default()), inner, hiding)
        });
        let running = app.boot().await.unwrap();
        assert_eq!(outer.handle::<State<Seen>>().0, "app");
        assert_eq!(inner.handle::<State<Seen>>().0, "app");
        assert_eq!(hiding.handle::<State<Seen>>().0, "hiding");
        assert_eq!(hiding.name(), "outer/inner/hiding/seer");
        running.close().await.unwrap();
    });
}

#[test]
fn two_providers_in_the_nearest_scope_are_ambiguous_whatever_is_further_out() {
    let mut app = App::new().with(ConfigPlugin::of("app"));
    app.scope("admin", |admin| {
        admin.register(ConfigPlugin::of("one"));
        admin.register(ConfigPlugin::of("two"));
        admin.scope("users", |users| users.register(Seer::default()));
    });
    app.register(Seer::default());
    let errors = app.plan().unwrap_err();
    let [
        Mistake::AmbiguousProvider {
            dependents,
            candidates,
            ..
        },
    ] = errors.errors()
    else {
        panic!("{errors:?}");
    };
    assert_eq!(dependents[0].plugin, "admin/users/seer");
    assert_eq!(candidates[0].plugin, "admin/config#1");
    assert_eq!(candidates[1].plugin, "admin/config#2");
}

#[test]
fn one_state_that_is_ambiguous_in_two_scopes_is_two_errors() {
    let mut app = App::new();
    for name in ["b", "a"] {
        app.scope(name, |scope| {
            scope.register(ConfigPlugin::of("one"));
            scope.register(ConfigPlugin::of("two"));
            scope.register(Seer::default());
        });
    }
    let in_scope = |name: &str| {
        format!(
            "plugin `{name}/seer` needs the state `Config`, and 2 plugins in this app provide it"
        )
    };
    assert_eq!(
        messages(&app.plan().unwrap_err()),
        [in_scope("a"), in_scope("b")]
    );
}

/// A state that only others see is not missing without a word about them.
#[test]
fn a_state_of_another_scope_is_named_with_the_way_to_see_it() {
    let mut app = App::new();
    app.scope("admin", |admin| admin.register(ConfigPlugin::of("admin")));
    app.register(Seer::default());
    let errors = app.plan().unwrap_err();
    let [Mistake::MissingProvider { near, help, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let [near] = near.as_slice() else {
        panic!("{near:?}");
    };
    assert!(
        near.starts_with("`admin/config` (tests/it/scopes.rs:")
            && near.ends_with(" provides it, but in a scope that `seer` does not see"),
        "{near}"
    );
    assert!(
        help.starts_with("show `admin/config` to the scope around it, with `.export()`"),
        "{help}"
    );

    let mut app = App::new().with(Seer::default());
    app.scope("admin", |admin| {
        admin.supply(Config("admin"));
    });
    let text = app.plan().unwrap_err().render();
    assert!(
        text.contains(
            "`admin/supplied Config` is seen in its own scope only: supply it further out"
        ),
        "{text}"
    );
}

#[test]
fn a_plugin_that_is_published_is_seen_in_the_scope_around_and_no_further() {
    paused(async {
        let mut app = App::new();
        let beside = app.scope("outer", |outer| {
            outer.scope("inner", |inner| {
                inner.register(ConfigPlugin::of("inner")).export();
            });
            let beside = outer.scope("beside", |beside| beside.register(Seer::default()));
            outer.register(Seer::default());
            beside
        });
        let running = app.boot().await.unwrap();
        assert_eq!(beside.handle::<State<Seen>>().0, "inner");
        running.close().await.unwrap();

        let mut app = App::new();
        app.scope("outer", |outer| {
            outer.scope("inner", |inner| {
                inner.register(ConfigPlugin::of("inner")).export()
            })
        });
        app.register(Seer::default());
        assert_eq!(
            messages(&app.plan().unwrap_err()),
            ["plugin `seer` needs the state `Config`, and nothing in this app provides it"]
        );
    });
}

#[test]
fn a_published_state_and_one_of_the_scope_around_are_ambiguous_there_only() {
    let mut app = App::new().with(ConfigPlugin::of("app"));
    app.scope("admin", |admin| {
        admin.register(ConfigPlugin::of("admin")).export();
        admin.register(Seer::default());
    });
    assert!(app.plan().is_ok());
    app.register(Seer::default());
    assert_eq!(
        messages(&app.plan().unwrap_err()),
        ["plugin `seer` needs the state `Config`, and 2 plugins in this app provide it"]
    );
}

/// Whoever holds the registration has been given it on purpose.
#[test]
fn a_handle_of_a_registration_works_across_scopes() {
    paused(async {
        let mut app = App::new();
        let admin = app.scope("admin", |admin| admin.register(ConfigPlugin::of("admin")));
        let seen = app.scope("public", |public| {
            public.register(ConfigPlugin::of("public"));
            public.register(Seer {
                config: admin.handle(),
            })
        });
        let running = app.boot().await.unwrap();
        assert_eq!(seen.handle::<State<Seen>>().0, "admin");
        running.close().await.unwrap();
    });
}

#[test]
fn a_stand_in_replaces_what_is_in_its_scope_and_further_in() {
    paused(async {
        let mut app = App::new();
        let [faked, real] = ["faked", "real"].map(|name| {
            app.scope(name, |scope| {
                if name == "faked" {
                    scope.register(FakeConfig);
                }
                scope.scope("inner", |inner| {
                    inner.register(ConfigPlugin::of("real"));
                    inner.register(Seer::default())
                })
            })
        });
        let running = app.boot().await.unwrap();
        assert_eq!(faked.handle::<State<Seen>>().0, "fake");
        assert_eq!(real.handle::<State<Seen>>().0, "real");
        running.close().await.unwrap();
    });
}

/// Hooks that read states by their types see what the fields of their plugin would.
#[test]
fn a_hook_reads_states_from_where_its_plugin_stands() {
    #[plugin(name = "reader", collect = never)]
    struct Reader {
        #[option(required)]
        expected: &'static str,
    }

    impl Hooks for Reader {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }

        async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
            assert_eq!(cx.try_get::<State<Config>>()?.0, self.expected);
            Ok(())
        }
    }

    paused(async {
        let mut app = App::new();
        for expected in ["one", "two"] {
            app.scope(expected, |scope| {
                scope.register(ConfigPlugin::of(expected));
                scope.register(Reader { expected });
            });
        }
        let running = app.boot().await.unwrap();
        let error = running.try_get::<State<Config>>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the state `Config` is only provided in other scopes (`one/config`, `two/config`)"
        );
        assert!(matches!(
            error,
            LookupError {
                why: LookupFailure::Hidden { .. },
                ..
            }
        ));
        running.close().await.unwrap();
    });
}

/// `after = [..]` waits for the plugins that are seen.
#[test]
fn an_order_by_type_concerns_the_plugins_that_are_seen() {
    #[plugin(name = "migrations", collect = never)]
    struct Migrations;

    #[plugin(name = "importer", after = [Migrations], collect = never)]
    struct Importer;

    impl Hooks for Migrations {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }

    impl Hooks for Importer {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }

    let mut app = App::new().with(Migrations);
    app.scope("admin", |admin| {
        admin.register(Migrations);
        admin.register(Importer);
    });
    app.scope("public", |public| public.register(Migrations));
    let plan = app.plan().unwrap();
    let edges: Vec<String> = plan
        .edges()
        .map(|edge| edge.to.name().to_string())
        .collect();
    assert_eq!(edges, ["admin/migrations", "migrations"]);
}

#[test]
fn names_in_scopes_are_unique_and_numbered_as_texts() {
    let mut app = App::new().with(ConfigPlugin::of("app"));
    app.scope("admin", |admin| {
        admin.register(ConfigPlugin::of("1"));
        admin.register(ConfigPlugin::of("2"));
        admin.register(ConfigPlugin::of("3")).named("main");
    });
    assert_eq!(
        names(&app),
        ["admin/config#1", "admin/config#2", "admin/main", "config"]
    );
    app.register(plugin_fn("admin/main", async |_| Ok(())));
    assert_eq!(
        messages(&app.plan().unwrap_err()),
        ["2 plugins are called `admin/main`"]
    );
}

#[test]
fn a_scope_that_messages_cant_show_is_one_error() {
    for name in ["", "two words", "a/b", "a#1", "tick`"] {
        let mut app = App::new();
        app.scope(name, |scope| {
            scope.register(plugin_fn("inside", async |_| Ok(())))
        });
        let errors = app.plan().unwrap_err();
        assert_eq!(
            messages(&errors),
            [format!("{name:?} can't be the name of a scope")]
        );
        assert_eq!(errors.errors()[0].code(), "BOOT009");
    }
}

/// Names are what tells plugins apart, so a scope is opened once. Beside another one, any name goes.
#[test]
fn two_scopes_beside_each_other_can_not_have_one_name() {
    let mut app = App::new();
    app.scope("a", |a| {
        a.scope("same", |_| ());
        a.scope("a", |_| ());
    });
    let first = line!() + 1;
    app.scope("same", |_| ());
    app.scope("same", |_| ());
    let errors = app.plan().unwrap_err();
    assert_eq!(
        errors.render(),
        format!(
            "error[BOOT004]: 2 scopes are called `same`\n  --> tests/it/scopes.rs:{first}\n  \
             --> tests/it/scopes.rs:{}\n  help: a scope is opened once: register everything in one \
             call, or give each a name of its own",
            first + 1
        )
    );
}

#[test]
fn a_state_may_be_supplied_once_in_every_scope() {
    let mut app = App::new().supply(Config("app")).with(Seer::default());
    app.scope("admin", |admin| {
        admin.supply(Config("admin")).supply(Config("again"));
    });
    assert_eq!(
        messages(&app.plan().unwrap_err()),
        ["the state `Config` is supplied 2 times"]
    );

    let mut app = App::new().supply(Config("app")).with(Seer::default());
    app.scope("admin", |admin| {
        admin.supply(Config("admin"));
    });
    let plan = app.plan().unwrap();
    assert!(matches!(
        plan.warnings(),
        [PlanWarning::UnusedSupply { .. }]
    ));
}

/// What is hidden is shown.
#[test]
fn a_plan_shows_scopes_and_what_they_hide() {
    let mut app = App::new().with(ConfigPlugin::of("app"));
    app.scope("admin", |admin| {
        admin.timeout(Duration::from_secs(5));
        admin.scope("users", |users| {
            users.register(ConfigPlugin::of("users"));
            users.register(Seer::default());
        });
    });
    let plan = app.plan().unwrap();
    assert_eq!(
        plan.to_string(),
        "3 plugins\nscope admin, which loads within 5 s\nscope admin/users\nlevel 0\n  \
         admin/users/config; hides `Config` of config\n  config\nlevel 1\n  \
         admin/users/seer <- admin/users/config"
    );
    assert_eq!(
        plan.to_mermaid(),
        r#"flowchart LR
    p0["admin/users/config"]
    p1["config"]
    p2["admin/users/seer"]
    subgraph s2["admin/users"]
        p0;
        p2;
    end
    p0 -->|"Config"| p2
    p0 --x|"hides Config"| p1"#
    );
    assert_eq!(
        plan.to_dot(),
        r#"digraph plan {
    rankdir=LR;
    node [shape=box];
    p0 [label="admin/users/config"];
    p1 [label="config"];
    p2 [label="admin/users/seer"];
    subgraph cluster_2 { label="admin/users";
        p0;
        p2;
    }
    p0 -> p2 [label="Config"];
    p0 -> p1 [style=dotted, arrowhead=tee, constraint=false, label="hides Config"];
}"#
    );
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["plugins"][0]["scope"], "admin/users");
    assert_eq!(json["plugins"][1]["scope"], serde_json::Value::Null);
    assert_eq!(json["plugins"][0]["shadows"][0]["state"], "Config");
    assert_eq!(json["plugins"][0]["shadows"][0]["plugin"], 1);

    let users = plan.order().next().unwrap().scope().unwrap();
    assert_eq!((users.path(), users.timeout()), ("admin/users", None));
    let admin = users.parent().unwrap();
    assert_eq!(admin.timeout(), Some(Duration::from_secs(5)));
    assert!(admin.parent().is_none());
    assert_eq!(plan.scopes().count(), 2);
}

/// A plugin that is exported hides what is beyond the scope in which it is seen.
#[test]
fn a_published_plugin_hides_from_where_it_is_seen() {
    let mut app = App::new().with(ConfigPlugin::of("app"));
    app.scope("outer", |outer| {
        outer.scope("inner", |inner| {
            inner.register(ConfigPlugin::of("inner")).export()
        })
    });
    let plan = app.plan().unwrap();
    let hiding = plan.order().find(|it| *it.name() == "outer/inner/config");
    let hidden: Vec<String> = hiding
        .unwrap()
        .shadows()
        .map(|shadowed| format!("{} of {}", shadowed.state, shadowed.plugin.name()))
        .collect();
    assert_eq!(hidden, ["Config of config"]);
}

/// The work grows with the plugins, not with plugins times scopes.
#[test]
fn many_scopes_are_planned_like_few() {
    let mut app = App::new().with(ConfigPlugin::of("app"));
    for n in 0..2_000 {
        app.scope(format!("s{n:04}"), |scope| {
            if n % 2 == 0 {
                scope.register(ConfigPlugin::of("own"));
            }
            scope.register(Seer::default());
        });
    }
    let plan = app.plan().unwrap();
    assert_eq!(plan.len(), 3_001);
    assert_eq!(plan.edges().count(), 2_000);
    let shadows = plan.order().flat_map(|plugin| plugin.shadows());
    assert_eq!(shadows.count(), 1_000);
}
