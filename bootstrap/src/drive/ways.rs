//! What a pass goes along.

use std::sync::Arc;

use crate::plan::{Graph, Plan, number};

/// The edges between nodes, forwards and backwards.
#[derive(Clone)]
pub(crate) enum Ways {
    /// Those of the plan: nothing has joined the app since.
    Planned(Arc<Plan>),
    /// Those of the plan, and of what joined the app while it booted.
    Grown(Arc<Edges>),
}

/// Edges that are no part of a plan.
///
/// The last numbers are gates: no node, but the moment at which a node and all that it brought
/// with it are there. A dependent of the node waits for its gate.
pub(crate) struct Edges {
    requires: Graph,
    dependents: Graph,
    /// The first number that is a gate.
    gates: u32,
    /// The place of each node in the order of the pass.
    rank: Vec<u32>,
    /// The node at each place.
    node: Vec<u32>,
    /// The nodes of the app that the numbers stand for, in ascending order, if the pass goes over a
    /// part of it: then it costs what that part does.
    part: Option<Arc<[u32]>>,
}

impl Edges {
    /// `order` names every node and gate once, in the order of a pass forwards.
    pub(crate) fn new(requires: Graph, gates: u32, order: Vec<u32>) -> Self {
        let mut rank = vec![0; order.len()];
        for (place, node) in (0..).zip(&order) {
            rank[*node as usize] = place;
        }
        Self {
            dependents: requires.reversed(),
            requires,
            gates,
            rank,
            node: order,
            part: None,
        }
    }

    /// The same for a part of an app, whose nodes have the numbers of their places in it.
    pub(crate) fn of_part(part: Arc<[u32]>, requires: Graph, gates: u32, order: Vec<u32>) -> Self {
        let part = Some(part);
        Self {
            part,
            ..Self::new(requires, gates, order)
        }
    }
}

impl Ways {
    pub(super) fn requires(&self) -> &Graph {
        match self {
            Ways::Planned(plan) => &plan.requires,
            Ways::Grown(edges) => &edges.requires,
        }
    }

    pub(super) fn dependents(&self) -> &Graph {
        match self {
            Ways::Planned(plan) => &plan.dependents,
            Ways::Grown(edges) => &edges.dependents,
        }
    }

    pub(super) fn is_gate(&self, node: u32) -> bool {
        match self {
            Ways::Planned(_) => false,
            Ways::Grown(edges) => node >= edges.gates && (node as usize) < edges.rank.len(),
        }
    }

    /// How many numbers are gates.
    pub(super) fn gates(&self) -> std::ops::Range<u32> {
        match self {
            Ways::Planned(_) => 0..0,
            Ways::Grown(edges) => edges.gates..number(edges.rank.len()),
        }
    }

    fn part(&self) -> Option<&[u32]> {
        match self {
            Ways::Planned(_) => None,
            Ways::Grown(edges) => edges.part.as_deref(),
        }
    }

    /// The node of the app that a number stands for.
    pub(super) fn node(&self, number: u32) -> u32 {
        self.part().map_or(number, |part| part[number as usize])
    }

    /// The number that stands for a node of the app.
    pub(super) fn number(&self, node: u32) -> u32 {
        let place = |part: &[u32]| part.partition_point(|other| *other < node);
        self.part().map_or(node, |part| number(place(part)))
    }

    /// The place of a node in the order of a pass forwards.
    pub(super) fn rank(&self, node: u32) -> u32 {
        match self {
            Ways::Planned(_) => node,
            Ways::Grown(edges) => edges.rank[node as usize],
        }
    }

    /// The node at a place.
    pub(super) fn at(&self, rank: u32) -> u32 {
        match self {
            Ways::Planned(_) => rank,
            Ways::Grown(edges) => edges.node[rank as usize],
        }
    }
}
