//! How long a hook that runs may still take.

use std::time::Duration;

use tokio::time::Instant;

use crate::base::phase::Phase;
use crate::base::time::later;
use crate::live::nodes::Nodes;

impl Nodes {
    /// Closing the app as a whole has begun, and has to be over at this time.
    pub(crate) fn closing_ends(&self, at: Instant) {
        let _ = self.limits.closing_ends.set(at);
    }

    /// The least of what is left to a hook of a node and to the whole that it is part of; `None` if
    /// neither has a limit, or if the node has no such hook under way.
    pub(super) fn time_left(&self, node: u32, phase: Phase) -> Option<Duration> {
        let ends = if phase.is_of_boot() {
            let own = |node: u32| self.load_limit(node);
            let of_parents = self.parent_in_haste(node, own).map(|(end, ..)| end);
            let of_boot = self
                .boot_took
                .get()
                .is_none()
                .then_some(self.limits.boot)
                .flatten();
            let of_boot = of_boot.map(|limit| later(self.began, limit));
            [self.hook_ends(node, phase, own(node)), of_parents, of_boot]
        } else {
            let own = self.member(node).descriptor.close_limit();
            let own = own.unwrap_or(self.limits.close);
            let own = (phase != Phase::Run).then_some(own);
            let of_closing = self.limits.closing_ends.get().copied();
            [self.hook_ends(node, phase, own), of_closing, None]
        };
        let end = ends.into_iter().flatten().min()?;
        Some(end.saturating_duration_since(Instant::now()))
    }

    fn load_limit(&self, node: u32) -> Option<Duration> {
        let own = self.member(node).descriptor.load_limit();
        own.or(self.limits.load)
    }

    /// When the own time of a hook is up. What it reports begins that anew.
    fn hook_ends(&self, node: u32, phase: Phase, limit: Option<Duration>) -> Option<Instant> {
        let limit = limit?;
        let began = self.step_began(node, phase)?;
        let progressed = self.progressed(node, phase);
        Some(later(progressed.map_or(began, |at| at.max(began)), limit))
    }

    fn step_began(&self, node: u32, phase: Phase) -> Option<Instant> {
        let mut cell = self.cell(node);
        let attempt = cell.others.as_ref().and_then(|it| it.attempt);
        if let (Phase::Load, Some(attempt)) = (phase, attempt) {
            return Some(attempt);
        }
        let began = cell.step(phase)?.began?;
        Some(self.began + began)
    }
}
