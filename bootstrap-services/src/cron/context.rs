//! What a run knows.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use bootstrap::{Handle, Result};
use tokio_util::sync::CancellationToken;

use crate::cron::entry::Entry;

/// The work of a plugin that `#[cron]` declares.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::cron::{CronContext, CronTask, cron};
///
/// #[cron("0 3 * * *", zone = "Europe/Berlin")]
/// struct Nightly;
///
/// impl CronTask for Nightly {
///     async fn run(&self, cx: &CronContext) -> Result<()> {
///         println!("the occurrence of {:?}", cx.scheduled_at());
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the plugin `{Self}` has no cron task",
    label = "`impl CronTask for {Self}` is missing",
    note = "help: write `impl CronTask for {Self}` with `async fn run(&self, cx: &CronContext) -> Result<()>`"
)]
pub trait CronTask: Send + Sync + 'static {
    /// Does the work of one occurrence.
    ///
    /// # Errors
    ///
    /// An error, or a panic, is reported to `App::on_error` and counted. The schedule goes on.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped where it waits when the timeout of the schedule has passed, and when the app has no time
    /// left to stop; before that, [`CronContext::cancelled`] is ready.
    fn run(&self, cx: &CronContext) -> impl Future<Output = Result<()>> + Send;
}

/// What a run of a schedule knows.
#[derive(Clone)]
pub struct CronContext {
    pub(super) entry: Arc<Entry>,
    pub(super) scheduled_at: SystemTime,
    pub(super) app: Handle,
}

impl CronContext {
    /// The name of the schedule.
    pub fn name(&self) -> &str {
        self.entry.name()
    }

    /// The time of the occurrence: a whole second, and not the time at which the run began. Of a run that was
    /// triggered, the time of the call.
    pub fn scheduled_at(&self) -> SystemTime {
        self.scheduled_at
    }

    /// Waits until the run should end, because the app stops and has waited for most of the time that it has.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn cancelled(&self) {
        self.token().cancelled().await;
    }

    /// Whether the run should end.
    pub fn is_cancelled(&self) -> bool {
        self.token().is_cancelled()
    }

    /// Reports an error that does not end the run: it is logged and reaches `App::on_error`.
    pub fn report_error(&self, error: impl Into<anyhow::Error>) {
        self.app.report_error(self.entry.source.clone(), error);
    }

    fn token(&self) -> &CancellationToken {
        &self.entry.stops.cancelled
    }
}

impl fmt::Debug for CronContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CronContext")
            .field("name", &self.name())
            .field("scheduled_at", &self.scheduled_at)
            .finish_non_exhaustive()
    }
}
