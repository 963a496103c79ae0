//! Another order than that of the plan, among nodes that may run at one time: for tests that look
//! for plugins that rely on it.

use std::cmp::Reverse;
use std::collections::VecDeque;

use crate::drive::ranks::Shuffle;
use crate::drive::scheduler::Scheduler;

impl Scheduler {
    /// Hands out nodes in an order that follows from the seed, as far as the graph allows. With one
    /// hook at a time the order is promised, and stays.
    pub(crate) fn shuffle(&mut self, seed: u64) {
        self.shuffle = (self.limit > 1).then(|| Shuffle::new(seed));
    }

    /// Which node goes on of those that were woken; none if a new one comes first.
    pub(super) fn next_woken(&mut self, woken: &mut VecDeque<u32>) -> Option<u32> {
        let Some(shuffle) = &self.shuffle else {
            return woken.pop_front();
        };
        let (rank, place) = shuffle.first(woken.iter().copied())?;
        let new = shuffle.first(self.may_begin().into_iter());
        if self.has_next() && new.is_some_and(|(new, _)| new < rank) {
            return None;
        }
        let node = woken.remove(place)?;
        Some(self.shuffle.as_mut()?.takes(node))
    }

    /// All that may run: never waited, have become ready, have joined.
    fn may_begin(&self) -> Vec<u32> {
        let ready = self.ready.iter().map(|Reverse(key)| self.of_key(*key));
        let joined = self.joined.ready.iter().map(|Reverse((_, node))| *node);
        self.first
            .iter()
            .copied()
            .chain(ready)
            .chain(joined)
            .collect()
    }

    /// Any of those that may run.
    pub(super) fn next_of_any(&mut self) -> Option<u32> {
        let all = self.may_begin();
        let shuffle = self.shuffle.as_mut()?;
        let (_, place) = shuffle.first(all.iter().copied())?;
        let node = shuffle.takes(all[place]);
        self.first.retain(|other| *other != node);
        self.forget_ready(node);
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::drive::scheduler::Direction;
    use crate::drive::ways::{Edges, Ways};
    use crate::plan::Graph;

    /// Ten nodes that need none, and one that needs all of them.
    fn star() -> Ways {
        let mut requires = Graph::with_capacity(11, 10);
        (0..10).for_each(|_| requires.push_node([]));
        requires.push_node(0..10);
        Ways::Grown(Arc::new(Edges::new(requires, 11, (0..11).collect())))
    }

    fn order(limit: usize, seed: Option<u64>) -> Vec<u32> {
        let mut scheduler = Scheduler::new(star(), Direction::Forwards, limit, vec![true; 11]);
        if let Some(seed) = seed {
            scheduler.shuffle(seed);
        }
        let mut order = Vec::new();
        while let Some(node) = scheduler.next() {
            order.push(node);
            scheduler.finish(node);
        }
        order
    }

    #[test]
    fn a_seed_is_an_order_along_the_edges() {
        let plan: Vec<u32> = (0..=10).collect();
        assert_eq!(order(20, None), plan);
        for seed in 0..20 {
            let shuffled = order(20, Some(seed));
            assert_eq!(shuffled, order(20, Some(seed)));
            assert_eq!(shuffled.last(), Some(&10));
            assert_ne!(shuffled, plan);
            let mut sorted = shuffled;
            sorted.sort_unstable();
            assert_eq!(sorted, plan);
        }
        assert_ne!(order(20, Some(1)), order(20, Some(2)));
    }

    #[test]
    fn one_at_a_time_is_in_the_order_of_the_plan() {
        assert_eq!(order(1, Some(7)), order(1, None));
    }
}
