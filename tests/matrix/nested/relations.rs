//! What holds in every life of every app, read off the book and the case alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::{Event, Hook, Mark};
use crate::nested::book::{APP, Origin};
use crate::nested::case::{Case, Need, Way};

pub type Checked = Result<(), String>;

pub fn ensure(holds: bool, words: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(words()) }
}

/// A hook of a life: where it began and ended in the ledger.
#[derive(Clone, Copy, Debug, Default)]
pub struct Act {
    pub began: Option<usize>,
    pub ended: Option<usize>,
    pub is_done: bool,
    was_left: bool,
    /// Where somebody who waits was told of an error.
    pub told: Option<usize>,
}

/// One load, and all that followed.
#[derive(Clone, Debug)]
pub struct Life {
    pub number: usize,
    pub node: usize,
    pub parent: Option<usize>,
    acts: BTreeMap<Hook, Act>,
}

/// A book that can be asked.
pub struct Story<'a> {
    pub case: &'a Case,
    events: &'a [Event],
    pub lives: Vec<Life>,
}

impl Life {
    pub fn act(&self, hook: Hook) -> Act {
        self.acts.get(&hook).copied().unwrap_or_default()
    }

    pub fn began(&self) -> usize {
        self.act(Hook::Load).began.unwrap_or(usize::MAX)
    }

    /// Where its own `load` has returned `Ok`.
    pub fn loaded(&self) -> Option<usize> {
        let load = self.act(Hook::Load);
        load.ended.filter(|_| load.is_done)
    }

    fn closing(&self) -> impl Iterator<Item = Act> {
        [Hook::Close, Hook::CleanUp(0)]
            .into_iter()
            .map(|hook| self.act(hook))
    }

    /// Where it began to close.
    pub fn closes(&self) -> Option<usize> {
        self.closing().filter_map(|act| act.began).min()
    }

    /// Where everything of it was over.
    fn over(&self) -> Option<usize> {
        let load = self.act(Hook::Load).ended;
        self.closing()
            .map(|act| act.ended)
            .chain([load])
            .max()
            .flatten()
    }

    /// Whether it has loaded at this place, and has not begun to close.
    pub fn is_open(&self, at: usize) -> bool {
        self.loaded().is_some_and(|it| it < at) && self.closes().is_none_or(|it| it >= at)
    }

    /// Whether nothing of it is left at this place.
    pub fn is_over(&self, at: usize) -> bool {
        let has_closed = self.loaded().is_none() || self.act(Hook::Close).ended.is_some();
        has_closed && self.over().is_none_or(|it| it < at)
    }
}

impl<'a> Story<'a> {
    /// # Errors
    ///
    /// If anything happened twice in one life.
    pub fn read(case: &'a Case, origins: &[Origin], events: &'a [Event]) -> Result<Self, String> {
        let life = |(number, origin): (usize, &Origin)| Life {
            number,
            node: origin.node,
            parent: origin.parent,
            acts: BTreeMap::new(),
        };
        let mut lives: Vec<Life> = origins.iter().enumerate().map(life).collect();
        for (place, event) in events.iter().enumerate() {
            let Some(life) = lives.get_mut(event.node).filter(|_| event.node != APP) else {
                continue;
            };
            let act = life.acts.entry(event.hook).or_default();
            let before = match event.mark {
                Mark::Left => {
                    act.was_left = true;
                    None
                }
                Mark::Began => act.began.replace(place),
                Mark::Told => act.told.replace(place),
                Mark::Done | Mark::Broken => {
                    act.is_done = event.mark == Mark::Done;
                    act.ended.replace(place)
                }
            };
            ensure(before.is_none(), || format!("{event:?} twice"))?;
        }
        Ok(Self {
            case,
            events,
            lives,
        })
    }

    pub fn words(life: &Life) -> String {
        format!("life {} of n{:02}", life.number, life.node)
    }

    pub fn is_barrier(&self, life: &Life) -> bool {
        life.node >= self.case.nodes.len()
    }

