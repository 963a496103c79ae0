//! What a boot that failed says of itself: one line, or the whole story.

use std::borrow::Cow;
use std::fmt;

use crate::base::diagnostic::{Diagnose, Diagnostic, diagnosed};
use crate::base::phase::Phase;
use crate::base::text::{self, SHOWN};
use crate::boot::error::{BootError, BootErrorKind};
use crate::boot::undone::Chain;
use crate::life::ShutdownReason;
use crate::report::{HookError, Outcome, PluginReport, Step, WORTH_A_WORD};

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
                match self.0.cancelled_in {
                    None if self.not_started().is_empty() => {
                        write!(f, "boot took longer than {limit}")
                    }
                    at => {
                        write!(f, "boot stopped after {limit}: ")?;
                        self.write_what_ran(f, at)
                    }
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

diagnosed!(BootError);

impl Diagnose for BootError {
    fn diagnostic(&self) -> Diagnostic {
        if let BootErrorKind::Plan(errors) = self.kind() {
            return errors.diagnostic();
        }
        let new = |title| Diagnostic::new(self.code(), title, self.help());
        let is_interrupted = matches!(self.kind(), BootErrorKind::Interrupted { .. });
        let mut told = if self.failures().is_empty() || is_interrupted {
            let mut told = new(self.to_string());
            for (number, error) in (1..).zip(self.failures()) {
                told.add_note(1, format!("after that, {number}"), "");
                error.add_to(&mut told, 2);
            }
            told
        } else {
            HookError::describe_all(self.failures().iter(), new)
        };
        self.tell_story(&mut told);
        told
    }

    fn render(&self) -> String {
        match self.kind() {
            BootErrorKind::Plan(errors) => errors.render(),
            _ => self.diagnostic().to_string(),
        }
    }
}

impl BootError {
    /// The whole diagnosis, with the exit code that the process ends with.
    pub(crate) fn render_with(&self, exit_code: u8) -> String {
        if let BootErrorKind::Plan(errors) = self.kind() {
            return errors.render_with(exit_code);
        }
        let told = self.diagnostic();
        told.note("exit code", exit_code.to_string()).to_string()
    }

    /// What had not come to its end when the time was up.
    fn write_what_ran(&self, f: &mut fmt::Formatter<'_>, at: Option<Phase>) -> fmt::Result {
        let cancelled = text::count(self.cancelled().len(), "plugin");
        match at {
            Some(Phase::Ready) => write!(f, "{cancelled} not ready"),
            Some(Phase::Loaded) => f.write_str("an `on_loaded` hook was still running"),
            Some(Phase::OnReady) => f.write_str("an `on_ready` hook was still running"),
            Some(Phase::Start) => f.write_str("an `on_start` hook was still running"),
            _ => {
                write!(f, "{cancelled} still loading, {}", self.not_started().len())?;
                let all_wait = self.not_started().iter().all(|it| it.because.is_some());
                f.write_str(match (self.not_started().len(), self.cancelled().len()) {
                    (0, _) | (_, 0) => " not started",
                    _ if !all_wait => " not started",
                    (1, 1) => " waits for it",
                    (_, 1) => " wait for it",
                    (1, _) => " waits for them",
                    _ => " wait for them",
                })
            }
        }
    }

    fn tell_story(&self, told: &mut Diagnostic) {
        if let Some(does) = &self.0.left_behind {
            told.add_note(1, "left behind", format!("a thread that {does}"));
        }
        let cut_while_loading = self.tell_timing(told);
        if !cut_while_loading {
            self.tell_progress(told);
            if !self.cancelled().is_empty() {
                told.add_note(1, "cancelled", text::names(self.cancelled()));
            }
        }
        self.tell_waits(told);
        self.tell_rollback(told);
    }

    /// The plugins that were loading when the time was up, and what led there. Returns whether there
    /// were any.
    fn tell_timing(&self, told: &mut Diagnostic) -> bool {
        if !matches!(self.kind(), BootErrorKind::TimedOut { .. }) {
            return false;
        }
        let plugins = self.report().plugins.iter().enumerate();
        let loading: Vec<(usize, &PluginReport)> = plugins
            .filter(|(_, plugin)| plugin.load.outcome == Outcome::Cancelled)
            .collect();
        for (place, plugin) in loading.iter().take(SHOWN) {
            told.add_note(1, "loading", self.loading(*place, plugin));
        }
        tell_more(told, loading.len(), "loading");
        self.tell_loaded(told);
        // Of those that were cut at one time, the one that began first has used the most of it.
        let first = loading.iter().min_by_key(|(_, plugin)| plugin.load.began);
        if let Some((place, _)) = first {
            self.tell_critical_path(told, *place);
        }
        !loading.is_empty()
    }

    fn loading(&self, place: usize, plugin: &PluginReport) -> String {
        let since = text::duration(plugin.load.took.unwrap_or_default());
        let name = &plugin.name;
        if let Some(child) = self.0.waits_for.get(place).and_then(Option::as_ref) {
            return format!("`{name}` for {since}, waits for `{child}`");
        }
        match last_progress(plugin) {
            Some((ago, words)) => format!("`{name}` for {since}, last progress {ago} ago: {words}"),
            None => format!("`{name}` for {since}"),
        }
    }

    fn tell_loaded(&self, told: &mut Diagnostic) {
        let plugins = self.report().plugins.iter();
        let loaded = plugins.filter(|plugin| plugin.load.outcome == Outcome::Done);
        let Some(slowest) = loaded.clone().max_by_key(|plugin| plugin.load.took) else {
            return;
        };
        let (name, took) = (&slowest.name, slowest.load.took.unwrap_or_default());
        let (count, took) = (text::count(loaded.count(), "plugin"), text::duration(took));
        told.add_note(1, "loaded", format!("{count}, slowest `{name}` {took}"));
    }

    /// The chain of plugins that each released the next, up to the one at `place`.
    fn tell_critical_path(&self, told: &mut Diagnostic, place: usize) {
        let plugins = &self.report().plugins;
        let mut way = Vec::new();
        let mut at = Some(place);
        while let Some(place) = at.filter(|_| way.len() < plugins.len()) {
            way.push(place);
            at = plugins[place].load.released_by;
        }
        if way.len() == 1 {
            return;
        }
        let cut = if way.len() > SHOWN { ".. -> " } else { "" };
        way.truncate(SHOWN);
        let steps = way.iter().rev().map(|place| {
            let plugin = &plugins[*place];
            let took = text::duration(plugin.load.took.unwrap_or_default());
            format!("`{}` {took}", plugin.name)
        });
        let steps: Vec<String> = steps.collect();
        told.add_note(1, "critical path", format!("{cut}{}", steps.join(" -> ")));
    }

    /// The last progress of the hooks that did not come to their end.
    fn tell_progress(&self, told: &mut Diagnostic) {
        let plugins = self.report().plugins.iter();
        for plugin in plugins.filter(|it| cut_step(it).is_some()).take(SHOWN) {
            if let Some((ago, words)) = last_progress(plugin) {
                let name = &plugin.name;
                let words = format!("`{name}`, {ago} before its end: {words}");
                told.add_note(1, "last progress", words);
            }
        }
    }

    /// The plugins that never began, and the way from there to what kept them.
    fn tell_waits(&self, told: &mut Diagnostic) {
        let what = match self.kind() {
            BootErrorKind::TimedOut { .. } => "waiting",
            _ => "not started",
        };
        for chain in self.0.chains.iter().take(SHOWN) {
            told.add_note(1, what, chain.to_string());
        }
        let left = self.0.chains.iter().skip(SHOWN);
        let more: usize = left.map(|chain| chain.heads.len()).sum();
        if more > 0 {
            let more = text::count(more, "other plugin");
            told.add_note(1, format!("and {what}"), more);
        }
    }

    fn tell_rollback(&self, told: &mut Diagnostic) {
        if !self.closed().is_empty() {
            let closed = text::names(self.closed());
            let took = self.report().close.filter(|took| *took >= WORTH_A_WORD);
            let took = took.map(|took| format!(" (in {})", text::duration(took)));
            let took = took.unwrap_or_default();
            told.add_note(1, "closed again", format!("{closed}{took}"));
        }
        for (number, error) in (1..).zip(self.rollback_errors()) {
            told.add_note(1, format!("while closing, {number}"), "");
            error.add_to(told, 2);
        }
    }

    fn help(&self) -> String {
        match self.kind() {
            BootErrorKind::Plan(_) => "each of the mistakes above says what to do about it".into(),
            BootErrorKind::Failed => self.help_with_failure(),
            BootErrorKind::TimedOut { .. } => match self.cancelled() {
                [only] if self.0.cancelled_in == Some(Phase::Load) => format!(
                    "find out what `{only}` waits for, or raise `App::boot_timeout`; with a \
                     `load_timeout` of its own it would fail sooner"
                ),
                [_, ..] if self.0.cancelled_in == Some(Phase::Load) => {
                    "find out what these wait for, or raise `App::boot_timeout`; with a `load_timeout` \
                     of its own the one that hangs would fail sooner"
                        .into()
                }
                _ => "raise `App::boot_timeout`, or find out what took so long".into(),
            },
            BootErrorKind::Interrupted {
                reason: ShutdownReason::RuntimeShutDown,
            } => "keep the runtime until `boot` has returned: nothing can be closed without it"
                .into(),
            BootErrorKind::Interrupted { .. } if self.is_abandoned() => {
                text::HELP_WITH_BLOCKING.into()
            }
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

    fn help_with_failure(&self) -> String {
        let Some(first) = self.failures().first() else {
            return "boot again".into();
        };
        match self.closed() {
            [_, ..] if first.own_help().is_none() => format!(
                "everything that had loaded has been closed; {}",
                first.help()
            ),
            _ => first.help(),
        }
    }
}

/// The `load` or `ready` of a plugin that did not come to its end.
fn cut_step(plugin: &PluginReport) -> Option<Step> {
    let mut steps = [Some(plugin.load), plugin.ready()].into_iter().flatten();
    let is_over = |step: &Step| {
        matches!(
            step.outcome,
            Outcome::NotStarted | Outcome::Done | Outcome::Skipped
        )
    };
    steps.find(|step| !is_over(step))
}

/// What a hook that did not come to its end reported last, and how long before that.
fn last_progress(plugin: &PluginReport) -> Option<(String, Cow<'_, str>)> {
    let progress = plugin.progress()?;
    let step = cut_step(plugin)?;
    let (began, took) = step.began.zip(step.took)?;
    let ago = (began + took).saturating_sub(progress.at);
    Some((text::duration(ago), text::line(&progress.text)))
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::names(&self.heads))?;
        // The two ends matter: the plugin that waits, and the one that it waits for.
        let (near, far) = match self.way.len() {
            len if len > SHOWN => (SHOWN / 2, len - SHOWN / 2),
            len => (len, len),
        };
        for name in &self.way[..near] {
            write!(f, " <- `{name}`")?;
        }
        if far > near {
            write!(f, " <- ({})", text::count(far - near, "other plugin"))?;
        }
        for name in &self.way[far..] {
            write!(f, " <- `{name}`")?;
        }
        Ok(())
    }
}

/// How many plugins a list did not show.
fn tell_more(told: &mut Diagnostic, len: usize, what: &str) {
    let more = len.saturating_sub(SHOWN);
    if more > 0 {
        let more = text::count(more, "other plugin");
        told.add_note(1, format!("and {what}"), more);
    }
}
