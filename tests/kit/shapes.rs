//! Apps of every shape survive every fault: no finding is one of the engine, or of the kit itself.

use std::sync::Arc;
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap::testing::{self, explore};
use bootstrap::{App, Policy, Restart, Retry, Supervision, plugin_fn};
use tokio::time::sleep;

use crate::plugins::{Clock, Database, Http, Pool, StoppedClock};

#[test]
fn scopes_with_plugins_of_one_type() {
    let tenants = || {
        let mut app = App::new();
        for tenant in ["apple", "pear"] {
            app.scope(tenant, |scope| {
                scope.register(Database);
                scope.register(Http::default());
            });
        }
        app
    };
    explore(tenants).orders(1).check();
}

#[test]
fn barriers_that_observe_and_recover() {
    let parts = || {
        let mut app = App::new().with(Database);
        app = app.barrier(async |_| Ok(()));
        app.register(plugin_fn("analytics", async |_| {
            let _connection = testing::resource("connection");
            sleep(Duration::from_millis(3)).await;
            Ok(())
        }));
        app = app.recover(async |_| Ok(()));
        app.with(Http::default())
    };
    explore(parts).orders(1).check();
}

/// Awaits a child, and registers another one.
#[plugin(collect = never)]
struct Parent;

impl Hooks for Parent {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        let awaited = cx.register(Database).await?;
        let _ = awaited;
        cx.register(Http::default());
        cx.on_close(async |_| Ok(()));
        cx.on_ready(async |_| Ok(()));
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        sleep(Duration::from_millis(1)).await;
        Ok(())
    }
}

#[test]
fn parents_that_await_children_and_register_others() {
    explore(|| App::new().with(Parent)).orders(1).check();
}

#[test]
fn a_parent_that_does_without_a_child_that_fails() {
    let tolerant = || {
        let mut app = App::new();
        app.register(plugin_fn("tolerant", async |cx| {
            let _ = cx.register(Database).await;
            Ok(())
        }));
        app
    };
    explore(tolerant).orders(1).check();
}

#[test]
fn loads_that_are_tried_again_and_tasks_that_are_started_again() {
    let stubborn = || {
        let often = Policy::Restart(Restart::at_most(5, Duration::from_mins(1)));
        let supervision = Supervision::new().on_error(often).on_panic(often);
        let mut app = App::new();
        app.register(Database).retry(Retry::attempts(3));
        app.register(Http::default()).supervise(supervision);
        app
    };
    explore(stubborn).orders(1).check();
}

#[test]
fn hooks_of_the_app() {
    let served = || {
        App::new()
            .with(Database)
            .on_loaded(async |cx| {
                cx.try_get::<State<Pool>>()?;
                Ok(())
            })
            .on_start(async |_| Ok(()))
            .on_close(async |_| {
                sleep(Duration::from_millis(1)).await;
                Ok(())
            })
    };
    explore(served).orders(1).check();
}

#[test]
fn a_restart_in_every_run() {
    let app = || App::new().with(Database).with(Http::default());
    let restarted = explore(app).orders(1).using(|running| {
        let handle = running.handle();
        async move {
            // With a fault it may well fail.
            let _ = handle.restart("database").await;
        }
    });
    restarted.check();
}

#[test]
fn one_hook_at_a_time() {
    let app = || {
        App::new()
            .with(Database)
            .with(Http::default())
            .max_concurrency(1)
    };
    explore(app).orders(1).check();
}

/// Asks for what is supplied.
#[plugin(collect = never)]
struct Asks {
    clock: State<Clock>,
    name: Port<str>,
}

impl Hooks for Asks {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        anyhow::ensure!(self.clock.0 == 8 && &*self.name == "asks", "they are there");
        Ok(())
    }
}

#[test]
fn what_is_supplied_and_lives_longer_than_the_app() {
    let (clock, name): (_, Arc<str>) = (Arc::new(Clock(8)), "asks".into());
    let shared = move || {
        App::new()
            .supply(State::from_arc(Arc::clone(&clock)))
            .supply(Port::from_arc(Arc::clone(&name)))
            .with(Asks::default())
    };
    explore(shared).check();
}

/// Restarts a plugin in every run.
fn restarted(app: fn() -> App, plugin: &'static str) {
    let restarted = explore(app).orders(1).using(move |running| {
        let handle = running.handle();
        async move {
            // With a fault it may well fail.
            let _ = handle.restart(plugin).await;
        }
    });
    restarted.check();
}

#[test]
fn a_restart_of_what_stands_before_a_barrier() {
    let observed = || App::new().with(Database).barrier(async |_| Ok(()));
    restarted(observed, "database");
    let behind = || {
        let app = App::new().with(Database).recover(async |_| Ok(()));
        app.with(StoppedClock)
    };
    restarted(behind, "database");
}

#[test]
fn a_job_that_ends_the_app_before_it_is_ready() {
    let job = || {
        let app = App::new().with(Database);
        let handle = app.handle();
        app.on_start(async move |_| {
            handle.shutdown();
            Ok(())
        })
    };
    explore(job).check();
}