    /// Everything that a life brought with it, and itself.
    pub fn unit(&self, of: &Life) -> Vec<&Life> {
        let mut is_in = vec![false; self.lives.len()];
        for life in &self.lives {
            let by_parent = life.parent.is_some_and(|parent| is_in[parent]);
            is_in[life.number] = by_parent || life.number == of.number;
        }
        self.lives
            .iter()
            .filter(|life| is_in[life.number])
            .collect()
    }

    /// Whether its parent waited in its own `load` for this child, or for one behind it.
    pub fn is_awaited(&self, child: usize) -> bool {
        let nodes = &self.case.nodes;
        let Some(parent) = nodes[child].parent else {
            return false;
        };
        let behind = self.case.children(parent).filter(|it| *it >= child);
        behind.into_iter().any(|it| nodes[it].way != Way::Leave)
    }

    /// Everything that holds for lives that came to their own end.
    ///
    /// # Errors
    ///
    /// What does not hold, in words.
    pub fn check(&self) -> Checked {
        for life in &self.lives {
            for (hook, act) in &life.acts {
                let words = || format!("{}: {hook:?} is not over: {act:?}", Self::words(life));
                ensure(act.ended.is_some(), words)?;
            }
            if !self.is_barrier(life) {
                let (owed, did) = (
                    life.loaded().is_some(),
                    life.act(Hook::Close).began.is_some(),
                );
                ensure(owed == did, || {
                    format!("{}: owed a close: {owed}, closed: {did}", Self::words(life))
                })?;
            }
        }
        self.check_part()
    }

    /// How many lives were not closed, without barriers and with them.
    pub fn not_closed(&self) -> (usize, usize) {
        let is_open = |life: &&Life| {
            let closes = life.loaded().is_some() && !life.act(Hook::Close).is_done;
            let clean_up = life.act(Hook::CleanUp(0));
            closes && !self.is_barrier(life) || clean_up.was_left && !clean_up.is_done
        };
        let barriers = self.case.nodes.iter().filter(|node| node.barrier.is_some());
        let owed = self.lives.iter().filter(is_open).count();
        (owed, owed + barriers.count())
    }

    /// Everything that holds for lives that were cut off as well.
    ///
    /// # Errors
    ///
    /// What does not hold, in words.
    pub fn check_part(&self) -> Checked {
        for life in self.lives.iter().filter(|life| !self.is_barrier(life)) {
            Self::nothing_closes_that_has_not_loaded(life)?;
            self.parent_and_child(life)?;
            self.needs_are_kept(life)?;
            Self::clean_up_follows_close(life)?;
            self.errors_are_told_when_all_is_closed(life)?;
            self.nothing_begins_that_is_not_waited_for(life)?;
        }
        self.nothing_is_ready_too_early()?;
        self.no_more_run_than_may()
    }

    fn nothing_closes_that_has_not_loaded(life: &Life) -> Checked {
        let fits = life.loaded().is_some() || life.act(Hook::Close).began.is_none();
        ensure(fits, || {
            format!("{}: closed without a load", Self::words(life))
        })
    }

    fn clean_up_follows_close(life: &Life) -> Checked {
        let (close, clean_up) = (life.act(Hook::Close), life.act(Hook::CleanUp(0)));
        let follows = match (close.ended, clean_up.began) {
            (Some(closed), Some(cleaned)) => closed < cleaned,
            _ => true,
        };
        ensure(follows, || {
            format!("{}: cleaned up too early", Self::words(life))
        })
    }

    /// A late child within its parent; one that was awaited around it, unless it had failed before.
    fn parent_and_child(&self, child: &Life) -> Checked {
        let Some(parent) = child.parent.map(|it| &self.lives[it]) else {
            return Ok(());
        };
        let (inner, outer) = if self.is_awaited(child.node) {
            let was_there = Self::was_told_of(parent, child);
            if !was_there {
                return Ok(());
            }
            (parent, child)
        } else {
            let began = parent.loaded().is_some_and(|it| it < child.began());
            ensure(began, || {
                format!("{} before its parent had loaded", Self::words(child))
            })?;
            (child, parent)
        };
        let Some(closes) = outer.closes() else {
            return Ok(());
        };
        let inner = if self.is_awaited(child.node) {
            vec![inner]
        } else {
            self.unit(inner)
        };
        let open = inner.into_iter().find(|it| !it.is_over(closes));
        ensure(open.is_none(), || {
            let open = open.map(Self::words);
            format!("{} closes before {open:?} has", Self::words(outer))
        })
    }

