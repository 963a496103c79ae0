//! What a hook that went wrong says of itself: one line, or the whole story.

use std::collections::HashSet;
use std::fmt;

use crate::base::diagnostic::{Code, Diagnose, Diagnostic, diagnosed};
use crate::base::phase::Phase;
use crate::base::text::{self, SHOWN};
use crate::report::error::{Deadline, HookError, HookFailure};

/// What kind of end an error is. The first of these decides over the later ones, because it may be why
/// they went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EndedBy {
    /// A task, or a part of the app that did not load again: the app has ended because of it.
    Failure,
    /// A hook or a task that did not end in time.
    Time,
    /// A hook that went wrong while the app closed.
    Hook,
}

impl EndedBy {
    pub(crate) fn of(error: &HookError) -> Self {
        let is_unfinished = error.failure().is_unfinished();
        match error.phase() {
            // Of a restart, or of a boot that had been asked to stop.
            Phase::Load | Phase::Ready | Phase::OnReady if !error.is_late() => Self::Failure,
            Phase::Run if !is_unfinished => Self::Failure,
            _ if is_unfinished => Self::Time,
            _ => Self::Hook,
        }
    }
}

impl HookError {
    /// The stable code: that of the mistake, if the plugin was refused.
    pub fn code(&self) -> Code {
        match self.failure() {
            HookFailure::Refused(mistake) => mistake.code(),
            _ if self.phase().is_of_boot() => Code::HookFailed,
            _ => self.code_of_close(),
        }
    }

    /// The code where it ends a close.
    pub(super) fn code_of_close(&self) -> Code {
        match (EndedBy::of(self), self.phase(), self.failure()) {
            (EndedBy::Failure, Phase::Run, _) => Code::TaskFailed,
            (EndedBy::Failure, _, _) => Code::RestartFailed,
            (EndedBy::Time, _, HookFailure::RuntimeShutDown) => Code::RuntimeShutDown,
            (EndedBy::Time, _, _) => Code::CloseTimedOut,
            (EndedBy::Hook, _, _) => Code::CloseFailed,
        }
    }

    /// The whole diagnosis, on several lines.
    pub fn render(&self) -> String {
        Diagnose::render(self)
    }

    /// What to do about it.
    pub(crate) fn help(&self) -> String {
        let by_cause = || self.help_by_cause().map(str::to_owned);
        let by_mistake = || self.words().more.first().map(|it| it.help().to_owned());
        let help = self.own_help().or_else(by_cause).or_else(by_mistake);
        let by_phase = || match (self.failure(), self.phase()) {
            (HookFailure::Panic(_), _) => {
                "correct the code that panics; return an error for what can fail"
            }
            (_, Phase::Load) => "remove the cause; if it is temporary, let `retry` try again",
            _ => "remove the cause, or handle the error in the hook",
        };
        help.unwrap_or_else(|| by_phase().to_owned())
    }

    /// What to do about it, if it says that by itself.
    pub(crate) fn own_help(&self) -> Option<String> {
        match self.failure() {
            HookFailure::Refused(mistake) => Some(mistake.help().into_owned()),
            HookFailure::Abandoned { .. } => Some(text::HELP_WITH_BLOCKING.into()),
            HookFailure::TimedOut { rest_of, .. } => Some(self.help_with_limit(rest_of.as_ref())),
            HookFailure::OutOfTime => Some(HELP_TO_CLOSE.into()),
            HookFailure::RuntimeShutDown if self.phase().is_of_boot() => Some(
                "keep the runtime until `boot` has returned: nothing can be closed without it"
                    .into(),
            ),
            HookFailure::RuntimeShutDown => {
                Some("call `close`, and wait for it, before the runtime is shut down".into())
            }
            HookFailure::Error(_)
            | HookFailure::Reported(_)
            | HookFailure::Panic(_)
            | HookFailure::Cancelled => None,
        }
    }

