//! What a boot that failed says of itself: one line, or the whole story.

use std::borrow::Cow;
use std::fmt;

use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::base::text::{self, SHOWN};
use crate::boot::error::{BootError, BootErrorKind};
use crate::boot::undone::Chain;
use crate::life::ShutdownReason;
use crate::report::{Deadline, HookError, HookFailure, Outcome, PluginReport, WORTH_A_WORD};

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

impl fmt::Debug for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, None)
    }
}

impl BootError {
    /// The whole diagnosis, with the exit code that the process ends with.
    pub(crate) fn render_with(&self, exit_code: u8) -> String {
        fmt::from_fn(|f| self.write(f, Some(exit_code))).to_string()
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, exit_code: Option<u8>) -> fmt::Result {
        if let BootErrorKind::Plan(errors) = self.kind() {
            let text = errors.render();
            return match (exit_code, text.rsplit_once("\n  help: ")) {
                (Some(code), Some((before, help))) => {
                    write!(f, "{before}\n  exit code: {code}\n  help: {help}")
                }
                _ => f.write_str(&text),
            };
        }
        write!(f, "error[{}]: ", self.code())?;
        let is_interrupted = matches!(self.kind(), BootErrorKind::Interrupted { .. });
        if self.failures().is_empty() || is_interrupted {
            writeln!(f, "{self}")?;
            for (number, error) in (1..).zip(self.failures()) {
                writeln!(f, "  after that, {number}:")?;
                error.write(f, "    ")?;
            }
        } else {
            HookError::write_all(self.failures().iter(), f)?;
        }
        self.write_story(f)?;
        if let Some(code) = exit_code {
            writeln!(f, "  exit code: {code}")?;
        }
        write!(f, "  help: {}", self.help())
    }

