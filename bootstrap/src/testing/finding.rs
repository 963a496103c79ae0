//! What an exploration has found, in words.

use std::fmt;
use std::time::Duration;

use crate::base::text;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// The app ended in an error, although nothing had gone wrong on purpose so far.
    Failed,
    /// Something is still there when the app has ended: a plugin that never closed, a state that is
    /// still held, a resource that was never closed, a task that still runs.
    LeftOpen,
    /// A plugin or a resource was closed twice.
    ClosedTwice,
    /// A plugin or a resource was closed before something that depends on it.
    OutOfOrder,
    /// A hook did not end by itself, although nothing had gone wrong in it on purpose; or the boot or
    /// the close as a whole did not end.
    Hung,
    /// A hook panicked, although nothing had gone wrong in it on purpose.
    Panicked,
    /// The boot succeeded although a `load` had failed, and the failure was not handled.
    BootedAnyway,
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FindingKind::Failed => "failed",
            FindingKind::LeftOpen => "left open",
            FindingKind::ClosedTwice => "closed twice",
            FindingKind::OutOfOrder => "closed out of order",
            FindingKind::Hung => "hung",
            FindingKind::Panicked => "panicked",
            FindingKind::BootedAnyway => "booted anyway",
        })
    }
}

/// A finding of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fresh {
    pub(super) kind: FindingKind,
    pub(super) plugin: Option<String>,
    pub(super) text: String,
}

/// Something that is wrong with an app, and the cases in which it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of mistake it is.
    pub kind: FindingKind,
    /// The plugin that it is about, if it is known.
    pub plugin: Option<String>,
    /// What is wrong.
    pub text: String,
    /// The cases in which that was found, `seed:plugin:phase:fault`, the first one first: for
    /// [`Explore::only`](super::Explore::only).
    pub cases: Vec<String>,
    /// What went wrong on purpose in the first of them.
    pub when: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.kind)?;
        if let Some(plugin) = &self.plugin {
            write!(f, "[{}] ", text::line(plugin))?;
        }
        writeln!(f, "{}", text::block(&self.text, "  "))?;
        writeln!(f, "  when: {}", text::line(&self.when))?;
        if let Some(first) = self.cases.first() {
            write!(f, "  again: BOOTSTRAP_EXPLORE=\"{}\"", text::line(first))?;
        }
        match self.cases.len() {
            0 | 1 => Ok(()),
            n => write!(f, "\n  also: in {}", text::count(n - 1, "other case")),
        }
    }
}

/// What an exploration has done and found; from [`Explore::run`](super::Explore::run).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exploration {
    /// What is wrong, each mistake once.
    pub findings: Vec<Finding>,
    /// How many cases were run.
    pub ran: usize,
    /// How many cases were not run: those that [`Explore::sample`](super::Explore::sample) left out, and
    /// those that a limit left out.
    pub left: usize,
    /// In how many of the cases that were run the fault did not happen: in the order of that case its hook did not
    /// begin, did not wait, or did not return `Ok`.
    pub missed_faults: usize,
    /// The seed with which to do the same again.
    pub seed: u64,
    /// How many cases are not in the sample.
    pub(super) not_sampled: usize,
    /// Why cases did not run that were to run.
    pub(super) ended_by: Option<Limit>,
}

/// Why an exploration ended before all cases had run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Runs(usize),
    Time(Duration),
    /// Runs did not end.
    Stuck,
}

impl Exploration {
    /// Whether every case that was to run has run, and nothing was found. Cases that
    /// [`Explore::sample`](super::Explore::sample) left out need not run.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.ended_by.is_none()
    }

    /// What was left out, and why.
    fn write_left(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.not_sampled > 0 {
            let cases = text::count(self.not_sampled, "case");
            write!(f, "; {cases} not in the sample")?;
        }
        let left = text::count(self.left - self.not_sampled, "case");
        match self.ended_by {
            None => Ok(()),
            Some(Limit::Runs(runs)) => {
                let runs = text::count(runs, "run");
                write!(f, "; {left} not run: the limit of {runs} was reached")
            }
            Some(Limit::Time(time)) => {
                let time = text::duration(time);
                write!(f, "; {left} not run: the limit of {time} was reached")
            }
            Some(Limit::Stuck) => write!(f, "; {left} not run: what was run has not ended"),
        }
    }

    fn write_help(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.findings.is_empty() {
            write!(
                f,
                "\n\nhelp: run this one test with the variable set as `again` says: it repeats \
                 exactly that case"
            )?;
        }
        let limit = match self.ended_by {
            Some(Limit::Runs(_)) => "Explore::runs",
            Some(Limit::Time(_)) => "Explore::time",
            Some(Limit::Stuck) | None => return Ok(()),
        };
        write!(
            f,
            "\n\nhelp: to run the rest, raise or remove the limit (`{limit}`); to leave cases out on \
             purpose, use `Explore::sample`"
        )
    }

    pub(super) fn add(&mut self, fresh: Fresh, case: &str, when: &str) {
        let Fresh { kind, plugin, text } = fresh;
        let is_same = |it: &&mut Finding| it.kind == kind && it.plugin == plugin && it.text == text;
        if let Some(known) = self.findings.iter_mut().find(is_same) {
            known.cases.push(case.to_owned());
            return;
        }
        self.findings.push(Finding {
            kind,
            plugin,
            text,
            cases: vec![case.to_owned()],
            when: when.to_owned(),
        });
    }
}

impl fmt::Display for Exploration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = text::count(self.findings.len(), "finding");
        let cases = text::count(self.ran, "case");
        write!(f, "{found} in {cases}, with the seed {}", self.seed)?;
        self.write_left(f)?;
        if self.missed_faults > 0 {
            let cases = text::count(self.missed_faults, "case");
            write!(f, "; in {cases} the fault did not happen")?;
        }
        for finding in &self.findings {
            write!(f, "\n\n{finding}")?;
        }
        self.write_help(f)
    }
}
