//! The plugin `workflows`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;
use sqlx::migrate::Migrator;

use crate::clock::Clock;
use crate::database::times::millis;
use crate::database::values::Time;
use crate::database::{Database, embedded};
use crate::jobs::Jobs;
use crate::workflows::engine::Engine;
use crate::workflows::{FlowState, Workflows, metrics, store};

/// How often workflows that are too old are removed.
const PURGE: Duration = Duration::from_hours(1);
/// How soon a purge that failed is repeated.
const PURGE_AGAIN: Duration = Duration::from_mins(1);

/// Provides [`Workflows`]. It joins a collected app in which a plugin requires it, as each with
/// [`#[workflow(..)]`](macro@crate::workflows::workflow) does.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `workflows.keep` | `30d` | how long workflows that are done or cancelled are kept, 1 minute to 100 years; those that failed or timed out are kept until they are retried or purged |
/// | `workflows.late` | `1h` | how long a workflow may do no step, or wait for a worker, before the health check fails |
///
/// Its tables are `_flows`, `_flow_steps` and `_flow_signals`. The [jobs](crate::jobs) run what it starts, so their keys hold as well.
///
/// # Errors
///
/// The boot fails if a value is out of its range, or if the tables can't be migrated.
#[plugin(
    name = "workflows",
    states = [Workflows],
    ports = [self as dyn HealthCheck],
    collect = needed
)]
#[derive(Debug)]
pub struct WorkflowsPlugin {
    database: State<Database>,
    jobs: State<Jobs>,
    clock: State<Clock>,
    #[option(config = "workflows.keep", default = Time(Duration::from_hours(30 * 24)), setter = false)]
    keep: Time,
    #[option(config = "workflows.late", default = Time(Duration::from_hours(1)), setter = false)]
    late: Time,
}

impl Hooks for WorkflowsPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Workflows> {
        self.check_options(cx)?;
        self.database.migrate("workflows", migrations()).await?;
        let database = Database::clone(&self.database);
        let (jobs, clock) = (Jobs::clone(&self.jobs), Clock::clone(&self.clock));
        let engine = Engine::new(database, jobs, clock, cx.handle());
        Ok(Workflows(Arc::new(engine)))
    }

    /// Not in `load`: a plugin may install the recorder in its own.
    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        metrics::describe();
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let workflows = Workflows::clone(&cx.states());
        tokio::select! {
            () = self.clock.work(self.tend(&workflows)) => {}
            () = cx.stopped() => {}
        }
        Ok(())
    }
}

impl WorkflowsPlugin {
    /// How long workflows that are done or cancelled are kept: `workflows.keep`, 30 days.
    #[must_use]
    pub fn keep(mut self, time: Duration) -> Self {
        self.keep = Time(time);
        self
    }

    fn check_options(&self, cx: &LoadContext) -> Result<()> {
        let (Time(keep), Time(late)) = (self.keep, self.late);
        let (key, wrong, help) =
            if !(Duration::from_mins(1)..=Duration::from_hours(24 * 36_525)).contains(&keep) {
                let help = "set it to a time from `1m` to `36525d`";
                (
                    "workflows.keep",
                    format!("`workflows.keep` is {keep:?}"),
                    help,
                )
            } else if late.is_zero() {
                let help = "set it to a time such as `1h`";
                (
                    "workflows.late",
                    "`workflows.late` is zero".to_owned(),
                    help,
                )
            } else {
                return Ok(());
            };
        Err(cx.config_error(key, wrong, help).into())
    }

    /// Removes workflows that are too old.
    async fn tend(&self, workflows: &Workflows) {
        let Time(keep) = self.keep;
        loop {
            let mut pause = PURGE;
            for state in [FlowState::Done, FlowState::Cancelled] {
                if let Err(error) = workflows.purge(state, keep).await {
                    tracing::warn!(%error, "workflows that are too old were not removed; another attempt follows");
                    pause = PURGE_AGAIN;
                }
            }
            self.clock.sleep(pause).await;
        }
    }
}

/// Fails while a workflow does no step, although it could.
#[async_trait]
impl HealthCheck for WorkflowsPlugin {
    async fn check(&self) -> Result<()> {
        let Time(late) = self.late;
        let before = self.clock.now().checked_sub(late).map(millis);
        let overdue = store::overdue(self.database.read(), before.unwrap_or_default()).await?;
        if let Some((name, id)) = overdue {
            bail!("the workflow {id} of `{name}` has not done a step for {late:?}");
        }
        Ok(())
    }

    /// Workflows are kept, and the service answers all the same.
    fn critical(&self) -> bool {
        false
    }
}

fn migrations() -> Migrator {
    embedded(&[
        (
            "workflows",
            include_str!("../../migrations/workflows/0001_workflows.sql"),
        ),
        (
            "retries",
            include_str!("../../migrations/workflows/0002_retries.sql"),
        ),
        (
            "time limits",
            include_str!("../../migrations/workflows/0003_time_limits.sql"),
        ),
    ])
}
