//! Jobs: work that is kept until it is done.
//!
//! [`Jobs`] enqueues a [`Job`], also as part of a transaction. A plugin with [`#[job_handler(..)]`](macro@job_handler) does it: at once, later, or
//! again after a failure or the death of the process.

mod api;
#[cfg(feature = "testing")]
pub mod conformance;
mod context;
mod engine;
mod error;
mod handler;
mod job;
mod metrics;
mod plugin;
mod queue;
mod sqlite;
mod status;
#[cfg(feature = "testing")]
mod testing;
mod work;
mod worker;

/// Declares a plugin that does jobs of one type. Write [`impl Handles<J>`](Handles) for the struct as well, and `impl Hooks`, even if it is empty.
///
/// The fields are requirements and options, as with [`#[plugin]`](macro@bootstrap::plugin); so are all arguments after the type. The plugin has the name
/// of the job, unless it says otherwise, and provides `dyn Handles<J>`: a plugin with a field `Port<dyn Handles<J>>` can only boot where there is a handler. In a collected app, a handler brings
/// what runs it.
///
/// The attribute adds a field, so construct the plugin with `Mails::default()`.
///
/// See [`Handles`] for an example.
///
/// # Errors of the compiler
///
/// ```compile_fail,E0277
/// # use bootstrap::prelude::*;
/// # use bootstrap_services::jobs::{Job, job_handler};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct SendMail;
/// # impl Job for SendMail { const NAME: &'static str = "send-mail"; }
/// #[job_handler(SendMail)] // the plugin `Mails` does not handle the job `SendMail`
/// struct Mails {}
///
/// impl Hooks for Mails {}
/// ```
///
/// ```compile_fail,E0080
/// # use bootstrap::extend::async_trait;
/// # use bootstrap::prelude::*;
/// # use bootstrap_services::jobs::{Handles, Job, JobContext, job_handler};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct SendMail;
/// impl Job for SendMail {
///     const NAME: &'static str = "SendMail"; // the name of a job has 1 to 100 of `a-z`, `0-9`, `-` and `.`
/// }
///
/// #[job_handler(SendMail)]
/// struct Mails {}
/// # impl Hooks for Mails {}
/// # #[async_trait]
/// # impl Handles<SendMail> for Mails {
/// #     async fn handle(&self, _: SendMail, _: &JobContext) -> Result<()> { Ok(()) }
/// # }
/// # fn main() {}
/// ```
///
/// ```compile_fail,E0277
/// # use bootstrap::prelude::*;
/// # use bootstrap_services::jobs::job_handler;
/// # struct SendMail;
/// #[job_handler(SendMail)] // `SendMail` is not a job
/// struct Mails {}
///
/// # impl Hooks for Mails {}
/// ```
///
/// ```compile_fail,E0277
/// # use bootstrap::extend::async_trait;
/// # use bootstrap::prelude::*;
/// # use bootstrap_services::jobs::{Handles, Job, JobContext};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct SendMail;
/// # impl Job for SendMail { const NAME: &'static str = "send-mail"; }
/// #[plugin(name = "mails", ports = [dyn Handles<SendMail>])]
/// struct Mails;
///
/// #[async_trait]
/// impl Handles<SendMail> for Mails { // the plugin `Mails` is not the handler of the job `SendMail`
/// #     async fn handle(&self, _: SendMail, _: &JobContext) -> Result<()> { Ok(()) }
/// # }
/// # impl Hooks for Mails {
/// #     async fn load(&mut self, _: &mut LoadContext) -> Result<std::sync::Arc<dyn Handles<SendMail>>> { unreachable!() }
/// # }
/// ```
pub use bootstrap_services_macros::job_handler;

#[cfg(feature = "workflows")]
pub(crate) use api::LATEST;
pub use api::{Enqueue, Jobs};
pub use context::{JobContext, Notes};
pub use engine::{Enqueued, JobCount, JobEngine, JobFilter, JobId, JobInfo, JobState, NewJob};
#[cfg(feature = "workflows")]
pub(crate) use error::Again;
pub use error::{JobError, JobFailure};
#[doc(hidden)]
pub use handler::{Handler, check_name};
pub use handler::{HandlerOf, Handles, JobHandler};
pub use job::{Job, JobPolicy};
pub use plugin::JobsPlugin;
pub use queue::QueueLimits;
pub use sqlite::SqliteJobsPlugin;
pub use status::{JobWorker, QueueInfo};
#[cfg(feature = "testing")]
pub use testing::Drained;
pub use work::{Claimed, Known, Outcome, Work};
#[cfg(feature = "workflows")]
pub(crate) use work::{panicked, stored, traceparent};
#[doc(hidden)]
pub use worker::ByHand;
pub use worker::JobWorkerPlugin;
