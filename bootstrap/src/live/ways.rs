//! Which way a pass goes once nodes have joined, and what depends on what.

use std::collections::HashMap;
use std::sync::Arc;

use crate::collect::Source;
use crate::drive::{Edges, Ways};
use crate::live::growth::{Growth, is_in};
use crate::live::nodes::Nodes;
use crate::plan::{Graph, number};

impl Nodes {
    /// What the passes after the boot go along: hooks of a node run before or after those of what
    /// it brought with it, as their loads did.
    pub(crate) fn ways(&self) -> Ways {
        if !self.has_grown() {
            return Ways::Planned(Arc::clone(&self.plan));
        }
        let growth = self.growth();
        let len = number(self.len());
        let gates: Vec<u32> = self
            .all()
            .filter(|node| self.is_gated(&growth, *node))
            .collect();
        let gate_of: HashMap<u32, u32> = gates.iter().copied().zip(len..).collect();
        let gate = |node: u32| gate_of.get(&node).copied().unwrap_or(node);
        let mut requires = Graph::with_capacity(self.len() + gates.len(), 0);
        for node in self.all() {
            requires.push_node(self.behind(&growth, node).into_iter().map(|it| match it {
                Behind::Node(node) => node,
                Behind::All(node) => gate(node),
            }));
        }
        for node in &gates {
            let late = growth.family.children(*node);
            let late = late.into_iter().filter(|child| self.came_late(*child));
            requires.push_node(late.map(gate).chain([*node]));
        }
        Ways::Grown(Arc::new(Edges::new(requires, len, self.by_return(&gates))))
    }

    /// What loads go along when a part of the app is loaded again.
    pub(crate) fn ways_to_load(&self) -> Ways {
        if !self.has_grown() {
            return Ways::Planned(Arc::clone(&self.plan));
        }
        let growth = self.growth();
        let requires = self.dependencies(&growth);
        let edges = Edges::new(requires, number(self.len()), self.all().collect());
        Ways::Grown(Arc::new(edges))
    }

    /// Whether what depends on a node has to wait for more than the node itself.
    fn is_gated(&self, growth: &Growth, node: u32) -> bool {
        let children = growth.family.children(node);
        children.into_iter().any(|child| self.came_late(child))
    }

    /// Whether a node was loaded after the `load` of its parent.
    fn came_late(&self, node: u32) -> bool {
        self.joined_as(node).is_some_and(|it| it.batch.is_none())
    }

    /// What stands behind a node.
    fn behind(&self, growth: &Growth, node: u32) -> Vec<Behind> {
        let requires = self.requires(node).iter().copied().map(Behind::All);
        let mut behind: Vec<Behind> = requires.collect();
        self.behind_parents(node, &mut behind);
        let children = growth.family.children(node).into_iter();
        let early = children.filter(|child| !self.came_late(*child));
        behind.extend(early.map(Behind::All));
        behind
    }

    /// What stands behind a node because of whoever brought it: the parent, if it was loaded after
    /// that, and else what the parent itself came after.
    fn behind_parents(&self, node: u32, behind: &mut Vec<Behind>) {
        let mut next = self.joined_as(node);
        while let Some(joined) = next {
            if joined.batch.is_none() {
                behind.push(Behind::Node(joined.parent));
                return;
            }
            let requires = self.requires(joined.parent).iter();
            behind.extend(requires.copied().map(Behind::All));
            next = self.joined_as(joined.parent);
        }
    }

    /// Every node and gate once, in the order in which loads ended.
    fn by_return(&self, gates: &[u32]) -> Vec<u32> {
        let mut order: Vec<u32> = self.all().collect();
        // Each is looked at once: others may be loading.
        order.sort_by_cached_key(|node| (self.cell(*node).returned, *node));
        order.extend((number(self.len())..).take(gates.len()));
        order
    }

    /// From each node to those that it can't do without.
    fn dependencies(&self, growth: &Growth) -> Graph {
        let mut requires = Graph::with_capacity(self.len(), 0);
        for node in self.all() {
            let children = growth.family.children(node).into_iter();
            let early = children.filter(|child| !self.came_late(*child));
            let bindings = self.bindings(node).iter();
            let brought = bindings.flat_map(|it| self.brought_for(growth, it));
            // Who stands behind a barrier only came later.
            let is_barrier = |node: u32| self.member(node).barrier.is_some();
            let own = self.requires(node).iter().copied();
            let requires_itself = own.filter(|it| !is_barrier(*it) && !is_barrier(node));
            requires.push_node(requires_itself.chain(early).chain(brought));
        }
        requires
    }

    /// A node, everything that depends on it, and what those brought with them.
    pub(crate) fn part(&self, node: u32) -> Vec<bool> {
        let growth = self.growth();
        let dependents = self.dependencies(&growth).reversed();
        let mut part = vec![false; self.len()];
        let mut ahead = vec![node];
        while let Some(node) = ahead.pop() {
            // What an earlier generation of a parent brought depends on nothing any more.
            if self.has_gone(node) || std::mem::replace(&mut part[node as usize], true) {
                continue;
            }
            ahead.extend(dependents.targets(node));
            ahead.extend(growth.family.children(node));
        }
        part
    }

    /// What nodes of a part brought with them goes for good: they will bring it again. Returns the
    /// rest of the part.
    pub(crate) fn dismiss_joined(&self, part: &[bool]) -> Vec<bool> {
        let mut rest = part.to_vec();
        let is_brought = |node: &u32| {
            let parent = self.parent(*node);
            parent.is_some_and(|parent| is_in(Some(part), parent))
        };
        let gone: Vec<u32> = self.all().filter(is_brought).collect();
        for node in &gone {
            if let Some(takes_part) = rest.get_mut(*node as usize) {
                *takes_part = false;
            }
        }
        self.set_gone(&gone, true);
        rest
    }

    /// A plugin of a part that is not there any more, and can't be built anew.
    pub(crate) fn lost_in(&self, part: &[bool]) -> Option<u32> {
        let is_built = |node: u32| matches!(self.member(node).source, Source::Collected(_));
        let is_lost = |node: &u32| {
            let stays = self
                .parent(*node)
                .is_none_or(|parent| !part[parent as usize]);
            let is_there = self.cell(*node).plugin.is_some() || is_built(*node);
            let is_barrier = self.member(*node).barrier.is_some();
            part[*node as usize] && stays && !is_there && !is_barrier && !self.has_gone(*node)
        };
        (0..number(part.len())).find(is_lost)
    }

    /// A plugin of a part that can't be loaded again.
    pub(crate) fn once_in(&self, part: &[bool]) -> Option<u32> {
        let is_once = |node: &u32| {
            let cell = self.cell(*node);
            cell.plugin.as_ref().is_some_and(|plugin| plugin.is_once())
        };
        self.all()
            .find(|node| part[*node as usize] && is_once(node))
    }
}

/// What a node waits for.
enum Behind {
    /// A node, whatever that brought with it.
    Node(u32),
    /// A node and all that it brought with it.
    All(u32),
}
