//! The providers of a state.

use anyhow::Error;

use crate::base::key::{StateKey, TypeMap};
use crate::collect::{Candidate, Found, ROOT, Scopes, Want};
use crate::declare::{Precedence, Standing};
use crate::live::growth::Growth;
use crate::live::nodes::Nodes;
use crate::live::provided::Provided;

impl Nodes {
    /// The provider of what a newcomer requires: of several, the nearest relative.
    pub(super) fn find_provider(
        &self,
        growth: &Growth,
        node: u32,
        want: &Want,
    ) -> Result<Option<u32>, Error> {
        let state = want.state;
        let mut all = self.providers_of(growth, state);
        if state.is_port() {
            // A plugin never gets itself: it would be around what others provide there.
            all.retain(|it| *it != node);
        }
        let mut candidates = match self.seen_by(Some(node), &all) {
            Found::None => {
                return match self.will_bring(node, state) {
                    None if want.asks.is_required() && !all.is_empty() => {
                        Err(self.hidden(node, want.field, state, &all))
                    }
                    later => Ok(later),
                };
            }
            Found::One(provider) => return Ok(Some(provider)),
            Found::Several(several) => several,
        };
        let mut relative = self.parent(node);
        while let Some(family) = relative {
            let here = candidates.iter().copied();
            let here: Vec<u32> = here.filter(|it| self.parent(*it) == Some(family)).collect();
            match here.as_slice() {
                [] => relative = self.parent(family),
                [one] => return Ok(Some(*one)),
                _ => return Err(self.ambiguous(node, want.field, state, &here)),
            }
        }
        candidates.retain(|it| self.parent(*it).is_none());
        match candidates.as_slice() {
            [one] => Ok(Some(*one)),
            _ => Err(self.ambiguous(node, want.field, state, &all)),
        }
    }

    /// All providers of what a newcomer requires, itself and its ancestors aside.
    pub(super) fn find_all_providers(
        &self,
        growth: &Growth,
        parent: u32,
        node: u32,
        state: StateKey,
    ) -> Vec<u32> {
        let from = self.member(node).scope;
        let mut all = self.providers_of(growth, state);
        // Whether those of other families have joined yet is chance, unless they are declared.
        let root = self.root(node);
        all.retain(|it| self.joined_as(*it).is_none() || self.root(*it) == root);
        all.extend(self.bring(state));
        all.retain(|it| *it != node && !self.is_or_is_below(parent, *it));
        let candidates: Vec<Candidate> = all.iter().map(|it| self.candidate(*it)).collect();
        let places = self.with_scopes(|scopes| scopes.places(from, &candidates));
        let mut seen: Vec<u32> = places.into_iter().flatten().collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    }

    /// Everything that provides a port and is seen from a node, or from outside of all scopes, in the
    /// order of the plan.
    pub(super) fn all_seen_by(&self, from: Option<u32>, port: StateKey) -> Vec<u32> {
        let from = from.map_or(ROOT, |node| self.member(node).scope);
        let all = self.all_providers(port);
        let candidates: Vec<Candidate> = all.iter().map(|it| self.candidate(*it)).collect();
        let places = self.with_scopes(|scopes| scopes.places(from, &candidates));
        let mut seen: Vec<u32> = places.into_iter().flatten().collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    }

    /// The node of the plan that has brought a node, itself or through others; itself, if it is one.
    fn root(&self, node: u32) -> u32 {
        self.path(node).map_or(node, |path| path[0])
    }

    /// The providers that rank first, where one is required.
    fn preferred(&self, providers: &[u32]) -> Vec<u32> {
        Precedence::choose(providers, |it| {
            let standing = match self.joined_as(it) {
                None => Standing::Direct,
                Some(_) => Standing::Child,
            };
            (self.member(it).precedence(), standing)
        })
    }

    /// The node that provides the very value that a field holds already.
    pub(super) fn provider_at(&self, growth: &Growth, state: StateKey, held: usize) -> Option<u32> {
        let providers = self.providers_of(growth, state).into_iter();
        let mut those = providers.filter(|node| {
            let cell = self.cell(*node);
            let value = cell.states.as_ref().and_then(|it| it.find(state));
            value.is_some_and(|value| value.address() == held)
        });
        those.next()
    }

    /// The provider of a state that a node gets, or code outside of all scopes.
    pub(super) fn seen_by(&self, from: Option<u32>, providers: &[u32]) -> Found {
        if let ([only], true) = (providers, self.with_scopes(Scopes::is_flat)) {
            return Found::One(*only);
        }
        let from = from.map_or(ROOT, |node| self.member(node).scope);
        let candidates = providers.iter().map(|node| self.candidate(*node));
        match self.with_scopes(|scopes| scopes.find(from, candidates)) {
            Found::Several(several) => match self.preferred(&several).as_slice() {
                [one] => Found::One(*one),
                several => Found::Several(several.to_vec()),
            },
            found => found,
        }
    }

    /// Resolves a run-time lookup: to the provider that the plan would name, if it
    /// could. A child that its parent did not declare, and that may not have joined, is
    /// only chosen if there is no other; of equal ones, the one that is not a child is chosen.
    pub(super) fn meant_by(&self, from: Option<u32>, providers: &[u32]) -> Found {
        if !self.has_grown() {
            return self.seen_by(from, providers);
        }
        let own = from.map(|node| self.root(node));
        let is_known = |node: &u32| {
            own == Some(self.root(*node))
                || self
                    .parent(*node)
                    .is_none_or(|it| self.is_declared_child(it, self.member(*node)))
        };
        let known: Vec<u32> = providers.iter().copied().filter(is_known).collect();
        let providers = if known.is_empty() { providers } else { &known };
        let several = match self.seen_by(from, providers) {
            Found::Several(several) => several,
            found => return found,
        };
        let mut planned = several.iter().filter(|it| self.parent(**it).is_none());
        match (planned.next(), planned.next()) {
            (Some(one), None) => Found::One(*one),
            _ => Found::Several(several),
        }
    }

    /// The providers of a state, of all nodes.
    pub(super) fn all_providers(&self, state: StateKey) -> Vec<u32> {
        if self.has_grown() {
            return self.providers_of(&self.growth(), state);
        }
        let planned = self.planned_providers().get(&state.id());
        planned.map(|it| it.by.clone()).unwrap_or_default()
    }

    /// The same for a caller that holds the lock.
    pub(super) fn providers_of(&self, growth: &Growth, state: StateKey) -> Vec<u32> {
        let planned = self.planned_providers().get(&state.id()).map(|it| &it.by);
        let joined = growth.providers.get(&state.id());
        let all = planned.into_iter().chain(joined).flatten().copied();
        all.filter(|node| !self.has_gone(*node)).collect()
    }

    /// The nodes of the plan that provide each state.
    pub(super) fn planned_providers(&self) -> &TypeMap<Provided> {
        self.providers.get_or_init(|| {
            let mut providers: TypeMap<Provided> = TypeMap::default();
            for plugin in self.plan.order() {
                for state in plugin.provides() {
                    providers
                        .entry(state.id())
                        .or_default()
                        .by
                        .push(plugin.number());
                }
            }
            providers
        })
    }

    /// A node that provides a state, as a candidate for a lookup.
    pub(super) fn candidate(&self, node: u32) -> Candidate {
        let member = self.member(node);
        Candidate {
            node,
            scope: member.scope,
            exported: member.exported,
        }
    }
}
