//! The shared cell behind every handle of one app.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::base::name::PluginName;
use crate::base::task::make_way;
use crate::report::{CloseError, Report};

/// How far an app is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Status {
    /// It has not been booted.
    Configured,
    /// Plugins are loading, or their `ready` hooks run.
    Booting,
    /// Everything has loaded and is ready: the time to serve.
    Ready,
    /// Closing has begun; `drain` hooks run.
    Draining,
    /// `run` tasks end and `close` hooks run; also the rollback of a failed boot.
    Closing,
    /// It has closed. The end.
    Closed,
    /// The boot failed, and what had loaded has been closed. The end.
    Failed,
}

impl Status {
    /// Whether nothing will happen any more.
    pub fn is_final(self) -> bool {
        matches!(self, Status::Closed | Status::Failed)
    }
}

/// Why an app stops.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownReason {
    /// Somebody called [`Handle::shutdown`](crate::Handle::shutdown),
    /// [`Handle::close`](crate::Handle::close) or
    /// [`Running::close`](crate::Running::close).
    Requested,
    /// The operating system asked for it.
    Signal(Signal),
    /// A task failed or panicked: the `run` hook of this plugin, or `plugin/task`.
    TaskFailed(PluginName),
    /// A task ended whose end stops the app.
    TaskEnded(PluginName),
    /// The [`Running`](crate::Running) app, or the future of `boot`, was dropped.
    Dropped,
    /// The tokio runtime was shut down while the app lived.
    RuntimeShutDown,
}

impl fmt::Display for ShutdownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShutdownReason::Requested => f.write_str("shutdown was requested"),
            ShutdownReason::Signal(signal) => write!(f, "{signal} was received"),
            ShutdownReason::TaskFailed(plugin) => write!(f, "the task of `{plugin}` failed"),
            ShutdownReason::TaskEnded(plugin) => write!(f, "the task of `{plugin}` ended"),
            ShutdownReason::Dropped => f.write_str("the app was dropped"),
            ShutdownReason::RuntimeShutDown => f.write_str("the tokio runtime was shut down"),
        }
    }
}

/// A signal that asks a process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// SIGINT, mostly Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    /// The number of the signal, from which shells make the exit code `128 + number`.
    pub fn number(self) -> u8 {
        match self {
            Signal::Interrupt => 2,
            Signal::Terminate => 15,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
        })
    }
}

/// How an app ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct End {
    pub(crate) report: Report,
    pub(crate) close_error: Option<CloseError>,
}

/// Makes a report of what has happened so far.
pub(crate) type Reporter = Arc<dyn Fn() -> Report + Send + Sync>;

/// One app's status, its stop request and its outcome.
pub(crate) struct Life {
    status: watch::Sender<Status>,
    stop: CancellationToken,
    reason: OnceLock<ShutdownReason>,
    outcome: OnceLock<End>,
    reporter: OnceLock<Reporter>,
}

impl Life {
    pub(crate) fn new() -> Self {
        Self {
            status: watch::Sender::new(Status::Configured),
            stop: CancellationToken::new(),
            reason: OnceLock::new(),
            outcome: OnceLock::new(),
            reporter: OnceLock::new(),
        }
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

    /// Goes from configured to booting, unless somebody has closed the app before.
    pub(crate) fn begin_boot(&self) -> bool {
        self.leave_configured(Status::Booting)
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
        self.stop.cancel();
        if let Ok(runtime) = Handle::try_current() {
            make_way(&runtime);
        }
    }

    pub(crate) fn stop_token(&self) -> &CancellationToken {
        &self.stop
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
