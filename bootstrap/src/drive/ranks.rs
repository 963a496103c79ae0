//! An order that follows from a seed. Pure.

use std::collections::HashMap;

use crate::base::random::Random;

/// Which of the nodes that may run comes first.
///
/// That follows from the seed, the node and how often it has had its turn, and from nothing else: so
/// the order of two nodes is the same also if a third one waits for a disk, now longer and now less
/// long. It is another one each time that a node wants to go on, so that a job that wakes itself cannot keep
/// others waiting.
pub(super) struct Shuffle {
    seed: u64,
    turns: HashMap<u32, u64>,
}

impl Shuffle {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            turns: HashMap::new(),
        }
    }

    fn rank(&self, node: u32) -> u64 {
        let turns = self.turns.get(&node).copied().unwrap_or_default();
        let own = u64::from(node).wrapping_shl(32).wrapping_add(turns);
        let own = Random::new(own).next();
        Random::new(self.seed ^ own).next()
    }

    /// The first of a list: what sorts it, and its place.
    pub(super) fn first(&self, nodes: impl Iterator<Item = u32>) -> Option<(u64, usize)> {
        let ranks = nodes.map(|node| self.rank(node));
        ranks.zip(0..).min()
    }

    /// A node has its turn.
    pub(super) fn takes(&mut self, node: u32) -> u32 {
        *self.turns.entry(node).or_default() += 1;
        node
    }
}
