//! Which members provide which state, and who of them is meant.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use crate::base::key::{StateKey, TypeHasher, TypeMap};
use crate::collect::{ROOT, Scopes};
use crate::plan::named::Named;

/// The members that provide each state, by the scope in which they are seen at once.
#[derive(Default)]
pub(super) struct Providers {
    /// What the root sees, which is everything in an app without scopes.
    root: TypeMap<Candidates>,
    inner: HashMap<(TypeId, u32), Candidates, BuildHasherDefault<TypeHasher>>,
}

/// The members that provide one state in one scope. Mostly there is one.
pub(super) enum Candidates {
    One(u32),
    Many(Vec<u32>),
}

impl Providers {
    pub(super) fn of(named: &Named) -> Self {
        let mut providers = Self::default();
        let scopes = &named.roster.scopes;
        for number in named.numbers() {
            let member = named.member(number);
            for state in member.descriptor.states() {
                for scope in scopes.seen_in(member.scope, member.published) {
                    providers.add(*state, scope, number);
                }
            }
        }
        providers
    }

    fn add(&mut self, state: StateKey, scope: u32, number: u32) {
        let one = Candidates::One(number);
        if scope == ROOT {
            let known = self.root.entry(state.id());
            known.and_modify(|known| known.add(number)).or_insert(one);
        } else {
            let known = self.inner.entry((state.id(), scope));
            known.and_modify(|known| known.add(number)).or_insert(one);
        }
    }

    /// Who provides a state to a plugin in the scope `from`: those in the nearest scope on the way
    /// out that has any, and which scope that is.
    pub(super) fn find(
        &self,
        scopes: &Scopes,
        from: u32,
        state: StateKey,
    ) -> Option<(u32, &Candidates)> {
        let inner = |scope: &u32| *scope != ROOT;
        for scope in scopes.outwards(from).take_while(inner) {
            if let Some(candidates) = self.inner.get(&(state.id(), scope)) {
                return Some((scope, candidates));
            }
        }
        Some((ROOT, self.root.get(&state.id())?))
    }
}

impl Candidates {
    fn add(&mut self, number: u32) {
        match self {
            Candidates::One(first) => *self = Candidates::Many(vec![*first, number]),
            Candidates::Many(all) => all.push(number),
        }
    }

    pub(super) fn numbers(&self) -> &[u32] {
        match self {
            Candidates::One(number) => std::slice::from_ref(number),
            Candidates::Many(numbers) => numbers,
        }
    }
}
