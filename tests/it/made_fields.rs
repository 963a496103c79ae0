//! Fields of plugins that are made from handles: each gets what the closure put into it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bootstrap::error::PlanErrors;
use bootstrap::prelude::*;
use bootstrap::{App, plugin_fn, plugin_with};
use support::{Trace, paused};

pub struct Db(String);

#[plugin(name = "db", states = [Db], ports = [str], collect = never)]
struct DbPlugin {
    #[option(required)]
    host: &'static str,
    #[option(default = Arc::default())]
    loads: Arc<AtomicU32>,
}

fn db(host: &'static str) -> DbPlugin {
    DbPlugin {
        host,
        loads: Arc::default(),
    }
}

impl Hooks for DbPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<(Db, Arc<str>)> {
        let loads = self.loads.fetch_add(1, Ordering::SeqCst);
        let name = match loads {
            0 => self.host.to_owned(),
            _ => format!("{}+{loads}", self.host),
        };
        Ok((Db(name.clone()), name.into()))
    }
}

pub struct Copied(String);

/// Two required fields of one type.
#[plugin(name = "copy", states = [Copied], collect = never)]
struct Copy {
    from: State<Db>,
    to: State<Db>,
}

impl Hooks for Copy {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Copied> {
        Ok(Copied(format!("{} -> {}", self.from.0, self.to.0)))
    }
}

/// One field of each kind.
#[plugin(name = "kinds", collect = never)]
struct Kinds {
    state: State<Db>,
    maybe: Option<State<Db>>,
    port: Port<str>,
    maybe_port: Option<Port<str>>,
    all: Ports<str>,
    lazy: Lazy<State<Db>>,
    lazy_port: Lazy<Port<str>>,
    #[option(default = Trace::new())]
    trace: Trace,
}

impl Hooks for Kinds {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let maybe = self.maybe.as_ref().map_or("none", |it| &it.0);
        let maybe_port = self.maybe_port.as_ref().map_or("none", |it| it);
        let (state, port, all) = (&self.state.0, &*self.port, self.all.len());
        self.trace
            .add(format_args!("{state} {maybe} {port} {maybe_port} {all}"));
        Ok(())
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        let (lazy, lazy_port) = (self.lazy.try_get()?, self.lazy_port.try_get()?);
        self.trace
            .add(format_args!("later {} {}", lazy.0, &*lazy_port));
        Ok(())
    }
}

async fn copied(app: App) -> String {
    let running = app.boot().await.unwrap();
    let copied = running.try_get::<State<Copied>>().unwrap().0.clone();
    running.close().await.unwrap();
    copied
}

async fn failure(app: App) -> String {
    app.boot().await.unwrap_err().to_string()
}

#[test]
fn two_fields_of_one_type_get_the_handles_that_the_closure_put_into_them() {
    paused(async {
        let mut app = App::new();
        let (old, new) = (app.register(db("old")), app.register(db("new")));
        app.register(plugin_with((old.handle(), new.handle()), |(from, to)| {
            Copy { from, to }
        }));
        assert_eq!(copied(app).await, "old -> new");

        let mut app = App::new();
        let (old, new) = (app.register(db("old")), app.register(db("new")));
        app.register(plugin_with((old.handle(), new.handle()), |(to, from)| {
            Copy { from, to }
        }));
        assert_eq!(copied(app).await, "new -> old");
    });
}

#[test]
fn one_handle_may_go_into_two_fields() {
    paused(async {
        let mut app = App::new();
        let (old, new) = (app.register(db("old")), app.register(db("new")));
        app.register(plugin_with(
            (old.handle(), new.handle()),
            |(from, _): (State<Db>, State<Db>)| Copy {
                from: from.clone(),
                to: from,
            },
        ));
        assert_eq!(copied(app).await, "old -> old");
    });
}

#[test]
fn handles_in_nested_tuples_are_told_apart() {
    paused(async {
        let mut app = App::new();
        let dbs = ["a", "b", "c"].map(|host| app.register(db(host)).handle());
        let [a, b, c] = dbs;
        app.register(plugin_with(
            ((a, b), c),
            |((_, from), to): ((State<Db>, _), _)| {
                let _: &State<Db> = &from;
                Copy { from, to }
            },
        ));
        assert_eq!(copied(app).await, "b -> c");
    });
}

