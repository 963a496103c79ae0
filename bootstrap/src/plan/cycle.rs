//! The cycles of a graph, each as a walk that a person can follow.

use std::collections::VecDeque;

use crate::plan::graph::Graph;

/// A cycle, and how many plugins it is tied up with.
pub(crate) struct Cycle {
    /// Starts at its smallest node, and does not repeat it.
    pub(crate) walk: Vec<u32>,
    /// Nodes that reach the cycle and are reached from it, without those on it.
    pub(crate) others: usize,
}

/// One shortest cycle for each strongly connected component that has one, in the order of the
/// components' smallest nodes.
///
/// All of a component is searched, as long as the work stays bounded: in a tangle of thousands of
/// plugins the cycle is a short one, and not always the shortest.
pub(crate) fn cycles(graph: &Graph) -> Vec<Cycle> {
    let component = components(graph);
    let mut size = vec![0_usize; graph.len()];
    for of in &component {
        size[*of as usize] += 1;
    }
    let mut best: Vec<Option<Vec<u32>>> = vec![None; graph.len()];
    let mut bfs = BreadthFirst::new(graph, MOST_STEPS);
    for node in graph.nodes() {
        let of = component[node as usize];
        let known = &mut best[of as usize];
        let shorter_than = known.as_ref().map_or(usize::MAX, Vec::len);
        let inside = |other: u32| component[other as usize] == of;
        if let Some(walk) = bfs.cycle_through(node, shorter_than, inside) {
            *known = Some(walk);
        }
    }
    let cycle = |walk: Vec<u32>| Cycle {
        others: size[component[walk[0] as usize] as usize] - walk.len(),
        walk: from_smallest(walk),
    };
    let mut found: Vec<Cycle> = best.into_iter().flatten().map(cycle).collect();
    found.sort_unstable_by_key(|cycle| cycle.walk[0]);
    found
}

/// How many edges are followed to find shorter cycles than the first one of each component.
const MOST_STEPS: usize = 1 << 22;

/// The same cycle from its smallest node.
fn from_smallest(mut walk: Vec<u32>) -> Vec<u32> {
    let smallest = (0..walk.len()).min_by_key(|place| walk[*place]);
    walk.rotate_left(smallest.unwrap_or_default());
    walk
}

/// A search that is begun many times: what it has seen is forgotten by counting on.
struct BreadthFirst<'g> {
    graph: &'g Graph,
    /// The node before each node, and in which search that was.
    from: Vec<(u32, usize)>,
    /// How many nodes are on the way to each.
    depth: Vec<usize>,
    search: usize,
    steps_left: usize,
}

impl<'g> BreadthFirst<'g> {
    fn new(graph: &'g Graph, steps_left: usize) -> Self {
        Self {
            graph,
            from: vec![(0, 0); graph.len()],
            depth: vec![0; graph.len()],
            search: 0,
            steps_left,
        }
    }

    /// The shortest way from `start` back to it, if it has fewer than `limit` nodes.
    ///
    /// A first cycle (`limit` is not bounded) is always found if there is one.
    fn cycle_through(
        &mut self,
        start: u32,
        limit: usize,
        inside: impl Fn(u32) -> bool,
    ) -> Option<Vec<u32>> {
        if limit < usize::MAX && self.steps_left == 0 {
            return None;
        }
        self.search += 1;
        self.depth[start as usize] = 1;
        let mut ahead = VecDeque::from([start]);
        while let Some(node) = ahead.pop_front() {
            let depth = self.depth[node as usize];
            if depth >= limit {
                return None;
            }
            for next in self.graph.targets(node).iter().copied() {
                self.steps_left = self.steps_left.saturating_sub(1);
                if next == start {
                    return Some(self.walk_to(node, start));
                }
                if inside(next) && self.from[next as usize].1 != self.search {
                    self.from[next as usize] = (node, self.search);
                    self.depth[next as usize] = depth + 1;
                    ahead.push_back(next);
                }
            }
        }
        None
    }

    fn walk_to(&self, end: u32, start: u32) -> Vec<u32> {
        let mut walk = vec![end];
        while let Some(node) = walk.last().copied().filter(|node| *node != start) {
            walk.push(self.from[node as usize].0);
        }
        walk.reverse();
        walk
    }
}

/// For every node, the one before it on a shortest way from a root: a node without targets in
/// `towards_roots`. Roots have themselves, and so have nodes that no root leads to.
pub(crate) fn ways_from_roots(requires: &Graph, towards_roots: &Graph) -> Vec<u32> {
    let mut before: Vec<u32> = requires.nodes().collect();
    let is_root = |node: &u32| towards_roots.targets(*node).is_empty();
    let mut ahead: VecDeque<u32> = requires.nodes().filter(is_root).collect();
    let mut seen = vec![false; requires.len()];
    for root in &ahead {
        seen[*root as usize] = true;
    }
    while let Some(node) = ahead.pop_front() {
        for next in requires.targets(node).iter().copied() {
            if !std::mem::replace(&mut seen[next as usize], true) {
                before[next as usize] = node;
                ahead.push_back(next);
            }
        }
    }
    before
}

