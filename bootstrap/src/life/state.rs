//! The shared cell behind every handle of one app.

use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::base::inside::{Inside, inside_of};
use crate::base::location::Location;
use crate::base::log::log;
use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::base::task::make_way_here;
use crate::life::restart::{RestartError, RestartRefusal, RestartRequest, Target};
use crate::life::status::{ShutdownReason, Status};
use crate::report::{CloseError, HookError, HookFailure, Report};

/// How an app ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct End {
    pub(crate) report: Report,
    pub(crate) close_error: Option<CloseError>,
}

/// Makes a report of what has happened so far.
pub(crate) type Reporter = Arc<dyn Fn() -> Report + Send + Sync>;

/// Reports an error that no hook returns.
pub(crate) type ErrorReporter = Arc<dyn Fn(PluginName, Location, anyhow::Error) + Send + Sync>;

/// One app's status, its stop request and its outcome.
pub(crate) struct Life {
    status: watch::Sender<Status>,
    stop: CancellationToken,
    /// When it was first asked to stop.
    stopped_at: OnceLock<Instant>,
    reason: OnceLock<ShutdownReason>,
    outcome: OnceLock<End>,
    reporter: OnceLock<Reporter>,
    error_reporter: OnceLock<ErrorReporter>,
    restarts: OnceLock<mpsc::UnboundedSender<RestartRequest>>,
}

impl Life {
    pub(crate) fn new() -> Self {
        Self {
            status: watch::Sender::new(Status::Configured),
            stop: CancellationToken::new(),
            stopped_at: OnceLock::new(),
            reason: OnceLock::new(),
            outcome: OnceLock::new(),
            reporter: OnceLock::new(),
            error_reporter: OnceLock::new(),
            restarts: OnceLock::new(),
        }
    }

    /// What tells this app from all others, as long as it lives.
    pub(crate) fn mark(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Whether a hook or a task of this app asks, so that a wait for the end would wait for
    /// itself.
    pub(crate) fn would_wait_for_itself(&self) -> bool {
        !self.status().is_final() && inside_of(self.mark()).is_some()
    }

    pub(crate) fn status(&self) -> Status {
        *self.status.borrow()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    pub(crate) fn set_status(&self, status: Status) {
        self.status.send_replace(status);
    }

    /// Goes from configured to booting, unless the app was closed before. From then on restarts
    /// wait for the end of the boot; they are received by the lifecycle of the app.
    pub(crate) fn begin_boot(&self) -> Option<mpsc::UnboundedReceiver<RestartRequest>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let _ = self.restarts.set(sender);
        self.leave_configured(Status::Booting).then_some(receiver)
    }

    /// Ends an app that never booted; does nothing to any other.
    pub(crate) fn end_unbooted(&self) {
        self.leave_configured(Status::Closed);
    }

    fn leave_configured(&self, next: Status) -> bool {
        self.status.send_if_modified(|status| {
            let leaves = *status == Status::Configured;
            if leaves {
                *status = next;
            }
            leaves
        })
    }

    /// Asks the app to stop. The first reason stays.
    pub(crate) fn request_stop(&self, reason: ShutdownReason) {
        let _ = self.reason.set(reason);
        let _ = self.stopped_at.set(Instant::now());
        self.stop.cancel();
        make_way_here();
    }

    pub(crate) fn stop_token(&self) -> &CancellationToken {
        &self.stop
    }

    /// When the app was first asked to stop.
    pub(crate) fn stopped_at(&self) -> Option<Instant> {
        self.stopped_at.get().copied()
    }

    /// Whether the app was asked to stop before that. At one instant, a failure counts as the first.
    pub(crate) fn was_stopping_before(&self, at: Instant) -> bool {
        self.stopped_at().is_some_and(|stopped| stopped < at)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    pub(crate) fn reason(&self) -> ShutdownReason {
        self.reason
            .get()
            .cloned()
            .unwrap_or(ShutdownReason::Requested)
    }

    /// From now on errors are reported to an app that boots.
    pub(crate) fn set_error_reporter(&self, reporter: ErrorReporter) {
        let _ = self.error_reporter.set(reporter);
    }

    /// Reports an error that no hook returns; before the boot it is only logged.
    pub(crate) fn report_error(&self, source: PluginName, at: Location, error: anyhow::Error) {
        if let Some(report) = self.error_reporter.get() {
            return report(source, at, error);
        }
        let error = HookError::new(source, at, Phase::Run, HookFailure::Reported(error));
        log(|| tracing::error!(target: "bootstrap", "{error}"));
    }

    pub(crate) async fn restart(&self, target: Target) -> Result<(), RestartError> {
        let (answer, answered) = oneshot::channel();
        let restarts = self.restarts.get().filter(|it| !it.is_closed());
        let asker = match inside_of(self.mark()) {
            Some(Inside::Hook(_) | Inside::Child(..)) if restarts.is_some() => {
                return Err(RestartRefusal::WaitsForItself.into());
            }
            Some(Inside::Task(_, node)) => Some(node),
            _ => None,
        };
        let request = RestartRequest {
            target,
            asker,
            answer,
        };
        let sent = restarts.filter(|restarts| restarts.send(request).is_ok());
        make_way_here();
        let answered = match sent {
            // A request that is sent while the receiver goes away may be neither answered nor
            // dropped.
            Some(restarts) => tokio::select! {
                biased;
                answered = answered => answered.ok(),
                () = restarts.closed() => None,
            },
            None => None,
        };
        answered.unwrap_or_else(|| Err(self.restarts_nothing()))
    }

    /// Why no restart is taken. An app that was asked to stop keeps its status until it closes.
    fn restarts_nothing(&self) -> RestartError {
        let status = self.status();
        if matches!(status, Status::Booting | Status::Ready) && self.is_stopping() {
            let reason = self.reason();
            return RestartRefusal::Stopping { reason }.into();
        }
        RestartRefusal::NotRunning { status }.into()
    }

    pub(crate) fn set_reporter(&self, reporter: Reporter) {
        let _ = self.reporter.set(reporter);
    }

    pub(crate) fn report(&self) -> Report {
        match (self.outcome.get(), self.reporter.get()) {
            (Some(outcome), _) => outcome.report.clone(),
            (None, Some(reporter)) => reporter(),
            (None, None) => Report::default(),
        }
    }

    /// Publishes the end. The outcome is there before the status says so.
    pub(crate) fn end(&self, status: Status, outcome: End) {
        let _ = self.outcome.set(outcome);
        self.set_status(status);
    }

    /// Waits for the end.
    pub(crate) async fn ended(&self) -> End {
        let mut status = self.status.subscribe();
        // The sender lives as long as `self`: waiting can't fail.
        let _ = status.wait_for(|status| status.is_final()).await;
        self.outcome.get().cloned().unwrap_or_default()
    }
}
