//! Which way a pass goes once nodes have joined, and what depends on what.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::collect::Source;
use crate::drive::{Edges, Ways};
use crate::live::growth::{Growth, Part};
use crate::live::nodes::Nodes;
use crate::plan::{Binding, Graph, number};

impl Nodes {
    /// What the passes after the boot go along: hooks of a node run before or after those of what
    /// it brought with it, as their loads did.
    pub(crate) fn ways(&self) -> Ways {
        if !self.has_grown() {
            return Ways::Planned(Arc::clone(&self.plan));
        }
        let growth = self.growth();
        let nodes = self.all();
        let (requires, order) = self.edges(&growth, nodes.clone(), Some);
        Ways::Grown(Arc::new(Edges::new(requires, nodes.end, order)))
    }

    /// The same for a part of the app. What lies between its nodes and is no part of it orders
    /// nothing, so this costs what the part does, and not what the app does.
    pub(crate) fn ways_of(&self, part: &Part) -> Ways {
        let growth = self.growth();
        let nodes = part.nodes();
        let place = |node| nodes.binary_search(&node).ok().map(number);
        let (requires, order) = self.edges(&growth, nodes.iter().copied(), place);
        let edges = Edges::of_part(nodes.into(), requires, number(nodes.len()), order);
        Ways::Grown(Arc::new(edges))
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

    /// The edges between nodes and their gates, and the order of both. `place` is the number that a
    /// node has there.
    fn edges(
        &self,
        growth: &Growth,
        nodes: impl ExactSizeIterator<Item = u32> + Clone,
        place: impl Fn(u32) -> Option<u32>,
    ) -> (Graph, Vec<u32>) {
        let mut gates = Gates::default();
        for node in nodes.clone() {
            let children = growth.family.children(node);
            let late = children.iter().filter(|child| self.came_late(**child));
            let late = late.count();
            if late > 0 {
                gates.add(Gate::Behind(node));
            }
            if late < children.len() {
                gates.add(Gate::Before(node));
            }
        }
        let first = number(nodes.len());
        let number_of = |edge: Edge| match edge {
            Edge::Node(node) => place(node),
            Edge::To(gate) => match (gates.place(gate), gate) {
                (Some(gate), _) => Some(first + gate),
                (None, Gate::Behind(node)) => place(node),
                (None, Gate::Before(_)) => None,
            },
        };
        let mut requires = Graph::with_capacity(nodes.len() + gates.all.len(), 0);
        for node in nodes.clone() {
            requires.push_node(self.behind(growth, node).into_iter().filter_map(number_of));
        }
        for gate in &gates.all {
            let behind = match *gate {
                Gate::Behind(node) => self.behind_gate(growth, node),
                Gate::Before(node) => self.behind_load(node),
            };
            requires.push_node(behind.into_iter().filter_map(number_of));
        }
        (requires, self.by_return(nodes, gates.all.len()))
    }

    /// Whether a node was loaded after the `load` of its parent.
    fn came_late(&self, node: u32) -> bool {
        self.joined_as(node).is_some_and(|it| it.batch.is_none())
    }

    /// What stands behind a node.
    fn behind(&self, growth: &Growth, node: u32) -> Vec<Edge> {
        let mut behind = self.behind_load(node);
        let children = growth.family.children(node).into_iter();
        let early = children.filter(|child| !self.came_late(*child));
        behind.extend(early.map(Edge::all));
        behind
    }

    /// What the `load` of a node came after: what it needs, and its parent, if it was loaded after
    /// that; else what the parent itself came after.
    fn behind_load(&self, node: u32) -> Vec<Edge> {
        let requires = self.requires(node).iter().copied().map(Edge::all);
        let parent = self.joined_as(node).map(|joined| match joined.batch {
            None => Edge::Node(joined.parent),
            Some(_) => Edge::To(Gate::Before(joined.parent)),
        });
        requires.chain(parent).collect()
    }

    /// A node, and what it brought with it after its `load`.
    fn behind_gate(&self, growth: &Growth, node: u32) -> Vec<Edge> {
        let children = growth.family.children(node).into_iter();
        let late = children.filter(|child| self.came_late(*child));
        late.map(Edge::all).chain([Edge::Node(node)]).collect()
    }

    /// Every node and gate once: in the order of the plan, or in that in which loads ended if nodes
    /// have joined.
    fn by_return(&self, nodes: impl Iterator<Item = u32>, gates: usize) -> Vec<u32> {
        // Each is looked at once: others may be loading.
        let returned = nodes.map(|node| self.cell(node).returned);
        let mut order: Vec<(u32, u32)> = returned.zip(0..).collect();
        let nodes = number(order.len());
        if self.has_grown() {
            order.sort_unstable();
        }
        let order = order.into_iter().map(|(_, place)| place);
        order.chain((nodes..).take(gates)).collect()
    }

    /// From each node to those that it can't do without.
    fn dependencies(&self, growth: &Growth) -> Graph {
        let mut requires = Graph::with_capacity(self.len(), 0);
        for node in self.all() {
            let children = growth.family.children(node).into_iter();
            let early = children.filter(|child| !self.came_late(*child));
            let bindings = self.bindings(node).iter();
            let brought = bindings.clone().flat_map(|it| self.brought_for(growth, it));
            // Neither an `after` nor a barrier is a need: what is ordered by one only came later.
            let needed = bindings.filter_map(Binding::waits_for);
            requires.push_node(needed.chain(early).chain(brought));
        }
        requires
    }

    /// A node, everything that depends on it, and what those brought with them.
    pub(crate) fn part(&self, node: u32) -> Part {
        let growth = self.growth();
        let dependents = self.dependencies(&growth).reversed();
        let mut part = HashSet::new();
        let mut ahead = vec![node];
        while let Some(node) = ahead.pop() {
            // What an earlier generation of a parent brought depends on nothing any more.
            if self.has_gone(node) || !part.insert(node) {
                continue;
            }
            ahead.extend(dependents.targets(node));
            ahead.extend(growth.family.children(node));
        }
        Part::of(part)
    }

    /// What nodes of a part brought with them goes for good: they will bring it again. Returns the
    /// rest of the part.
    pub(crate) fn dismiss_joined(&self, part: &Part) -> Part {
        let is_brought = |node: &u32| self.parent(*node).is_some_and(|parent| part.has(parent));
        let nodes = part.nodes().iter().copied();
        let (_, rest): (Vec<u32>, Vec<u32>) = nodes.partition(is_brought);
        let gone: Vec<u32> = self.all().filter(is_brought).collect();
        self.set_gone(&gone, true);
        Part::of(rest)
    }

    /// A plugin of a part that is not there any more, and can't be built anew.
    pub(crate) fn lost_in(&self, part: &Part) -> Option<u32> {
        let is_built = |node: u32| matches!(self.member(node).source, Source::Collected(_));
        let is_lost = |node: &u32| {
            let stays = self.parent(*node).is_none_or(|parent| !part.has(parent));
            let is_there = self.cell(*node).plugin.is_some() || is_built(*node);
            let is_barrier = self.member(*node).barrier.is_some();
            stays && !is_there && !is_barrier && !self.has_gone(*node)
        };
        part.nodes().iter().copied().find(is_lost)
    }

    /// A plugin of a part that can't be loaded again.
    pub(crate) fn once_in(&self, part: &Part) -> Option<u32> {
        let is_once = |node: &u32| {
            let cell = self.cell(*node);
            cell.plugin.as_ref().is_some_and(|plugin| plugin.is_once())
        };
        part.nodes().iter().copied().find(is_once)
    }
}

/// No node, but a moment in the life of one, behind which others stand.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Gate {
    /// A node and all that it brought with it are there.
    Behind(u32),
    /// All is there that the `load` of a node came after: what it awaited came after that as well.
    Before(u32),
}

/// What a node or a gate waits for.
#[derive(Clone, Copy)]
enum Edge {
    /// A node, whatever that brought with it.
    Node(u32),
    To(Gate),
}

impl Edge {
    /// A node and all that it brought with it.
    fn all(node: u32) -> Self {
        Edge::To(Gate::Behind(node))
    }
}

#[derive(Default)]
struct Gates {
    all: Vec<Gate>,
    places: HashMap<Gate, u32>,
}

impl Gates {
    fn add(&mut self, gate: Gate) {
        self.places.insert(gate, number(self.all.len()));
        self.all.push(gate);
    }

    fn place(&self, gate: Gate) -> Option<u32> {
        self.places.get(&gate).copied()
    }
}