    /// Whether a parent has waited for a child to the end, and that was there as long as its `load`
    /// went on.
    fn was_told_of(parent: &Life, child: &Life) -> bool {
        let waits = |(hook, act): (&Hook, &Act)| match hook {
            Hook::Wait(up_to) => *up_to >= child.node && (act.is_done || act.told.is_some()),
            _ => false,
        };
        let ended = parent.act(Hook::Load).ended;
        parent.acts.iter().any(waits) && ended.is_some_and(|it| child.is_open(it))
    }

    /// Whatever a life needs was there before it, and is until all of that life is over.
    fn needs_are_kept(&self, life: &Life) -> Checked {
        for (need, kind) in &self.case.nodes[life.node].needs {
            let is_sibling = self.case.nodes[*need].parent.is_some();
            if !is_sibling && *kind == Need::Order && life.parent.is_some() {
                // Children can't be ordered after what the app registered.
                continue;
            }
            let is_it =
                |other: &&Life| other.node == *need && (!is_sibling || other.parent == life.parent);
            let mut before = self.lives.iter().filter(is_it);
            let open = before.clone().find(|other| other.is_open(life.began()));
            if let Some(open) = open {
                // A restart follows what is needed, and no order.
                if *kind != Need::Order || !self.is_closed_by_restart(open) {
                    self.is_kept_within(life, open)?;
                }
                continue;
            }
            ensure(*kind != Need::State, || {
                format!("{} without n{need:02}", Self::words(life))
            })?;
            // What failed is over, and what comes later is too late.
            let is_over = before.all(|other| other.is_over(life.began()));
            ensure(is_over || !self.case.restarts.is_empty(), || {
                format!("{} before n{need:02}", Self::words(life))
            })?;
        }
        Ok(())
    }

    /// Whether a life was closed because it, or what it needs, was restarted: before the app itself
    /// began to close. It may have no life after that one, if something failed to load again.
    fn is_closed_by_restart(&self, life: &Life) -> bool {
        let is_app_close =
            |event: &Event| event.hook == Hook::AppClose && event.mark == Mark::Began;
        let app_closes = self.events.iter().position(is_app_close);
        let closes = life.closes();
        let is_before = closes.is_some_and(|it| app_closes.is_none_or(|app| it < app));
        !self.case.restarts.is_empty() && is_before
    }

    fn is_kept_within(&self, life: &Life, open: &Life) -> Checked {
        let inside = self.unit(life);
        let around = self.unit(open);
        // What that brought may be restarted alone.
        let around = around
            .into_iter()
            .filter(|it| self.case.restarts.is_empty() || it.number == open.number);
        for other in around {
            let is_there = other.is_open(life.began()) || other.is_over(life.began());
            ensure(is_there, || {
                format!("{} before {}", Self::words(life), Self::words(other))
            })?;
            if other.is_over(life.began()) {
                continue;
            }
            let Some(closes) = other.closes() else {
                continue;
            };
            for one in &inside {
                ensure(one.is_over(closes), || {
                    format!("{} closes before {}", Self::words(other), Self::words(one))
                })?;
            }
        }
        Ok(())
    }

    /// What a failed child had brought is gone when its parent hears of it; what had loaded beside
    /// it is still there.
    fn errors_are_told_when_all_is_closed(&self, parent: &Life) -> Checked {
        for (hook, act) in &parent.acts {
            let (Hook::Wait(_), Some(told)) = (hook, act.told) else {
                continue;
            };
            let began = act.began.unwrap_or(usize::MAX);
            let children = self
                .lives
                .iter()
                .filter(|it| it.parent == Some(parent.number));
            for child in children.filter(|it| it.began() > began && it.began() < told) {
                let mut unit = self.unit(child);
                unit.retain(|life| life.began() < told);
                let is_gone = unit.iter().all(|life| life.is_over(told));
                let is_there = child.is_open(told)
                    && unit.iter().all(|it| it.is_over(told) || it.is_open(told));
                ensure(is_gone || is_there, || {
                    format!(
                        "{} is half open when its parent hears of an error: {:?}",
                        Self::words(child),
                        self.events[told]
                    )
                })?;
            }
        }
        Ok(())
    }