    /// What had not come to its end when the time was up.
    fn write_what_ran(&self, f: &mut fmt::Formatter<'_>, at: Option<Phase>) -> fmt::Result {
        let cancelled = text::count(self.cancelled().len(), "plugin");
        match at {
            Some(Phase::Ready) => write!(f, "{cancelled} not ready"),
            Some(Phase::Loaded) => f.write_str("an `on_loaded` hook was still running"),
            Some(Phase::OnReady) => f.write_str("an `on_ready` hook was still running"),
            Some(Phase::Start) => f.write_str("an `on_start` hook was still running"),
            Some(Phase::Service) => {
                let service = &self.cancelled()[0];
                write!(f, "the service `{service}` was still starting")
            }
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

    fn write_story(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(does) = &self.0.left_behind {
            writeln!(f, "  left behind: a thread that {does}")?;
        }
        let cut_while_loading = self.write_timing(f)?;
        if !cut_while_loading {
            self.write_progress(f)?;
            write_names(f, "cancelled", self.cancelled())?;
        }
        self.write_waits(f)?;
        self.write_rollback(f)
    }

    /// Who was loading when the time was up, since when, and what led there. Whether there was
    /// anybody.
    fn write_timing(&self, f: &mut fmt::Formatter<'_>) -> Result<bool, fmt::Error> {
        if !matches!(self.kind(), BootErrorKind::TimedOut { .. }) {
            return Ok(false);
        }
        let plugins = self.report().plugins.iter().enumerate();
        let loading: Vec<(usize, &PluginReport)> = plugins
            .filter(|(_, plugin)| plugin.load.outcome == Outcome::Cancelled)
            .collect();
        for (place, plugin) in loading.iter().take(SHOWN) {
            self.write_loading(f, *place, plugin)?;
        }
        write_more(f, loading.len(), "loading")?;
        self.write_loaded(f)?;
        // Of those that were cut at one time, whoever began first has had the most of it.
        let first = loading.iter().min_by_key(|(_, plugin)| plugin.load.began);
        if let Some((place, _)) = first {
            self.write_critical_path(f, *place)?;
        }
        Ok(!loading.is_empty())
    }

    fn write_loading(
        &self,
        f: &mut fmt::Formatter<'_>,
        place: usize,
        plugin: &PluginReport,
    ) -> fmt::Result {
        let since = text::duration(plugin.load.took.unwrap_or_default());
        write!(f, "  loading: `{}` for {since}", plugin.name)?;
        if let Some(child) = self.0.waits_for.get(place).and_then(Option::as_ref) {
            return writeln!(f, ", waits for `{child}`");
        }
        match last_progress(plugin) {
            Some((ago, words)) => writeln!(f, ", last progress {ago} ago: {words}"),
            None => writeln!(f),
        }
    }

    fn write_loaded(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugins = self.report().plugins.iter();
        let loaded = plugins.filter(|plugin| plugin.load.outcome == Outcome::Done);
        let Some(slowest) = loaded.clone().max_by_key(|plugin| plugin.load.took) else {
            return Ok(());
        };
        let (name, took) = (&slowest.name, slowest.load.took.unwrap_or_default());
        let (count, took) = (text::count(loaded.count(), "plugin"), text::duration(took));
        writeln!(f, "  loaded: {count}, slowest `{name}` {took}")
    }

    /// The chain of plugins that each released the next, up to the one at `place`.
    fn write_critical_path(&self, f: &mut fmt::Formatter<'_>, place: usize) -> fmt::Result {
        let plugins = &self.report().plugins;
        let mut way = Vec::new();
        let mut at = Some(place);
        while let Some(place) = at.filter(|_| way.len() < plugins.len()) {
            way.push(place);
            at = plugins[place].load.released_by;
        }
        if way.len() == 1 {
            return Ok(());
        }
        f.write_str("  critical path: ")?;
        if way.len() > SHOWN {
            f.write_str(".. -> ")?;
            way.truncate(SHOWN);
        }
        let steps = way.iter().rev().map(|place| {
            let plugin = &plugins[*place];
            let took = text::duration(plugin.load.took.unwrap_or_default());
            format!("`{}` {took}", plugin.name)
        });
        writeln!(f, "{}", steps.collect::<Vec<_>>().join(" -> "))
    }

    /// What the hooks that did not come to their end said last.
    fn write_progress(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugins = self.report().plugins.iter();
        let cut = plugins.filter(|plugin| {
            let outcome = plugin.load.outcome;
            !matches!(
                outcome,
                Outcome::NotStarted | Outcome::Done | Outcome::Skipped
            )
        });
        for plugin in cut.take(SHOWN) {
            if let Some((ago, words)) = last_progress(plugin) {
                let name = &plugin.name;
                writeln!(
                    f,
                    "  last progress: `{name}`, {ago} before its end: {words}"
                )?;
            }
        }
        Ok(())
    }

    /// What never began, and the way from there to what kept it.
    fn write_waits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind() {
            BootErrorKind::TimedOut { .. } => "waiting",
            _ => "not started",
        };
        for chain in self.0.chains.iter().take(SHOWN) {
            writeln!(f, "  {what}: {chain}")?;
        }
        let left = self.0.chains.iter().skip(SHOWN);
        match left.map(|chain| chain.heads.len()).sum() {
            0 => Ok(()),
            more => writeln!(f, "  and {what}: {}", text::count(more, "other plugin")),
        }
    }

    fn write_rollback(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.closed().is_empty() {
            write!(f, "  closed again: {}", text::names(self.closed()))?;
            let took = self.report().close.filter(|took| *took >= WORTH_A_WORD);
            match took.map(text::duration) {
                Some(took) => writeln!(f, " (in {took})")?,
                None => writeln!(f)?,
            }
        }
        for (number, error) in (1..).zip(self.rollback_errors()) {
            writeln!(f, "  while closing, {number}:")?;
            error.write(f, "    ")?;
        }
        Ok(())
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
        let first = self.failures().first();
        match first.map(|error| (error, error.failure())) {
            Some((error, HookFailure::TimedOut { .. })) => help_with_limit(error),
            Some((_, HookFailure::Abandoned { .. })) => text::HELP_WITH_BLOCKING.into(),
            first => {
                let by_cause = first.and_then(|(error, _)| error.help_by_cause());
                let fix = by_cause.unwrap_or("fix the first error above");
                match self.closed() {
                    [] => fix.into(),
                    _ => format!("everything that had loaded has been closed; {fix}"),
                }
            }
        }
    }
}

/// Which setting to change, for a hook that took too long.
fn help_with_limit(error: &HookError) -> String {
    let plugin = error.plugin();
    match error.failure() {
        HookFailure::TimedOut {
            rest_of: Some(Deadline::Parent { plugin: parent, .. }),
            ..
        } => {
            return format!(
                "find out what `{plugin}` waits for, or raise the `load_timeout` of `{parent}`, in \
                 whose time it loads"
            );
        }
        HookFailure::TimedOut {
            rest_of: Some(Deadline::Scope { scope, .. }),
            ..
        } => {
            return format!(
                "find out what `{plugin}` waits for, or raise the `Scope::timeout` of `{scope}`"
            );
        }
        _ => {}
    }
    match error.phase() {
        Phase::Load | Phase::Ready => format!(
            "find out what `{plugin}` waits for, or raise its `load_timeout`, or `App::load_timeout`"
        ),
        _ => "find out what the hook waits for, or raise `App::load_timeout`".into(),
    }
}

/// What a `load` that did not come to its end said last, and how long before that.
fn last_progress(plugin: &PluginReport) -> Option<(String, Cow<'_, str>)> {
    let progress = plugin.progress.as_ref()?;
    let (began, took) = plugin.load.began.zip(plugin.load.took)?;
    let ago = (began + took).saturating_sub(progress.at);
    Some((text::duration(ago), text::line(&progress.text)))
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::names(&self.heads))?;
        // What matters is who waits at one end, and for whom at the other.
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

fn write_names(f: &mut fmt::Formatter<'_>, what: &str, all: &[PluginName]) -> fmt::Result {
    match all {
        [] => Ok(()),
        _ => writeln!(f, "  {what}: {}", text::names(all)),
    }
}

/// What a list of so many did not show.
fn write_more(f: &mut fmt::Formatter<'_>, len: usize, what: &str) -> fmt::Result {
    match len.saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(f, "  and {what}: {}", text::count(more, "other plugin")),
    }
}
