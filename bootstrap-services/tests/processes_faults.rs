//! An app with a process under every fault. Alone, as it counts the files and the threads of this process.
#![cfg(target_os = "linux")]

use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap::testing::explore;
use bootstrap_services::clock::ClockPlugin;
use bootstrap_services::database::DatabasePlugin;
use bootstrap_services::processes::{Definition, Processes, ProcessesPlugin};

/// `SQLite` works on threads of its own, and the process is another one.
const IDLE: Duration = Duration::from_millis(5);

/// Owns a process.
#[plugin(name = "owner", collect = never)]
struct Owner {
    processes: State<Processes>,
}

impl Hooks for Owner {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let definition = Definition::new("sleep").args(["1000"]);
        self.processes.define("owned", definition)?;
        Ok(())
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        self.processes.ensure("owned", &()).await?;
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        self.processes.undefine("owned").await?;
        Ok(())
    }
}

fn app() -> App {
    App::new()
        .with(ClockPlugin)
        .with(DatabasePlugin::memory())
        .with(ProcessesPlugin::default())
        .with(Owner::default())
}

#[test]
fn an_app_with_a_process_survives_every_fault_and_leaves_nothing() {
    explore(app).with_io(IDLE).orders(1).watch_process().check();
}
