//! Plugins that are themselves what they provide at a port.

use std::sync::atomic::{AtomicU32, Ordering};

use bootstrap::prelude::*;
use support::{Trace, paused};

trait Health: Send + Sync {
    fn check(&self) -> String;
}

struct Pool(u32);

#[plugin(name = "database", states = [Pool], ports = [self as dyn Health], collect = never)]
struct Database {
    #[option]
    loads: AtomicU32,
    #[local]
    size: u32,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        self.size = 8;
        Ok(Pool(self.loads.fetch_add(1, Ordering::SeqCst) + 1))
    }
}

impl Health for Database {
    fn check(&self) -> String {
        let loads = self.loads.load(Ordering::SeqCst);
        format!("size {}, load {loads}", self.size)
    }
}

#[plugin(name = "monitor", ports = [self as dyn Health], collect = never)]
struct Monitor {
    checks: Ports<dyn Health>,
    pool: State<Pool>,
    #[option]
    trace: Trace,
}

impl Monitor {
    fn look(&self) {
        let checks = self.checks.iter();
        for (name, check) in checks {
            self.trace.add(format_args!("{name}: {}", check.check()));
        }
    }
}

impl Hooks for Monitor {
    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        self.look();
        Ok(())
    }
}

impl Health for Monitor {
    fn check(&self) -> String {
        format!("{} checks of pool {}", self.checks.len(), self.pool.0)
    }
}

#[test]
fn a_plugin_is_at_a_port_itself_as_its_load_has_left_it() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Database::default())
            .with(Monitor::default().trace(trace.clone()));
        let running = app.boot().await.unwrap();
        assert_eq!(trace.events(), ["database: size 8, load 1"]);
        let all: Ports<dyn Health> = running.try_get().unwrap();
        let all: Vec<String> = all.iter().map(|(_, it)| it.check()).collect();
        assert_eq!(all, ["size 8, load 1", "1 checks of pool 1"]);
        running.close().await.unwrap();
    });
}

#[test]
fn a_plugin_that_is_at_a_port_itself_is_restarted_with_its_dependents() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Database::default())
            .with(Monitor::default().trace(trace.clone()));
        let running = app.boot().await.unwrap();
        running.handle().restart("database").await.unwrap();
        assert_eq!(
            trace.events(),
            ["database: size 8, load 1", "database: size 8, load 2"]
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_handle_that_is_kept_to_such_a_port_keeps_its_plugin_from_being_loaded_again() {
    paused(async {
        let mut app = App::new();
        let database = app.register(Database::default());
        let running = app.tolerate_failed_restarts().boot().await.unwrap();
        let kept: Port<dyn Health> = database.handle();
        let error = running.restart(&database).await.unwrap_err();
        let text = format!("{error:?}");
        assert!(
            text.contains("a handle to a port that the plugin is itself"),
            "{text}"
        );
        assert_eq!(kept.check(), "size 8, load 1");
        running.close().await.unwrap();
    });
}

#[test]
fn a_plugin_that_is_made_from_states_may_be_at_a_port_itself() {
    paused(async {
        let mut app = App::new();
        let database = app.register(Database::default());
        let monitor = app.register(bootstrap::plugin_with(
            database.handle(),
            |pool: State<Pool>| Monitor {
                pool,
                ..Monitor::default()
            },
        ));
        let running = app.boot().await.unwrap();
        let health: Port<dyn Health> = monitor.handle();
        assert_eq!(health.check(), "1 checks of pool 1");
        running.close().await.unwrap();
    });
}
