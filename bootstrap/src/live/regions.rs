//! What handles a failure: not always the boot as a whole.

use std::collections::{HashMap, HashSet};
use std::iter::successors;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::base::phase::Phase;
use crate::base::time::later;
use crate::drive::Grow;
use crate::live::family::Done;
use crate::live::growth::{Growth, Haste, Kept, Part, Region};
use crate::live::nodes::Nodes;
use crate::report::{HookError, Outcome};

/// What handles the failure of a node.
#[derive(Clone, Copy)]
pub(crate) struct Absorber {
    pub(crate) region: Region,
    /// The node of the region that the failed one is, or by which it was brought: it has failed
    /// with it.
    pub(crate) top: u32,
}

impl Nodes {
    /// What handles the failure of a node, unless that is the boot. Only a load that has not gone on
    /// without it can.
    pub(crate) fn absorber(&self, node: u32) -> Option<Absorber> {
        let top = self.top(node);
        if let Some(batch) = self.batch(top) {
            let region = Region::Batch(batch);
            return Some(Absorber { region, top });
        }
        let barrier = self.plan.barrier_of(top)?;
        let region = Region::Barrier(barrier);
        // A part that is loaded again passes no barrier.
        let boots = self.boot_took.get().is_none();
        boots.then_some(Absorber { region, top })
    }

    /// The node that a node fails with: the first on the way outwards for which a `load` still
    /// waits, else one of the plan.
    ///
    /// A union-find: a `load` that has ended waits for nothing any more, so a step outwards holds
    /// for good, and is remembered for later walks of the same way.
    fn top(&self, node: u32) -> u32 {
        let mut top = node;
        while let Some(joined) = self.joined_as(top) {
            let next = joined.fails_with.load(Ordering::Relaxed);
            if next != top {
                top = next;
                continue;
            }
            if joined.batch.is_some() && self.is_loading(joined.parent) {
                break;
            }
            // It is as if it had come late.
            joined.fails_with.store(joined.parent, Ordering::Relaxed);
            top = joined.parent;
        }
        let mut at = node;
        while let Some(joined) = self.joined_as(at).filter(|_| at != top) {
            at = joined.fails_with.swap(top, Ordering::Relaxed);
        }
        top
    }

    /// Whether a region that a node belongs to has failed.
    pub(crate) fn is_cut(&self, node: u32) -> bool {
        let absorber = self.absorber(node);
        absorber.is_some_and(|it| self.growth().is_cut(it.region))
    }

    /// Nodes that join as a batch fail together. If those around them have failed, so have they.
    pub(super) fn open_boundary(&self, growth: &mut Growth, parent: u32, batch: u32) {
        let around = self.absorber(parent);
        if around.is_some_and(|it| growth.is_cut(it.region)) {
            growth
                .boundaries
                .entry(Region::Batch(batch))
                .or_default()
                .is_cut = true;
        }
    }

    /// Cuts a boundary and those inside it. Returns everything in them that is not done, with what
    /// that brought with it.
    pub(crate) fn cut_boundary(&self, of: Absorber) -> Vec<u32> {
        let mut growth = self.growth();
        let growth = &mut *growth;
        let mut members = match of.region {
            Region::Batch(batch) => {
                let parent = self.parent(of.top);
                let siblings = parent.map(|parent| growth.family.undone(parent));
                let mut siblings = siblings.unwrap_or_default();
                siblings.retain(|it| self.batch(*it) == Some(batch));
                siblings
            }
            Region::Barrier(barrier) => self.before_barrier(growth, barrier),
        };
        let below = members.iter().map(|it| growth.family.undone_below(*it));
        let below: Vec<u32> = below.flatten().collect();
        members.extend(below);
        members.sort_unstable();
        let inside = members.iter().filter_map(|it| match self.batch(*it) {
            Some(batch) => Some(Region::Batch(batch)),
            None if self.member(*it).barrier.is_some() => Some(Region::Barrier(*it)),
            None => None,
        });
        for region in inside.chain([of.region]) {
            growth.boundaries.entry(region).or_default().is_cut = true;
        }
        members
    }

