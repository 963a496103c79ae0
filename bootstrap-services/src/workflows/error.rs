//! What can go wrong with workflows.

/// An error of [`Workflows`](crate::workflows::Workflows) or of a [`Flow`](crate::workflows::Flow).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// A step has failed, and no attempt is left. The same error is returned each time that the workflow goes on.
    #[error("the step `{step}` failed: {error}")]
    StepFailed {
        /// The name of the step.
        step: String,
        /// Why the last attempt failed, with all causes; at most 8 KiB.
        error: String,
    },
    /// The code of a workflow has changed since this one began, so its journal does not fit.
    #[error(
        "the workflow `{workflow}` has changed since `{id}` began: it reaches {reached}, where its journal has the step `{recorded}`: \
         keep the order of the steps, or ask `cx.version(..)` which branch to take, and then call `Workflows::retry`"
    )]
    Changed {
        /// The name of the workflow.
        workflow: &'static str,
        /// The id of the one that can't go on.
        id: String,
        /// What the code reaches.
        reached: String,
        /// The step that the journal has there.
        recorded: String,
    },
    /// Two steps of a workflow have one name.
    #[error(
        "the workflow `{workflow}` has two steps with the name `{step}`: give each a name of its own, in a loop with a number"
    )]
    NameTwice {
        /// The name of the workflow.
        workflow: &'static str,
        /// The name of the steps.
        step: String,
    },
    /// The name of a step or of a signal is empty or too long.
    #[error(
        "a step or signal of the workflow `{workflow}` has a name of {bytes} bytes: use 1 to 200"
    )]
    InvalidName {
        /// The name of the workflow.
        workflow: String,
        /// The length of the name in bytes.
        bytes: usize,
    },
    /// A workflow has more than 10,000 steps.
    #[error(
        "the workflow `{workflow}` has more than 10000 steps: let it start other workflows for parts of its work"
    )]
    TooManySteps {
        /// The name of the workflow.
        workflow: &'static str,
    },
    /// An input, a result or the value of a signal can't be written as JSON.
    #[error("{what} can't be written as JSON: correct its `Serialize`")]
    Unserializable {
        /// What it is.
        what: String,
        /// The error of `serde_json`.
        source: serde_json::Error,
    },
    /// An input, a result or the value of a signal is larger than 1 MiB.
    #[error("{what} has {bytes} bytes: keep at most 1 MiB in it, and large data elsewhere")]
    TooLarge {
        /// What it is.
        what: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// A stored value is not of the type that it is read as.
    #[error("{what} is not of this type: read it as the type that was stored")]
    Unreadable {
        /// What it is.
        what: String,
        /// The error of `serde_json`.
        source: serde_json::Error,
    },
    /// The chosen id is that of a workflow with another name.
    #[error(
        "the id `{id}` is that of a workflow `{other}`, so no `{name}` can be started with it: choose another id"
    )]
    IdTaken {
        /// The id.
        id: String,
        /// The workflow that was to be started.
        name: &'static str,
        /// The workflow that has the id.
        other: String,
    },
    /// An id is empty or too long.
    #[error("the id of a workflow has {bytes} bytes: use 1 to 200")]
    InvalidId {
        /// Its length in bytes.
        bytes: usize,
    },
    /// A workflow has 1,000 signals that it has not waited for.
    #[error(
        "the workflow `{id}` has 1000 signals that it has not waited for: wait for them, or send fewer"
    )]
    TooManySignals {
        /// The id of the workflow.
        id: String,
    },
    /// The database failed, or the engine of the jobs.
    #[error("can't {doing}: check the database and the engine of the jobs")]
    Engine {
        /// What was attempted.
        doing: String,
        /// The error.
        source: anyhow::Error,
    },
}
