//! Why a boot failed, and what was done about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::base::text;
use crate::boot::failure::{Failure, Why};
use crate::boot::undone::{NotStarted, closed, not_started};
use crate::life::{End, ShutdownReason};
use crate::plan::{Plan, PlanError, PlanErrors};
use crate::report::{Cause, Outcome, PluginError, Report};

/// Why an app did not boot. Whatever had loaded has been closed again.
///
/// `Display` is one line: for a failed hook exactly `[plugin] Plugin load failed: cause`. `Debug`
/// and [`BootError::render`] are the whole diagnosis. The [`source`](Error::source) is the error
/// that the first failed hook returned, if it returned one, and can be downcast.
///
/// # Examples
///
/// ```
/// use bootstrap::{App, BootErrorKind};
/// use std::error::Error;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut app = App::new();
/// app.register_fn("cache", async |_| anyhow::bail!("connection refused"));
///
/// let error = app.boot().await.unwrap_err();
/// assert_eq!(error.to_string(), "[cache] Plugin load failed: connection refused");
/// assert_eq!(error.source().unwrap().to_string(), "connection refused");
/// assert!(matches!(error.kind(), BootErrorKind::Failed));
/// # }
/// ```
pub struct BootError(Box<Diagnosis>);

struct Diagnosis {
    kind: BootErrorKind,
    failures: Vec<PluginError>,
    cancelled: Vec<PluginName>,
    /// The hook that the first of them was in.
    cancelled_in: Option<Phase>,
    not_started: Vec<NotStarted>,
    closed: Vec<PluginName>,
    rollback: Vec<PluginError>,
    report: Report,
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
    /// The app was asked to stop while it booted, or before.
    Interrupted {
        /// Who asked.
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

    /// The runtime went away in the middle, and nobody was left to roll back.
    pub(crate) fn runtime_shut_down(end: End) -> Self {
        let reason = ShutdownReason::RuntimeShutDown;
        let mut error = Self::unbooted(reason);
        let errors = end.close_error.iter().flat_map(|it| it.errors().to_vec());
        let is_of_boot = |it: &PluginError| it.phase().is_of_boot();
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

    fn without_hooks(kind: BootErrorKind) -> Self {
        Self(Box::new(Diagnosis {
            kind,
            failures: Vec::new(),
            cancelled: Vec::new(),
            cancelled_in: None,
            not_started: Vec::new(),
            closed: Vec::new(),
            rollback: Vec::new(),
            report: Report::default(),
        }))
    }

    /// The diagnosis of a failed boot after its rollback.
    pub(crate) fn new(
        failure: Failure,
        rollback: Vec<PluginError>,
        report: Report,
        plan: &Plan,
    ) -> Self {
        let Failure { why, troubles } = failure;
        let errors = troubles.into_iter().map(|trouble| trouble.error);
        let (cancelled, failures): (Vec<_>, Vec<_>) =
            errors.partition(|error| matches!(error.cause(), Cause::Cancelled));
        let kind = match why {
            // A hook that failed while the boot was being ended is the better explanation.
            _ if !failures.is_empty() => BootErrorKind::Failed,
            Why::Hooks => BootErrorKind::Failed,
            Why::TimeIsUp(limit) => BootErrorKind::TimedOut { limit },
            Why::Interrupted(reason) => BootErrorKind::Interrupted { reason },
        };
        Self(Box::new(Diagnosis {
            kind,
            failures,
            cancelled_in: cancelled.first().map(PluginError::phase),
            cancelled: cancelled
                .iter()
                .map(|error| error.plugin().clone())
                .collect(),
            not_started: not_started(&report, plan),
            closed: closed(&report),
            rollback,
            report,
        }))
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> &BootErrorKind {
        &self.0.kind
    }

    /// The hooks that went wrong: in the order in which they did, and in the order of the plan
    /// if at one instant.
    pub fn failures(&self) -> &[PluginError] {
        &self.0.failures
    }

    /// The plugins whose hooks were under way, and were cancelled; also a service, or `app` for a
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
    pub fn rollback_errors(&self) -> &[PluginError] {
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
        errors.any(PluginError::is_abandoned)
    }

    /// The whole diagnosis, on several lines.
    pub fn render(&self) -> String {
        format!("{self:?}")
    }

    /// The stable code of this kind of failure; of several mistakes in an app, of the first.
    pub fn code(&self) -> &'static str {
        match self.kind() {
            BootErrorKind::Plan(errors) => {
                errors.errors().first().map_or("BOOT001", PlanError::code)
            }
            BootErrorKind::Failed => "BOOT010",
            BootErrorKind::TimedOut { .. } => "BOOT011",
            BootErrorKind::Interrupted { .. } => "BOOT012",
            BootErrorKind::NoRuntime => "BOOT013",
            BootErrorKind::NoTimers => "BOOT014",
        }
    }

    fn write_story(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_timing(f)?;
        self.write_progress(f)?;
        write_names(f, "cancelled", self.cancelled().iter())?;
        for waiter in self.not_started().iter().take(SHOWN) {
            write!(f, "  not started: `{}`", waiter.plugin)?;
            match &waiter.because {
                Some(because) => writeln!(f, " <- `{because}`")?,
                None => writeln!(f)?,
            }
        }
        if let Some(more) = self.not_started().len().checked_sub(SHOWN + 1) {
            writeln!(
                f,
                "  and {} not started",
                text::count(more + 1, "other plugin")
            )?;
        }
        write_names(f, "closed again", self.closed().iter())?;
        for (number, error) in (1..).zip(self.rollback_errors()) {
            writeln!(f, "  while closing, {number}:")?;
            error.write(f, "    ")?;
        }
        Ok(())
    }

    /// Who was loading when the time was up, since when, and what led there.
    fn write_timing(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(self.kind(), BootErrorKind::TimedOut { .. }) {
            return Ok(());
        }
        for (place, plugin) in self.report().plugins.iter().enumerate() {
            if plugin.load.outcome != Outcome::Cancelled {
                continue;
            }
            let since = text::duration(plugin.load.took.unwrap_or_default());
            write!(f, "  loading: `{}` for {since}", plugin.name)?;
            match self.way_to(place) {
                way if way.is_empty() => writeln!(f)?,
                way => writeln!(f, ", after {}", way.join(" -> "))?,
            }
        }
        let plugins = self.report().plugins.iter();
        let loaded = plugins.filter(|plugin| plugin.load.outcome == Outcome::Done);
        let Some(slowest) = loaded.clone().max_by_key(|plugin| plugin.load.took) else {
            return Ok(());
        };
        let (name, took) = (&slowest.name, slowest.load.took.unwrap_or_default());
        let (count, took) = (text::count(loaded.count(), "plugin"), text::duration(took));
        writeln!(f, "  loaded: {count}, slowest `{name}` {took}")
    }

    /// What the hooks that did not come to their end said last.
    fn write_progress(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugins = self.report().plugins.iter();
        let cut = plugins.filter(|plugin| {
            let began = plugin.load.outcome != Outcome::NotStarted;
            began && plugin.load.outcome != Outcome::Done
        });
        for plugin in cut.take(SHOWN) {
            let ended = plugin.load.began.zip(plugin.load.took);
            if let (Some(progress), Some((began, took))) = (&plugin.progress, ended) {
                let ago = text::duration((began + took).saturating_sub(progress.at));
                let (name, words) = (&plugin.name, &progress.text);
                writeln!(
                    f,
                    "  last progress: `{name}`, {ago} before its end: {words}"
                )?;
            }
        }
        Ok(())
    }

    /// The chain of plugins that each released the next, up to the one at `place`.
    fn way_to(&self, place: usize) -> Vec<String> {
        let plugins = &self.report().plugins;
        let mut way = Vec::new();
        let mut at = plugins[place].load.released_by;
        while let Some(place) = at.filter(|_| way.len() < SHOWN) {
            way.push(format!("`{}`", plugins[place].name));
            at = plugins[place].load.released_by;
        }
        way.reverse();
        way
    }

    fn help(&self) -> String {
        match self.kind() {
            BootErrorKind::Plan(_) => "each of the mistakes above says what to do about it".into(),
            BootErrorKind::Failed => match self.failures().first().map(PluginError::cause) {
                Some(Cause::TimedOut { .. }) => {
                    "raise the `timeout` of the plugin, or `App::load_timeout`, or find out what \
                     it waits for"
                        .into()
                }
                Some(Cause::Abandoned { .. }) => {
                    "a hook that blocks can't be cancelled: move what blocks into \
                     `tokio::task::spawn_blocking`"
                        .into()
                }
                _ if self.closed().is_empty() => "fix the first error above".into(),
                _ => "everything that had loaded has been closed; fix the first error above".into(),
            },
            BootErrorKind::TimedOut { .. } => {
                "raise `boot_timeout`, or give the plugin that is loading a `timeout` of its own, \
                 so that it fails sooner"
                    .into()
            }
            BootErrorKind::Interrupted {
                reason: ShutdownReason::RuntimeShutDown,
            } => "keep the runtime until `boot` has returned: nothing can be closed without it"
                .into(),
            BootErrorKind::Interrupted { .. } => {
                "everything that had loaded has been closed; boot again".into()
            }
            BootErrorKind::NoRuntime => {
                "call `boot` inside `#[tokio::main]`, `#[tokio::test]` or `Runtime::block_on`"
                    .into()
            }
            BootErrorKind::NoTimers => {
                "call `enable_all` or `enable_time` on the builder of the runtime".into()
            }
        }
    }
}

/// How many plugins a list in a message shows.
const SHOWN: usize = 10;

fn write_names<'a>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    mut names: impl ExactSizeIterator<Item = &'a PluginName>,
) -> fmt::Result {
    if names.len() == 0 {
        return Ok(());
    }
    let shown: Vec<String> = names
        .by_ref()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    write!(f, "  {what}: {}", shown.join(", "))?;
    match names.len() {
        0 => writeln!(f),
        more => writeln!(f, " and {}", text::count(more, "other plugin")),
    }
}

fn still_running(f: &mut fmt::Formatter<'_>, limit: &str, hook: &str) -> fmt::Result {
    write!(
        f,
        "boot stopped after {limit}: an `{hook}` hook was still running"
    )
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            BootErrorKind::Plan(errors) => errors.fmt(f),
            BootErrorKind::Failed => match self.failures() {
                [] => f.write_str("boot failed"),
                [first, ..] => first.fmt(f),
            },
            BootErrorKind::TimedOut { limit } => {
                let limit = text::duration(*limit);
                let cancelled = text::count(self.cancelled().len(), "plugin");
                match self.0.cancelled_in {
                    Some(Phase::Ready) => {
                        write!(f, "boot stopped after {limit}: {cancelled} not ready")
                    }
                    Some(Phase::PreReady) => still_running(f, &limit, "on_pre_ready"),
                    Some(Phase::Service) => write!(
                        f,
                        "boot stopped after {limit}: the service `{}` was still starting",
                        self.cancelled()[0],
                    ),
                    Some(Phase::OnReady) => still_running(f, &limit, "on_ready"),
                    Some(Phase::Start) => still_running(f, &limit, "on_start"),
                    None if self.not_started().is_empty() => {
                        write!(f, "boot took longer than {limit}")
                    }
                    _ => write!(
                        f,
                        "boot stopped after {limit}: {cancelled} still loading, {} not started",
                        self.not_started().len(),
                    ),
                }
            }
            BootErrorKind::Interrupted { reason } => write!(f, "boot was interrupted: {reason}"),
            BootErrorKind::NoRuntime => {
                f.write_str("boot needs a tokio runtime, and there is none")
            }
            BootErrorKind::NoTimers => {
                f.write_str("boot needs a tokio runtime with timers, and this one has none")
            }
        }
    }
}

impl fmt::Debug for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let BootErrorKind::Plan(errors) = self.kind() {
            return fmt::Debug::fmt(errors, f);
        }
        write!(f, "error[{}]: ", self.code())?;
        match self.failures().split_first() {
            Some((first, others)) => {
                first.write(f, "")?;
                for other in others {
                    f.write_str("  also failed: ")?;
                    other.write(f, "")?;
                }
            }
            None => writeln!(f, "{self}")?,
        }
        self.write_story(f)?;
        write!(f, "  help: {}", self.help())
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
