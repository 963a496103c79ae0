//! What look-ups from outside of all scopes have found, for those that come after them.

use crate::base::key::StateKey;
use crate::collect::ROOT;
use crate::declare::{StateValue, States};
use crate::live::nodes::Nodes;
use crate::report::LookupError;

impl Nodes {
    /// Whether what is meant from here follows from the plan alone: outside of all scopes, and as long
    /// as nothing has joined.
    pub(super) fn is_plain(&self, from: Option<u32>) -> bool {
        !self.has_grown() && from.is_none_or(|node| self.member(node).scope == ROOT)
    }

    /// What an earlier look-up has found, without a lock.
    pub(super) fn shown_to(&self, from: Option<u32>, state: StateKey) -> Option<StateValue> {
        let provided = self.providers.get()?.get(&state.id())?;
        if !self.is_plain(from) {
            return None;
        }
        provided.shown()
    }

    /// What a node shows, which is kept for the look-ups that come.
    pub(super) fn show_and_keep(
        &self,
        node: u32,
        state: StateKey,
    ) -> Result<StateValue, LookupError> {
        let cell = self.cell(node);
        let value = self.shown_in(&cell, node, state)?;
        if let Some(provided) = self.planned_providers().get(&state.id()) {
            provided.keep(node, &value);
        }
        Ok(value)
    }

    /// Forgets what was found of a node that closes. The caller holds the lock of its cell, and the
    /// values, so that none is dropped here.
    pub(super) fn hide(&self, node: u32, states: &States) {
        let Some(planned) = self.providers.get() else {
            return;
        };
        let keys = states.values().iter().map(|value| value.key().id());
        keys.filter_map(|key| planned.get(&key))
            .for_each(|provided| provided.forget(node));
    }
}
