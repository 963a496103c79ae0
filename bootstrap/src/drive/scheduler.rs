//! Which nodes may run now. Pure.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

#[cfg(feature = "testing")]
use crate::drive::ranks::Shuffle;
use crate::drive::ways::Ways;
use crate::plan::{Graph, number};

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
///
/// Nodes may join a pass forwards while it runs. Those that did go before all others, so that what
/// a node brings with it comes right behind it. None joins a pass over a part of an app.
pub(crate) struct Scheduler {
    ways: Ways,
    direction: Direction,
    at: Vec<At>,
    /// How many nodes each one waits for.
    waiting_for: Vec<u32>,
    /// For each node that has become ready, the one that it waited for last.
    released_by: Vec<Option<u32>>,
    /// Nodes that never waited, in the order of the pass; the next one is the last.
    pub(super) first: Vec<u32>,
    /// Nodes that have become ready, as keys.
    pub(super) ready: BinaryHeap<Reverse<u32>>,
    pub(super) joined: Joined,
    running: usize,
    /// Nodes that run, and whose place another one may have meanwhile.
    lent: HashSet<u32>,
    /// How many nodes are open.
    open: usize,
    /// Nodes that may run, and must not while what brought them ends.
    held: Vec<u32>,
    /// Nodes that run, and are done as soon as their jobs have ended: what they brought with them
    /// was faster.
    released: HashSet<u32>,
    pub(super) limit: usize,
    stopped: bool,
    /// There if the order among those that may run is a random one.
    #[cfg(feature = "testing")]
    pub(super) shuffle: Option<Shuffle>,
}

/// How far a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// It takes no part, or not any more.
    Out,
    Waiting,
    Running,
    /// Its job has ended, and it is done once what it brought with it is.
    Open,
}

/// A node that joins a pass.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) node: u32,
    /// What it waits for, as far as that is not done.
    pub(crate) after: Vec<u32>,
    /// What sorts it among those that joined.
    pub(crate) path: Arc<[u32]>,
}

/// What is known of nodes that joined.
#[derive(Default)]
pub(super) struct Joined {
    /// By the node that they wait for.
    waiters: HashMap<u32, Vec<u32>>,
    paths: HashMap<u32, Arc<[u32]>>,
    pub(super) ready: BinaryHeap<Reverse<(Arc<[u32]>, u32)>>,
}

impl Scheduler {
    /// A pass over the nodes that take part, at most `limit` of them at a time.
    pub(crate) fn new(
        ways: Ways,
        direction: Direction,
        limit: usize,
        mut takes_part: Vec<bool>,
    ) -> Self {
        let before = match direction {
            Direction::Forwards => ways.requires(),
            Direction::Backwards => ways.dependents(),
        };
        // Nodes that were not known when the part was chosen.
        takes_part.resize(before.len() - ways.gates().len(), false);
        // What is on the way between others, but no node.
        takes_part.resize(before.len(), true);
        let counts = |other: &&u32| takes_part[**other as usize];
        let count = |node| number(before.targets(node).iter().filter(counts).count());
        let waiting_for: Vec<u32> = before.nodes().map(count).collect();
        let free = |node: &u32| {
            let place = *node as usize;
            takes_part[place] && waiting_for[place] == 0 && !ways.is_gate(*node)
        };
        let first = (0..number(before.len())).map(|rank| ways.at(rank));
        let first = match direction {
            Direction::Forwards => first.rev().filter(free).collect(),
            Direction::Backwards => first.filter(free).collect(),
        };
        let at = |takes_part| if takes_part { At::Waiting } else { At::Out };
        let mut scheduler = Self {
            released_by: vec![None; waiting_for.len()],
            at: takes_part.into_iter().map(at).collect(),
            first,
            ready: BinaryHeap::new(),
            joined: Joined::default(),
            ways,
            direction,
            waiting_for,
            running: 0,
            lent: HashSet::new(),
            open: 0,
            held: Vec::new(),
            released: HashSet::new(),
            limit,
            stopped: false,
            #[cfg(feature = "testing")]
            shuffle: None,
        };
        for gate in scheduler.ways.gates() {
            if scheduler.at[gate as usize] == At::Waiting
                && scheduler.waiting_for[gate as usize] == 0
            {
                scheduler.leave(gate);
            }
        }
        scheduler
    }

    /// The next node that may run; from now on it counts as running.
    pub(crate) fn next(&mut self) -> Option<u32> {
        if !self.has_next() {
            return None;
        }
        let next = self.next_in_order();
        self.running += 1;
        if let Some(node) = next {
            self.at[node as usize] = At::Running;
        }
        next.map(|it| self.ways.node(it))
    }

