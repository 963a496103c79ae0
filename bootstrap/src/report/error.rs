//! What went wrong in a plugin, and the error of a close.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::base::diagnostic::{Diagnose, Diagnostic};
use crate::base::io_help::help_with_io;
use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::base::panic::guard;
use crate::base::phase::Phase;
use crate::base::text;
use crate::report::lookup_error::{LookupError, SetError};
use crate::report::mistake::{Found, Mistake};
use crate::report::record::Outcome;
#[cfg(feature = "config")]
use crate::values::ConfigFault;

/// One hook of one plugin that went wrong, or one of the app (called `app`).
///
/// `Display` is one line, plugin first: `[my-plugin] Plugin load failed: connection refused`. The
/// error that the hook returned is the [`source`](Error::source), and can be downcast.
///
/// Cheap to clone: all callers that wait for a close share its outcome.
#[derive(Clone)]
pub struct HookError(Arc<Inner>);

struct Inner {
    plugin: PluginName,
    declared: Location,
    phase: Phase,
    failure: HookFailure,
    words: Words,
    /// Whether the app was asked to stop before.
    is_late: bool,
}

/// What the error of a hook says. It is read once, when the error is caught, because the user's
/// `Display` may panic.
pub(super) struct Words {
    pub(super) line: String,
    pub(super) chain: Vec<String>,
    /// What else is known of a fault in the configuration, with what to do about it.
    pub(super) more: Vec<Diagnostic>,
}

impl Words {
    fn of(failure: &HookFailure, plugin: &PluginName) -> Self {
        let asked = guard(|| match failure {
            HookFailure::Error(error) | HookFailure::Reported(error) => {
                let (mut chain, more) = (chain(error), more(error));
                if let (Some(first), false) = (chain.first_mut(), more.is_empty()) {
                    *first = without_subject(first, plugin);
                }
                Self {
                    line: chain.join(": "),
                    chain,
                    more,
                }
            }
            _ => Self {
                line: without_subject(&failure.to_string(), plugin),
                chain: Vec::new(),
                more: Vec::new(),
            },
        });
        asked.unwrap_or_else(|message| Self {
            line: format!("an error whose message can't be shown: it panicked: {message}"),
            chain: Vec::new(),
            more: Vec::new(),
        })
    }
}

/// The text of an error of this crate without its subject, where the plugin is named already.
fn without_subject(text: &str, plugin: &PluginName) -> String {
    let rest = text.strip_prefix(&format!("plugin `{plugin}` "));
    rest.unwrap_or(text).to_owned()
}

/// The words of an error and of its causes. The error of another plugin says its cause itself, and
/// many errors end with the text of their source.
pub(crate) fn chain(error: &anyhow::Error) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string().trim_end().to_owned();
        let is_of_hook = cause.is::<HookError>();
        let is_said = words.last().is_some_and(|before| before.ends_with(&text));
        if is_of_hook || !is_said {
            words.push(text);
        }
        if is_of_hook {
            break;
        }
    }
    words
}

/// What errors of this crate in a chain know besides their words, as where and what to do.
fn more(error: &anyhow::Error) -> Vec<Diagnostic> {
    let own = error.chain().take_while(|cause| !cause.is::<HookError>());
    own.filter_map(described).collect()
}

fn described(cause: &(dyn Error + 'static)) -> Option<Diagnostic> {
    #[cfg(feature = "config")]
    if let Some(fault) = cause.downcast_ref::<ConfigFault>() {
        return Some(fault.diagnostic());
    }
    if let Some(set) = cause.downcast_ref::<SetError>() {
        // One that could not read is followed by the reason.
        let is_last = set.source().is_none();
        return is_last.then(|| set.diagnostic());
    }
    let read = cause.downcast_ref::<LookupError>();
    read.map(LookupError::diagnostic)
}

/// Why a hook counts as failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum HookFailure {
    /// It returned this error.
    Error(anyhow::Error),
    /// It reported this error and went on: [`Handle::report_error`](crate::Handle::report_error).
    Reported(anyhow::Error),
    /// The plugin can't be part of the app as it is, which was found while the app booted.
    Refused(Box<Mistake>),
    /// It panicked with this message.
    Panic(String),
    /// It was cancelled because it took longer than it may.
    #[non_exhaustive]
    TimedOut {
        /// How long it might take.
        limit: Duration,
        /// What that was the rest of, if its own time was not up.
        rest_of: Option<Deadline>,
    },
    /// It was cancelled because the boot failed elsewhere or was interrupted, or because the time
    /// for closing the app was up.
    Cancelled,
    /// It never began: the time for closing the app was up.
    OutOfTime,
    /// It was never called, or did not come to its end: the tokio runtime was shut down.
    RuntimeShutDown,
    /// Its time was up and it blocked its thread, so that it could not be cancelled; it was left
    /// behind.
    Abandoned {
        /// How long it was waited for, in all.
        after: Duration,
    },
}

/// A time that a hook shares with others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deadline {
    /// That of the plugin which brought it into the app, for its `load`.
    #[non_exhaustive]
    Parent {
        /// The plugin.
        plugin: PluginName,
        /// How long its `load` may take.
        limit: Duration,
    },
    /// That of a scope, for all of its loads; see [`Scope::timeout`](crate::Scope::timeout).
    #[non_exhaustive]
    Scope {
        /// The names on the way to the scope.
        scope: String,
        /// How long its loads may take together.
        limit: Duration,
    },
    /// That for closing the app; see [`App::shutdown_timeout`](crate::App::shutdown_timeout).
    #[non_exhaustive]
    Closing {
        /// How long closing may take.
        limit: Duration,
    },
}

impl Deadline {
    fn limit(&self) -> Duration {
        match self {
            Self::Parent { limit, .. } | Self::Scope { limit, .. } | Self::Closing { limit } => {
                *limit
            }
        }
    }
}

