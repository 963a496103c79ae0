//! Workflows in tests.

use std::sync::PoisonError;

use crate::workflows::Workflows;

impl Workflows {
    /// Ends the run of the workflow that next stores the result of this step, right after that, as if the process had died. The workflow goes on in a new run of the
    /// same job, from its journal. `undo charge` means the undoing of the step `charge`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyhow::Result;
    /// # use bootstrap_services::jobs::Jobs;
    /// # use bootstrap_services::workflows::Workflows;
    /// async fn crash_at_each_step(workflows: &Workflows, jobs: &Jobs) -> Result<()> {
    ///     for step in ["reserve", "charge", "ship"] {
    ///         workflows.crash_after(step);
    ///         jobs.drain().await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn crash_after(&self, step: impl Into<String>) {
        let crashes = &self.0.crashes;
        let mut crashes = crashes.lock().unwrap_or_else(PoisonError::into_inner);
        crashes.insert(step.into());
    }
}
