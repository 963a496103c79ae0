//! What went wrong in a plugin, and the error of a close.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::base::panic::guard;
use crate::base::phase::Phase;
use crate::base::text;
use crate::report::record::{Outcome, Report};

/// One hook of one plugin that went wrong, or one of the app (called `app`), or a service.
///
/// `Display` is one line, plugin first: `[my-plugin] Plugin load failed: connection refused`. The
/// error that the hook returned is the [`source`](Error::source), and can be downcast.
///
/// Cheap to clone: the close outcome is shared by everybody who asks for it.
#[derive(Clone)]
pub struct PluginError(Arc<Inner>);

struct Inner {
    plugin: PluginName,
    declared: Location,
    phase: Phase,
    cause: Cause,
    words: Words,
}

/// What the error of a hook says. Asked for once, when it is caught: the user's `Display` may
/// panic, and whoever shows the error later must not.
struct Words {
    line: String,
    chain: Vec<String>,
}

impl Words {
    fn of(cause: &Cause) -> Self {
        let asked = guard(|| match cause {
            Cause::Error(error) => {
                let chain = chain(error);
                Self {
                    line: chain.join(": "),
                    chain,
                }
            }
            _ => Self {
                line: cause.to_string(),
                chain: Vec::new(),
            },
        });
        asked.unwrap_or_else(|message| Self {
            line: format!("an error whose message can't be shown: it panicked: {message}"),
            chain: Vec::new(),
        })
    }
}

/// The words of an error and of its causes. The error of another plugin says its cause itself.
fn chain(error: &anyhow::Error) -> Vec<String> {
    let mut words = Vec::new();
    for cause in error.chain() {
        words.push(cause.to_string());
        if cause.is::<PluginError>() {
            break;
        }
    }
    words
}

/// Why a hook counts as failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// It returned this error.
    Error(anyhow::Error),
    /// It panicked with this message.
    Panic(String),
    /// It was cancelled because it took longer than it may.
    TimedOut {
        /// How long it may take.
        limit: Duration,
    },
    /// It was cancelled because the boot failed elsewhere or was interrupted, or because the time
    /// for closing the app was up.
    Cancelled,
    /// It never began: the time for closing the app was up.
    OutOfTime,
    /// It returned without a state that its plugin provides.
    StateNotMade {
        /// The state.
        state: StateKey,
    },
    /// It returned a state that its plugin does not declare, or one twice.
    StateNotDeclared {
        /// The state.
        state: StateKey,
    },
    /// It was never called, or did not come to its end: the tokio runtime was shut down.
    RuntimeShutDown,
    /// Its time was up and it blocked its thread, so that it could not be cancelled; it was left
    /// behind.
    Abandoned {
        /// How long it was waited for, in all.
        after: Duration,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Error(error) => write!(f, "{error:#}"),
            Cause::Panic(message) => write!(f, "panicked: {message}"),
            Cause::TimedOut { limit } => {
                write!(f, "timed out after {}", text::duration(*limit))
            }
            Cause::Cancelled => f.write_str("cancelled"),
            Cause::OutOfTime => f.write_str("not begun: the time for closing was up"),
            Cause::RuntimeShutDown => f.write_str("the tokio runtime was shut down before it"),
            Cause::StateNotMade { state } => write!(
                f,
                "it returned without the state `{state}`, which its descriptor provides"
            ),
            Cause::StateNotDeclared { state } => write!(
                f,
                "it returned the state `{state}`, which its descriptor does not provide, or twice"
            ),
            Cause::Abandoned { after } => write!(
                f,
                "blocked its thread for {} and was abandoned",
                text::duration(*after)
            ),
        }
    }
}

impl Cause {
    /// How the step stands in the report.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Cause::Error(_) | Cause::StateNotMade { .. } | Cause::StateNotDeclared { .. } => {
                Outcome::Failed
            }
            Cause::Panic(_) => Outcome::Panicked,
            Cause::TimedOut { .. } => Outcome::TimedOut,
            Cause::Cancelled | Cause::RuntimeShutDown => Outcome::Cancelled,
            Cause::OutOfTime => Outcome::NotStarted,
            Cause::Abandoned { .. } => Outcome::Abandoned,
        }
    }
}

impl PluginError {
    pub(crate) fn new(plugin: PluginName, declared: Location, phase: Phase, cause: Cause) -> Self {
        Self(Arc::new(Inner {
            plugin,
            declared,
            phase,
            words: Words::of(&cause),
            cause,
        }))
    }

    /// The plugin, or the service; `app` for a hook of the app itself.
    pub fn plugin(&self) -> &PluginName {
        &self.0.plugin
    }

    /// The hook.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// What happened in it.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// Where the plugin is declared; of a hook that is a closure and of a service, where that was
    /// added.
    pub fn declared(&self) -> Location {
        self.0.declared
    }

