//! Which nodes may run now. Pure.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::plan::{Graph, Plan, number};

/// Which way a pass goes over the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// A node after everything that it needs.
    Forwards,
    /// A node after everything that needs it.
    Backwards,
}

/// Counts what each node still waits for, and hands out those that wait for nothing: of several,
/// the first in the order of the plan, or the last when going backwards.
pub(crate) struct Scheduler {
    plan: Arc<Plan>,
    direction: Direction,
    /// Which nodes take part and have not begun.
    to_begin: Vec<bool>,
    /// How many nodes each one waits for.
    waiting_for: Vec<u32>,
    /// For each node that has become ready, the one that it waited for last.
    released_by: Vec<Option<u32>>,
    /// Nodes that never waited, in the order of the pass; the next one is the last.
    first: Vec<u32>,
    /// Nodes that have become ready, as keys.
    ready: BinaryHeap<Reverse<u32>>,
    running: usize,
    limit: usize,
    stopped: bool,
}

impl Scheduler {
    /// A pass over the nodes that take part, at most `limit` of them at a time.
    pub(crate) fn new(
        plan: Arc<Plan>,
        direction: Direction,
        limit: usize,
        to_begin: Vec<bool>,
    ) -> Self {
        let before = match direction {
            Direction::Forwards => &plan.requires,
            Direction::Backwards => &plan.dependents,
        };
        let counts = |other: &&u32| to_begin[**other as usize];
        let count = |node| number(before.targets(node).iter().filter(counts).count());
        let waiting_for: Vec<u32> = before.nodes().map(count).collect();
        let free = |node: &u32| to_begin[*node as usize] && waiting_for[*node as usize] == 0;
        let first = match direction {
            Direction::Forwards => before.nodes().rev().filter(free).collect(),
            Direction::Backwards => before.nodes().filter(free).collect(),
        };
        Self {
            released_by: vec![None; plan.len()],
            first,
            ready: BinaryHeap::new(),
            plan,
            direction,
            to_begin,
            waiting_for,
            running: 0,
            limit,
            stopped: false,
        }
    }

    /// The next node that may run; from now on it counts as running.
    pub(crate) fn next(&mut self) -> Option<u32> {
        if !self.has_next() {
            return None;
        }
        let key = |node: &u32| key(self.direction, *node);
        let next = match (self.first.last().map(key), self.ready.peek()) {
            (Some(first), Some(Reverse(ready))) if first < *ready => self.first.pop(),
            (_, Some(_)) => self.ready.pop().map(|Reverse(ready)| key(&ready)),
            (_, None) => self.first.pop(),
        };
        self.running += 1;
        if let Some(node) = next {
            self.to_begin[node as usize] = false;
        }
        next
    }

    /// Whether [`Scheduler::next`] has one.
    pub(crate) fn has_next(&self) -> bool {
        !self.stopped && self.running < self.limit && !self.is_empty()
    }

    /// A running node is done: those that waited for it alone become ready.
    pub(crate) fn finish(&mut self, node: u32) {
        self.running -= 1;
        for next in after(&self.plan, self.direction).targets(node) {
            let place = *next as usize;
            if !self.to_begin[place] {
                continue;
            }
            self.waiting_for[place] -= 1;
            if self.waiting_for[place] == 0 {
                self.released_by[place] = Some(node);
                self.ready.push(Reverse(key(self.direction, *next)));
            }
        }
    }

    /// Starts no more nodes.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether nothing runs and nothing will.
    pub(crate) fn is_done(&self) -> bool {
        self.running == 0 && (self.stopped || self.is_empty())
    }

    /// The nodes that take part and have not begun.
    pub(crate) fn not_begun(&self) -> Vec<u32> {
        let nodes = self.plan.requires.nodes();
        nodes.filter(|node| self.to_begin[*node as usize]).collect()
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.ready.is_empty()
    }

    /// What a ready or running node waited for last.
    pub(crate) fn released_by(&self, node: u32) -> Option<u32> {
        self.released_by[node as usize]
    }
}

fn after(plan: &Plan, direction: Direction) -> &Graph {
    match direction {
        Direction::Forwards => &plan.dependents,
        Direction::Backwards => &plan.requires,
    }
}

/// What sorts nodes in the order of the pass; its own inverse.
fn key(direction: Direction, node: u32) -> u32 {
    match direction {
        Direction::Forwards => node,
        Direction::Backwards => !node,
    }
}
