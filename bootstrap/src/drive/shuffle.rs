//! Another order than that of the plan, among nodes that may run at one time: for tests that look
//! for those who rely on it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;

use crate::base::random::Random;
use crate::drive::scheduler::Scheduler;

impl Scheduler {
    /// Hands out nodes in an order that follows from the seed, as far as the graph allows. With one
    /// hook at a time the order is promised, and stays.
    pub(crate) fn shuffle(&mut self, random: Random) {
        self.random = (self.limit > 1).then_some(random);
    }

    /// A random one of `0..n`, if the order is a random one.
    pub(super) fn pick(&mut self, n: usize) -> Option<usize> {
        Some(self.random.as_mut()?.below(n))
    }

    /// Any of those that may run.
    pub(super) fn next_of_any(&mut self) -> Option<u32> {
        let (first, ready) = (self.first.len(), self.ready.len());
        let place = self.pick(first + ready + self.joined.ready.len())?;
        if place < first {
            return Some(self.first.remove(place));
        }
        if let Some(place) = place.checked_sub(first).filter(|place| *place < ready) {
            let Reverse(key) = take(&mut self.ready, place)?;
            return Some(self.of_key(key));
        }
        let Reverse((_, node)) = take(&mut self.joined.ready, place - first - ready)?;
        Some(node)
    }
}

/// Takes what is at a place in the order of a heap.
fn take<T: Ord>(heap: &mut BinaryHeap<T>, place: usize) -> Option<T> {
    let mut all = mem::take(heap).into_sorted_vec();
    let taken = (place < all.len()).then(|| all.remove(place));
    *heap = all.into();
    taken
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
            scheduler.shuffle(Random::new(seed));
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
