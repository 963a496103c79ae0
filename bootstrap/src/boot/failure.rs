//! What has gone wrong so far, before it is an error.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::base::lock::lock;
use crate::life::ShutdownReason;
use crate::live::{Kept, Nodes};
use crate::report::{HookError, HookFailure};

/// A boot that failed, before anything has been closed.
pub(crate) struct Failure {
    pub(super) why: Why,
    pub(super) troubles: Vec<Trouble>,
}

impl Failure {
    /// What went wrong, without what was cancelled because of it.
    pub(crate) fn into_errors(self) -> Vec<HookError> {
        let errors = self.troubles.into_iter().map(|trouble| trouble.error);
        errors
            .filter(|error| !matches!(error.failure(), HookFailure::Cancelled))
            .collect()
    }
}

pub(super) enum Why {
    /// Hooks went wrong.
    Hooks,
    TimeIsUp(Duration),
    Interrupted(ShutdownReason),
}

/// A hook that went wrong, and when.
pub(super) struct Trouble {
    pub(super) at: Instant,
    pub(super) node: u32,
    pub(super) error: HookError,
}

/// What went wrong so far.
#[derive(Default)]
pub(super) struct Troubles(Mutex<Vec<Trouble>>);

impl Troubles {
    pub(super) fn push(&self, nodes: &Arc<Nodes>, at: Instant, node: u32, error: HookError) {
        if !matches!(error.failure(), HookFailure::Cancelled) {
            nodes.tell(&error);
            nodes.know(&error);
        }
        self.all().push(Trouble { at, node, error });
    }

    /// Failures that were reported to a handler, which could do nothing about them.
    pub(super) fn keep_all(&self, nodes: &Nodes, kept: Vec<Kept>) {
        for Kept { at, node, error } in kept {
            nodes.know(&error);
            self.all().push(Trouble { at, node, error });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Trouble>> {
        lock(&self.0)
    }

    /// By time; of those that ended at one instant, what was brought by others comes before them,
    /// and else the order is that of the plan.
    pub(super) fn take(&self, nodes: &Nodes) -> Vec<Trouble> {
        let mut taken = std::mem::take(&mut *self.all());
        taken.sort_by_key(|trouble| {
            let depth = nodes.depth(trouble.node);
            (trouble.at, Reverse(depth), trouble.node)
        });
        taken
    }
}
