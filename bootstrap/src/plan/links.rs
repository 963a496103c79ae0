//! Which plugin provides what to which: fields become edges.

use std::sync::Arc;

use crate::base::key::TypeMap;
use crate::collect::{Order, Source, Want};
use crate::declare::{Asks, Origin};
use crate::plan::barriers::Barriers;
use crate::plan::family::Family;
use crate::plan::graph::{Graph, number};
use crate::plan::mistakes::Mistakes;
use crate::plan::named::Named;
use crate::plan::providers::{Meant, Providers};
use crate::plan::schedule::{Binding, PlanWarning, Shadow};

/// The providers of all requirements, and the order that follows.
pub(super) struct Links {
    /// For every want of every member, in order of their numbers, the provider.
    pub(super) bindings: Vec<Binding>,
    /// Where the bindings of each number begin, and where they all end.
    starts: Vec<u32>,
    /// From every member to what it waits for.
    pub(super) requires: Graph,
    pub(super) barriers: Barriers,
    pub(super) family: Family,
    pub(super) warnings: Vec<PlanWarning>,
    /// In order of the numbers; none in an app without scopes.
    pub(super) shadowings: Vec<Shadowing>,
}

/// A member's state that hides one further out from the plugins in its scope.
#[derive(Clone, Copy)]
pub(super) struct Shadowing {
    pub(super) by: u32,
    pub(super) shadow: Shadow,
}

impl Links {
    pub(super) fn find(named: &Named, mistakes: &mut Mistakes) -> Self {
        let (wants, orders) = (named.roster.wants.len(), named.roster.orders.len());
        let providers = Providers::of(named);
        let by_type = members_by_type(named);
        let barriers = Barriers::find(named);
        let edges = wants + orders + barriers.edges_len();
        let mut links = Self {
            bindings: Vec::with_capacity(wants),
            starts: Vec::with_capacity(named.len() + 1),
            requires: Graph::with_capacity(named.len(), edges),
            barriers,
            family: Family::default(),
            warnings: Vec::new(),
            shadowings: Vec::new(),
        };
        for number in named.numbers() {
            links.bind_fields(named, &providers, number, mistakes);
            links.add_node(named, &by_type, number);
        }
        links.starts.push(number(links.bindings.len()));
        links.family = Family::find(named, &providers, &links.requires);
        links.warn_of_unused_supplies(named);
        if !named.roster.scopes.is_flat() {
            links.find_shadowings(named, &providers);
        }
        links.find_outranked(named, &providers);
        links
    }

    /// The graph in which cycles are searched.
    pub(super) fn whole(&self) -> &Graph {
        self.family.graph().unwrap_or(&self.requires)
    }

    fn bind_fields(
        &mut self,
        named: &Named,
        providers: &Providers,
        dependent: u32,
        mistakes: &mut Mistakes,
    ) {
        self.starts.push(number(self.bindings.len()));
        for (field, want) in named.wants(dependent).iter().enumerate() {
            if want.asks == Asks::All {
                let from = named.member(dependent).scope;
                let mut all = providers.find_all(named, from, want.state);
                all.retain(|provider| *provider != dependent);
                self.bindings.extend(Binding::all(want.state, &all));
                continue;
            }
            let provider = match &want.aim {
                Some(aim) => find_aimed(named, dependent, field, want, aim, mistakes),
                // No plugin of this app has made anything yet.
                None if want.held.is_some() => {
                    mistakes.foreign(want.state, dependent, field, None);
                    None
                }
                None => find_by_type(named, providers, dependent, field, want, mistakes),
            };
            let binding = Binding::new(want.state, want.asks, provider);
            self.bindings.push(binding);
        }
    }

