//! The error of a close.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::base::text;
use crate::report::error::{Deadline, HookError, HookFailure};
use crate::report::record::{Outcome, Report};

/// Closing went wrong somewhere; everything else has closed all the same.
///
/// Holds every error: of `run` tasks, of `drain` and of `close` hooks, in the order in which they
/// happened. `Display` is one line, `Debug` and [`CloseError::render`] the whole story.
#[derive(Clone)]
pub struct CloseError(Arc<CloseFailure>);

struct CloseFailure {
    errors: Vec<HookError>,
    report: Report,
    waits_for_itself: bool,
}

/// What is wrong if a hook or a task waits for the end of its own app.
pub(crate) const WAITS_FOR_ITSELF: &str =
    "a hook or a task waits for the app to have closed, and the app waits for that hook or task";

/// What kind of end an error is. What comes first here decides over what comes later, because it
/// may be why that went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EndedBy {
    /// A task, or a part of the app that did not load again: the app has ended because of it.
    Failure,
    /// Something that did not come to its end in time.
    Time,
    /// A hook that went wrong while the app closed.
    Hook,
}

impl EndedBy {
    pub(crate) fn of(error: &HookError) -> Self {
        let is_unfinished = matches!(
            error.failure(),
            HookFailure::TimedOut { .. }
                | HookFailure::Cancelled
                | HookFailure::OutOfTime
                | HookFailure::RuntimeShutDown
                | HookFailure::Abandoned { .. }
        );
        match error.phase() {
            // Of a restart, or of a boot that had been asked to stop.
            Phase::Load | Phase::Ready | Phase::OnReady if !error.is_late() => Self::Failure,
            Phase::Run if !is_unfinished => Self::Failure,
            _ if is_unfinished => Self::Time,
            _ => Self::Hook,
        }
    }
}

impl CloseError {
    pub(crate) fn new(errors: Vec<HookError>, report: Report) -> Self {
        Self(Arc::new(CloseFailure {
            errors,
            report,
            waits_for_itself: false,
        }))
    }

    /// Who asked would have to be waited for.
    pub(crate) fn waits_for_itself(report: Report) -> Self {
        Self(Arc::new(CloseFailure {
            errors: Vec::new(),
            report,
            waits_for_itself: true,
        }))
    }

    /// Whether the app has not closed yet: a hook or a task of it wanted to wait for the end, which
    /// would have waited for that very hook or task. The app was asked to stop all the same.
    pub fn is_wait_for_itself(&self) -> bool {
        self.0.waits_for_itself
    }

    /// Every hook that went wrong, in the order in which they ended. Empty only if
    /// [`CloseError::is_wait_for_itself`].
    pub fn errors(&self) -> &[HookError] {
        &self.0.errors
    }

    /// What every plugin did.
    pub fn report(&self) -> &Report {
        &self.0.report
    }

    /// Names of plugins with a hook that had to be left behind; its thread may never end.
    ///
    /// A tokio runtime waits for such a thread when it is dropped; end it with
    /// [`Runtime::shutdown_timeout`](tokio::runtime::Runtime::shutdown_timeout). `App::run` takes
    /// care of this itself.
    pub fn abandoned(&self) -> impl Iterator<Item = &PluginName> {
        self.errors()
            .iter()
            .filter(|error| error.is_abandoned())
            .map(HookError::plugin)
    }

    /// The whole diagnosis, on several lines.
    pub fn render(&self) -> String {
        format!("{self:?}")
    }

    /// The whole diagnosis, with the exit code that the process ends with.
    pub(crate) fn render_with(&self, exit_code: u8) -> String {
        fmt::from_fn(|f| self.write(f, Some(exit_code))).to_string()
    }

