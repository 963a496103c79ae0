//! What goes wrong while an app closes.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use crate::base::lock::lock;
use crate::base::log::log;
use crate::live::Nodes;
use crate::report::HookError;

/// Errors with their times: hooks end in parallel, and are reported in order.
#[derive(Default)]
pub(super) struct Log(Mutex<Vec<(Instant, HookError)>>);

impl Log {
    /// Keeps the error before it is logged: what listens to the log may panic.
    pub(super) fn push(&self, nodes: &Arc<Nodes>, at: Instant, error: HookError) {
        let line = error.to_string();
        nodes.tell(&error);
        nodes.know(&error);
        self.extend([(at, error)]);
        log(|| tracing::error!(target: "bootstrap", "{line}"));
    }

    pub(super) fn extend(&self, errors: impl IntoIterator<Item = (Instant, HookError)>) {
        let mut log = lock(&self.0);
        log.extend(errors);
    }

    /// By time; what happened at one instant keeps the order in which it was noted.
    pub(super) fn take(&self) -> Vec<HookError> {
        let mut log = lock(&self.0);
        log.sort_by_key(|(at, _)| *at);
        log.drain(..).map(|(_, error)| error).collect()
    }
}
