//! What is known of nodes that join the app while it boots.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use tokio::time::Instant;

use crate::base::key::TypeMap;
use crate::base::name::PluginName;
use crate::collect::Member;
use crate::drive::Grow;
use crate::live::cell::Cell;
use crate::live::family::Family;
use crate::plan::Binding;
use crate::report::PluginError;

/// A node that is no part of the plan.
pub(super) struct Joined {
    pub(super) member: Member,
    /// There once everything that joins with it is known.
    pub(super) links: OnceLock<Links>,
    pub(super) parent: u32,
    /// The batch that it came with, if its parent waits for that in its own `load`. Then it was
    /// there before its parent, and closes after it.
    pub(super) batch: Option<u32>,
    pub(super) path: Arc<[u32]>,
    /// Whether its name is its own, and not that of another.
    pub(super) has_name: bool,
    /// Whether it has gone for good: its parent was loaded again, or failed.
    pub(super) has_gone: AtomicBool,
    /// Whether there is or will be another in its place, and nothing to be said of it any more.
    pub(super) is_replaced: AtomicBool,
    pub(super) cell: Mutex<Cell>,
}

/// What a node is linked to.
#[derive(Default)]
pub(super) struct Links {
    pub(super) bindings: Vec<Binding>,
    pub(super) requires: Vec<u32>,
}

/// What is known of nodes that joined, or will.
#[derive(Default)]
pub(super) struct Growth {
    pub(super) family: Family,
    /// The names of all nodes that have not gone; filled when the first one joins.
    taken: HashSet<String>,
    /// The last number that a name was given.
    numbers: HashMap<String, u32>,
    /// Who provides what, of those that joined.
    pub(super) providers: TypeMap<Vec<u32>>,
    /// The boot that is under way.
    pub(super) pass: Option<Weak<dyn Grow>>,
    /// Whether nothing joins any more.
    pub(super) is_over: bool,
    pub(super) batches: u32,
    /// Failures that somebody answers for.
    pub(super) kept: HashMap<Region, Vec<Kept>>,
    /// Batches of whose failure whoever registered them has heard.
    pub(super) told: HashSet<u32>,
}

/// Nodes that fail together, and somebody who is told of it instead of the boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Region {
    /// What a `load` registered and waits for: it is told.
    Batch(u32),
    /// What stands before a barrier: that is told.
    Barrier(u32),
}

/// A failure that was kept from failing the boot.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) at: Instant,
    pub(crate) node: u32,
    pub(crate) error: PluginError,
}

/// Whether a node belongs to a part of the app, or to the whole of it. What has joined since the
/// part was drawn up does not.
pub(crate) fn is_in(part: Option<&[bool]>, node: u32) -> bool {
    part.is_none_or(|part| part.get(node as usize).copied().unwrap_or(false))
}

impl Growth {
    /// Whether nobody has heard of what has failed in a batch.
    pub(super) fn is_untold(&self, batch: u32) -> bool {
        !self.told.contains(&batch)
    }

    pub(super) fn pass(&self) -> Option<Arc<dyn Grow>> {
        self.pass.as_ref()?.upgrade()
    }

    /// Knows the names of those that were there before.
    pub(super) fn know_names<'n>(&mut self, names: impl Iterator<Item = &'n PluginName>) {
        if self.taken.is_empty() {
            self.taken.extend(names.map(PluginName::to_string));
        }
    }

    /// A name that no other node has.
    pub(super) fn name(&mut self, around: &str, own: &PluginName) -> PluginName {
        let text: Arc<str> = format!("{around}/{}", own.base()).into();
        let mut name = PluginName::from(Arc::clone(&text));
        while !self.taken.insert(name.to_string()) {
            let number = self.numbers.entry(text.to_string()).or_insert(1);
            *number += 1;
            name.number(*number);
        }
        name
    }

    /// Takes a name that somebody chose; false if another node has it.
    pub(super) fn take_name(&mut self, name: &PluginName) -> bool {
        self.taken.insert(name.to_string())
    }

    /// A node has gone, and its name may be another's.
    pub(super) fn free_name(&mut self, name: &PluginName) {
        self.taken.remove(&name.to_string());
        self.numbers.remove(name.base());
    }
}
