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
    /// Whether it has gone for good: its parent was loaded again, or failed.
    pub(super) has_gone: AtomicBool,
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
    /// How many nodes have had a name.
    names: HashMap<String, u32>,
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
    pub(super) fn pass(&self) -> Option<Arc<dyn Grow>> {
        self.pass.as_ref()?.upgrade()
    }

    /// A name that no other node has, or has had.
    pub(super) fn name(&mut self, around: &str, own: &PluginName) -> PluginName {
        let text = format!("{around}/{}", own.base());
        let count = self.names.entry(text.clone()).or_insert(0);
        *count += 1;
        let mut name = PluginName::from(Arc::<str>::from(text));
        if *count > 1 {
            name.number(*count);
        }
        name
    }
}
