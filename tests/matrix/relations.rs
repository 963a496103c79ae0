//! What holds in every life, whatever happened in it: read off the ledger and the edges alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::{Case, Kind};
use crate::ledger::{APP, Event, Hook, Mark};

/// A ledger that can be asked for places.
pub struct Life<'a> {
    case: &'a Case,
    events: &'a [Event],
    places: BTreeMap<(usize, Hook, u8), usize>,
    /// For each node all that it needs, also through others.
    below: Vec<BTreeSet<usize>>,
}

/// Where an event stands that belongs to a mark: ends are one, however they came.
fn class(mark: Mark) -> u8 {
    match mark {
        Mark::Left => 0,
        Mark::Began => 1,
        Mark::Told => 2,
        Mark::Done | Mark::Broken => 3,
    }
}

type Checked = Result<(), String>;

fn ensure(holds: bool, words: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(words()) }
}

impl<'a> Life<'a> {
    /// # Errors
    ///
    /// If anything happened twice.
    pub fn read(case: &'a Case, events: &'a [Event]) -> Result<Self, String> {
        let mut places = BTreeMap::new();
        for (place, event) in events.iter().enumerate() {
            let before = places.insert((event.node, event.hook, class(event.mark)), place);
            ensure(before.is_none(), || format!("{event:?} twice"))?;
        }
        let mut below: Vec<BTreeSet<usize>> = Vec::new();
        for needs in &case.needs {
            let through = needs.iter().flat_map(|need| below[*need].clone());
            below.push(through.chain(needs.iter().copied()).collect());
        }
        Ok(Self {
            case,
            events,
            places,
            below,
        })
    }

    fn left(&self, node: usize, hook: Hook) -> Option<usize> {
        self.places.get(&(node, hook, class(Mark::Left))).copied()
    }

    pub fn began(&self, node: usize, hook: Hook) -> Option<usize> {
        self.places.get(&(node, hook, class(Mark::Began))).copied()
    }

    fn told(&self, node: usize, hook: Hook) -> Option<usize> {
        self.places.get(&(node, hook, class(Mark::Told))).copied()
    }

    fn ended(&self, node: usize, hook: Hook) -> Option<usize> {
        self.places.get(&(node, hook, class(Mark::Done))).copied()
    }

    pub fn is_done(&self, node: usize, hook: Hook) -> bool {
        self.ended(node, hook)
            .is_some_and(|place| self.events[place].mark == Mark::Done)
    }

    pub fn has_loaded(&self, node: usize) -> bool {
        self.is_done(node, Hook::Load)
    }

    /// The clean-ups that a plugin left, in the order in which it did.
    pub fn clean_ups(&self, node: usize) -> impl Iterator<Item = Hook> {
        let script = &self.case.scripts[node];
        let all = (0..script.early.len() + script.late.len()).map(Hook::CleanUp);
        all.filter(move |hook| self.left(node, *hook).is_some())
    }

    fn nodes(&self) -> std::ops::Range<usize> {
        0..self.case.len()
    }

    /// Everything that holds for a life that came to its own end.
    ///
    /// # Errors
    ///
    /// What does not hold, in words.
    pub fn check(&self) -> Checked {
        self.what_began_has_ended()?;
        self.loads_and_closes_balance()?;
        self.each_clean_up_ran_once()?;
        self.check_part()
    }

    /// Everything that holds for a life that was cut off as well.
    ///
    /// # Errors
    ///
    /// What does not hold, in words.
    pub fn check_part(&self) -> Checked {
        self.nothing_closes_that_has_not_loaded()?;
        self.edges_are_kept()?;
        self.clean_ups_go_backwards()?;
        self.phases_do_not_overlap()?;
        self.no_more_run_than_may()
    }

    fn what_began_has_ended(&self) -> Checked {
        for event in self.events.iter().filter(|event| event.mark == Mark::Began) {
            let ended = self.ended(event.node, event.hook).is_some();
            ensure(ended, || format!("{event:?} and never ended"))?;
        }
        Ok(())
    }

    fn loads_and_closes_balance(&self) -> Checked {
        for node in self.nodes() {
            let has_close = self.case.scripts[node].kind != Kind::Bare;
            let closed = self.began(node, Hook::Close).is_some();
            let owed = has_close && self.has_loaded(node);
            ensure(owed == closed, || {
                format!("p{node:02}: owed a close: {owed}, closed: {closed}")
            })?;
        }
        Ok(())
    }

    fn each_clean_up_ran_once(&self) -> Checked {
        for node in self.nodes() {
            for hook in self.clean_ups(node) {
                let ran = self.began(node, hook).is_some();
                ensure(ran, || {
                    format!("p{node:02}: {hook:?} was left and not done")
                })?;
            }
        }
        Ok(())
    }

    fn nothing_closes_that_has_not_loaded(&self) -> Checked {
        for node in self.nodes() {
            for hook in [Hook::Ready, Hook::Run, Hook::Drain, Hook::Close] {
                let fits = self.has_loaded(node) || self.began(node, hook).is_none();
                ensure(fits, || format!("p{node:02}: {hook:?} without a load"))?;
            }
        }
        Ok(())
    }

