//! Which members provide which state, and which of them is chosen.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use crate::base::key::{StateKey, TypeHasher, TypeMap};
use crate::collect::{ROOT, Scopes};
use crate::declare::{Precedence, Rank, Standing};
use crate::plan::named::Named;

/// The members that provide each state, by the scope in which they are seen at once.
#[derive(Default)]
pub(super) struct Providers {
    /// What the root sees, which is everything in an app without scopes.
    root: TypeMap<Candidates>,
    inner: ByPlace<Candidates>,
    ports: ByPlace<Vec<AtPort>>,
}

type ByPlace<T> = HashMap<(TypeId, u32), T, BuildHasherDefault<TypeHasher>>;

/// The members that provide one state in one scope. Mostly there is one.
enum Candidates {
    One(u32),
    Many(Vec<u32>),
}

/// A member that provides a port, or is declared to bring one that does.
#[derive(Clone, Copy)]
struct AtPort {
    number: u32,
    precedence: Precedence,
    standing: Standing,
}

/// Which provider a requirement gets.
pub(super) enum Meant {
    One(u32),
    Several(Vec<u32>),
}

impl Providers {
    pub(super) fn of(named: &Named) -> Self {
        let mut providers = Self::default();
        let scopes = &named.roster.scopes;
        for number in named.numbers() {
            let member = named.member(number);
            for state in member.descriptor.states() {
                for scope in scopes.seen_in(member.scope, member.exported) {
                    if state.is_port() {
                        providers.add_port(
                            (state.id(), scope),
                            AtPort {
                                number,
                                precedence: member.precedence(),
                                standing: Standing::Direct,
                            },
                        );
                    } else {
                        providers.add(*state, scope, number);
                    }
                }
            }
        }
        if !named.roster.children.is_empty() {
            providers.add_children(named);
        }
        providers
    }

