//! What does not fit, gathered under numbers while the links are found.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::Arc;

use crate::base::key::{StateKey, TypeMap};
use crate::declare::Origin;

/// A field: the number of its plugin, and which of its fields.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) plugin: u32,
    pub(super) field: usize,
}

/// Mistakes under numbers. Those about one state are merged.
#[derive(Default)]
pub(super) struct Mistakes {
    pub(super) missing: TypeMap<(StateKey, Vec<Field>)>,
    /// By state, and the scope in which there are several.
    pub(super) ambiguous: HashMap<(TypeId, u32), Ambiguous>,
    pub(super) foreign: Vec<(StateKey, Field, Option<Arc<Origin>>)>,
    pub(super) not_provided: Vec<(StateKey, Field, u32)>,
}

pub(super) struct Ambiguous {
    pub(super) state: StateKey,
    pub(super) fields: Vec<Field>,
    pub(super) candidates: Vec<u32>,
}

impl Mistakes {
    pub(super) fn missing(&mut self, state: StateKey, plugin: u32, field: usize) {
        let known = self.missing.entry(state.id());
        let (_, fields) = known.or_insert_with(|| (state, Vec::new()));
        fields.push(Field { plugin, field });
    }

    pub(super) fn ambiguous(
        &mut self,
        (state, scope): (StateKey, u32),
        plugin: u32,
        field: usize,
        candidates: &[u32],
    ) {
        let known = self.ambiguous.entry((state.id(), scope));
        let known = known.or_insert_with(|| Ambiguous {
            state,
            fields: Vec::new(),
            candidates: candidates.to_vec(),
        });
        known.fields.push(Field { plugin, field });
    }

    pub(super) fn foreign(
        &mut self,
        state: StateKey,
        plugin: u32,
        field: usize,
        aim: Option<&Arc<Origin>>,
    ) {
        let field = Field { plugin, field };
        self.foreign.push((state, field, aim.cloned()));
    }

    pub(super) fn not_provided(
        &mut self,
        state: StateKey,
        plugin: u32,
        field: usize,
        provider: u32,
    ) {
        let field = Field { plugin, field };
        self.not_provided.push((state, field, provider));
    }
}
