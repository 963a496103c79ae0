//! The exact sequence of what happened.

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::base::lock::lock;
use crate::base::phase::Phase;
use crate::live::Observe;
use crate::report::{Event, Outcome};
use crate::testing::diff::diff;

/// What an app does, event by event; from [`App::record`](crate::App::record).
///
/// Each event is one line: `database: load` when a hook begins, `database: load done` when it has
/// returned, or `failed`, `panicked`, `timed out`, `cancelled`, `abandoned`; see [`Event`]. A plugin
/// without a `close` hook closes all the same, and the record says so. What a `load` leaves to be done
/// with `cx.on_close` is part of that, and has no events of its own.
///
/// A record may be asked at any time, and shows what has happened so far. [`Record::of`],
/// [`Record::phase`], [`Record::begun`] and [`Record::ended`] are views of it: with them, a test of
/// plugins that load at the same time can say what it knows, and nothing about the rest.
///
/// # Examples
///
/// ```
/// use bootstrap::plugin_fn;
/// use bootstrap::prelude::*;
/// use bootstrap::testing;
///
/// testing::paused(async {
///     let mut app = App::new();
///     let a = app.register(plugin_fn("a", async |_| Ok(())));
///     app.register(plugin_fn("b", async |_| Ok(()))).after(&a);
///     let record = app.record();
///     app.boot().await?.close().await?;
///
///     record.begun().assert_eq(["a: load", "b: load", "b: close", "a: close"]);
///     record.of("a").assert_eq(["a: load", "a: load done", "a: close", "a: close done"]);
///     record.assert_before("a: load done", "b: load");
///     anyhow::Ok(())
/// })?;
/// # anyhow::Ok(())
/// ```
#[derive(Clone)]
pub struct Record {
    all: Arc<Recorder>,
    views: Vec<View>,
}

/// What a view lets through.
#[derive(Clone)]
enum View {
    Of(String),
    Phase(Phase),
    Begun,
    Ended,
}

impl View {
    fn shows(&self, event: &Event) -> bool {
        match self {
            View::Of(plugin) => event.plugin == **plugin,
            View::Phase(phase) => event.phase == *phase,
            View::Begun => event.outcome == Outcome::Started,
            View::Ended => event.outcome != Outcome::Started,
        }
    }
}

/// Where the events go.
#[derive(Default)]
pub(super) struct Recorder(Mutex<Vec<Event>>);

impl Observe for Recorder {
    fn observe(&self, _: Option<u32>, event: &Event) {
        lock(&self.0).push(event.clone());
    }
}

impl Record {
    pub(super) fn new(all: Arc<Recorder>) -> Self {
        Self {
            all,
            views: Vec::new(),
        }
    }

    fn and(&self, view: View) -> Self {
        let mut record = self.clone();
        record.views.push(view);
        record
    }

    /// Only the events of one plugin, by the name that messages call it.
    pub fn of(&self, plugin: impl Into<String>) -> Self {
        self.and(View::Of(plugin.into()))
    }

    /// Only the events of one kind of hook.
    pub fn phase(&self, phase: Phase) -> Self {
        self.and(View::Phase(phase))
    }

    /// Only the beginnings of hooks: which plugin did what, in which order.
    pub fn begun(&self) -> Self {
        self.and(View::Begun)
    }

    /// Only the ends of hooks, and what was skipped.
    pub fn ended(&self) -> Self {
        self.and(View::Ended)
    }

    /// What has happened so far.
    pub fn events(&self) -> Vec<Event> {
        let all = lock(&self.all.0);
        let shown = |event: &&Event| self.views.iter().all(|view| view.shows(event));
        all.iter().filter(shown).cloned().collect()
    }

    /// The same as lines.
    pub fn lines(&self) -> Vec<String> {
        self.events().iter().map(Event::to_string).collect()
    }

    /// Forgets everything so far, in all views of this record.
    pub fn clear(&self) {
        lock(&self.all.0).clear();
    }

    /// Exactly these events have happened, in this order.
    ///
    /// # Panics
    ///
    /// If others have, with what is missing (`-`) and what is too much (`+`).
    #[track_caller]
    pub fn assert_eq<L: AsRef<str>>(&self, expected: impl IntoIterator<Item = L>) {
        let expected: Vec<String> = expected
            .into_iter()
            .map(|line| line.as_ref().to_owned())
            .collect();
        let lines = self.lines();
        assert!(
            lines == expected,
            "the record differs (`-` was expected, `+` happened):\n{}",
            diff(&expected, &lines)
        );
    }

    /// Both events have happened, and the last `earlier` came before the first `later`: whatever
    /// else happened meanwhile.
    ///
    /// # Panics
    ///
    /// If not, with the record.
    #[track_caller]
    pub fn assert_before(&self, earlier: &str, later: &str) {
        let lines = self.lines();
        let first = lines.iter().rposition(|line| line == earlier);
        let second = lines.iter().position(|line| line == later);
        let wrong = match (first, second) {
            (Some(first), Some(second)) if first < second => return,
            (Some(_), Some(_)) => format!("`{earlier}` is not before `{later}`"),
            (None, _) => format!("`{earlier}` has not happened"),
            (_, None) => format!("`{later}` has not happened"),
        };
        panic!("{wrong}; this has:\n  {}", lines.join("\n  "));
    }

    /// None of the events is this one. A name that no plugin has is never in a record: check how it is
    /// spelt with an event that does happen.
    ///
    /// # Panics
    ///
    /// If one is, with the record; or if no event is ever written like this.
    #[track_caller]
    pub fn assert_never(&self, event: &str) {
        assert!(
            is_event(event),
            "`{event}` is not an event: write `database: load`, or `database: load failed`, as the \
             record prints it"
        );
        let lines = self.lines();
        assert!(
            !lines.iter().any(|line| line == event),
            "`{event}` has happened:\n  {}",
            lines.join("\n  ")
        );
    }
}

/// Whether an event of some plugin may be written like this.
fn is_event(line: &str) -> bool {
    // Names may have a colon.
    let Some((_, what)) = line.rsplit_once(": ") else {
        return false;
    };
    let begins_or_ends = |phase: &Phase| match what.strip_prefix(&phase.to_string()) {
        None => false,
        Some("") => true,
        Some(outcome) => ENDS.iter().any(|end| outcome == format!(" {end}")),
    };
    Phase::ALL.iter().any(begins_or_ends)
}

/// How a hook may end.
const ENDS: [Outcome; 7] = [
    Outcome::Done,
    Outcome::Failed,
    Outcome::Panicked,
    Outcome::TimedOut,
    Outcome::Cancelled,
    Outcome::Skipped,
    Outcome::Abandoned,
];

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().fmt(f)
    }
}

/// One event on each line.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}