    /// The stable code of the error that counts most: of what ended the app over what did not end
    /// in time, and of that over hooks that went wrong.
    pub fn code(&self) -> &'static str {
        let Some(error) = self.worst() else {
            return "STOP007";
        };
        match (EndedBy::of(error), error.phase(), error.failure()) {
            (EndedBy::Failure, Phase::Run, _) => "STOP002",
            (EndedBy::Failure, _, _) => "RUN001",
            (EndedBy::Time, _, HookFailure::RuntimeShutDown) => "STOP005",
            (EndedBy::Time, _, _) => "STOP004",
            (EndedBy::Hook, _, _) => "STOP001",
        }
    }

    /// The first one of those that count most.
    fn worst(&self) -> Option<&HookError> {
        self.errors().iter().min_by_key(|error| EndedBy::of(error))
    }

    /// What to do about the worst of it.
    fn help(&self) -> String {
        let Some(error) = self.worst() else {
            return "the app was asked to stop: return from the hook, or wait elsewhere; \
                    `handle.shutdown()` asks without waiting"
                .into();
        };
        match error.failure() {
            HookFailure::RuntimeShutDown => {
                "call `close`, and wait for it, before the runtime is shut down".into()
            }
            HookFailure::Abandoned { .. } => text::HELP_WITH_BLOCKING.into(),
            HookFailure::OutOfTime
            | HookFailure::TimedOut {
                rest_of: Some(Deadline::Closing { .. }),
                ..
            } => "raise `App::shutdown_timeout`, or find out what took so long".into(),
            HookFailure::TimedOut { .. } => help_with_limit(error),
            _ if EndedBy::of(error) == EndedBy::Failure => {
                let words = "the app has stopped because of the first error above; everything else \
                             has closed";
                match error.help_by_cause() {
                    Some(help) => format!("{words}; {help}"),
                    None => words.into(),
                }
            }
            _ => {
                let fix = error.help_by_cause().unwrap_or("fix the first error above");
                format!("everything else has closed; {fix}")
            }
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, exit_code: Option<u8>) -> fmt::Result {
        write!(f, "error[{}]: ", self.code())?;
        let worst = self.worst();
        let is_worst = |it: &&HookError| worst.is_some_and(|worst| worst.is_same(it));
        let others = self.errors().iter().filter(|it| !is_worst(it));
        if self.is_wait_for_itself() {
            writeln!(f, "{self}")?;
        } else {
            HookError::write_all(worst.into_iter().chain(others), f)?;
            self.write_closed(f)?;
        }
        if let Some(code) = exit_code {
            writeln!(f, "  exit code: {code}")?;
        }
        write!(f, "  help: {}", self.help())
    }

    /// That nothing else was kept from closing.
    fn write_closed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugins = self.report().plugins.iter().rev();
        let closed = plugins.filter(|plugin| plugin.close.outcome == Outcome::Done);
        let names: Vec<&PluginName> = closed.map(|plugin| &plugin.name).collect();
        match names.as_slice() {
            [] => Ok(()),
            names => writeln!(f, "  closed all the same: {}", text::names(names)),
        }
    }
}

/// Which setting to change, for a hook that took too long.
fn help_with_limit(error: &HookError) -> String {
    match error.phase() {
        Phase::Run => "a task is told to stop by `cx.stopped()`: let it end then, or raise the \
                       `close_timeout` of its plugin, or `App::close_timeout`"
            .into(),
        Phase::Drain | Phase::Close => format!(
            "find out what `{}` waits for, or raise its `close_timeout`, or `App::close_timeout`",
            error.plugin()
        ),
        _ => "find out what the hook waits for, or raise `App::close_timeout`".into(),
    }
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.errors();
        match errors {
            [] => f.write_str(WAITS_FOR_ITSELF),
            [only] => only.fmt(f),
            [first, rest @ ..] => {
                write!(f, "{first} (and {} more)", text::count(rest.len(), "error"))
            }
        }
    }
}

impl fmt::Debug for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, None)
    }
}

impl Error for CloseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.errors()
            .first()
            .map(|error| error as &(dyn Error + 'static))
    }
}
