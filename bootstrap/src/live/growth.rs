//! What is known of nodes that join the app while it boots.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::base::key::TypeMap;
use crate::base::name::PluginName;
use crate::collect::Member;
use crate::drive::Grow;
use crate::live::cell::Cell;
use crate::live::family::Family;
use crate::plan::Binding;
use crate::report::HookError;

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
    /// A node further out that it fails with, or itself: see `Nodes::top`.
    pub(super) fails_with: AtomicU32,
    /// By when the nodes that brought it have to be done; known once it begins to load.
    pub(super) haste: OnceLock<Option<Haste>>,
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
    /// The providers of each state, of the nodes that joined.
    pub(super) providers: TypeMap<Vec<u32>>,
    /// The boot that is under way.
    pub(super) pass: Option<Weak<dyn Grow>>,
    /// Whether nothing joins any more.
    pub(super) is_over: bool,
    pub(super) batches: u32,
    /// The boundaries of which something has to be known. Most boots have none.
    pub(super) boundaries: HashMap<Region, Boundary>,
    /// The nodes of the plan that stand directly before each barrier; there once it is needed.
    pub(super) before: Option<HashMap<u32, Vec<u32>>>,
}

/// What has become of nodes that fail together.
#[derive(Default)]
pub(super) struct Boundary {
    /// What has failed in it and was not handed on.
    pub(super) failures: Vec<Kept>,
    /// Whether it has failed, or one around it: what is in it is cancelled or skipped.
    pub(super) is_cut: bool,
    /// Whether its handler has received its failures.
    pub(super) is_told: bool,
}

/// When the `load` of a node further out has to end, which node that is, and how long its `load` may
/// take.
pub(super) type Haste = (Instant, u32, Duration);

/// Nodes that fail together, and what receives the failure instead of the boot.
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
    pub(crate) error: HookError,
}

/// Some nodes of an app, in the order of their numbers. What joins later belongs to no part that was
/// drawn up before.
#[derive(Clone, Debug)]
pub(crate) struct Part(Arc<[u32]>);

impl Part {
    pub(crate) fn of(nodes: impl IntoIterator<Item = u32>) -> Self {
        let mut nodes: Vec<u32> = nodes.into_iter().collect();
        nodes.sort_unstable();
        nodes.dedup();
        Self(nodes.into())
    }

    pub(crate) fn nodes(&self) -> &[u32] {
        &self.0
    }

    pub(crate) fn has(&self, node: u32) -> bool {
        self.0.binary_search(&node).is_ok()
    }
}

/// Whether a node belongs to a part of the app, or to the whole of it.
pub(crate) fn is_in(part: Option<&Part>, node: u32) -> bool {
    part.is_none_or(|part| part.has(node))
}

impl Growth {
    fn boundary(&self, region: Region) -> Option<&Boundary> {
        self.boundaries.get(&region)
    }

    /// Whether the parent has not received what has failed in a batch.
    pub(super) fn is_untold(&self, batch: u32) -> bool {
        self.boundary(Region::Batch(batch))
            .is_none_or(|it| !it.is_told)
    }

    /// Whether a boundary has failed, or one around it.
    pub(super) fn is_cut(&self, region: Region) -> bool {
        self.boundary(region).is_some_and(|it| it.is_cut)
    }

    pub(super) fn take_failures(&mut self, region: Region) -> Vec<Kept> {
        let boundary = self.boundaries.get_mut(&region);
        boundary.map_or_else(Vec::new, |it| std::mem::take(&mut it.failures))
    }

    /// What has failed in a boundary.
    pub(super) fn failures(&self, region: Region) -> &[Kept] {
        self.boundary(region).map_or(&[], |it| &it.failures)
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

    /// Takes a name that was chosen; false if another node has it.
    pub(super) fn take_name(&mut self, name: &PluginName) -> bool {
        self.taken.insert(name.to_string())
    }

    /// A node has gone, and its name may be another's.
    pub(super) fn free_name(&mut self, name: &PluginName) {
        self.taken.remove(&name.to_string());
        self.numbers.remove(name.base());
    }
}
