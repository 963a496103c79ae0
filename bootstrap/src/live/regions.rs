//! Who answers for a failure: not always the boot as a whole.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::base::phase::Phase;
use crate::base::time::later;
use crate::drive::Grow;
use crate::live::family::Done;
use crate::live::growth::{Kept, Region};
use crate::live::nodes::Nodes;
use crate::report::{Outcome, PluginError};

/// Who answers for the failure of a node.
#[derive(Clone, Copy)]
pub(crate) struct Absorber {
    pub(crate) region: Region,
    /// The node of the region that the failed one is, or by which it was brought: it has failed
    /// with it.
    pub(crate) top: u32,
}

impl Nodes {
    /// Who answers for the failure of a node, unless that is the boot. Only who has not gone on
    /// without it can.
    pub(crate) fn absorber(&self, node: u32) -> Option<Absorber> {
        let mut top = node;
        while let Some(joined) = self.joined_as(top) {
            let batch = joined.batch.filter(|_| self.is_loading(joined.parent));
            if let Some(batch) = batch {
                let region = Region::Batch(batch);
                return Some(Absorber { region, top });
            }
            // Nobody waits any more for what it is part of: it is as if it had come late.
            top = joined.parent;
        }
        let barrier = self.plan.barrier_of(top)?;
        if self.cell(barrier).load.outcome != Outcome::NotStarted {
            return self.absorber(barrier);
        }
        let region = Region::Barrier(barrier);
        Some(Absorber { region, top })
    }

    /// Who answers if that one does not: for all of its region.
    fn beyond(&self, absorber: Absorber) -> Option<Absorber> {
        match absorber.region {
            Region::Batch(_) => self.absorber(self.parent(absorber.top)?),
            Region::Barrier(barrier) => self.absorber(barrier),
        }
    }

    /// Whether a region that a node belongs to has failed.
    pub(crate) fn is_cut(&self, node: u32) -> bool {
        let mut next = self.absorber(node);
        let growth = self.growth();
        while let Some(absorber) = next {
            if growth.kept.contains_key(&absorber.region) {
                return true;
            }
            next = self.beyond(absorber);
        }
        false
    }

    /// Everything in a region, with what that brought with it.
    pub(crate) fn in_region(&self, region: Region) -> Vec<u32> {
        let is_in = |node: &u32| {
            let mut next = self.absorber(*node);
            while let Some(absorber) = next {
                if absorber.region == region {
                    return true;
                }
                next = self.beyond(absorber);
            }
            false
        };
        self.all().filter(is_in).collect()
    }

    /// Keeps a failure for whoever answers for a region; whether it is the first.
    pub(crate) fn keep_failure(&self, region: Region, kept: Kept) -> bool {
        let mut growth = self.growth();
        let all = growth.kept.entry(region).or_default();
        all.push(kept);
        all.len() == 1
    }

    /// What has failed in a region.
    pub(crate) fn kept(&self, region: Region) -> Vec<Kept> {
        self.growth().kept.get(&region).cloned().unwrap_or_default()
    }

    /// What a node was told of in its `load`, if it answers for others: what had failed of that for
    /// which it waited, or before it.
    pub(crate) fn answers_for(&self, node: u32) -> Vec<Kept> {
        if self.member(node).barrier.is_some() {
            return self.kept(Region::Barrier(node));
        }
        if !self.has_grown() {
            return Vec::new();
        }
        let growth = self.growth();
        let children = growth.family.children(node);
        let mut batches: Vec<u32> = children.iter().filter_map(|it| self.batch(*it)).collect();
        batches.dedup();
        let kept = batches
            .iter()
            .filter_map(|it| growth.kept.get(&Region::Batch(*it)));
        kept.flatten().cloned().collect()
    }

    fn batch(&self, node: u32) -> Option<u32> {
        self.joined_as(node)?.batch
    }

    /// The first error of those whom somebody waited for.
    pub(super) fn first_error(&self, children: &[u32]) -> Option<PluginError> {
        let growth = self.growth();
        let batches = children.iter().filter_map(|child| self.batch(*child));
        let mut kept = batches.filter_map(|batch| growth.kept.get(&Region::Batch(batch)));
        kept.find_map(|kept| kept.first().map(|it| it.error.clone()))
    }