    /// Which setting to change, for a hook that took too long.
    fn help_with_limit(&self, rest_of: Option<&Deadline>) -> String {
        let plugin = self.plugin();
        match (rest_of, self.phase()) {
            (Some(Deadline::Closing { .. }), _) => HELP_TO_CLOSE.into(),
            (Some(Deadline::Parent { plugin: parent, .. }), _) => format!(
                "find out what `{plugin}` waits for, or raise the `load_timeout` of `{parent}`, in \
                 whose time it loads"
            ),
            (Some(Deadline::Scope { scope, .. }), _) => format!(
                "find out what `{plugin}` waits for, or raise the `Scope::timeout` of `{scope}`"
            ),
            (None, Phase::Load | Phase::Ready) => format!(
                "find out what `{plugin}` waits for, or raise its `load_timeout`, or \
                 `App::load_timeout`"
            ),
            (None, Phase::Run) => {
                "a task is told to stop by `cx.stopped()`: let it end then, or raise \
                 the `close_timeout` of its plugin, or `App::close_timeout`"
                    .into()
            }
            (None, Phase::Drain | Phase::Close) => format!(
                "find out what `{plugin}` waits for, or raise its `close_timeout`, or \
                 `App::close_timeout`"
            ),
            (None, phase) if phase.is_of_boot() => {
                "find out what the hook waits for, or raise `App::load_timeout`".into()
            }
            (None, _) => "find out what the hook waits for, or raise `App::close_timeout`".into(),
        }
    }

    /// What the hook did with the error.
    fn what(&self) -> &'static str {
        match self.failure() {
            HookFailure::Reported(_) => "reported",
            _ => "failed",
        }
    }

    /// The first line, without the causes.
    fn title(&self) -> String {
        match self.words().chain.first() {
            Some(error) => {
                let error = error.as_str();
                let (phase, what) = (self.phase(), self.what());
                format!("[{}] Plugin {phase} {what}: {error}", self.plugin())
            }
            None => self.to_string(),
        }
    }

    /// The lines below the first one.
    fn add_details(&self, told: &mut Diagnostic, depth: usize) {
        for source in self.words().chain.iter().skip(1) {
            told.add_note(depth, "caused by", source.as_str());
        }
        match self.failure() {
            HookFailure::Refused(mistake) => {
                told.add_details(
                    depth,
                    mistake.diagnostic().with(String::new(), String::new()),
                );
            }
            _ => told.add_spot(depth, self.declared(), None),
        }
        for more in self.words().more.iter().cloned() {
            // What the last line of all says is not said twice.
            let is_last = told.help().ends_with(more.help());
            let help = if is_last { "" } else { more.help() }.to_owned();
            told.add_details(depth + 1, more.with(String::new(), help));
        }
    }

    /// Adds the whole of it, below a headline.
    pub(crate) fn add_to(&self, told: &mut Diagnostic, depth: usize) {
        told.add_note(depth, "", self.title());
        self.add_details(told, depth + 1);
    }

    /// Several of them, in their order. Errors that only hand on one that is there already are
    /// collapsed into a line, with what they say of it.
    pub(crate) fn describe_all<'a>(
        all: impl Iterator<Item = &'a HookError>,
        new: impl FnOnce(String) -> Diagnostic,
    ) -> Diagnostic {
        let mut all = all.peekable();
        let title = all.peek().map_or_else(String::new, |first| first.title());
        let mut told = new(title);
        let mut known = HashSet::new();
        let mut handed_on = Vec::new();
        // In a deep nest there may be very many, with long names.
        let mut more = 0;
        for error in all {
            if error.handed_on().is_some_and(|it| known.contains(&it.id())) {
                if handed_on.len() == SHOWN {
                    more += 1;
                } else {
                    handed_on.push(error.own_words());
                }
            } else {
                if !known.is_empty() {
                    told.add_note(1, "also failed", error.title());
                }
                error.add_details(&mut told, 1);
            }
            known.insert(error.id());
        }
        if !handed_on.is_empty() {
            let mut plugins = handed_on.join(", ");
            if more > 0 {
                plugins = format!("{plugins} and {}", text::count(more, "other plugin"));
            }
            told.add_note(1, "handed on by", plugins);
        }
        told
    }

    /// The plugin, with what it says of an error that it hands on.
    fn own_words(&self) -> String {
        let plugin = self.plugin();
        match self.words().chain.split_last() {
            Some((_, own)) if !own.is_empty() => {
                format!("`{plugin}` ({})", text::line(&own.join(": ")))
            }
            _ => format!("`{plugin}`"),
        }
    }
}

/// What to do about a close that takes too long.
const HELP_TO_CLOSE: &str = "raise `App::shutdown_timeout`, or find out what took so long";

diagnosed!(HookError);

impl Diagnose for HookError {
    fn diagnostic(&self) -> Diagnostic {
        let mut told = Diagnostic::new(self.code(), self.title(), self.help());
        self.add_details(&mut told, 1);
        told
    }
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plugin, phase) = (self.plugin(), self.phase());
        write!(
            f,
            "[{plugin}] Plugin {phase} {}: {}",
            self.what(),
            text::line(&self.words().line)
        )
    }
}