    fn add_node(&mut self, named: &Named, by_type: &TypeMap<Vec<u32>>, dependent: u32) {
        let first = self.starts[dependent as usize] as usize;
        let providers = self.bindings[first..].iter();
        let providers = providers.filter_map(Binding::waits_for);
        let earlier = named.orders(dependent).iter().flat_map(|order| {
            let (one, all) = match order {
                Order::AfterEntry(entry) => (named.of_entry(*entry), None),
                Order::AfterPlugin(identity) => (None, by_type.get(&identity.id)),
            };
            let seen = all.into_iter().flatten().copied();
            one.into_iter()
                .chain(seen.filter(|number| named.sees(dependent, *number)))
        });
        let barriers = self.barriers.earlier(dependent);
        self.requires
            .push_node(providers.chain(earlier).chain(barriers));
    }

    /// Where the states of a member's fields come from.
    pub(super) fn bindings(&self, number: u32) -> &[Binding] {
        let number = number as usize;
        &self.bindings[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    /// Finds the states that hide others, from the outermost scope in which they are seen outwards.
    fn find_shadowings(&mut self, named: &Named, providers: &Providers) {
        let scopes = &named.roster.scopes;
        for by in named.numbers() {
            let member = named.member(by);
            let seen_in = scopes.seen_in(member.scope, member.exported);
            let Some(around) = seen_in.last().and_then(|scope| scopes.parent(scope)) else {
                continue;
            };
            for state in member.descriptor.states() {
                let hidden = providers.all_nearest(named, around, *state);
                self.shadowings
                    .extend(hidden.iter().map(|hidden| Shadowing {
                        by,
                        shadow: Shadow {
                            state: *state,
                            hidden: *hidden,
                        },
                    }));
            }
        }
    }

    /// Finds the states that others outrank in the same scope.
    fn find_outranked(&mut self, named: &Named, providers: &Providers) {
        let mut found = Vec::new();
        for (state, by, all) in providers.outranked(named) {
            let mut states = named.member(by).descriptor.states().iter();
            let Some(state) = states.find(|it| it.id() == state) else {
                continue;
            };
            let others = all.into_iter().filter(|it| *it != by);
            found.extend(others.map(|hidden| Shadowing {
                by,
                shadow: Shadow {
                    state: *state,
                    hidden,
                },
            }));
        }
        found.sort_by_key(|it| (it.by, it.shadow.state.type_name(), it.shadow.hidden));
        self.shadowings.extend(found);
    }

    fn warn_of_unused_supplies(&mut self, named: &Named) {
        let mut used = vec![false; named.len()];
        for binding in &self.bindings {
            if let Some(provider) = binding.provider {
                used[provider as usize] = true;
            }
        }
        for provider in self.family.all_providers() {
            used[provider as usize] = true;
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
        let replaces = member.descriptor.replaces();
        for identity in [Some(member.identity), replaces].into_iter().flatten() {
            if let Some(instances) = wanted.get_mut(&identity.id) {
                instances.push(number);
            }
        }
    }
    wanted
}

fn find_by_type(
    named: &Named,
    providers: &Providers,
    dependent: u32,
    field: usize,
    want: &Want,
    mistakes: &mut Mistakes,
) -> Option<u32> {
    let from = named.member(dependent).scope;
    match providers.find(named, from, want.state, Some(dependent)) {
        Some((_, Meant::One(provider))) => Some(provider),
        Some((scope, Meant::Several(several))) => {
            mistakes.ambiguous((want.state, scope), dependent, field, &several);
            None
        }
        None => {
            if want.asks.is_required() {
                mistakes.missing(want.state, dependent, field);
            }
            None
        }
    }
}

fn find_aimed(
    named: &Named,
    dependent: u32,
    field: usize,
    want: &Want,
    aim: &Arc<Origin>,
    mistakes: &mut Mistakes,
) -> Option<u32> {
    let here = aim.app == named.roster.app;
    if here && named.off_entry(aim.entry).is_some() {
        if want.asks.is_required() {
            mistakes.missing(want.state, dependent, field);
        }
        return None;
    }
    let Some(provider) = here.then(|| named.of_entry(aim.entry)).flatten() else {
        mistakes.foreign(want.state, dependent, field, Some(aim));
        return None;
    };
    let states = named.member(provider).descriptor.states();
    if states.contains(&want.state) {
        return Some(provider);
    }
    mistakes.not_provided(want.state, dependent, field, provider);
    None
}
