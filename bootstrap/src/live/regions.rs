//! Who answers for a failure: not always the boot as a whole.

use std::collections::HashSet;
use std::iter::successors;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::base::phase::Phase;
use crate::base::time::later;
use crate::drive::Grow;
use crate::live::family::Done;
use crate::live::growth::{Growth, Kept, Region};
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
        let region = Region::Barrier(barrier);
        // A part that is loaded again passes no barrier.
        let boots = self.boot_took.get().is_none();
        boots.then_some(Absorber { region, top })
    }

    /// Who answers if that one does not: for all of its region.
    fn beyond(&self, absorber: Absorber) -> Option<Absorber> {
        match absorber.region {
            Region::Batch(_) => self.absorber(self.parent(absorber.top)?),
            Region::Barrier(barrier) => self.absorber(barrier),
        }
    }

    /// All who may have to answer for a node, one if the other does not.
    fn absorbers(&self, node: u32) -> impl Iterator<Item = Absorber> {
        successors(self.absorber(node), |it| self.beyond(*it))
    }

    /// Whether a region that a node belongs to has failed.
    pub(crate) fn is_cut(&self, node: u32) -> bool {
        let growth = self.growth();
        let mut all = self.absorbers(node);
        all.any(|it| growth.kept.contains_key(&it.region))
    }

    /// Everything in a region, with what that brought with it.
    pub(crate) fn in_region(&self, region: Region) -> Vec<u32> {
        let is_in = |node: &u32| self.absorbers(*node).any(|it| it.region == region);
        self.all().filter(is_in).collect()
    }

    /// Keeps failures for whoever answers for a region; whether they are the first. Gives them back
    /// if that has ended meanwhile, and hears of nothing any more.
    pub(crate) fn keep_failures(
        &self,
        absorber: Absorber,
        failed: Vec<Kept>,
    ) -> Result<bool, Vec<Kept>> {
        if failed.is_empty() {
            return Ok(false);
        }
        let parent = self.parent(absorber.top);
        let mut growth = self.growth();
        let is_over = parent.is_some_and(|parent| growth.family.is_over(parent));
        if is_over && matches!(absorber.region, Region::Batch(_)) {
            return Err(failed);
        }
        let all = growth.kept.entry(absorber.region).or_default();
        let is_first = all.is_empty();
        all.extend(failed);
        Ok(is_first)
    }

    /// What has failed in a region.
    pub(crate) fn kept(&self, region: Region) -> Vec<Kept> {
        self.growth().kept.get(&region).cloned().unwrap_or_default()
    }

    /// What a node was told of in its `load`, if it answers for others: what had failed of that for
    /// which it waited, or before it.
    pub(crate) fn answers_for(&self, node: u32) -> Vec<Kept> {
        self.failed_below(node, |_, _| true)
    }

    /// Those of them of which it has not heard.
    pub(crate) fn untold(&self, node: u32) -> Vec<Kept> {
        self.failed_below(node, Growth::is_untold)
    }

    fn failed_below(&self, node: u32, counts: impl Fn(&Growth, u32) -> bool) -> Vec<Kept> {
        if self.member(node).barrier.is_some() {
            return self.kept(Region::Barrier(node));
        }
        if !self.has_grown() {
            return Vec::new();
        }
        self.failed_children(&self.growth(), node, counts)
    }

    fn failed_children(
        &self,
        growth: &Growth,
        node: u32,
        counts: impl Fn(&Growth, u32) -> bool,
    ) -> Vec<Kept> {
        let children = growth.family.children(node);
        let mut batches: Vec<u32> = children.iter().filter_map(|it| self.batch(*it)).collect();
        batches.dedup();
        let batches = batches.iter().filter(|it| counts(growth, **it));
        let kept = batches.filter_map(|it| growth.kept.get(&Region::Batch(*it)));
        kept.flatten().cloned().collect()
    }

    /// What has failed of that which a node brought with it, unless it has heard of that. For those
    /// who hold the lock.
    pub(super) fn unheard(&self, growth: &Growth, node: u32) -> Vec<Kept> {
        self.failed_children(growth, node, Growth::is_untold)
    }

    fn batch(&self, node: u32) -> Option<u32> {
        self.joined_as(node)?.batch
    }

    /// Whether something that a node brought with it was cut off, and it has not heard of that.
    pub(super) fn lacks_children(&self, growth: &Growth, node: u32) -> bool {
        growth.family.children(node).into_iter().any(|child| {
            let is_untold = self.batch(child).is_none_or(|it| growth.is_untold(it));
            let outcome = || self.cell(child).load.outcome;
            is_untold && matches!(outcome(), Outcome::Skipped | Outcome::Cancelled)
        })
    }

    /// The first error of the children for which somebody waited, and of those up to an entry of
    /// which nobody has heard yet. Whoever waited hears of it now.
    pub(super) fn tell_first_error(
        &self,
        parent: u32,
        up_to: Option<u32>,
        children: &[u32],
    ) -> Option<PluginError> {
        let mut growth = self.growth();
        if growth.kept.is_empty() {
            return None;
        }
        // A child that has loaded answers for itself.
        let failed = children.iter().filter(|child| !self.is_loaded(**child));
        let asked = failed.filter_map(|child| self.batch(*child));
        let asked: HashSet<u32> = asked.collect();
        let mut first = None;
        for child in growth.family.children_up_to(parent, up_to) {
            let batch = self.batch(child);
            let Some(batch) = batch.filter(|it| asked.contains(it) || growth.is_untold(*it)) else {
                continue;
            };
            if let Some(kept) = growth.kept.get(&Region::Batch(batch)) {
                first = first.or_else(|| kept.first().map(|it| it.error.clone()));
                growth.told.insert(batch);
            }
        }
        first
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
        self.emit(node, Phase::Load, Outcome::Skipped);
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

    /// Skips a node if it is a barrier that has not begun, in its turn: when all before it is over.
    pub(crate) fn skip_barrier(&self, node: u32) -> bool {
        if self.member(node).barrier.is_none() {
            return false;
        }
        let mut cell = self.cell(node);
        let outcome = &mut cell.load.outcome;
        if *outcome == Outcome::NotStarted {
            *outcome = Outcome::Skipped;
        }
        *outcome == Outcome::Skipped
    }

    pub(crate) fn is_skipped(&self, node: u32) -> bool {
        let is_barrier = self.member(node).barrier.is_some();
        is_barrier && self.cell(node).load.outcome == Outcome::Skipped
    }

    /// What a node that failed has left behind is gone.
    pub(crate) fn rolled_back(&self, top: u32) -> Done {
        self.set_gone(&self.brought_by(top), false);
        self.ready_queue.forget(top);
        let done = self.growth().family.rolled_back(top);
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
        self.set_gone(&self.brought_by(node), true);
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
        let ends = self.parents(node).filter_map(|parent| {
            let limit = limit(parent)?;
            Some((later(self.load_began(parent), limit), parent, limit))
        });
        // Of several, the nearest.
        ends.min_by_key(|(end, ..)| *end)
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
