//! Why a boot failed, and what was done about it.

use std::error::Error;
use std::time::Duration;

use crate::base::diagnostic::{Code, Diagnose};
use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::boot::failure::{Failure, Why};
use crate::boot::undone::{Chain, NotStarted, Waits, closed, unresolved};
use crate::life::{End, ShutdownReason};
use crate::live::Nodes;
use crate::plan::PlanErrors;
use crate::report::{HookError, HookFailure, Report};

/// Why an app did not boot. Whatever had loaded has been closed again.
///
/// `Display` is one line: for a failed hook exactly `[plugin] Plugin load failed: cause`. `Debug`
/// and [`BootError::render`] are the whole diagnosis. The [`source`](Error::source) is the error
/// that the first failed hook returned, if it returned one, and can be downcast.
///
/// # Examples
///
/// ```
/// use bootstrap::App;
/// use bootstrap::error::BootErrorKind;
/// use bootstrap::plugin_fn;
/// use std::error::Error;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut app = App::new();
/// app.register(plugin_fn("cache", async |_| anyhow::bail!("connection refused")));
///
/// let error = app.boot().await.unwrap_err();
/// assert_eq!(error.to_string(), "[cache] Plugin load failed: connection refused");
/// assert_eq!(error.source().unwrap().to_string(), "connection refused");
/// assert!(matches!(error.kind(), BootErrorKind::Failed));
/// # }
/// ```
pub struct BootError(pub(super) Box<Diagnosis>);

pub(super) struct Diagnosis {
    kind: BootErrorKind,
    failures: Vec<HookError>,
    cancelled: Vec<PluginName>,
    /// The hook that the first of them was in.
    pub(super) cancelled_in: Option<Phase>,
    not_started: Vec<NotStarted>,
    /// The plugins that wait, and what each waits for.
    pub(super) chains: Vec<Chain>,
    /// What each plugin that had begun still waits for, by places in the report.
    pub(super) waits_for: Vec<Option<PluginName>>,
    closed: Vec<PluginName>,
    rollback: Vec<HookError>,
    report: Report,
    /// What a thread that was left behind does, if the app was not planned yet.
    pub(super) left_behind: Option<String>,
}

/// What kind of failure a [`BootError`] is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BootErrorKind {
    /// The app can't be planned; no hook has run.
    Plan(PlanErrors),
    /// A hook failed, panicked, or took longer than it may.
    Failed,
    /// The boot as a whole took longer than [`App::boot_timeout`](crate::App::boot_timeout) says.
    TimedOut {
        /// How long it might take.
        limit: Duration,
    },
    /// The app was asked to stop while it booted, or before. Hooks that failed after that are
    /// listed, and do not change the kind; a hook that had failed before makes it `Failed`.
    Interrupted {
        /// What asked for it.
        reason: ShutdownReason,
    },
    /// There is no tokio runtime around the call.
    NoRuntime,
    /// The tokio runtime around the call has no timers.
    NoTimers,
}

impl BootError {
    pub(crate) fn plan(errors: PlanErrors) -> Self {
        Self::without_hooks(BootErrorKind::Plan(errors))
    }

    pub(crate) fn no_runtime() -> Self {
        Self::without_hooks(BootErrorKind::NoRuntime)
    }

    pub(crate) fn no_timers() -> Self {
        Self::without_hooks(BootErrorKind::NoTimers)
    }

    /// The runtime was shut down in the middle, and nothing was left to roll back.
    pub(crate) fn runtime_shut_down(end: End) -> Self {
        let reason = ShutdownReason::RuntimeShutDown;
        let mut error = Self::unbooted(reason);
        let errors = end.close_error.iter().flat_map(|it| it.errors().to_vec());
        let is_of_boot = |it: &HookError| it.phase().is_of_boot();
        (error.0.failures, error.0.rollback) = errors.partition(is_of_boot);
        if !error.0.failures.is_empty() {
            error.0.kind = BootErrorKind::Failed;
        }
        error.0.report = end.report;
        error
    }

    /// The app was asked to stop before any hook had run.
    pub(crate) fn unbooted(reason: ShutdownReason) -> Self {
        Self::without_hooks(BootErrorKind::Interrupted { reason })
    }

    /// The boot ended before there was a plan; `does` is what a thread does that was left behind.
    pub(crate) fn unplanned(kind: BootErrorKind, does: Option<String>) -> Self {
        let mut error = Self::without_hooks(kind);
        error.0.left_behind = does;
        error
    }

