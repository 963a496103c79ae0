//! The error of a close.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::base::diagnostic::{Code, Diagnose, Diagnostic, diagnosed};
use crate::base::name::PluginName;
use crate::base::text;
use crate::report::error::HookError;
use crate::report::hook_words::EndedBy;
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

impl CloseError {
    pub(crate) fn new(errors: Vec<HookError>, report: Report) -> Self {
        Self(Arc::new(CloseFailure {
            errors,
            report,
            waits_for_itself: false,
        }))
    }

    /// The caller is a hook or a task that the close would wait for.
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
        Diagnose::render(self)
    }

    /// The whole diagnosis, with the exit code that the process ends with.
    pub(crate) fn render_with(&self, exit_code: u8) -> String {
        let told = self.diagnostic();
        told.note("exit code", exit_code.to_string()).to_string()
    }

    /// The stable code of the error that counts most: an error that ended the app comes before hooks
    /// that did not end in time, and those before hooks that failed.
    pub fn code(&self) -> Code {
        self.worst()
            .map_or(Code::WaitsForOwnEnd, HookError::code_of_close)
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
        if let Some(help) = error.own_help() {
            return help;
        }
        if EndedBy::of(error) == EndedBy::Failure {
            let words = "the app has stopped because of the first error above; everything else has \
                         closed";
            return match error.help_by_cause() {
                Some(help) => format!("{words}; {help}"),
                None => words.into(),
            };
        }
        format!("everything else has closed; {}", error.help())
    }

    /// The plugins that have closed, the last one first.
    fn closed(&self) -> Vec<&PluginName> {
        let plugins = self.report().plugins.iter().rev();
        let closed = plugins.filter(|plugin| plugin.close.outcome == Outcome::Done);
        closed.map(|plugin| &plugin.name).collect()
    }
}

diagnosed!(CloseError);

impl Diagnose for CloseError {
    fn diagnostic(&self) -> Diagnostic {
        let new = |title| Diagnostic::new(self.code(), title, self.help());
        let Some(worst) = self.worst() else {
            return new(self.to_string());
        };
        let others = self.errors().iter().filter(|it| !worst.is_same(it));
        let told = HookError::describe_all([worst].into_iter().chain(others), new);
        match self.closed().as_slice() {
            [] => told,
            names => told.note("closed all the same", text::names(names)),
        }
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

impl Error for CloseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.errors()
            .first()
            .map(|error| error as &(dyn Error + 'static))
    }
}
