//! What such an app consists of, as plain data.

use std::ops::Range;

use crate::case::{Fault, Step};

/// What a parent does once it has registered a child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Goes on: the child loads when the parent's own `load` has returned.
    #[default]
    Leave,
    Await(Then),
    Flush(Then),
    /// Begins to wait, and thinks better of it.
    Glance,
}

/// What a parent does with the error of what it waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Catch,
    PassOn,
}

/// How a node hangs on another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    State,
    /// It can do without.
    Optional,
    /// It only comes later.
    Order,
}

/// A plugin, or a child of one.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
pub struct Node {
    /// Of a smaller number; without one it is registered with the app.
    pub parent: Option<usize>,
    /// Earlier ones: registered by the same parent, or with the app before its oldest ancestor.
    pub needs: Vec<(usize, Need)>,
    /// How long its parent waits before it registers it.
    pub pause: u64,
    pub way: Way,
    pub load: Step,
    /// Whether it goes wrong before it registers its children, or behind that.
    pub is_hasty: bool,
    /// In which of its loads it goes wrong: bit by bit, the first one lowest.
    pub bad: u8,
    pub attempts: u32,
    pub limit: Option<u64>,
    pub cleans_up: bool,
    pub spawns: bool,
    /// Whether it adds a hook for when everything is ready.
    pub waits_for_ready: bool,
    pub close: Step,
    /// Of one that is registered with the app: its scope, 0 for none. Neighbours in scopes of one
    /// number share it.
    pub scope: usize,
    /// What stands before it, in its scope if that has begun.
    pub barrier: Option<Barrier>,
}

#[derive(Clone, Copy, Debug)]
pub struct Barrier {
    pub recovers: bool,
    pub act: Step,
}

/// One app, and what is done with it. All times are in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Case {
    pub nodes: Vec<Node>,
    pub concurrency: usize,
    /// What stands behind everything.
    pub last: Option<Barrier>,
    /// Whether the app has hooks of its own.
    pub has_extras: bool,
    pub boot_limit: Option<u64>,
    /// When somebody outside asks it to stop.
    pub shutdown_at: Option<u64>,
    /// What is restarted once it has booted, one after the other.
    pub restarts: Vec<usize>,
    pub hold: u64,
}

/// What is registered with the app, in this order.
#[derive(Clone, Debug)]
pub enum Entry {
    Plugin(usize),
    /// Its number, and what it is.
    Barrier(usize, Barrier),
    Scope(Vec<Entry>),
}

impl Case {
    pub fn of(nodes: Vec<Node>) -> Self {
        let hold = 2;
        Self {
            nodes,
            hold,
            ..Self::default()
        }
    }

    pub fn all(&self) -> Range<usize> {
        0..self.nodes.len()
    }

    pub fn children(&self, of: usize) -> impl Iterator<Item = usize> {
        self.all()
            .filter(move |node| self.nodes[*node].parent == Some(of))
    }

    /// The number of the barrier before a node, or of the last one.
    pub fn barrier(&self, before: usize) -> usize {
        self.nodes.len() + before
    }

    /// Whether anything asks it to stop while it boots, at a time that nobody can tell.
    pub fn is_disturbed(&self) -> bool {
        let asks = |node: &Node| matches!(node.load.fault, Fault::Shutdown(_)) && node.bad != 0;
        self.boot_limit.is_some() || self.shutdown_at.is_some() || self.nodes.iter().any(asks)
    }

    /// What is registered with the app, in its order.
    pub fn ground(&self) -> Vec<Entry> {
        let mut ground: Vec<Entry> = Vec::new();
        let mut scope = 0;
        for node in self.all().filter(|node| self.nodes[*node].parent.is_none()) {
            let Node {
                scope: its,
                barrier,
                ..
            } = self.nodes[node];
            let barrier = barrier.map(|it| Entry::Barrier(self.barrier(node), it));
            let plugin = Entry::Plugin(node);
            match (its, ground.last_mut()) {
                (0, _) => ground.extend(barrier.into_iter().chain([plugin])),
                (_, Some(Entry::Scope(inside))) if its == scope => {
                    inside.extend(barrier.into_iter().chain([plugin]));
                }
                _ => {
                    ground.extend(barrier);
                    ground.push(Entry::Scope(vec![plugin]));
                }
            }
            scope = its;
        }
        let last = self
            .last
            .map(|it| Entry::Barrier(self.barrier(self.nodes.len()), it));
        ground.extend(last);
        ground
    }
}

pub fn name(node: usize) -> String {
    format!("n{node:02}")
}
