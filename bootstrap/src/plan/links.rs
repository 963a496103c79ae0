//! Who provides what to whom: fields become edges.

use crate::base::key::TypeMap;
use crate::collect::{Order, Source, Want};
use crate::declare::Aim;
use crate::plan::graph::{Graph, number};
use crate::plan::mistakes::Mistakes;
use crate::plan::named::Named;
use crate::plan::schedule::{Binding, PlanWarning};

/// Who provides what, and who waits for whom.
pub(super) struct Links {
    /// For every want of every member, in order of their numbers, who provides it.
    pub(super) bindings: Vec<Binding>,
    /// Where the bindings of each number begin, and where they all end.
    starts: Vec<u32>,
    /// From every member to what it waits for.
    pub(super) requires: Graph,
    pub(super) warnings: Vec<PlanWarning>,
}

/// The members that provide one state. Most states have one.
enum Providers {
    One(u32),
    Many(Vec<u32>),
}

impl Links {
    pub(super) fn find(named: &Named, mistakes: &mut Mistakes) -> Self {
        let (wants, orders) = (named.roster.wants.len(), named.roster.orders.len());
        let providers = providers(named);
        let by_type = members_by_type(named);
        let mut links = Self {
            bindings: Vec::with_capacity(wants),
            starts: Vec::with_capacity(named.len() + 1),
            requires: Graph::with_capacity(named.len(), wants + orders),
            warnings: Vec::new(),
        };
        for number in named.numbers() {
            links.bind_fields(named, &providers, number, mistakes);
            links.add_node(named, &by_type, number);
        }
        links.starts.push(number(links.bindings.len()));
        links.warn_of_unused_supplies(named);
        links
    }

    fn bind_fields(
        &mut self,
        named: &Named,
        providers: &TypeMap<Providers>,
        asker: u32,
        mistakes: &mut Mistakes,
    ) {
        self.starts.push(number(self.bindings.len()));
        for (field, want) in named.wants(asker).iter().enumerate() {
            let provider = match want.aim {
                Some(aim) => find_aimed(named, asker, field, want, aim, mistakes),
                None => find_by_type(providers, asker, field, want, mistakes),
            };
            self.bindings.push(Binding {
                state: want.state,
                provider,
            });
        }
    }

    fn add_node(&mut self, named: &Named, by_type: &TypeMap<Vec<u32>>, asker: u32) {
        let first = self.starts[asker as usize] as usize;
        let providers = self.bindings[first..].iter();
        let providers = providers.filter_map(|binding| binding.provider);
        let earlier = named.orders(asker).iter().flat_map(|order| {
            let (one, all) = match order {
                Order::AfterEntry(entry) => (named.of_entry(*entry), None),
                Order::AfterPlugin(identity) => (None, by_type.get(&identity.id)),
            };
            one.into_iter().chain(all.into_iter().flatten().copied())
        });
        self.requires.push_node(providers.chain(earlier));
    }

    /// Where the states of a member's fields come from.
    pub(super) fn bindings(&self, number: u32) -> &[Binding] {
        let number = number as usize;
        &self.bindings[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    fn warn_of_unused_supplies(&mut self, named: &Named) {
        let mut used = vec![false; named.len()];
        for binding in &self.bindings {
            if let Some(provider) = binding.provider {
                used[provider as usize] = true;
            }
        }
        for number in named.numbers().filter(|number| !used[*number as usize]) {
            let member = named.member(number);
            if let (Source::Supplied { at, .. }, [state]) =
                (member.source, member.descriptor.states())
            {
                let state = *state;
                self.warnings.push(PlanWarning::UnusedSupply { state, at });
            }
        }
    }
}

fn providers(named: &Named) -> TypeMap<Providers> {
    let mut providers = TypeMap::default();
    for number in named.numbers() {
        for state in named.member(number).descriptor.states() {
            providers
                .entry(state.id())
                .and_modify(|known: &mut Providers| known.add(number))
                .or_insert(Providers::One(number));
        }
    }
    providers
}

impl Providers {
    fn add(&mut self, number: u32) {
        match self {
            Providers::One(first) => *self = Providers::Many(vec![*first, number]),
            Providers::Many(all) => all.push(number),
        }
    }
}

/// Instances by the type of their plugin, for those types that an `after` names.
fn members_by_type(named: &Named) -> TypeMap<Vec<u32>> {
    let mut wanted: TypeMap<Vec<u32>> = TypeMap::default();
    for order in &named.roster.orders {
        if let Order::AfterPlugin(identity) = order {
            wanted.entry(identity.id).or_default();
        }
    }
    if wanted.is_empty() {
        return wanted;
    }
    for number in named.numbers() {
        let member = named.member(number);
        let stands_in_for = member.descriptor.stands_in_for();
        for identity in [Some(member.identity), stands_in_for].into_iter().flatten() {
            if let Some(instances) = wanted.get_mut(&identity.id) {
                instances.push(number);
            }
        }
    }
    wanted
}

fn find_by_type(
    providers: &TypeMap<Providers>,
    asker: u32,
    field: usize,
    want: &Want,
    mistakes: &mut Mistakes,
) -> Option<u32> {
    match providers.get(&want.state.id()) {
        Some(Providers::One(provider)) => Some(*provider),
        Some(Providers::Many(candidates)) => {
            mistakes.ambiguous(want.state, asker, field, candidates);
            None
        }
        None => {
            if !want.optional {
                mistakes.missing(want.state, asker, field);
            }
            None
        }
    }
}

fn find_aimed(
    named: &Named,
    asker: u32,
    field: usize,
    want: &Want,
    aim: Aim,
    mistakes: &mut Mistakes,
) -> Option<u32> {
    let here = aim.app == named.roster.app;
    let Some(provider) = here.then(|| named.of_entry(aim.entry)).flatten() else {
        mistakes.foreign(want.state, asker, field);
        return None;
    };
    let states = named.member(provider).descriptor.states();
    if states.contains(&want.state) {
        return Some(provider);
    }
    mistakes.not_provided(want.state, asker, field, provider);
    None
}