#[test]
fn every_kind_of_field_gets_the_handle_that_the_closure_put_into_it() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let [a, b, c] = ["a", "b", "c"].map(|host| app.register(db(host)));
        let states: (State<Db>, State<Db>, State<Db>) = (a.handle(), b.handle(), c.handle());
        let ports: (Port<str>, Port<str>, Port<str>) = (a.handle(), b.handle(), c.handle());
        let inner = trace.clone();
        let kinds = app.register(plugin_with((states, ports), move |(states, ports)| Kinds {
            state: states.1.clone(),
            maybe: Some(states.0.clone()),
            lazy: Lazy::from(states.2),
            port: ports.2.clone(),
            maybe_port: Some(ports.1.clone()),
            lazy_port: Lazy::from(ports.0),
            all: Ports::unbound(),
            trace: inner.clone(),
        }));
        let running = app.boot().await.unwrap();
        assert_eq!(trace.events(), ["b a c b 3", "later c a"]);
        running.restart(&b).await.unwrap();
        running.restart(&kinds).await.unwrap();
        running.close().await.unwrap();
        let again = ["b+1 a c b+1 3", "later c a"];
        assert_eq!(trace.events()[2..4], again);
        assert_eq!(trace.events()[4..], again);
    });
}

#[test]
fn children_and_plugins_in_scopes_get_what_the_closure_put_into_their_fields() {
    paused(async {
        let mut app = App::new();
        let old = app.register(db("old"));
        app.scope("inner", |scope| {
            let new = scope.register(db("new"));
            let copy = scope.register(plugin_with((old.handle(), new.handle()), |(from, to)| {
                Copy { from, to }
            }));
            copy.export();
        });
        assert_eq!(copied(app).await, "old -> new");

        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(plugin_fn("parent", async move |cx| {
            let (old, new) = (cx.register(db("old")), cx.register(db("new")));
            let handles: (State<Db>, State<Db>) = (old.handle(), new.handle());
            let copy = cx.register(plugin_with(handles, |(from, to)| Copy { from, to }));
            inner.add(&copy.await?.0);
            // Of siblings that have loaded: the handles hold their values.
            let ((old, _), (new, _)) = (old.await?, new.await?);
            let handles = (old, new);
            let copy = cx.register(plugin_with(handles, |(to, from)| Copy { from, to }));
            inner.add(&copy.await?.0);
            let (old, new) = (cx.register(db("old")), cx.register(db("new")));
            let copy = cx.scope("scoped", |scope| {
                let handles: (State<Db>, State<Db>) = (old.handle(), new.handle());
                scope.register(plugin_with(handles, |(from, to)| Copy { from, to }))
            });
            inner.add(&copy.await?.0);
            Ok(())
        }));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["old -> new", "new -> old", "old -> new"]);
    });
}

