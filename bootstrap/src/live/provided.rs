//! A state that nodes of the plan provide, and what a look-up has found of it.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;

use crate::declare::StateValue;

/// The providers of a state, and the value that a look-up from outside of all scopes gives.
#[derive(Default)]
pub(super) struct Provided {
    /// The nodes of the plan.
    pub(super) by: Vec<u32>,
    /// There once a look-up has found it. It is put here under the lock of the cell that shows it,
    /// and taken away under the same lock when that closes: so it is never older than the cell.
    shown: ArcSwapOption<StateValue>,
    /// The node whose value that is. As the plan does not change, it is never another one.
    of: OnceLock<u32>,
}

impl Provided {
    /// What was found, without a lock.
    pub(super) fn shown(&self) -> Option<StateValue> {
        self.shown.load().as_deref().cloned()
    }

    /// Keeps what was found; the caller holds the lock of that cell.
    pub(super) fn keep(&self, node: u32, value: &StateValue) {
        // Something may have joined meanwhile, and be meant instead.
        if *self.of.get_or_init(|| node) == node {
            self.shown.store(Some(Arc::new(value.clone())));
        }
    }

    /// Forgets what was found of a node that closes. The caller holds the lock of its cell, and the
    /// value, so that it is not dropped here.
    pub(super) fn forget(&self, node: u32) {
        // The value of another node is not even looked at: it could be dropped here.
        if self.of.get() == Some(&node) {
            self.shown.store(None);
        }
    }
}