    /// What a member is declared to bring is seen where its own states are. A member that provides a state
    /// itself is there for certain, and is chosen before one that is declared to register a provider.
    fn add_children(&mut self, named: &Named) {
        let scopes = &named.roster.scopes;
        let mut declared = Self::default();
        for child in &named.roster.children {
            let number = named.numbers_of_members()[child.member as usize];
            let member = named.member(number);
            for state in child.declaration.provides {
                for scope in scopes.seen_in(member.scope, member.exported) {
                    if state.is_port() {
                        let precedence = Precedence {
                            source: Rank::Registered,
                            is_primary: child.declaration.is_primary,
                        };
                        self.add_port(
                            (state.id(), scope),
                            AtPort {
                                number,
                                precedence,
                                standing: Standing::Child,
                            },
                        );
                    } else {
                        declared.add(*state, scope, number);
                    }
                }
            }
        }
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

    fn add_port(&mut self, place: (TypeId, u32), provider: AtPort) {
        self.ports.entry(place).or_default().push(provider);
    }

    /// All providers of a port that are seen from the scope `from`, or are declared to register
    /// one; in order.
    pub(super) fn find_all(&self, named: &Named, from: u32, port: StateKey) -> Vec<u32> {
        let scopes = named.roster.scopes.outwards(from);
        let all = scopes.flat_map(|scope| {
            let here = self.ports.get(&(port.id(), scope));
            here.map_or(&[][..], Vec::as_slice)
        });
        // One that is exported stands in two scopes.
        in_order(all.map(|it| it.number).collect())
    }

    /// The provider of a state or a port that a plugin in the scope `from` gets: of those in the
    /// nearest scope on the way out that has any, those that count most; and which scope that is.
    /// A plugin never gets itself at a port: it would be around what others provide there.
    pub(super) fn find(
        &self,
        named: &Named,
        from: u32,
        state: StateKey,
        dependent: Option<u32>,
    ) -> Option<(u32, Meant)> {
        if state.is_port() {
            return self.find_port(&named.roster.scopes, from, state, dependent);
        }
        let (scope, candidates) = self.nearest(&named.roster.scopes, from, state)?;
        let meant = match candidates {
            Candidates::One(number) => Meant::One(*number),
            Candidates::Many(numbers) => {
                let of = |it| (named.member(it).precedence(), Standing::Direct);
                Meant::of(Precedence::choose(numbers, of))
            }
        };
        Some((scope, meant))
    }

    fn find_port(
        &self,
        scopes: &Scopes,
        from: u32,
        port: StateKey,
        dependent: Option<u32>,
    ) -> Option<(u32, Meant)> {
        scopes.outwards(from).find_map(|scope| {
            let here = self.ports.get(&(port.id(), scope))?.iter().copied();
            let others: Vec<AtPort> = here.filter(|it| Some(it.number) != dependent).collect();
            let meant = chosen(&others);
            (!meant.is_empty()).then(|| (scope, Meant::of(meant)))
        })
    }

    /// For each state and port that several provide in one scope, of which one is chosen: that one,
    /// and the others.
    pub(super) fn outranked(&self, named: &Named) -> Vec<(TypeId, u32, Vec<u32>)> {
        let of_states = self.root.iter().map(|(state, here)| (*state, here));
        let inner = self.inner.iter().map(|((state, _), here)| (*state, here));
        let states = of_states.chain(inner).filter_map(|(state, here)| {
            let Candidates::Many(numbers) = here else {
                return None;
            };
            let of = |it| (named.member(it).precedence(), Standing::Direct);
            match Precedence::choose(numbers, of).as_slice() {
                [one] => Some((state, *one, numbers.clone())),
                _ => None,
            }
        });
        let ports =
            self.ports
                .iter()
                .filter_map(|((port, _), here)| match chosen(here).as_slice() {
                    [one] if here.len() > 1 => {
                        let all = here.iter().map(|it| it.number).collect();
                        Some((*port, *one, all))
                    }
                    _ => None,
                });
        states.chain(ports).collect()
    }

    /// All providers of a state in the nearest scope on the way out that has any.
    pub(super) fn all_nearest(&self, named: &Named, from: u32, state: StateKey) -> Vec<u32> {
        let scopes = &named.roster.scopes;
        if state.is_port() {
            let mut places = scopes.outwards(from);
            let here = places.find_map(|scope| self.ports.get(&(state.id(), scope)));
            let numbers = here.into_iter().flatten().map(|it| it.number);
            return in_order(numbers.collect());
        }
        let nearest = self.nearest(scopes, from, state);
        nearest.map_or_else(Vec::new, |(_, candidates)| candidates.numbers().to_vec())
    }

    fn nearest(&self, scopes: &Scopes, from: u32, state: StateKey) -> Option<(u32, &Candidates)> {
        let inner = |scope: &u32| *scope != ROOT;
        for scope in scopes.outwards(from).take_while(inner) {
            if let Some(candidates) = self.inner.get(&(state.id(), scope)) {
                return Some((scope, candidates));
            }
        }
        Some((ROOT, self.root.get(&state.id())?))
    }
}

/// The providers of a port that a field gets which asks for one: direct ones before those that are
/// only declared to be brought, which may not come.
fn chosen(providers: &[AtPort]) -> Vec<u32> {
    let mut chosen = Precedence::choose(providers, |it| (it.precedence, it.standing));
    let is_direct = |it: &AtPort| it.standing == Standing::Direct;
    if chosen.iter().any(is_direct) {
        chosen.retain(is_direct);
    }
    in_order(chosen.into_iter().map(|it| it.number).collect())
}

impl Meant {
    fn of(numbers: Vec<u32>) -> Self {
        match numbers.as_slice() {
            [one] => Meant::One(*one),
            _ => Meant::Several(numbers),
        }
    }
}

impl Candidates {
    fn add(&mut self, number: u32) {
        match self {
            Candidates::One(first) => *self = Candidates::Many(vec![*first, number]),
            Candidates::Many(all) => all.push(number),
        }
    }

    fn in_order(self) -> Self {
        let Candidates::Many(all) = self else {
            return self;
        };
        match in_order(all).as_slice() {
            [one] => Candidates::One(*one),
            all => Candidates::Many(all.to_vec()),
        }
    }

    fn numbers(&self) -> &[u32] {
        match self {
            Candidates::One(number) => std::slice::from_ref(number),
            Candidates::Many(numbers) => numbers,
        }
    }
}

/// Each once, in ascending order.
fn in_order(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
