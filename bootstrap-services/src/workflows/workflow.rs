//! What a workflow is, and what runs it.

use std::borrow::Cow;
use std::time::Duration;

use anyhow::{Result, bail};
use bootstrap::extend::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::jobs::JobPolicy;
use crate::workflows::Flow;

/// Work of several steps, each of which is done once, also if the process dies between them. Its type is the input, which is stored as JSON.
///
/// A plugin with [`#[workflow]`](macro@crate::workflows::workflow) runs it, and [`Workflows::start`](crate::workflows::Workflows::start) starts it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap_services::workflows::{Workflow, WorkflowPolicy};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct PlaceOrder {
///     article: String,
/// }
///
/// impl Workflow for PlaceOrder {
///     const NAME: &'static str = "place-order";
///     type Output = u64;
///
///     fn policy() -> WorkflowPolicy {
///         WorkflowPolicy::new().timeout(Duration::from_hours(7 * 24))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a workflow",
    label = "`impl Workflow for {Self}` is missing",
    note = "help: derive `Serialize` and `Deserialize`, and write `impl Workflow for {Self} {{ const NAME: &'static str = \"..\"; type Output = (); }}`"
)]
pub trait Workflow: Serialize + DeserializeOwned + Send + 'static {
    /// The name under which workflows are stored, which stays if the type is renamed: 1 to 100 of `a-z`, `0-9`, `-` and `.`. It is also
    /// the name of the plugin that runs it and of the jobs by which it goes on, so no job has the same name.
    const NAME: &'static str;

    /// The version of the input. Give it the next number when stored inputs can't be read by the new type, and write
    /// [`upgrade`](Self::upgrade). A process leaves workflows of later versions than its own to newer processes.
    const VERSION: u16 = 1;

    /// The result, which is stored as JSON of at most 1 MiB.
    type Output: Serialize + DeserializeOwned + Send + 'static;

    /// Turns an input of an older version into one of this version.
    ///
    /// # Errors
    ///
    /// An input that can't be upgraded: the workflow fails with this error. By default that is so for each older input.
    fn upgrade(from: u16, _old: Value) -> Result<Value> {
        let (name, version) = (Self::NAME, Self::VERSION);
        bail!(
            "the input has version {from}, and `{name}` version {version} does not upgrade it: write `Workflow::upgrade`"
        )
    }

    /// How the workflow is run.
    fn policy() -> WorkflowPolicy {
        WorkflowPolicy::new()
    }
}

/// How a workflow is run, and how those of its steps are retried that do not set it themselves.
///
/// The time limit of the whole workflow is stored when it is started; everything else is that of the process that runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowPolicy {
    pub(crate) queue: Cow<'static, str>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) step: StepPolicy,
}

/// How a step is retried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StepPolicy {
    pub(crate) attempts: u32,
    pub(crate) timeout: Duration,
    pub(crate) backoff: (Duration, Duration),
}

impl StepPolicy {
    /// How long a step waits after `failures` failures; half of it is random.
    pub(crate) fn backoff_after(&self, failures: u32) -> Duration {
        let (first, longest) = self.backoff;
        let policy = JobPolicy::new().backoff(first, longest);
        policy.backoff_after(failures, crate::random::fraction())
    }
}

impl WorkflowPolicy {
    /// The queue `default`, no time limit; for each step 5 attempts, a timeout of 5 minutes, and a backoff from 1 second to 1 hour.
    pub const fn new() -> Self {
        Self {
            queue: Cow::Borrowed("default"),
            timeout: None,
            step: StepPolicy {
                attempts: 5,
                timeout: Duration::from_mins(5),
                backoff: (Duration::from_secs(1), Duration::from_hours(1)),
            },
        }
    }

    /// The queue of the jobs by which the workflow goes on: see [`JobPolicy::queue`].
    #[must_use]
    pub fn queue(mut self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.queue = queue.into();
        self
    }

    /// How long the whole workflow may take, waits included. Then a step that runs ends, what was done is undone, and the workflow has timed out.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many times a step is attempted, at least 1.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.step.attempts = attempts;
        self
    }

    /// How long an attempt of a step may take.
    #[must_use]
    pub const fn step_timeout(mut self, timeout: Duration) -> Self {
        self.step.timeout = timeout;
        self
    }

    /// How long a step waits after its first failure, and how long at most. Each further failure doubles the time; half of it is random.
    #[must_use]
    pub const fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.step.backoff = (first, longest);
        self
    }
}

impl Default for WorkflowPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// The proof that a plugin runs the workflows of the type `W`: `#[workflow(W)]` implements it.
#[diagnostic::on_unimplemented(
    message = "the plugin `{Self}` does not run the workflow `{W}`: it has no attribute for it",
    label = "`{Self}` has no `#[workflow({W})]`",
    note = "help: write `#[workflow({W})]` above the struct, instead of `#[plugin(..)]`"
)]
pub trait RunnerOf<W: Workflow> {}

/// What a plugin with `#[workflow(W)]` does with workflows of the type `W`.
///
/// It is a port as well: a plugin with a field `Port<dyn Runs<PlaceOrder>>` can only boot in an app that has what runs it.
///
/// # Examples
///
/// ```standalone_crate
/// use bootstrap::extend::async_trait;
/// use bootstrap::prelude::*;
/// use bootstrap_services::database::DatabasePlugin;
/// use bootstrap_services::workflows::{Flow, Runs, Workflow, Workflows, workflow};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct PlaceOrder {
///     article: String,
/// }
///
/// impl Workflow for PlaceOrder {
///     const NAME: &'static str = "place-order";
///     type Output = String;
/// }
///
/// #[workflow(PlaceOrder)]
/// struct Orders {}
///
/// impl Hooks for Orders {}
///
/// #[async_trait]
/// impl Runs<PlaceOrder> for Orders {
///     async fn run(&self, order: PlaceOrder, cx: &Flow) -> Result<String> {
///         let price = cx.step("price", || async { Ok(order.article.len()) }).await?;
///         let receipt = cx.step("charge", || async { Ok(format!("charged {price}")) });
///         receipt.undo(|receipt| async move { Ok(println!("refunding: {receipt}")) }).await
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::only(Orders::default());
/// let running = app.with(DatabasePlugin::memory()).boot().await?;
/// let workflows = running.try_get::<State<Workflows>>()?;
/// let article = "tea".to_owned();
/// let id = workflows.start(PlaceOrder { article }).id("order-7").await?.into_id();
/// workflows.ended(&id).await?;
/// assert_eq!(workflows.result::<PlaceOrder>(&id).await?.as_deref(), Some("charged 3"));
/// # drop(workflows);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "the plugin `{Self}` does not run the workflow `{W}`",
    label = "`impl Runs<{W}> for {Self}` is missing",
    note = "help: write it with `#[async_trait]`, and `async fn run(&self, input: {W}, cx: &Flow) -> Result<..>`"
)]
#[async_trait]
pub trait Runs<W: Workflow>: RunnerOf<W> + Send + Sync + 'static {
    /// Runs a workflow. It is called again when the workflow goes on after a wait, a failure or the death of a process: steps that are done
    /// return what they returned then. So everything that has an effect, and everything that may differ the next time, belongs in a step.
    ///
    /// # Errors
    ///
    /// An error fails the workflow: what it has done is undone. It reaches [`App::on_error`](bootstrap::App::on_error), as one of this plugin.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when only waits are left, when a workflow that was cancelled or is late has no step that runs, and when the app stops.
    async fn run(&self, input: W, cx: &Flow) -> Result<W::Output>;
}