/// The strongly connected component of each node (Tarjan, 1972, with a stack of its own
/// so that a long cycle can't exhaust the thread's).
fn components(graph: &Graph) -> Vec<u32> {
    let mut search = Search {
        graph,
        order: vec![UNSEEN; graph.len()],
        low: vec![0; graph.len()],
        open: vec![false; graph.len()],
        stack: Vec::new(),
        component: vec![UNSEEN; graph.len()],
        next_order: 0,
    };
    for node in graph.nodes() {
        if search.order[node as usize] == UNSEEN {
            search.visit(node);
        }
    }
    search.component
}

const UNSEEN: u32 = u32::MAX;

struct Search<'g> {
    graph: &'g Graph,
    /// In which order nodes were first seen.
    order: Vec<u32>,
    /// The earliest node that can be reached back to.
    low: Vec<u32>,
    /// Whether a node waits on `stack` for its component to be complete.
    open: Vec<bool>,
    stack: Vec<u32>,
    component: Vec<u32>,
    next_order: u32,
}

impl Search<'_> {
    fn visit(&mut self, root: u32) {
        let mut path = vec![(root, 0)];
        self.enter(root);
        while let Some((node, edge)) = path.last_mut() {
            let node = *node;
            let target = self.graph.targets(node).get(*edge).copied();
            *edge += 1;
            match target {
                Some(target) if self.order[target as usize] == UNSEEN => {
                    self.enter(target);
                    path.push((target, 0));
                }
                Some(target) => {
                    if self.open[target as usize] {
                        let seen = self.order[target as usize];
                        self.lower(node, seen);
                    }
                }
                None => {
                    path.pop();
                    if let Some((parent, _)) = path.last() {
                        self.lower(*parent, self.low[node as usize]);
                    }
                    self.leave(node);
                }
            }
        }
    }

    fn enter(&mut self, node: u32) {
        self.order[node as usize] = self.next_order;
        self.low[node as usize] = self.next_order;
        self.next_order += 1;
        self.open[node as usize] = true;
        self.stack.push(node);
    }

    fn lower(&mut self, node: u32, to: u32) {
        let low = &mut self.low[node as usize];
        *low = (*low).min(to);
    }

    /// Closes the component of `node` if nothing earlier belongs to it. It is named after `node`.
    fn leave(&mut self, node: u32) {
        if self.low[node as usize] != self.order[node as usize] {
            return;
        }
        while let Some(member) = self.stack.pop() {
            self.open[member as usize] = false;
            self.component[member as usize] = node;
            if member == node {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn graph(nodes: u32, edges: impl Fn(u32) -> Vec<u32>) -> Graph {
        let mut graph = Graph::with_capacity(nodes as usize, 0);
        (0..nodes).for_each(|node| graph.push_node(edges(node)));
        graph
    }

    /// How many edges the search for a cycle through node 0 looks at, and how long that cycle is.
    fn search(graph: &Graph) -> (usize, usize) {
        let looked_at = Cell::new(0);
        let inside = |_| {
            looked_at.set(looked_at.get() + 1);
            true
        };
        let mut bfs = BreadthFirst::new(graph, MOST_STEPS);
        let walk = bfs.cycle_through(0, usize::MAX, inside).unwrap();
        (looked_at.get(), walk.len())
    }

    #[test]
    fn a_search_follows_each_edge_of_a_ring_once() {
        for n in [1_000, 10_000] {
            let ring = graph(n, |node| vec![(node + 1) % n]);
            // All but the last one, which ends the search.
            assert_eq!(search(&ring), (n as usize - 1, n as usize));
        }
    }

    /// Two nodes a rung, each with an edge to both of the next: 2^rungs ways down.
    #[test]
    fn a_search_follows_each_edge_of_a_ladder_once() {
        for rungs in [100, 1_000] {
            let ladder = graph(2 * rungs, |node| {
                let next = (node / 2 + 1) % rungs * 2;
                vec![next, next + 1]
            });
            // At the last rung, the first edge leads back.
            assert_eq!(search(&ladder), (4 * rungs as usize - 6, rungs as usize));
        }
    }

    #[test]
    fn ways_down_a_ladder_are_not_walked_one_by_one() {
        let rungs = 1_000;
        let ladder = graph(2 * rungs, |node| {
            let next = (node / 2 + 1) * 2;
            [next, next + 1]
                .into_iter()
                .filter(|to| *to < 2 * rungs)
                .collect()
        });
        assert!(cycles(&ladder).is_empty());
        let before = ways_from_roots(&ladder, &ladder.reversed());
        let mut way = vec![2 * rungs - 1];
        while let Some(node) = way.last().filter(|node| before[**node as usize] != **node) {
            way.push(before[*node as usize]);
        }
        assert_eq!(way.len(), rungs as usize);
        assert_eq!(way.last(), Some(&0));
    }

    /// Many starts in one component cost no more than the bound.
    #[test]
    fn a_tangle_is_searched_for_so_long_and_no_longer() {
        let n = 300;
        let all = |node| (0..n).filter(|to| *to != node).collect();
        let found = cycles(&graph(n, all));
        assert_eq!(
            (found[0].walk.as_slice(), found[0].others),
            (&[0, 1][..], 298)
        );

        let ring = graph(20_000, |node| vec![(node + 1) % 20_000]);
        let mut bfs = BreadthFirst::new(&ring, 50_000);
        let limits = (0..20_000).map(|node| {
            let limit = if node == 0 { usize::MAX } else { 20_000 };
            bfs.cycle_through(node, limit, |_| true).is_some()
        });
        assert_eq!(limits.filter(|found| *found).count(), 1);
        assert_eq!(bfs.steps_left, 0);
    }
}
