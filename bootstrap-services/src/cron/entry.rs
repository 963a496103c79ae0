//! A schedule that was added: what it waits for, what runs, and what has happened.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cron::due::Span;
#[cfg(feature = "jobs")]
use crate::cron::enqueue::{Enqueue, outcome};
use crate::cron::error::Place;
use crate::cron::metrics;
use crate::cron::pattern::Pattern;
use crate::cron::{Counts, CronContext, Outcome, Overlap, Schedule, ScheduleInfo};

/// The most occurrences of a schedule that wait or run at the same time.
const MOST_AT_ONCE: usize = 100;

/// What a schedule runs.
pub(super) type Task =
    Arc<dyn Fn(CronContext) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// What happens at an occurrence.
pub(super) enum Work {
    Task(Task),
    #[cfg(feature = "jobs")]
    Enqueue(Enqueue),
}

impl Work {
    /// Does it, without a claim.
    pub(super) async fn call(&self, cx: CronContext) -> anyhow::Result<Outcome> {
        match self {
            Self::Task(task) => task(cx).await.map(|()| Outcome::Succeeded),
            #[cfg(feature = "jobs")]
            Self::Enqueue(enqueue) => enqueue(None, cx.scheduled_at).await.map(outcome),
        }
    }
}

pub(super) struct Entry {
    pub(super) schedule: Schedule,
    pub(super) pattern: Pattern,
    pub(super) work: Work,
    pub(super) place: Place,
    /// Whose errors they are: the plugin and the schedule.
    pub(super) source: String,
    pub(super) stops: Stops,
    state: Mutex<EntryState>,
}

