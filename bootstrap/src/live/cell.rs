//! What is kept of one node.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::time::Instant;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::phase::Phase;
use crate::declare::{AnySlot, AppHook, Plugin, States};
use crate::report::{MoreReport, Outcome, Progress, Step};

/// One node: its plugin, what that made, and what it did.
#[derive(Default)]
pub(super) struct Cell {
    /// Not there before a collected plugin is built, while it loads, and after it has closed.
    pub(super) plugin: Option<Arc<dyn Plugin>>,
    /// There from the end of `load` until it has closed.
    pub(super) states: Option<States>,
    /// Whether others may see them: not before what it brought with it has loaded as well.
    pub(super) is_open: bool,
    /// How many loads had ended well before this one did.
    pub(super) returned: u32,
    pub(super) slots: Vec<Arc<dyn AnySlot>>,
    pub(super) load: Step,
    pub(super) close: Step,
    /// Most plugins have no other hooks.
    pub(super) others: Option<Box<Others>>,
}

/// What few plugins have.
#[derive(Default)]
pub(super) struct Others {
    pub(super) ready: Option<Step>,
    pub(super) run: Option<Step>,
    pub(super) drain: Option<Step>,
    pub(super) stop: Option<Step>,
    /// What is to be done when the plugin has closed, the last one first.
    pub(super) owed: Vec<AppHook>,
    /// What a hook said last, and when.
    pub(super) progress: Option<Told>,
    pub(super) outlived: Vec<StateKey>,
    pub(super) restarts: u32,
    pub(super) generation: u32,
    /// Where the one of `owed` was left that is being done.
    pub(super) cleaning: Option<Location>,
    /// When its last attempt to load began, if that was not the first.
    pub(super) attempt: Option<Instant>,
    /// Why it can't be loaded at all.
    pub(super) refused: Option<anyhow::Error>,
}

/// How far a hook said that it was.
pub(super) struct Told {
    pub(super) phase: Phase,
    /// Shared with those that wait for this one.
    pub(super) text: Arc<str>,
    pub(super) at: Instant,
}

/// What is dropped of a plugin that has closed.
pub(crate) struct Released(pub(super) Option<Arc<dyn Plugin>>, pub(super) States);

impl Cell {
    /// Forgets what the last generation of the plugin did.
    pub(super) fn begin_again(&mut self) {
        self.close = Step::default();
        let others = self.others.get_or_insert_default();
        let (owed, generation) = (std::mem::take(&mut others.owed), others.generation + 1);
        **others = Others {
            owed,
            generation,
            ..Others::default()
        };
    }

    /// Shows the states to the plugins that wait for them.
    pub(super) fn open(&mut self) {
        let Some(states) = &self.states else {
            return;
        };
        for slot in self.slots.drain(..) {
            if let Some(value) = states.find(slot.key()) {
                slot.fill(value);
            }
        }
        self.is_open = true;
    }

    pub(super) fn is_cleaning(&self) -> bool {
        self.others.as_ref().is_some_and(|it| it.cleaning.is_some())
    }

    /// Whether it has closed, and nothing of it is under way.
    pub(super) fn is_done(&self) -> bool {
        let has_closed = !matches!(self.close.outcome, Outcome::NotStarted | Outcome::Started);
        has_closed && !self.is_cleaning()
    }

    pub(super) fn owes(&self) -> bool {
        self.others.as_ref().is_some_and(|it| !it.owed.is_empty())
    }

    pub(super) fn step(&mut self, phase: Phase) -> Option<&mut Step> {
        match phase {
            Phase::Load => return Some(&mut self.load),
            Phase::Close => return Some(&mut self.close),
            _ => {}
        }
        let others = self.others.get_or_insert_default();
        let other = match phase {
            Phase::Ready => &mut others.ready,
            Phase::Run => &mut others.run,
            Phase::Drain => &mut others.drain,
            Phase::Stop => &mut others.stop,
            _ => return None,
        };
        Some(other.get_or_insert_default())
    }
}

impl Others {
    pub(super) fn report(&self, began: Instant) -> MoreReport {
        let progress = self.progress.as_ref().map(|told| Progress {
            text: Cow::Owned(told.text.to_string()),
            at: told.at.saturating_duration_since(began),
        });
        MoreReport {
            parent: None,
            ready: self.ready,
            run: self.run,
            generation: self.generation,
            restarts: self.restarts,
            drain: self.drain,
            stop: self.stop,
            progress,
            outlived: self.outlived.clone(),
        }
    }
}
