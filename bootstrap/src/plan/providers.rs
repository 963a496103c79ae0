//! Which members provide which state, and who of them is meant.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use crate::base::key::{StateKey, TypeHasher, TypeMap};
use crate::collect::{ROOT, Scopes};
use crate::declare::Precedence;
use crate::plan::named::Named;

/// The members that provide each state, by the scope in which they are seen at once.
#[derive(Default)]
pub(super) struct Providers {
    /// What the root sees, which is everything in an app without scopes.
    root: TypeMap<Candidates>,
    inner: HashMap<(TypeId, u32), Candidates, BuildHasherDefault<TypeHasher>>,
    /// Those who are declared to bring one that provides a port.
    brings_ports: Option<Box<Providers>>,
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
        if !named.roster.children.is_empty() {
            providers.add_children(named);
        }
        providers
    }

    /// What a member is declared to bring is seen where its own states are. Who provides a state by
    /// itself is there for certain, and is meant rather than one who is declared to bring it.
    fn add_children(&mut self, named: &Named) {
        let scopes = &named.roster.scopes;
        let (mut declared, mut ports) = (Self::default(), Self::default());
        for child in &named.roster.children {
            let number = named.numbers_of_members()[child.member as usize];
            let member = named.member(number);
            for state in child.declaration.provides {
                for scope in scopes.seen_in(member.scope, member.published) {
                    declared.add(*state, scope, number);
                    if state.is_port() {
                        ports.add(*state, scope, number);
                    }
                }
            }
        }
        self.brings_ports = Some(Box::new(ports));
        for (state, candidates) in declared.root {
            self.root.entry(state).or_insert(candidates.in_order());
        }
        for (place, candidates) in declared.inner {
            self.inner.entry(place).or_insert(candidates.in_order());
        }
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

    /// Everybody who provides a port that is seen from the scope `from`, or is declared to bring
    /// somebody who does; in order.
    pub(super) fn find_all(&self, named: &Named, from: u32, port: StateKey) -> Vec<u32> {
        let scopes = named.roster.scopes.outwards(from);
        let all = scopes.flat_map(|scope| {
            let here = self.at(scope, port);
            let mut here = here.map_or_else(Vec::new, |it| it.standing(named));
            let is_overridden = |it: &u32| named.member(*it).precedence == Precedence::Override;
            if !here.iter().any(is_overridden) {
                let brings = self.brings_ports.as_ref();
                let brings = brings.and_then(|it| it.at(scope, port));
                here.extend(brings.into_iter().flat_map(Candidates::numbers));
            }
            here
        });
        let mut all: Vec<u32> = all.collect();
        // One that is published stands in two scopes.
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Who provides a state in a scope.
    fn at(&self, scope: u32, state: StateKey) -> Option<&Candidates> {
        if scope == ROOT {
            self.root.get(&state.id())
        } else {
            self.inner.get(&(state.id(), scope))
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

    /// Each once, in ascending order.
    fn in_order(self) -> Self {
        let Candidates::Many(mut all) = self else {
            return self;
        };
        all.sort_unstable();
        all.dedup();
        match all.as_slice() {
            [one] => Candidates::One(*one),
            _ => Candidates::Many(all),
        }
    }

    /// Those who are meant by somebody who asks for one.
    pub(super) fn meant(&self, named: &Named) -> Vec<u32> {
        Precedence::highest(self.numbers(), |it| named.member(it).precedence)
    }

    /// Those who are meant by somebody who asks for all.
    fn standing(&self, named: &Named) -> Vec<u32> {
        Precedence::standing(self.numbers(), |it| named.member(it).precedence)
    }

    pub(super) fn numbers(&self) -> &[u32] {
        match self {
            Candidates::One(number) => std::slice::from_ref(number),
            Candidates::Many(numbers) => numbers,
        }
    }
}
