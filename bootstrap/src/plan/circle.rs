//! The circles of a graph, each as a walk that a person can follow.

use std::collections::VecDeque;

use crate::plan::graph::Graph;

/// One shortest circle for each strongly connected component that has one, in the order of their
/// smallest nodes. A walk starts at its smallest node and does not repeat it.
pub(crate) fn circles(graph: &Graph) -> Vec<Vec<u32>> {
    let component = components(graph);
    let mut shown = vec![false; graph.len()];
    let mut found = Vec::new();
    for node in graph.nodes() {
        let of = component[node as usize];
        if shown[of as usize] {
            continue;
        }
        let inside = |other: u32| component[other as usize] == of;
        if let Some(walk) = shortest_circle(graph, node, inside) {
            shown[of as usize] = true;
            found.push(walk);
        }
    }
    found
}

/// The shortest way from `start` back to it through nodes that `inside` admits (breadth first).
fn shortest_circle(graph: &Graph, start: u32, inside: impl Fn(u32) -> bool) -> Option<Vec<u32>> {
    let mut from = vec![None; graph.len()];
    let mut ahead = VecDeque::from([start]);
    while let Some(node) = ahead.pop_front() {
        for next in graph.targets(node).iter().copied() {
            if next == start {
                return Some(walk_to(node, start, &from));
            }
            if inside(next) && from[next as usize].is_none() {
                from[next as usize] = Some(node);
                ahead.push_back(next);
            }
        }
    }
    None
}

fn walk_to(end: u32, start: u32, from: &[Option<u32>]) -> Vec<u32> {
    let mut walk = vec![end];
    let mut node = end;
    while node != start {
        let Some(earlier) = from[node as usize] else {
            break;
        };
        walk.push(earlier);
        node = earlier;
    }
    walk.reverse();
    walk
}

/// The shortest way from a node without targets in `towards_roots` to `node`, as names of the
/// nodes on it, `node` last. Follows `towards_roots` from `node` (breadth first).
pub(crate) fn way_from_root(towards_roots: &Graph, node: u32) -> Vec<u32> {
    let mut to = vec![None; towards_roots.len()];
    let mut ahead = VecDeque::from([node]);
    let mut seen = vec![false; towards_roots.len()];
    seen[node as usize] = true;
    while let Some(here) = ahead.pop_front() {
        let next = towards_roots.targets(here);
        if next.is_empty() {
            let mut way = vec![here];
            while let Some(step) = way.last().and_then(|last| to[*last as usize]) {
                way.push(step);
            }
            return way;
        }
        for next in next.iter().copied() {
            if !seen[next as usize] {
                seen[next as usize] = true;
                to[next as usize] = Some(here);
                ahead.push_back(next);
            }
        }
    }
    vec![node]
}

/// The strongly connected component of each node (Tarjan, 1972, with a stack of its own
/// so that a long circle can't exhaust the thread's).
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