    /// Both are absent, or in this order; the later one may be absent alone.
    fn in_order(&self, earlier: Option<usize>, later: Option<usize>) -> Checked {
        let holds = later.is_none() || earlier.is_some() && earlier < later;
        ensure(holds, || {
            let show = |place: Option<usize>| place.map(|place| self.events[place]);
            format!("{:?} is not before {:?}", show(earlier), show(later))
        })
    }

    /// If both are there, they are in this order.
    fn not_after(&self, earlier: Option<usize>, later: Option<usize>) -> Checked {
        if earlier.is_some() && later.is_some() {
            self.in_order(earlier, later)?;
        }
        Ok(())
    }

    fn edges_are_kept(&self) -> Checked {
        for node in self.nodes() {
            for need in &self.below[node] {
                self.edge_is_kept(node, *need)?;
            }
        }
        Ok(())
    }

    fn edge_is_kept(&self, node: usize, need: usize) -> Checked {
        let loaded = self
            .ended(need, Hook::Load)
            .filter(|_| self.has_loaded(need));
        self.in_order(loaded, self.began(node, Hook::Load))?;
        self.not_after(self.ended(need, Hook::Ready), self.began(node, Hook::Ready))?;
        self.not_after(self.ended(node, Hook::Drain), self.began(need, Hook::Drain))?;
        for task in self.tasks(node) {
            // One that was aborted is gone a moment later.
            let ended = self.ended(node, task).filter(|_| self.is_done(node, task));
            for other in self.tasks(need) {
                self.not_after(ended, self.told(need, other))?;
            }
        }
        for last in self.closing(node) {
            for first in self.closing(need) {
                self.not_after(self.ended(node, last), self.began(need, first))?;
            }
        }
        Ok(())
    }

    fn tasks(&self, node: usize) -> impl Iterator<Item = Hook> {
        let both = [Hook::Run, Hook::Task].into_iter();
        both.filter(move |task| self.began(node, *task).is_some())
    }

    /// The pieces of the close of a plugin.
    fn closing(&self, node: usize) -> impl Iterator<Item = Hook> {
        self.clean_ups(node).chain([Hook::Close])
    }

    fn clean_ups_go_backwards(&self) -> Checked {
        for node in self.nodes() {
            let mut later = Vec::new();
            for hook in self.clean_ups(node) {
                later.push(hook);
                let closed = self.ended(node, Hook::Close);
                self.not_after(closed, self.began(node, hook))?;
                self.not_after(self.ended(node, Hook::Load), self.began(node, hook))?;
            }
            for pair in later.windows(2) {
                let last_ended = self.ended(node, pair[1]);
                let first_began = self.began(node, pair[0]);
                self.in_order(last_ended, first_began)?;
            }
        }
        Ok(())
    }

    fn phases_do_not_overlap(&self) -> Checked {
        let phase = |hook: Hook| match hook {
            Hook::Load | Hook::Wait(_) | Hook::Loaded => 0,
            Hook::Ready => 1,
            Hook::Start => 2,
            Hook::Run | Hook::Task => 3,
            Hook::Drain => 4,
            Hook::AppClose => 5,
            Hook::Close | Hook::CleanUp(_) => 6,
        };
        for (place, event) in self.events.iter().enumerate() {
            if event.mark != Mark::Began || event.hook == Hook::Task {
                continue;
            }
            for earlier in &self.events[place..] {
                let is_task = matches!(earlier.hook, Hook::Run | Hook::Task);
                let overlaps = phase(earlier.hook) < phase(event.hook);
                let is_fine = is_task && event.hook != Hook::AppClose && phase(event.hook) < 6;
                ensure(!overlaps || is_fine, || {
                    format!("{earlier:?} after {event:?}")
                })?;
            }
        }
        self.tasks_are_told_when_all_have_drained()?;
        self.only_a_booted_app_drains()
    }

    fn tasks_are_told_when_all_have_drained(&self) -> Checked {
        let place = |wanted: fn(&Event) -> bool| self.events.iter().position(wanted);
        let first_told = place(|event| event.mark == Mark::Told);
        for node in self.nodes() {
            self.not_after(self.ended(node, Hook::Drain), first_told)?;
        }
        Ok(())
    }

    fn only_a_booted_app_drains(&self) -> Checked {
        let has_booted = self.nodes().all(|node| self.has_loaded(node));
        let of_a_booted_app = [Hook::Run, Hook::Drain, Hook::AppClose];
        let found = self
            .events
            .iter()
            .find(|event| of_a_booted_app.contains(&event.hook));
        ensure(has_booted || found.is_none(), || {
            format!("{found:?} without a boot")
        })
    }

    fn no_more_run_than_may(&self) -> Checked {
        let mut running = 0;
        for event in self.events {
            if matches!(event.hook, Hook::Run | Hook::Task) || event.node == APP {
                continue;
            }
            match class(event.mark) {
                1 => running += 1,
                3 => running -= 1,
                _ => {}
            }
            let may = self.case.concurrency;
            ensure(may == 0 || running <= may, || {
                format!("too many at {event:?}")
            })?;
        }
        Ok(())
    }
}