/// How something stops: it claims nothing more, then its runs are asked to end, then they are dropped.
pub(super) struct Stops {
    pub(super) closing: CancellationToken,
    pub(super) cancelled: CancellationToken,
    pub(super) aborted: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Stops {
    pub(super) fn new() -> Self {
        Self {
            closing: CancellationToken::new(),
            cancelled: CancellationToken::new(),
            aborted: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Stops with `self`, and on its own.
    pub(super) fn child(&self) -> Self {
        Self {
            closing: self.closing.child_token(),
            cancelled: self.cancelled.child_token(),
            aborted: self.aborted.child_token(),
            tasks: TaskTracker::new(),
        }
    }
}

struct EntryState {
    next: Option<SystemTime>,
    is_paused: bool,
    /// Everything up to here was handed out.
    seen: SystemTime,
    due: VecDeque<Span>,
    is_claiming: bool,
    /// Whether the store was asked for what was missed before this instance began.
    is_caught_up: bool,
    waiting: VecDeque<Occurrence>,
    running: usize,
    counts: Counts,
    last: Option<SystemTime>,
    outcome: Option<Outcome>,
}

/// One time at which a schedule runs.
pub(super) struct Occurrence {
    pub(super) at: SystemTime,
    /// Receives the outcome, if a caller waits for it.
    pub(super) reply: Option<oneshot::Sender<Outcome>>,
}

impl Occurrence {
    pub(super) fn reply(self, outcome: Outcome) {
        if let Some(reply) = self.reply {
            // The caller may have gone.
            let _ = reply.send(outcome);
        }
    }
}

/// What becomes of an occurrence.
pub(super) enum Admission {
    Runs(Occurrence),
    Waits,
    Skipped(Occurrence),
}

impl Entry {
    pub(super) fn new(
        schedule: Schedule,
        (pattern, first): (Pattern, SystemTime),
        work: Work,
        (place, source): (Place, String),
        stops: Stops,
        now: SystemTime,
    ) -> Self {
        let state = EntryState {
            next: Some(first),
            is_paused: false,
            seen: now,
            due: VecDeque::new(),
            is_claiming: false,
            is_caught_up: false,
            waiting: VecDeque::new(),
            running: 0,
            counts: Counts::default(),
            last: None,
            outcome: None,
        };
        let state = Mutex::new(state);
        Self {
            schedule,
            pattern,
            work,
            place,
            source,
            stops,
            state,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.schedule.name
    }

    fn state(&self) -> MutexGuard<'_, EntryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next(&self) -> Option<SystemTime> {
        self.state().next
    }

    /// Hands out what is due at `now`, if a wake-up for `at` is not out of date: false if it is.
    pub(super) fn hand_out(&self, at: SystemTime, now: SystemTime) -> bool {
        let mut state = self.state();
        if state.next != Some(at) || self.stops.closing.is_cancelled() {
            return false;
        }
        let after = std::mem::replace(&mut state.seen, now);
        state.next = self.pattern.after(now);
        match state.due.back_mut() {
            Some(last) if last.until == after => last.until = now,
            _ => state.due.push_back(Span { after, until: now }),
        }
        true
    }

    /// Whether the caller is to claim what is due.
    pub(super) fn begin_claiming(&self) -> bool {
        !std::mem::replace(&mut self.state().is_claiming, true)
    }

    /// What is due, and whether the store was not asked yet. `None` ends the claiming.
    pub(super) fn take_due(&self) -> Option<(Span, bool)> {
        let mut state = self.state();
        let is_first = !std::mem::replace(&mut state.is_caught_up, true);
        let nothing = Span {
            after: state.seen,
            until: state.seen,
        };
        let due = state.due.pop_front().or(is_first.then_some(nothing));
        let due = due.filter(|_| !self.stops.closing.is_cancelled());
        state.is_claiming = due.is_some();
        due.map(|due| (due, is_first))
    }

    /// Decides what becomes of an occurrence, and counts it.
    pub(super) fn admit(&self, occurrence: Occurrence) -> Admission {
        let mut state = self.state();
        let runs = match self.schedule.overlap {
            Overlap::Allow => state.running < MOST_AT_ONCE,
            Overlap::Skip | Overlap::Queue => state.running == 0,
        };
        if runs {
            state.running += 1;
            state.counts.fired += 1;
            return Admission::Runs(occurrence);
        }
        if self.schedule.overlap == Overlap::Queue && state.waiting.len() < MOST_AT_ONCE {
            state.waiting.push_back(occurrence);
            return Admission::Waits;
        }
        state.counts.skipped += 1;
        Admission::Skipped(occurrence)
    }

    /// Notes the end of a run. Returns the occurrence that waited for it.
    pub(super) fn finish(&self, at: SystemTime, outcome: Outcome) -> Option<Occurrence> {
        let mut state = self.state();
        state.running -= 1;
        if outcome == Outcome::Skipped {
            state.counts.fired -= 1;
            state.counts.skipped += 1;
        } else {
            state.last = state.last.max(Some(at));
            state.outcome = Some(outcome);
            state.counts.failed += u64::from(outcome != Outcome::Succeeded);
        }
        if self.stops.aborted.is_cancelled() {
            state.counts.skipped += state.waiting.len() as u64;
            state.waiting.clear();
        }
        let next = state.waiting.pop_front()?;
        state.running += 1;
        state.counts.fired += 1;
        Some(next)
    }

    /// The job of an occurrence was enqueued.
    #[cfg(feature = "jobs")]
    pub(super) fn enqueued(&self, at: SystemTime) {
        let mut state = self.state();
        state.counts.fired += 1;
        state.last = state.last.max(Some(at));
        state.outcome = Some(Outcome::Succeeded);
    }

    /// The job of an earlier occurrence has not ended.
    #[cfg(feature = "jobs")]
    pub(super) fn skipped(&self) {
        self.state().counts.skipped += 1;
    }

    /// No instance ran them.
    pub(super) fn missed(&self, occurrences: u64) {
        if occurrences > 0 {
            metrics::missed(self.name(), occurrences);
            self.state().counts.missed += occurrences;
            let name = self.name();
            tracing::warn!(schedule = %name, occurrences, "the schedule `{name}` missed occurrences");
        }
    }

    /// Another instance claimed them.
    pub(super) fn elsewhere(&self, occurrences: u64) {
        metrics::elsewhere(self.name(), occurrences);
        self.state().counts.elsewhere += occurrences;
    }

    pub(super) fn is_running(&self) -> bool {
        self.state().running > 0
    }

    pub(super) fn pause(&self) {
        let mut state = self.state();
        state.is_paused = true;
        state.next = None;
    }

    /// Goes on after `now`. Returns the next time.
    pub(super) fn resume(&self, now: SystemTime) -> Option<SystemTime> {
        let mut state = self.state();
        if state.is_paused {
            state.is_paused = false;
            state.seen = now;
            state.next = self.pattern.after(now);
        }
        state.next
    }

    /// Starts again from `now`, because the clock was wrong. Returns the next time.
    pub(super) fn set_back(&self, now: SystemTime) -> Option<SystemTime> {
        let mut state = self.state();
        state.seen = now;
        state.next = self.pattern.after(now).filter(|_| !state.is_paused);
        state.next
    }

    pub(super) fn info(&self) -> ScheduleInfo {
        let state = self.state();
        ScheduleInfo {
            name: self.schedule.name.clone(),
            pattern: self.schedule.pattern.clone(),
            zone: self.schedule.zone.clone(),
            defined_at: self.place,
            next: state.next,
            last: state.last,
            outcome: state.outcome,
            is_paused: state.is_paused,
            running: state.running,
            waiting: state.waiting.len(),
            counts: state.counts,
        }
    }
}

/// When the loop looks at a schedule: the earliest first. It does not keep one that was removed.
pub(super) struct Wake {
    pub(super) at: SystemTime,
    pub(super) entry: Weak<Entry>,
}

impl Ord for Wake {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Wake {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Wake {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Wake {}
