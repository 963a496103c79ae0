//! How jobs of a board end before they are done, and what may not begin because of that.

use std::time::Duration;

use tokio::time::Instant;

use crate::drive::board::{Begins, Board, GRACE, LAST_CHANCE, Polling, Verdict, Waiting};

impl<O> Board<O> {
    pub(super) fn is_brought_by_ending(&self, node: u32) -> bool {
        if self.ending.is_empty() {
            return false;
        }
        let mut ancestors = self.scheduler.ancestors(node).iter();
        ancestors.any(|it| *it != node && self.ending.contains(it))
    }

    /// Whether a job that has to go is dropped later: a hook that it waits for begins at this moment
    /// on another thread, and must not begin after the drop.
    pub(super) fn is_deferred(&self, node: u32) -> bool {
        let is_cut = |it: &Waiting<O>| it.verdict.is_some() && !it.last_look;
        self.parked.get(&node).is_some_and(is_cut) && self.begins_below(node)
    }

    pub(super) fn begins_below(&self, node: u32) -> bool {
        let begins = self.seats.iter().flatten().filter(|it| it.begins);
        let mut begins = begins.filter(|it| it.node != node);
        begins.any(|it| self.scheduler.ancestors(it.node).contains(&node))
    }

    /// Whether the job that a driver was given may begin.
    pub(super) fn begins(&self, seat: usize) -> Begins {
        match &self.seats[seat] {
            None => Begins::LeftBehind,
            Some(polling) if polling.verdict == Some(Verdict::Cancelled) => Begins::Never,
            // What returns at its first poll needs no time.
            Some(_) => Begins::Now,
        }
    }

    /// Takes back a node that a driver has not begun, if the pass has ended meanwhile.
    pub(super) fn takes_back(&mut self, seat: usize) -> bool {
        let is_stopped = self.scheduler.is_stopped();
        let is_cut = |it: &mut Polling| is_stopped && it.verdict == Some(Verdict::Cancelled);
        if !self.seats[seat].as_mut().is_some_and(is_cut) {
            return false;
        }
        let Some(polling) = self.get_up(seat) else {
            return false;
        };
        let node = polling.node;
        self.ending.remove(&node);
        self.sentenced.retain(|(other, _)| *other != node);
        if polling.is_new {
            self.scheduler.hold(node);
        } else {
            self.scheduler.finish(node);
        }
        true
    }

    /// Starts nothing more, and sentences everything that runs.
    pub(super) fn cancel_all(&mut self, now: Instant) {
        self.scheduler.stop();
        self.again.extend(self.held.drain(..));
        for node in std::mem::take(&mut self.again) {
            self.scheduler.finish(node);
        }
        let mut parked: Vec<u32> = self.parked.keys().copied().collect();
        // Those of a map come in any order, and they are dropped in this one.
        parked.sort_unstable();
        let polled = self.seats.iter().flatten().map(|polling| polling.node);
        for node in parked.into_iter().chain(polled.collect::<Vec<_>>()) {
            if !self.spared.contains(&node) {
                self.sentence(node, Verdict::Cancelled, now);
            }
        }
    }

    /// Ends a part of the pass: cancels what runs of it, and skips what has not begun; returns
    /// that.
    pub(super) fn cut(&mut self, nodes: &[u32], now: Instant) -> Vec<u32> {
        let mut skipped = Vec::new();
        for node in nodes {
            if self.scheduler.skip(*node) {
                skipped.push(*node);
            } else if self.will_begin_again(*node)
                // Or its end is being kept at this moment, and may ask for another start.
                || !self.sentence(*node, Verdict::Cancelled, now)
            {
                self.doomed.insert(*node);
            }
        }
        if !skipped.is_empty() {
            self.scheduler.forget_skipped();
        }
        skipped
    }

    pub(super) fn will_begin_again(&self, node: u32) -> bool {
        let mut all = self.again.iter().chain(&self.held).chain(&self.spared);
        all.any(|it| *it == node)
    }

    /// The first verdict stays. False if there is no job at the node.
    pub(super) fn sentence(&mut self, node: u32, verdict: Verdict, now: Instant) -> bool {
        let known = match self.parked.get_mut(&node) {
            Some(waiting) => {
                let is_first = waiting.verdict.is_none();
                waiting.last_look |= is_first && waiting.queued && verdict == Verdict::Cancelled;
                &mut waiting.verdict
            }
            None => match self.polling(node) {
                Some(polling) => &mut polling.verdict,
                None => return false,
            },
        };
        if known.is_none() {
            *known = Some(verdict);
            self.ending.insert(node);
            self.sentenced.push((node, now + self.grace(node, now)));
            self.unseen = true;
            self.wake(node);
        }
        true
    }

    pub(super) fn grace(&self, node: u32, now: Instant) -> Duration {
        if self.patient_with.contains(&node) {
            // It has had its time to end.
            return LAST_CHANCE;
        }
        let left = |until: Instant| until.saturating_duration_since(now);
        let left = self.patient_until.map_or(GRACE, left);
        left.clamp(LAST_CHANCE, GRACE)
    }
}