    /// The nodes of the plan that stand before a barrier. What stands before another one that has
    /// begun is done.
    fn before_barrier(&self, growth: &mut Growth, barrier: u32) -> Vec<u32> {
        let before = growth.before.get_or_insert_with(|| {
            let mut before: HashMap<u32, Vec<u32>> = HashMap::new();
            for node in self.plan.order().map(|plugin| plugin.number()) {
                if let Some(barrier) = self.plan.barrier_of(node) {
                    before.entry(barrier).or_default().push(node);
                }
            }
            before
        });
        let (mut found, mut ahead) = (Vec::new(), vec![barrier]);
        while let Some(barrier) = ahead.pop() {
            let nodes = before.get(&barrier).into_iter().flatten().copied();
            let has_begun = |node: u32| self.cell(node).load.outcome != Outcome::NotStarted;
            ahead.extend(
                nodes
                    .clone()
                    .filter(|it| self.member(*it).barrier.is_some() && !has_begun(*it)),
            );
            found.extend(nodes);
        }
        found
    }

    /// Keeps failures for the handler of a region; whether they are the first. Returns them
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
        let boundary = growth.boundaries.entry(absorber.region).or_default();
        boundary.is_cut = true;
        let all = &mut boundary.failures;
        let is_first = all.is_empty();
        if is_first {
            *all = failed;
        } else {
            all.extend(failed);
        }
        Ok(is_first)
    }

    /// What has failed in a region.
    pub(crate) fn kept(&self, region: Region) -> Vec<Kept> {
        self.growth().failures(region).to_vec()
    }

    /// Takes what a node received in its `load`, if it answers for others: what had failed of that
    /// for which it waited, or before it. It is handed on, and not copied at every level.
    pub(crate) fn take_failures(&self, node: u32) -> Vec<Kept> {
        self.take_failed_below(node, |_, _| true)
    }

    /// Takes those of them that it has not received.
    pub(crate) fn take_untold(&self, node: u32) -> Vec<Kept> {
        self.take_failed_below(node, Growth::is_untold)
    }

    /// Whether anything has failed before a barrier.
    pub(crate) fn has_failures(&self, barrier: u32) -> bool {
        !self.growth().failures(Region::Barrier(barrier)).is_empty()
    }

    fn take_failed_below(&self, node: u32, counts: impl Fn(&Growth, u32) -> bool) -> Vec<Kept> {
        if self.member(node).barrier.is_some() {
            return self.growth().take_failures(Region::Barrier(node));
        }
        if !self.has_grown() {
            return Vec::new();
        }
        self.take_failed_children(&mut self.growth(), node, counts)
    }

    fn take_failed_children(
        &self,
        growth: &mut Growth,
        node: u32,
        counts: impl Fn(&Growth, u32) -> bool,
    ) -> Vec<Kept> {
        if growth.boundaries.is_empty() {
            return Vec::new();
        }
        let children = growth.family.children(node);
        let mut batches: Vec<u32> = children.iter().filter_map(|it| self.batch(*it)).collect();
        batches.dedup();
        let mut taken = Vec::new();
        for batch in batches {
            if !counts(growth, batch) {
                continue;
            }
            let failures = growth.take_failures(Region::Batch(batch));
            if taken.is_empty() {
                taken = failures;
            } else {
                taken.extend(failures);
            }
        }
        taken
    }

    /// Takes what has failed of that which a node brought with it, unless it has received that. For
    /// a caller that holds the lock.
    pub(super) fn take_unheard(&self, growth: &mut Growth, node: u32) -> Vec<Kept> {
        self.take_failed_children(growth, node, Growth::is_untold)
    }

    fn batch(&self, node: u32) -> Option<u32> {
        self.joined_as(node)?.batch
    }

    /// Whether something that a node brought with it was cut off, by itself or with what it brought in
    /// turn, and the node has not heard of that.
    pub(super) fn lacks_children(&self, growth: &Growth, node: u32) -> bool {
        growth.family.children(node).into_iter().any(|child| {
            let is_untold = self.batch(child).is_none_or(|it| growth.is_untold(it));
            let outcome = || self.cell(child).load.outcome;
            let is_cut = || matches!(outcome(), Outcome::Skipped | Outcome::Cancelled);
            is_untold && (growth.family.is_lost(child) || is_cut())
        })
    }

    /// The first error of the children that were waited for, and of those up to an entry whose error
    /// was not reported yet. The waiter receives it now.
    pub(super) fn tell_first_error(
        &self,
        parent: u32,
        up_to: Option<u32>,
        children: &[u32],
    ) -> Option<HookError> {
        let mut growth = self.growth();
        if growth.boundaries.is_empty() {
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
            let Some(boundary) = growth.boundaries.get_mut(&Region::Batch(batch)) else {
                continue;
            };
            if let Some(failed) = boundary.failures.first() {
                first = first.or_else(|| Some(failed.error.clone()));
                boundary.is_told = true;
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

    /// A node was skipped, because its region has failed. Its parent has failed with it,
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
        let below = self.growth().family.standing_below(top);
        self.set_gone(&below, false);
        self.ready_queue.forget(top);
        let done = self.growth().family.rolled_back(top);
        self.show(&done);
        done
    }

    /// A node and what it brought with it, as far as that was not rolled back before.
    pub(crate) fn unit(&self, top: u32) -> Part {
        let below = self.growth().family.standing_below(top);
        Part::of(below.into_iter().chain([top]))
    }

    /// What a node brought with it.
    pub(crate) fn brought_by(&self, node: u32) -> Vec<u32> {
        if !self.has_grown() {
            return Vec::new();
        }
        self.growth().family.descendants(node)
    }

    /// Whether a node brought anything with it.
    pub(crate) fn has_brought(&self, node: u32) -> bool {
        self.has_grown() && self.growth().family.has_children(node)
    }

    /// What a node brought with it and is not done.
    pub(crate) fn undone_below(&self, node: u32) -> Vec<u32> {
        if !self.has_grown() {
            return Vec::new();
        }
        self.growth().family.undone_below(node)
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
    pub(crate) fn holds_any(&self, unit: &Part) -> bool {
        unit.nodes().iter().any(|node| {
            let cell = self.cell(*node);
            cell.states.is_some() || cell.owes()
        })
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

    /// The boot is over, well or not: nothing joins, and nothing has to be waited for.
    pub(crate) fn end_growth(&self) {
        let mut growth = self.growth();
        growth.pass = None;
        growth.is_over = true;
        growth.family.let_go_of_waiters();
    }

    /// The ancestor of a node that has the least time left for its `load`:
    /// when that is up, which ancestor it is, and how long its `load` may take.
    pub(crate) fn parent_in_haste(
        &self,
        node: u32,
        limit: impl Fn(u32) -> Option<Duration>,
    ) -> Option<Haste> {
        let of = |parent: u32| {
            let limit = limit(parent)?;
            Some((later(self.load_began(parent), limit), parent, limit))
        };
        // Of several, the nearest.
        let sooner = |near: Option<Haste>, far: Option<Haste>| {
            let ends = near.into_iter().chain(far);
            ends.min_by_key(|(end, ..)| *end)
        };
        if self.tells.load(Ordering::Relaxed) {
            // Progress has moved limits.
            return self.parents(node).map(of).fold(None, sooner);
        }
        // Each takes over what its parent knows, which began before it.
        let known = |at: u32| self.joined_as(at).map(|it| it.haste.get().copied());
        let around = |at: &u32| self.parent(*at);
        let unknown = successors(Some(node), around).take_while(|at| known(*at) == Some(None));
        let unknown: Vec<u32> = unknown.collect();
        let outermost = match unknown.last() {
            Some(last) => self.parent(*last)?,
            None => node,
        };
        let mut haste = known(outermost).flatten().flatten();
        for at in unknown.iter().rev() {
            let joined = self.joined_as(*at)?;
            haste = sooner(of(joined.parent), haste);
            let _ = joined.haste.set(haste);
        }
        haste
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
