//! How long the loads of a scope may take together.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::base::time::later;
use crate::live::Nodes;

/// When the first plugin of each scope began to load that has a limit.
#[derive(Default)]
pub(super) struct ScopeLimits(Mutex<HashMap<u32, Instant>>);

impl ScopeLimits {
    /// When the `load` of a node has to end, because of the scopes that it is in. The first time
    /// that it is asked for a scope, the time of that begins.
    pub(super) fn end(&self, nodes: &Nodes, node: u32, now: Instant) -> Option<Instant> {
        nodes.with_scopes(|scopes| {
            if scopes.is_flat() {
                return None;
            }
            let around = scopes.outwards(nodes.member(node).scope);
            let limits = around.filter_map(|scope| Some((scope, scopes[scope as usize].limit?)));
            let mut began = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let ends =
                limits.map(|(scope, limit)| later(*began.entry(scope).or_insert(now), limit));
            ends.min()
        })
    }
}
