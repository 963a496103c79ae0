//! Handlers: plugins that do jobs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use bootstrap::extend::async_trait;
use futures_util::future::BoxFuture;

use crate::jobs::context::JobContext;
use crate::jobs::error::JobFailure;
use crate::jobs::{Job, JobPolicy};

/// What a plugin with `#[job_handler(J)]` does with jobs of the type `J`.
///
/// It is a port as well: a plugin with a field `Port<dyn Handles<SendMail>>` can only boot in an app that has the handler.
///
/// A job runs at least once: a process may die after the work is done and before that is stored. Make the work repeatable, or write what it
/// does in one transaction.
///
/// Write `#[async_trait]` above the implementation, as the trait is a port. Without it the compiler reports E0195, that lifetime parameters do not match.
///
/// # Examples
///
/// ```standalone_crate
/// use bootstrap::extend::async_trait;
/// use bootstrap::prelude::*;
/// use bootstrap_services::database::DatabasePlugin;
/// use bootstrap_services::jobs::{Handles, Job, JobContext, Jobs, job_handler};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct SendMail {
///     to: String,
/// }
///
/// impl Job for SendMail {
///     const NAME: &'static str = "send-mail";
/// }
///
/// #[job_handler(SendMail)]
/// struct Mails {}
///
/// impl Hooks for Mails {}
///
/// #[async_trait]
/// impl Handles<SendMail> for Mails {
///     async fn handle(&self, job: SendMail, cx: &JobContext) -> Result<()> {
///         println!("attempt {}: sending a mail to {}", cx.attempt(), job.to);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::only(Mails::default()).with(DatabasePlugin::memory()).boot().await?;
/// let jobs = running.try_get::<State<Jobs>>()?;
/// let to = "ada@example.org".to_owned();
/// let id = jobs.enqueue(SendMail { to }).await?.into_id();
/// jobs.ended(&id).await?;
/// # drop(jobs);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "the plugin `{Self}` does not handle the job `{J}`",
    label = "`impl Handles<{J}> for {Self}` is missing",
    note = "help: write it with `#[async_trait]`, and `async fn handle(&self, job: {J}, cx: &JobContext) -> Result<()>`"
)]
#[async_trait]
pub trait Handles<J: Job>: HandlerOf<J> + Send + Sync + 'static {
    /// Does one job.
    ///
    /// # Errors
    ///
    /// An error counts as a failed attempt: the job is retried as its [policy](Job::policy) says, or as [`JobFailure`] does, and is a dead
    /// letter when no attempt is left. Each error reaches [`App::on_error`](bootstrap::App::on_error), as one of this plugin.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the timeout of the job has passed; and a second after [`JobContext::cancelled`] is ready: because
    /// the job was cancelled, because the app stops, or because another process has taken over the job.
    async fn handle(&self, job: J, cx: &JobContext) -> Result<()>;
}

/// The proof that a plugin is the handler of the jobs of the type `J`: `#[job_handler(J)]` implements it.
#[diagnostic::on_unimplemented(
    message = "the plugin `{Self}` is not the handler of the job `{J}`",
    label = "`{Self}` has no `#[job_handler({J})]`",
    note = "help: write `#[job_handler({J})]` above the struct, instead of `#[plugin(..)]`"
)]
pub trait HandlerOf<J: Job> {}

/// A plugin that handles a job, at its port. `#[job_handler(..)]` implements it.
pub trait JobHandler: Send + Sync {
    #[doc(hidden)]
    fn attach(self: Arc<Self>) -> Handler;
}

type Call = dyn Fn(u16, String, JobContext) -> BoxFuture<'static, Result<()>> + Send + Sync;

/// What a plugin handles, and how.
#[doc(hidden)]
#[derive(Clone)]
pub struct Handler {
    pub(crate) name: &'static str,
    pub(crate) version: u16,
    pub(crate) policy: JobPolicy,
    call: Arc<Call>,
    /// How many of its jobs run.
    pub(crate) running: Arc<AtomicUsize>,
}

/// A run, which counts until it is dropped.
pub(crate) struct Begun<'a>(&'a AtomicUsize);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Handler {
    #[doc(hidden)]
    pub fn of<J: Job, H: Handles<J>>(handler: Arc<H>) -> Self {
        let call =
            move |version, payload: String, cx: JobContext| -> BoxFuture<'static, Result<()>> {
                let handler = Arc::clone(&handler);
                Box::pin(async move {
                    let job = read::<J>(version, &payload)?;
                    drop(payload);
                    handler.handle(job, &cx).await
                })
            };
        Self::new(J::NAME, J::VERSION, J::policy(), call)
    }

    pub(crate) fn new(
        name: &'static str,
        version: u16,
        policy: JobPolicy,
        call: impl Fn(u16, String, JobContext) -> BoxFuture<'static, Result<()>> + Send + Sync + 'static,
    ) -> Self {
        let call = Arc::new(call);
        Self {
            name,
            version,
            policy,
            call,
            running: Arc::default(),
        }
    }

    pub(crate) fn begin(&self) -> Begun<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        Begun(&self.running)
    }

    pub(crate) fn call(
        &self,
        version: u16,
        payload: String,
        cx: JobContext,
    ) -> BoxFuture<'static, Result<()>> {
        (self.call)(version, payload, cx)
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Reads a stored payload. One that can't be read is not retried: it would not change.
fn read<J: Job>(version: u16, payload: &str) -> Result<J> {
    let job = if version == J::VERSION {
        serde_json::from_str(payload).map_err(anyhow::Error::from)
    } else {
        serde_json::from_str(payload)
            .map_err(anyhow::Error::from)
            .and_then(|old| J::upgrade(version, old))
            .and_then(|new| Ok(serde_json::from_value(new)?))
    };
    job.with_context(|| format!("the payload of version {version} can't be read"))
        .map_err(JobFailure::fatal)
}

/// The handlers of a process, by the names of their jobs.
pub(crate) type Handlers = BTreeMap<&'static str, Handler>;

/// The rule for the names of jobs and queues.
pub(crate) const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if !matches!(bytes[i], b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.') {
            return false;
        }
        i += 1;
    }
    1 <= i && i <= 100
}

/// Refuses the name of a job while it is compiled.
#[doc(hidden)]
pub const fn check_name(name: &str) {
    assert!(
        is_name(name),
        "the name of a job has 1 to 100 of `a-z`, `0-9`, `-` and `.`: correct its `NAME`"
    );
}