    fn next_in_order(&mut self) -> Option<u32> {
        #[cfg(feature = "testing")]
        if self.shuffle.is_some() {
            return self.next_of_any();
        }
        match self.joined.ready.pop() {
            Some(Reverse((_, node))) => Some(node),
            None => self.next_planned(),
        }
    }

    fn next_planned(&mut self) -> Option<u32> {
        let first = self.first.last().map(|node| self.key(*node));
        match (first, self.ready.peek()) {
            (Some(first), Some(Reverse(ready))) if first < *ready => self.first.pop(),
            (_, Some(_)) => self.ready.pop().map(|Reverse(key)| self.of_key(key)),
            (_, None) => self.first.pop(),
        }
    }

    /// Whether [`Scheduler::next`] has one.
    pub(crate) fn has_next(&self) -> bool {
        !self.stopped && self.running < self.limit && !self.is_empty()
    }

    /// A node that [`Scheduler::next`] has just returned does not run yet.
    pub(crate) fn hold(&mut self, node: u32) {
        self.running -= 1;
        self.at[node as usize] = At::Waiting;
        self.held.push(node);
    }

    /// Nodes that were held may run.
    pub(crate) fn unhold(&mut self) {
        for node in std::mem::take(&mut self.held) {
            if let Some(path) = self.joined.paths.get(&node) {
                self.joined.ready.push(Reverse((Arc::clone(path), node)));
            }
        }
    }

    /// The nodes that brought one with them, and itself; none if it was planned.
    pub(crate) fn ancestors(&self, node: u32) -> &[u32] {
        self.joined.paths.get(&node).map_or(&[], |path| path)
    }

    /// Whether any node has joined the pass.
    pub(crate) fn has_grown(&self) -> bool {
        !self.joined.paths.is_empty()
    }

    /// A running node is done: those that waited for it alone become ready.
    pub(crate) fn finish(&mut self, node: u32) {
        let node = self.ways.number(node);
        self.give_back(node);
        self.leave(node);
    }

    /// The job of a running node has ended, but the node is not done.
    pub(crate) fn stay(&mut self, node: u32) {
        if self.released.remove(&node) {
            return self.finish(node);
        }
        self.give_back(node);
        self.at[node as usize] = At::Open;
        self.open += 1;
    }

    /// A node that stays is done, maybe before it was said to stay.
    pub(crate) fn release(&mut self, node: u32) {
        match self.at[node as usize] {
            At::Open => {
                self.open -= 1;
                self.leave(node);
            }
            At::Running => {
                self.released.insert(node);
            }
            At::Waiting | At::Out => {}
        }
    }

    fn give_back(&mut self, node: u32) {
        if self.lent.is_empty() || !self.lent.remove(&node) {
            self.running -= 1;
        }
    }

    /// A running node waits for others that have to run: they may have its place.
    pub(crate) fn lend(&mut self, node: u32) {
        if self.at[node as usize] == At::Running && self.lent.insert(node) {
            self.running -= 1;
        }
    }

    /// A node that lent its place goes on.
    pub(crate) fn reclaim(&mut self, node: u32) {
        if self.lent.remove(&node) {
            self.running += 1;
        }
    }

    pub(crate) fn is_lent(&self, node: u32) -> bool {
        self.lent.contains(&node)
    }

    /// Adds nodes that were not known before. Their numbers are new.
    pub(crate) fn join(&mut self, joins: Vec<Join>) {
        for join in &joins {
            let len = self.at.len().max(join.node as usize + 1);
            self.at.resize(len, At::Out);
            self.waiting_for.resize(len, 0);
            self.released_by.resize(len, None);
            self.at[join.node as usize] = At::Waiting;
        }
        for Join { node, after, path } in joins {
            let waits_for = after
                .into_iter()
                .filter(|other| self.at[*other as usize] != At::Out);
            let mut count = 0;
            for other in waits_for {
                self.joined.waiters.entry(other).or_default().push(node);
                count += 1;
            }
            self.waiting_for[node as usize] = count;
            if count == 0 {
                self.joined.ready.push(Reverse((Arc::clone(&path), node)));
            }
            self.joined.paths.insert(node, path);
        }
    }

    /// A node that waits is not to run any more; whether it did wait. Those that wait for it go on
    /// as if it were done. After some of these comes [`Scheduler::forget_skipped`].
    pub(crate) fn skip(&mut self, node: u32) -> bool {
        if self.at[node as usize] != At::Waiting {
            return false;
        }
        self.leave(node);
        true
    }

    /// Forgets those that were skipped, all at once: each would cost as much as all.
    pub(crate) fn forget_skipped(&mut self) {
        let waits = |node: u32| self.at[node as usize] == At::Waiting;
        self.first.retain(|node| waits(*node));
        self.held.retain(|node| waits(*node));
        let joined = &mut self.joined.ready;
        joined.retain(|Reverse((_, node))| waits(*node));
        let mut ready = std::mem::take(&mut self.ready);
        ready.retain(|Reverse(key)| waits(self.of_key(*key)));
        self.ready = ready;
    }