    /// What a life has registered begins neither after its own load has failed or was cut off, nor
    /// after it has waited for it.
    fn nothing_begins_that_is_not_waited_for(&self, parent: &Life) -> Checked {
        if !self.case.restarts.is_empty() {
            // A child may be restarted alone.
            return Ok(());
        }
        let load = parent.act(Hook::Load);
        let failed = load.ended.filter(|_| !load.is_done);
        let children = self
            .lives
            .iter()
            .filter(|it| it.parent == Some(parent.number));
        for child in children.filter(|it| !self.is_only_glanced_at(parent, it)) {
            let waits = parent.acts.iter().filter_map(|(hook, act)| match hook {
                Hook::Wait(up_to) if *up_to >= child.node && self.is_awaited(child.node) => {
                    act.ended
                }
                _ => None,
            });
            // Of several waits the first one is for what was registered before it.
            let waits = waits.filter(|it| *it > child.began()).min();
            let end = failed.into_iter().chain(waits).min();
            for life in self.unit(child) {
                ensure(end.is_none_or(|end| life.began() < end), || {
                    let (life, parent) = (Self::words(life), Self::words(parent));
                    format!("{life} begins when {parent} does not wait for it any more")
                })?;
            }
        }
        Ok(())
    }

    /// Whether a parent has begun to wait for a child, and did not go on. It goes on beside the
    /// child then, and may fail at the moment at which that begins.
    fn is_only_glanced_at(&self, parent: &Life, child: &Life) -> bool {
        let behind = self
            .case
            .children(parent.node)
            .filter(|it| *it >= child.node);
        let mut behind = behind.map(|it| self.case.nodes[it].way);
        let is_glance = behind.any(|way| way == Way::Glance);
        let waits = parent.acts.iter().any(|(hook, act)| match hook {
            Hook::Wait(up_to) => {
                *up_to >= child.node && act.began.is_some_and(|it| it < child.began())
            }
            _ => false,
        });
        is_glance && !waits
    }

    /// Hooks that wait for the app to be ready run when nothing loads any more.
    fn nothing_is_ready_too_early(&self) -> Checked {
        if !self.case.restarts.is_empty() {
            return Ok(());
        }
        let is_ready =
            |event: &Event| matches!(event.hook, Hook::Loaded | Hook::Ready | Hook::Start);
        let first = self.events.iter().position(is_ready);
        let loads = |event: &Event| event.hook == Hook::Load;
        let last = self.events.iter().rposition(loads);
        ensure(first.is_none() || last < first, || {
            format!(
                "{:?} before all had loaded",
                first.map(|it| self.events[it])
            )
        })
    }

    fn no_more_run_than_may(&self) -> Checked {
        let may = self.case.concurrency;
        // Whoever hears of an error, or thinks better of its waiting, does not wait for its place
        // again: somebody else may have that meanwhile.
        let is_told = self.events.iter().any(|event| event.mark == Mark::Told);
        let glances = self.case.nodes.iter().any(|it| it.way == Way::Glance);
        if may == 0 || is_told || glances {
            return Ok(());
        }
        let mut running = BTreeSet::new();
        for event in self.events.iter().filter(|event| event.node != APP) {
            match (event.hook, event.mark) {
                (Hook::Load | Hook::Wait(_), Mark::Began | Mark::Done) => {
                    let goes_on = (event.hook == Hook::Load) == (event.mark == Mark::Began);
                    if goes_on {
                        running.insert(event.node);
                    } else {
                        running.remove(&event.node);
                    }
                }
                (Hook::Load | Hook::Wait(_), Mark::Broken) => {
                    running.remove(&event.node);
                }
                _ => {}
            }
            ensure(running.len() <= may, || format!("too many at {event:?}"))?;
        }
        Ok(())
    }
}
