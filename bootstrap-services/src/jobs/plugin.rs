//! The plugin `jobs`.

use anyhow::Context as _;
use bootstrap::prelude::*;

use crate::clock::Clock;
use crate::jobs::{JobEngine, Jobs, metrics};

/// Provides [`Jobs`]. It joins a collected app in which a plugin requires it.
///
/// Jobs are kept by the engine at the port [`JobEngine`]: by default [`SqliteJobsPlugin`](crate::jobs::SqliteJobsPlugin). A
/// [`JobWorkerPlugin`](crate::jobs::JobWorkerPlugin) runs them.
#[plugin(name = "jobs", states = [Jobs], collect = needed)]
#[derive(Debug)]
pub struct JobsPlugin {
    engine: Port<dyn JobEngine>,
    clock: State<Clock>,
}

impl Hooks for JobsPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Jobs> {
        let engine = Port::to_arc(&self.engine).context("its engine is not bound")?;
        Ok(Jobs::new(engine, Clock::clone(&self.clock)))
    }

    /// Not in `load`: a plugin may install the recorder in its own.
    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        metrics::describe();
        Ok(())
    }
}