    #[cfg(feature = "testing")]
    pub(super) fn forget_ready(&mut self, node: u32) {
        let joined = &mut self.joined.ready;
        if self.joined.paths.contains_key(&node) {
            joined.retain(|Reverse((_, other))| *other != node);
        } else {
            let key = self.key(node);
            self.ready.retain(|Reverse(other)| *other != key);
        }
    }

    /// Removes the node: nothing waits for it any more.
    fn leave(&mut self, node: u32) {
        let mut left = Vec::new();
        let mut next = Some(node);
        while let Some(node) = next {
            self.at[node as usize] = At::Out;
            let planned = after(&self.ways, self.direction);
            let is_planned = (node as usize) < planned.len();
            let behind = if is_planned {
                planned.targets(node).len()
            } else {
                0
            };
            for place in 0..behind {
                let behind = after(&self.ways, self.direction).targets(node)[place];
                self.count_down(behind, node, &mut left);
            }
            if !self.joined.waiters.is_empty() {
                for behind in self.joined.waiters.remove(&node).unwrap_or_default() {
                    self.count_down(behind, node, &mut left);
                }
            }
            next = left.pop();
        }
    }

    fn count_down(&mut self, node: u32, by: u32, left: &mut Vec<u32>) {
        let place = node as usize;
        if self.at[place] != At::Waiting {
            return;
        }
        self.waiting_for[place] -= 1;
        if self.waiting_for[place] > 0 {
            return;
        }
        // A node that passed a gate waited for the one that opened it.
        self.released_by[place] = if self.ways.is_gate(by) {
            self.released_by[by as usize]
        } else {
            Some(by)
        };
        if self.ways.is_gate(node) {
            left.push(node);
            return;
        }
        match self.joined.paths.get(&node) {
            Some(path) => self.joined.ready.push(Reverse((Arc::clone(path), node))),
            None => self.ready.push(Reverse(self.key(node))),
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
        let nothing_runs = self.running == 0 && self.lent.is_empty();
        let nothing_waits = self.is_empty() && self.held.is_empty() && self.open == 0;
        nothing_runs && (self.stopped || nothing_waits)
    }

    /// The nodes that take part and have not begun.
    pub(crate) fn not_begun(&self) -> Vec<u32> {
        let all = (0_u32..).zip(&self.at);
        let waiting = all.filter(|(_, at)| **at == At::Waiting);
        let nodes = waiting.map(|(node, _)| node);
        let nodes = nodes.filter(|node| !self.ways.is_gate(*node));
        nodes.map(|node| self.ways.node(node)).collect()
    }

    /// The nodes that wait for a node, directly or through others, the nearest first: those that have not
    /// begun, and those that brought this one with them and are not done before it is.
    pub(crate) fn waits_for(&self, node: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let node = self.ways.number(node);
        let mut seen = HashSet::from([node]);
        let mut ahead = VecDeque::from([node]);
        while let Some(node) = ahead.pop_front() {
            let planned = after(&self.ways, self.direction);
            let is_planned = (node as usize) < planned.len();
            let planned = is_planned.then(|| planned.targets(node));
            let joined = self.joined.waiters.get(&node);
            let ancestors = self.joined.paths.get(&node);
            let behind = planned.into_iter().flatten();
            let behind = behind.chain(joined.into_iter().flatten());
            let behind = behind.chain(ancestors.into_iter().flat_map(|it| it.iter()));
            for node in behind.copied() {
                if self.at[node as usize] != At::Out && seen.insert(node) {
                    ahead.push_back(node);
                    if !self.ways.is_gate(node) {
                        found.push(self.ways.node(node));
                    }
                }
            }
        }
        found
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.ready.is_empty() && self.joined.ready.is_empty()
    }

    /// What a ready or running node waited for last.
    pub(crate) fn released_by(&self, node: u32) -> Option<u32> {
        let by = self.released_by[self.ways.number(node) as usize];
        by.map(|it| self.ways.node(it))
    }

    /// What sorts nodes in the order of the pass.
    fn key(&self, node: u32) -> u32 {
        let rank = self.ways.rank(node);
        match self.direction {
            Direction::Forwards => rank,
            Direction::Backwards => !rank,
        }
    }

    pub(super) fn of_key(&self, key: u32) -> u32 {
        self.ways.at(match self.direction {
            Direction::Forwards => key,
            Direction::Backwards => !key,
        })
    }
}

fn after(ways: &Ways, direction: Direction) -> &Graph {
    match direction {
        Direction::Forwards => ways.dependents(),
        Direction::Backwards => ways.requires(),
    }
}