#[test]
fn a_closure_may_put_in_another_handle_of_a_registration_that_it_was_given() {
    paused(async {
        let mut app = App::new();
        let (old, new) = (app.register(db("old")), app.register(db("new")));
        let (of_old, of_new) = (old.handle::<State<Db>>(), new.handle::<State<Db>>());
        app.register(plugin_with(
            (old.handle::<State<Db>>(), new.handle::<State<Db>>()),
            move |_| Copy {
                from: of_old.clone(),
                to: of_new.clone(),
            },
        ));
        let running = app.boot().await.unwrap();
        assert_eq!(running.try_get::<State<Copied>>().unwrap().0, "old -> new");
        running.restart(&old).await.unwrap();
        assert_eq!(
            running.try_get::<State<Copied>>().unwrap().0,
            "old+1 -> new"
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_closure_may_put_in_the_only_one_that_there_is() {
    paused(async {
        let mut app = App::new();
        let only = app.register(db("only"));
        let state: State<Db> = only.handle();
        app.register(plugin_with(only.handle::<Port<str>>(), move |_| Copy {
            from: state.clone(),
            to: State::unbound(),
        }));
        let running = app.boot().await.unwrap();
        running.restart(&only).await.unwrap();
        assert_eq!(
            running.try_get::<State<Copied>>().unwrap().0,
            "only+1 -> only+1"
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_handle_that_the_closure_was_not_given_is_an_error_that_names_the_field() {
    paused(async {
        let mut app = App::new();
        let (old, new) = (app.register(db("old")), app.register(db("new")));
        let third: State<Db> = app.register(db("third")).handle();
        app.register(plugin_with(
            (old.handle(), new.handle()),
            move |(from, _): (State<Db>, State<Db>)| Copy {
                from,
                to: third.clone(),
            },
        ));
        assert_eq!(
            failure(app).await,
            "[copy] Plugin load failed: its field `to` holds the state `Db` of `db`, which it is not \
             made from: add that handle to those that `plugin_with` is given"
        );
    });
}

#[test]
fn a_field_that_the_closure_left_empty_gets_the_only_handle_of_its_type() {
    paused(async {
        let mut app = App::new();
        let (old, _new) = (app.register(db("old")), app.register(db("new")));
        let handles: (State<Db>, State<Db>) = (old.handle(), old.handle());
        app.register(plugin_with(handles, |_| Copy::default()));
        assert_eq!(copied(app).await, "old -> old");
    });
}

#[test]
fn a_field_that_the_closure_left_empty_is_an_error_if_two_handles_could_be_meant() {
    #[plugin(name = "perhaps", collect = never)]
    struct Perhaps {
        db: Option<State<Db>>,
    }

    impl Hooks for Perhaps {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            assert!(self.db.is_none());
            Ok(())
        }
    }

    let two = || {
        let mut app = App::new();
        let (old, new) = (app.register(db("old")), app.register(db("new")));
        let handles: (State<Db>, State<Db>) = (old.handle(), new.handle());
        (app, handles)
    };
    paused(async {
        let (mut app, handles) = two();
        app.register(plugin_with(handles, |(from, _)| Copy {
            from,
            ..Copy::default()
        }));
        assert_eq!(
            failure(app).await,
            "[copy] Plugin load failed: it is made from several handles to the state `Db`, and its field \
             `to` holds none of them: put one of them into it"
        );
        // One that can do without gets none.
        let (mut app, handles) = two();
        app.register(plugin_with(handles, |_| Perhaps { db: None }));
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn the_plan_has_an_edge_for_each_handle() {
    let mut app = App::new();
    let (old, new) = (app.register(db("old")), app.register(db("new")));
    let handles: (State<Db>, State<Db>) = (old.handle(), new.handle());
    app.register(plugin_with(handles, |(from, to)| Copy { from, to }));
    let plan = app.plan().unwrap();
    let edges = plan.edges();
    let edges = edges.map(|edge| format!("{} -> {}", edge.from.name(), edge.to.name()));
    let edges: Vec<String> = edges.collect();
    assert_eq!(edges, ["copy -> db#1", "copy -> db#2"]);
}

fn messages(errors: &PlanErrors) -> Vec<String> {
    errors.errors().iter().map(ToString::to_string).collect()
}

#[test]
fn a_value_of_another_app_in_a_field_is_a_mistake_of_the_plan() {
    paused(async {
        let mut other = App::new();
        other.register(db("other"));
        let other = other.boot().await.unwrap();
        let value = other.try_get::<State<Db>>().unwrap();

        let mut app = App::new();
        app.register(db("own"));
        app.register(Copy {
            from: value.clone(),
            to: State::unbound(),
        });
        let expected = ["plugin `copy` holds a state `Db` that another app has made"];
        assert_eq!(messages(&app.plan().unwrap_err()), expected);

        let mut app = App::new();
        app.register(db("own"));
        app.register(plugin_with(value, |from| Copy {
            from,
            to: State::unbound(),
        }));
        let errors = messages(&app.plan().unwrap_err());
        assert_eq!(errors[0], expected[0]);
        other.close().await.unwrap();
    });
}