    /// A node has failed, and what it brought with it has with it. What it had registered never
    /// joins.
    pub(crate) fn lose(&self, top: u32, failed: u32) -> Done {
        let mut growth = self.growth();
        growth.family.lose(top);
        let entries = growth.family.take_registered(failed, None);
        let done = growth.family.end(failed);
        drop(growth);
        self.discard(entries);
        self.show(&done);
        done
    }

    /// A node was skipped, because its region has failed. Whoever brought it has failed with it,
    /// unless that still loads, and is told.
    pub(crate) fn skip(&self, node: u32) -> Done {
        if let Some(step) = self.cell(node).step(Phase::Load) {
            step.outcome = Outcome::Skipped;
        }
        let top = self.absorber(node).map(|it| it.top);
        let mut growth = self.growth();
        if let Some(top) = top.filter(|top| *top != node) {
            growth.family.lose(top);
        }
        let done = growth.family.end(node);
        drop(growth);
        self.show(&done);
        done
    }

    /// What a node that failed has left behind is gone.
    pub(crate) fn rolled_back(&self, top: u32) -> Done {
        let mut growth = self.growth();
        for node in growth.family.descendants(top) {
            self.set_gone(node);
        }
        let done = growth.family.rolled_back(top);
        drop(growth);
        self.show(&done);
        done
    }

    /// What a node brought with it, and itself.
    pub(crate) fn unit(&self, top: u32) -> Vec<bool> {
        let mut unit = vec![false; self.len()];
        unit[top as usize] = true;
        for node in self.growth().family.descendants(top) {
            unit[node as usize] = true;
        }
        unit
    }

    /// What a node brought with it.
    pub(crate) fn brought_by(&self, node: u32) -> Vec<u32> {
        if !self.has_grown() {
            return Vec::new();
        }
        self.growth().family.descendants(node)
    }

    /// How many brought each other until this node was there.
    pub(crate) fn depth(&self, node: u32) -> usize {
        self.joined_as(node).map_or(0, |it| it.path.len())
    }

    /// Cancels what a node brought with it, and waits for the end of that.
    pub(crate) async fn all_ended(&self, node: u32) {
        let (_, done) = self.growth().family.wait(node, None);
        if let Some(done) = done {
            let _ = done.await;
        }
    }

    /// What a node brought with it has been closed, and is forgotten.
    pub(crate) fn let_go_of_brought(&self, node: u32) {
        for brought in self.brought_by(node) {
            self.set_gone(brought);
        }
        self.forget_brought(node);
    }

    /// Whether any of a unit has anything to be closed.
    pub(crate) fn holds_any(&self, unit: &[bool]) -> bool {
        let owed = self.owed();
        unit.iter().zip(owed).any(|(is_in, owes)| *is_in && owes)
    }

    pub(crate) fn pass(&self) -> Option<Arc<dyn Grow>> {
        self.growth().pass()
    }

    /// A boot begins: nodes may join it.
    pub(crate) fn begin_growth(&self, pass: Weak<dyn Grow>) {
        let mut growth = self.growth();
        growth.pass = Some(pass);
        growth.is_over = false;
    }

    /// The boot is over, well or not: nobody joins, and nobody has anything to wait for.
    pub(crate) fn end_growth(&self) {
        let mut growth = self.growth();
        growth.pass = None;
        growth.is_over = true;
        growth.family.let_go_of_waiters();
    }

    /// Who brought a node into the app, directly or through others, and has the least time left for
    /// that: when it is up, who that is, and how long its `load` may take.
    pub(crate) fn parent_in_haste(
        &self,
        node: u32,
        limit: impl Fn(u32) -> Option<Duration>,
    ) -> Option<(Instant, u32, Duration)> {
        let mut least: Option<(Instant, u32, Duration)> = None;
        let mut next = self.parent(node);
        while let Some(parent) = next {
            if let Some(limit) = limit(parent) {
                let end = later(self.load_began(parent), limit);
                if least.is_none_or(|(least, ..)| end < least) {
                    least = Some((end, parent, limit));
                }
            }
            next = self.parent(parent);
        }
        least
    }

    /// Since when the limit of a `load` counts.
    fn load_began(&self, node: u32) -> Instant {
        let told = self.progressed(node, Phase::Load);
        let cell = self.cell(node);
        let attempt = cell.others.as_ref().and_then(|it| it.attempt);
        let began = attempt.unwrap_or(self.began() + cell.load.began.unwrap_or_default());
        told.map_or(began, |told| told.max(began))
    }
}
