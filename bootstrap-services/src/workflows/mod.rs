//! Workflows: work of several steps that survives the death of the process.
//!
//! [`Workflows`] starts a [`Workflow`], also as part of a transaction. A plugin with [`#[workflow(..)]`](macro@workflow) runs it: each step is done once,
//! and undone if a later one fails.

mod api;
mod define;
mod driver;
mod engine;
mod error;
mod flow;
mod info;
mod journal;
mod metrics;
mod pass;
mod plugin;
mod step;
mod store;
#[cfg(feature = "testing")]
mod testing;
mod wait;
mod workflow;

/// Declares a plugin that runs workflows of one type. Write [`impl Runs<W>`](Runs) for the struct as well, and `impl Hooks`, even if it is empty.
///
/// The fields are requirements and options, as with [`#[plugin]`](macro@bootstrap::plugin); so are all arguments after the type. The plugin has the name
/// of the workflow, unless `name = ..` is given, and provides `dyn Runs<W>`: a plugin with a field `Port<dyn Runs<PlaceOrder>>` can only boot where the workflow is run. In a collected app, it
/// brings what runs it.
///
/// The attribute adds fields, so construct the plugin with `Orders::default()`.
///
/// See [`Runs`] for an example.
///
/// # Errors of the compiler
///
/// ```compile_fail,E0277
/// # use bootstrap::prelude::*;
/// # use bootstrap_services::workflows::{Workflow, workflow};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct PlaceOrder;
/// # impl Workflow for PlaceOrder { const NAME: &'static str = "place-order"; type Output = (); }
/// #[workflow(PlaceOrder)] // the plugin `Orders` does not run the workflow `PlaceOrder`
/// struct Orders {}
///
/// impl Hooks for Orders {}
/// ```
pub use bootstrap_services_macros::workflow;

pub use api::{Start, Workflows};
pub use define::Definition;
#[doc(hidden)]
pub use driver::handler;
pub use error::FlowError;
pub use flow::Flow;
pub use info::{FlowFilter, FlowId, FlowInfo, FlowState, Started, StepInfo, StepKind, StepState};
pub use plugin::WorkflowsPlugin;
pub use step::Step;
pub use wait::{Signal, SignalWithin};
pub use workflow::{RunnerOf, Runs, Workflow, WorkflowPolicy};
