//! What has gone wrong so far, before it is an error.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::life::ShutdownReason;
use crate::live::Nodes;
use crate::report::{Cause, PluginError};

/// A boot that failed, before anything has been closed.
pub(crate) struct Failure {
    pub(super) why: Why,
    pub(super) troubles: Vec<Trouble>,
}

impl Failure {
    /// What went wrong, without what was cancelled because of it.
    pub(crate) fn into_errors(self) -> Vec<PluginError> {
        let errors = self.troubles.into_iter().map(|trouble| trouble.error);
        errors
            .filter(|error| !matches!(error.cause(), Cause::Cancelled))
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
    pub(super) error: PluginError,
}

/// What went wrong so far.
#[derive(Default)]
pub(super) struct Troubles(Mutex<Vec<Trouble>>);

impl Troubles {
    pub(super) fn push(&self, nodes: &Arc<Nodes>, at: Instant, node: u32, error: PluginError) {
        if !matches!(error.cause(), Cause::Cancelled) {
            nodes.tell(&error);
            nodes.know(&error);
        }
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.push(Trouble { at, node, error });
    }

    pub(super) fn is_empty(&self) -> bool {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.is_empty()
    }

    /// By time; of those that ended at one instant, in the order of the plan.
    pub(super) fn take(&self) -> Vec<Trouble> {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = std::mem::take(&mut *troubles);
        taken.sort_by_key(|trouble| (trouble.at, trouble.node));
        taken
    }
}