    /// The error that the hook returned, if it returned one.
    pub fn error(&self) -> Option<&anyhow::Error> {
        match &self.0.cause {
            Cause::Error(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the hook was left behind: its thread may never end.
    pub(crate) fn is_abandoned(&self) -> bool {
        matches!(self.0.cause, Cause::Abandoned { .. })
    }

    /// The error of another plugin that this one was handed, and returned as its own.
    fn handed_on(&self) -> Option<&PluginError> {
        self.error()?.chain().find_map(|cause| cause.downcast_ref())
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Several of them, in their order. Of one that only hands on what is there already no more is
    /// said than that, and behind what words.
    pub(crate) fn write_all<'a>(
        all: impl Iterator<Item = &'a PluginError>,
        out: &mut impl fmt::Write,
    ) -> fmt::Result {
        let mut told: Vec<&PluginError> = Vec::new();
        let mut handed_on = Vec::new();
        for error in all {
            let is_told = |it: &PluginError| told.iter().any(|told| told.is_same(it));
            if error.handed_on().is_some_and(is_told) {
                let (plugin, words) = (error.plugin(), &error.0.words.chain);
                handed_on.push(match words.split_last() {
                    Some((_, own)) if !own.is_empty() => format!("`{plugin}` ({})", own.join(": ")),
                    _ => format!("`{plugin}`"),
                });
            } else {
                if !told.is_empty() {
                    out.write_str("  also failed: ")?;
                }
                error.write(out, "")?;
            }
            told.push(error);
        }
        if !handed_on.is_empty() {
            writeln!(out, "  handed on by: {}", handed_on.join(", "))?;
        }
        Ok(())
    }

    /// The whole story: the line, the chain of causes, the place of the declaration.
    pub(crate) fn write(&self, out: &mut impl fmt::Write, indent: &str) -> fmt::Result {
        let Inner {
            plugin,
            declared,
            phase,
            words,
            ..
        } = &*self.0;
        match words.chain.split_first() {
            Some((error, sources)) => {
                writeln!(out, "{indent}[{plugin}] {} failed: {error}", phase.step())?;
                for source in sources {
                    writeln!(out, "{indent}  caused by: {source}")?;
                }
            }
            None => writeln!(out, "{indent}{self}")?,
        }
        writeln!(out, "{indent}  --> {declared}")
    }
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            plugin,
            phase,
            words,
            ..
        } = &*self.0;
        write!(f, "[{plugin}] {} failed: {}", phase.step(), words.line)
    }
}

impl fmt::Debug for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}

impl Error for PluginError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error().map(|error| &**error as &(dyn Error + 'static))
    }
}

/// Closing went wrong somewhere; everything else has closed all the same.
///
/// Holds every error: of `run` tasks, of `drain` and of `close` hooks, in the order in which they
/// happened. `Display` is one line, `Debug` and [`CloseError::render`] the whole story.
#[derive(Clone)]
pub struct CloseError(Arc<CloseFailure>);

struct CloseFailure {
    errors: Vec<PluginError>,
    report: Report,
}

impl CloseError {
    pub(crate) fn new(errors: Vec<PluginError>, report: Report) -> Self {
        Self(Arc::new(CloseFailure { errors, report }))
    }

    /// Every hook that went wrong, in the order in which they ended. Never empty.
    pub fn errors(&self) -> &[PluginError] {
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
            .map(PluginError::plugin)
    }

    /// The whole diagnosis, on several lines.
    pub fn render(&self) -> String {
        format!("{self:?}")
    }
}

impl CloseError {
    /// What to do about the worst of it.
    fn help(&self) -> &'static str {
        let is = |wanted: fn(&Cause) -> bool| self.errors().iter().any(|it| wanted(it.cause()));
        if is(|cause| matches!(cause, Cause::RuntimeShutDown)) {
            "call `close`, and wait for it, before the runtime is shut down"
        } else if is(|cause| matches!(cause, Cause::Abandoned { .. })) {
            "a hook that blocks can't be cancelled: move what blocks into \
             `tokio::task::spawn_blocking`"
        } else if is(|cause| matches!(cause, Cause::OutOfTime)) {
            "raise `App::close_timeout`, or find out what took so long"
        } else if is(|cause| matches!(cause, Cause::TimedOut { .. })) {
            "find out what the hook waits for, or raise the `close_timeout` of its plugin or \
             `App::hook_timeout`"
        } else {
            "everything else has closed; look at the hooks above, first at the first one"
        }
    }
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.errors();
        match errors {
            [] => f.write_str("closing failed"),
            [only] => only.fmt(f),
            [first, rest @ ..] => {
                write!(f, "{first} (and {} more)", text::count(rest.len(), "error"))
            }
        }
    }
}

impl fmt::Debug for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "error[STOP001]: the app has closed with {}",
            text::count(self.errors().len(), "error")
        )?;
        for error in self.errors() {
            error.write(f, "  ")?;
        }
        write!(f, "  help: {}", self.help())
    }
}

impl Error for CloseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.errors()
            .first()
            .map(|error| error as &(dyn Error + 'static))
    }
}
