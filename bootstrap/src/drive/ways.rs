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
/// with it are there. Who needs the node stands behind its gate.
pub(crate) struct Edges {
    requires: Graph,
    dependents: Graph,
    /// The first number that is a gate.
    gates: u32,
    /// The place of each node in the order of the pass.
    rank: Vec<u32>,
    /// The node at each place.
    node: Vec<u32>,
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
