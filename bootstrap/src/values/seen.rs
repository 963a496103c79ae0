//! Which words of a table are names of one field: its own, and what `serde(alias)` adds.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::mem;

use crate::values::key::Key;

/// The words of a table that its type has read.
#[derive(Default)]
pub(super) struct Seen {
    fields: HashMap<u64, Key>,
    /// The last word, and an earlier one, if both are names of one field.
    pub(super) twice: Option<(Key, Key)>,
}

impl Seen {
    /// A word, and the field that its type takes it for. What `serde` derives is an enum of the
    /// fields; others say nothing, and are asked only if their type finds a field twice.
    pub(super) fn note<F>(&mut self, word: &Key, field: &F) {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let field = hasher.hash_one(mem::discriminant(field));
        let earlier = self.fields.insert(field, word.clone());
        self.twice = earlier.map(|earlier| (word.clone(), earlier));
    }
}