/// Whose time it is.
impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parent { plugin, .. } => write!(f, "of `{plugin}`"),
            Self::Scope { scope, .. } => write!(f, "of the scope `{scope}`"),
            Self::Closing { .. } => f.write_str("for closing"),
        }
    }
}

impl fmt::Display for HookFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HookFailure::Error(error) | HookFailure::Reported(error) => {
                f.write_str(&text::line(&chain(error).join(": ")))
            }
            HookFailure::Refused(mistake) => mistake.fmt(f),
            HookFailure::Panic(message) => write!(f, "panicked: {}", text::line(message)),
            HookFailure::TimedOut { limit, rest_of } => {
                write!(f, "timed out after {}", text::duration(*limit))?;
                match rest_of {
                    Some(whole) if whole.limit() == *limit => write!(f, ", the time {whole}"),
                    Some(whole) => {
                        let limit = text::duration(whole.limit());
                        write!(f, ", what was left of the {limit} {whole}")
                    }
                    None => Ok(()),
                }
            }
            HookFailure::Cancelled => f.write_str("cancelled"),
            HookFailure::OutOfTime => f.write_str("not begun: the time for closing was up"),
            HookFailure::RuntimeShutDown => {
                f.write_str("the tokio runtime was shut down before it")
            }
            HookFailure::Abandoned { after } => write!(
                f,
                "blocked its thread for {} and was abandoned",
                text::duration(*after)
            ),
        }
    }
}

impl HookFailure {
    /// The failure of a hook that returned an error. An error of the app itself, which refuses a plugin
    /// that joins it, is told from the plugin's own.
    pub(crate) fn of_error(error: anyhow::Error) -> Self {
        let is_refusal = |it: &Mistake| matches!(it.found(), Found::Load { .. });
        let outer = error.chain().next();
        let outer = outer.and_then(|outer| outer.downcast_ref::<Mistake>());
        match outer.filter(|it| is_refusal(it)) {
            Some(mistake) => Self::Refused(Box::new(mistake.clone())),
            None => Self::Error(error),
        }
    }

    /// Whether the hook did not come to its end.
    pub(crate) fn is_unfinished(&self) -> bool {
        match self {
            HookFailure::TimedOut { .. }
            | HookFailure::Cancelled
            | HookFailure::OutOfTime
            | HookFailure::RuntimeShutDown
            | HookFailure::Abandoned { .. } => true,
            HookFailure::Error(_)
            | HookFailure::Reported(_)
            | HookFailure::Refused(_)
            | HookFailure::Panic(_) => false,
        }
    }

    /// How a step that ended like this stands in the report.
    pub(crate) fn outcome_of<T>(ended: &Result<T, Self>) -> Outcome {
        ended.as_ref().err().map_or(Outcome::Done, Self::outcome)
    }

    /// How the step stands in the report.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            HookFailure::Error(_) | HookFailure::Reported(_) | HookFailure::Refused(_) => {
                Outcome::Failed
            }
            HookFailure::Panic(_) => Outcome::Panicked,
            HookFailure::TimedOut { .. } => Outcome::TimedOut,
            HookFailure::Cancelled | HookFailure::RuntimeShutDown => Outcome::Cancelled,
            HookFailure::OutOfTime => Outcome::NotStarted,
            HookFailure::Abandoned { .. } => Outcome::Abandoned,
        }
    }
}

impl HookError {
    pub(crate) fn new(
        plugin: PluginName,
        declared: Location,
        phase: Phase,
        failure: HookFailure,
    ) -> Self {
        Self(Arc::new(Inner {
            words: Words::of(&failure, &plugin),
            plugin,
            declared,
            phase,
            failure,
            is_late: false,
        }))
    }

    /// The same error, before it is shared. `is_late` says whether the app was asked to stop before
    /// the hook went wrong: then that may be why it did.
    pub(crate) fn after_stop(mut self, is_late: bool) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.is_late = is_late;
        }
        self
    }

    /// Whether the app was asked to stop before the hook went wrong.
    pub(crate) fn is_late(&self) -> bool {
        self.0.is_late
    }

    /// The plugin; `app` for a hook of the app itself.
    pub fn plugin(&self) -> &PluginName {
        &self.0.plugin
    }

    /// The hook.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// What happened in it.
    pub fn failure(&self) -> &HookFailure {
        &self.0.failure
    }

    /// Where the plugin is declared; of a hook that is a closure, where that was
    /// added.
    pub fn declared(&self) -> Location {
        self.0.declared
    }

    /// The error that the hook returned, if it returned one.
    pub fn error(&self) -> Option<&anyhow::Error> {
        match &self.0.failure {
            HookFailure::Error(error) | HookFailure::Reported(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the hook was left behind: its thread may never end.
    pub(crate) fn is_abandoned(&self) -> bool {
        matches!(self.0.failure, HookFailure::Abandoned { .. })
    }

    /// What to do about it, if the error of the operating system behind it says that.
    pub(crate) fn help_by_cause(&self) -> Option<&'static str> {
        let mut causes = self.error()?.chain();
        causes.find_map(|cause| help_with_io(cause.downcast_ref()?))
    }

    pub(super) fn words(&self) -> &Words {
        &self.0.words
    }

    /// Tells errors from each other.
    pub(super) fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The error of another plugin that this one was handed, and returned as its own.
    pub(super) fn handed_on(&self) -> Option<&HookError> {
        self.error()?.chain().find_map(|cause| cause.downcast_ref())
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Error for HookError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.failure() {
            HookFailure::Error(error) => Some(&**error),
            HookFailure::Refused(mistake) => Some(&**mistake),
            _ => None,
        }
    }
}
