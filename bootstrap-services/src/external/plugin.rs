//! The plugin `external-jobs`.

use bootstrap::prelude::*;

use crate::clock::Clock;
use crate::external::ExternalJobs;
use crate::jobs::Jobs;
use crate::processes::Processes;

/// Provides [`ExternalJobs`]. It joins a collected app in which a plugin requires it.
#[plugin(name = "external-jobs", states = [ExternalJobs], collect = needed)]
#[derive(Debug)]
pub struct ExternalJobsPlugin {
    processes: State<Processes>,
    clock: State<Clock>,
    jobs: State<Jobs>,
}

impl Hooks for ExternalJobsPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<ExternalJobs> {
        let (processes, clock) = (Processes::clone(&self.processes), Clock::clone(&self.clock));
        let jobs = Jobs::clone(&self.jobs);
        Ok(ExternalJobs::new(processes, clock, jobs))
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let external = ExternalJobs::clone(&cx.states());
        tokio::select! {
            () = self.clock.work(external.tend()) => {}
            () = cx.stopped() => {}
        }
        Ok(())
    }
}