    fn without_hooks(kind: BootErrorKind) -> Self {
        Self(Box::new(Diagnosis {
            kind,
            failures: Vec::new(),
            cancelled: Vec::new(),
            cancelled_in: None,
            not_started: Vec::new(),
            chains: Vec::new(),
            waits_for: Vec::new(),
            closed: Vec::new(),
            rollback: Vec::new(),
            report: Report::default(),
            left_behind: None,
        }))
    }

    /// The diagnosis of a failed boot after its rollback.
    pub(crate) fn new(
        failure: Failure,
        rollback: Vec<HookError>,
        report: Report,
        nodes: &Nodes,
    ) -> Self {
        let Failure { why, troubles } = failure;
        let errors = troubles.into_iter().map(|trouble| trouble.error);
        let (cancelled, failures): (Vec<_>, Vec<_>) =
            errors.partition(|error| matches!(error.failure(), HookFailure::Cancelled));
        let kind = match why {
            // The first cause decides: what failed later may have failed because of the stop.
            Why::Interrupted(reason) if failures.iter().all(HookError::is_late) => {
                BootErrorKind::Interrupted { reason }
            }
            // A hook that failed while the boot was being ended is the better explanation.
            _ if !failures.is_empty() => BootErrorKind::Failed,
            Why::Hooks => BootErrorKind::Failed,
            Why::TimeIsUp(limit) => BootErrorKind::TimedOut { limit },
            Why::Interrupted(reason) => BootErrorKind::Interrupted { reason },
        };
        let cancelled_in = cancelled.first().map(HookError::phase);
        let cancelled = cancelled.iter().map(|error| error.plugin().clone());
        let cancelled: Vec<PluginName> = cancelled.collect();
        let unresolved = unresolved(&failures, &cancelled);
        let waits = Waits::new(&report, &nodes.required_places(), &unresolved);
        Self(Box::new(Diagnosis {
            kind,
            not_started: waits.not_started(),
            chains: waits.chains(),
            waits_for: waits.of_begun(),
            failures,
            cancelled_in,
            cancelled,
            closed: closed(&report),
            rollback,
            report,
            left_behind: None,
        }))
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> &BootErrorKind {
        &self.0.kind
    }

    /// The hooks that went wrong: in the order in which they did, and in the order of the plan
    /// if at one instant.
    pub fn failures(&self) -> &[HookError] {
        &self.0.failures
    }

    /// The plugins whose hooks were under way, and were cancelled; `app` for a
    /// hook of the app itself.
    pub fn cancelled(&self) -> &[PluginName] {
        &self.0.cancelled
    }

    /// The plugins that were never started, in the order of the plan.
    pub fn not_started(&self) -> &[NotStarted] {
        &self.0.not_started
    }

    /// The plugins that had loaded and have been closed again, in the order in which they began
    /// to close.
    pub fn closed(&self) -> &[PluginName] {
        &self.0.closed
    }

    /// What went wrong while closing them.
    pub fn rollback_errors(&self) -> &[HookError] {
        &self.0.rollback
    }

    /// What every plugin did.
    pub fn report(&self) -> &Report {
        &self.0.report
    }

    /// Whether a hook was left behind that blocks its thread, which may never end.
    ///
    /// A tokio runtime waits for such a thread when it is dropped; end it with
    /// [`Runtime::shutdown_timeout`](tokio::runtime::Runtime::shutdown_timeout).
    pub fn is_abandoned(&self) -> bool {
        let mut errors = self.failures().iter().chain(self.rollback_errors());
        errors.any(HookError::is_abandoned)
    }

    /// The whole diagnosis, on several lines.
    pub fn render(&self) -> String {
        Diagnose::render(self)
    }

    /// The stable code of this kind of failure; of several mistakes in an app, of the first. A plugin
    /// that was refused when it joined has the code of the mistake.
    pub fn code(&self) -> Code {
        match self.kind() {
            BootErrorKind::Plan(errors) => errors.code(),
            BootErrorKind::Failed => match self.failures().first() {
                Some(error) if matches!(error.failure(), HookFailure::Refused(_)) => error.code(),
                _ => Code::HookFailed,
            },
            BootErrorKind::TimedOut { .. } => Code::BootTimedOut,
            BootErrorKind::Interrupted { .. } => Code::BootInterrupted,
            BootErrorKind::NoRuntime => Code::NoRuntime,
            BootErrorKind::NoTimers => Code::NoTimers,
        }
    }
}

impl Error for BootError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.kind() {
            BootErrorKind::Plan(errors) => errors.source(),
            _ => self.failures().first().and_then(Error::source),
        }
    }
}
