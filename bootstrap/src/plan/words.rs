//! Mistakes in words: numbers become names, places and advice.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::name::{PluginName, is_name};
use crate::base::text::nearest;
use crate::collect::{Member, Source};
use crate::declare::Origin;
use crate::plan::cycle::ways_from_roots;
use crate::plan::graph::Graph;
use crate::plan::links::Links;
use crate::plan::mistakes::{Ambiguous, Field, Mistakes};
use crate::plan::named::Named;
use crate::report::{Dependent, Found, Mistake, NameKind, PluginLocation};

/// Every mistake in words, also those that concern no edge.
pub(super) fn errors(mistakes: &Mistakes, named: &Named, links: &Links) -> Vec<Mistake> {
    let words = Words::new(named, links);
    let mut errors = words.duplicate_names();
    errors.extend(words.bad_names());
    errors.extend(words.scopes());
    errors.extend(words.foreign_orders());
    errors.extend(words.supplied_twice());
    errors.extend(words.expected());
    errors.extend(by_state(mistakes.missing.values(), |(state, fields)| {
        (*state, words.missing(*state, fields))
    }));
    let ambiguous = mistakes.ambiguous.values();
    // A state that is supplied twice was reported already.
    let ambiguous = ambiguous.filter(|ambiguous| !words.are_supplied(&ambiguous.candidates));
    let mut ambiguous: Vec<_> = ambiguous.collect();
    // One state may be ambiguous in several scopes.
    ambiguous.sort_by_key(|ambiguous| ambiguous.candidates.first().copied());
    errors.extend(by_state(ambiguous.into_iter(), |ambiguous| {
        (ambiguous.state, words.ambiguous(ambiguous))
    }));
    errors.extend(mistakes.foreign.iter().map(|(state, field, aim)| {
        let (dependent, state) = (words.dependent(*field, true), *state);
        foreign(dependent, state, aim.as_ref(), Found::Plan)
    }));
    errors.extend(
        mistakes
            .not_provided
            .iter()
            .map(|(state, field, provider)| Mistake::NotProvidedByHandle {
                dependent: words.dependent(*field, true),
                state: *state,
                provider: words.place(*provider),
            }),
    );
    errors
}

/// A field that holds a handle, or a value, of another app.
pub(crate) fn foreign(
    dependent: Dependent,
    state: StateKey,
    aim: Option<&Arc<Origin>>,
    found: Found,
) -> Mistake {
    Mistake::ForeignHandle {
        dependent,
        state,
        is_dropped: aim.is_some_and(|aim| aim.alive.upgrade().is_none()),
        origin: aim.map(|aim| PluginLocation {
            plugin: aim.plugin.clone(),
            declared: aim.declared,
            registered: None,
        }),
        found,
    }
}

/// Errors about states, ordered by the states' names: a map by type has no order of its own.
fn by_state<T>(
    mistakes: impl Iterator<Item = T>,
    word: impl Fn(&T) -> (StateKey, Mistake),
) -> Vec<Mistake> {
    let mut errors: Vec<_> = mistakes.map(|mistake| word(&mistake)).collect();
    errors.sort_by_key(|(state, _)| state.type_name());
    errors.into_iter().map(|(_, error)| error).collect()
}

/// A plugin and where it comes from.
pub(super) fn place(named: &Named, number: u32) -> PluginLocation {
    let member = named.member(number);
    PluginLocation {
        plugin: member.name.clone(),
        declared: member.descriptor.location(),
        registered: member.source.location(),
    }
}

/// Puts numbers into words.
pub(super) struct Words<'a> {
    pub(super) named: &'a Named,
    pub(super) links: &'a Links,
    /// What comes before each on the way from a root; only needed for messages.
    before: OnceCell<Vec<u32>>,
}

impl<'a> Words<'a> {
    pub(super) fn new(named: &'a Named, links: &'a Links) -> Self {
        Self {
            named,
            links,
            before: OnceCell::new(),
        }
    }

    pub(super) fn way_from_root(&self, number: u32) -> Vec<u32> {
        let before = self.before.get_or_init(|| {
            let needs = self.needs();
            ways_from_roots(&needs, &needs.reversed())
        });
        let mut way = vec![number];
        while let Some(node) = way.last().copied().filter(|it| before[*it as usize] != *it) {
            way.push(before[node as usize]);
        }
        way.reverse();
        way
    }

    /// Which plugin waits for which, barriers aside: they need nothing of what stands before them.
    fn needs(&self) -> Cow<'_, Graph> {
        let requires = self.links.whole();
        if !self.named.roster.has_barriers {
            return Cow::Borrowed(requires);
        }
        let mut needs = Graph::with_capacity(requires.len(), requires.edges_len());
        for number in requires.nodes() {
            let targets = requires.targets(number).iter().copied();
            let is_need = |to: &u32| !self.named.is_barrier(number) && !self.named.is_barrier(*to);
            needs.push_node(targets.filter(is_need));
        }
        Cow::Owned(needs)
    }

    pub(super) fn name(&self, number: u32) -> &'a PluginName {
        match self.links.family.child(number) {
            Some(child) => &child.name,
            None => self.named.name(number),
        }
    }

    pub(super) fn place(&self, number: u32) -> PluginLocation {
        match self.links.family.child(number) {
            Some(child) => PluginLocation {
                plugin: child.name.clone(),
                declared: child.declaration.location,
                registered: None,
            },
            None => place(self.named, number),
        }
    }

    pub(super) fn dependent(&self, Field { plugin, field }: Field, has_way: bool) -> Dependent {
        let place = self.place(plugin);
        let (name, declared) = if let Some(child) = self.links.family.child(plugin) {
            let requirement = &child.declaration.requirements()[field];
            (requirement.field, Some(requirement))
        } else {
            let want = &self.named.wants(plugin)[field];
            (want.field, want.declared)
        };
        let is_derived = declared.is_some_and(|it| it.derived.is_some());
        let (field, declared) = match declared {
            Some(requirement) => (requirement.text(), requirement.location),
            None => (name.to_owned(), place.declared),
        };
        Dependent {
            field,
            is_derived,
            declared,
            registered: place.registered,
            way: if has_way {
                self.names(&self.way_from_root(plugin))
            } else {
                Vec::new()
            },
            plugin: place.plugin,
        }
    }

    pub(super) fn dependents(&self, fields: &[Field]) -> Vec<Dependent> {
        let fields = fields.iter().enumerate();
        fields
            .map(|(place, field)| self.dependent(*field, place < SHOWN))
            .collect()
    }

    pub(super) fn names(&self, numbers: &[u32]) -> Vec<PluginName> {
        let name = |number: &u32| self.name(*number).clone();
        numbers.iter().map(name).collect()
    }

    fn duplicate_names(&self) -> Vec<Mistake> {
        let groups = self.named.namesakes.iter();
        let duplicates = groups.filter(|group| !self.are_instances((*group).clone()));
        let error = |group: &Range<u32>| Mistake::DuplicateName {
            name: self.named.name(group.start).base().to_owned(),
            kind: NameKind::OfPlugin,
            places: group.clone().map(|number| self.place(number)).collect(),
            found: Found::Plan,
        };
        duplicates.map(error).collect()
    }

    /// Whether the plugins of one name are instances of one plugin, which are numbered.
    fn are_instances(&self, group: Range<u32>) -> bool {
        let identity = self.named.member(group.start).identity;
        group
            .map(|number| self.named.member(number))
            .all(|member| member.identity == identity && !member.named)
    }

    fn supplied_twice(&self) -> Vec<Mistake> {
        let mut supplies: HashMap<_, (StateKey, Vec<Location>)> = HashMap::new();
        for member in &self.named.roster.members {
            if let Source::Supplied { at, .. } = member.source {
                for state in member.descriptor.states() {
                    let known = supplies.entry((state.id(), member.scope));
                    known.or_insert_with(|| (*state, Vec::new())).1.push(at);
                }
            }
        }
        let mut twice: Vec<_> = supplies.into_values().collect();
        twice.retain(|(_, at)| at.len() > 1);
        for (_, at) in &mut twice {
            at.sort();
        }
        // One state may be supplied twice in several scopes.
        twice.sort_by(|(_, left), (_, right)| left.cmp(right));
        by_state(twice.into_iter(), |(state, at)| {
            let (state, at) = (*state, at.clone());
            (state, Mistake::SuppliedTwice { state, at })
        })
    }

    fn are_supplied(&self, candidates: &[u32]) -> bool {
        let mut sources = candidates.iter().map(|it| self.named.member(*it).source);
        sources.all(|source| matches!(source, Source::Supplied { .. }))
    }

    /// Names that were made at run time; the others have been looked at by the macro.
    fn bad_names(&self) -> Vec<Mistake> {
        let is_bad = |member: &Member| {
            let is_checked = member.descriptor.declaration().is_some() && !member.named;
            let is_supplied = matches!(member.source, Source::Supplied { .. });
            !is_checked && !is_supplied && !is_name(self.own_name(member))
        };
        // In the order in which they lie in memory first: there may be very many.
        if !self.named.roster.members.iter().any(is_bad) {
            return Vec::new();
        }
        let numbers = self.named.numbers();
        numbers
            .filter(|number| is_bad(self.named.member(*number)))
            .map(|number| self.place(number))
            .map(|place| Mistake::InvalidName {
                kind: NameKind::OfPlugin,
                name: place.plugin.base().to_owned(),
                places: vec![place],
                found: Found::Plan,
            })
            .collect()
    }

    /// The name of a plugin without its scope.
    fn own_name<'m>(&self, member: &'m Member) -> &'m str {
        let name = member.name.base();
        let path = self.named.roster.scopes.path(member.scope);
        path.and_then(|path| name.strip_prefix(path)?.strip_prefix('/'))
            .unwrap_or(name)
    }

    /// Scopes that messages can't show, and those that have the name of another one beside them.
    fn scopes(&self) -> Vec<Mistake> {
        let mut namesakes: BTreeMap<(u32, &str), (&str, Vec<Location>)> = BTreeMap::new();
        for scope in self.named.roster.scopes.iter() {
            if let (Some(name), Some(path), Some(at)) = (&scope.name, &scope.path, scope.at) {
                let same = namesakes.entry((scope.parent, name));
                same.or_insert_with(|| (path, Vec::new())).1.push(at);
            }
        }
        let error = |((_, name), (path, at)): ((u32, &str), (&str, Vec<Location>))| {
            let is_bad = !is_name(name) || name.contains('/');
            if !is_bad && at.len() < 2 {
                return None;
            }
            let opened = |at: &Location| PluginLocation {
                plugin: Arc::<str>::from(path).into(),
                declared: *at,
                registered: None,
            };
            let (kind, name) = (NameKind::OfScope, path.to_owned());
            let (places, found) = (at.iter().map(opened).collect(), Found::Plan);
            Some(if is_bad {
                Mistake::InvalidName {
                    kind,
                    name,
                    places,
                    found,
                }
            } else {
                Mistake::DuplicateName {
                    kind,
                    name,
                    places,
                    found,
                }
            })
        };
        namesakes.into_iter().filter_map(error).collect()
    }

    fn foreign_orders(&self) -> Vec<Mistake> {
        let orders = self.named.roster.foreign_orders.iter();
        orders
            .filter_map(|(entry, earlier)| {
                Some(Mistake::ForeignOrder {
                    place: self.place(self.named.of_entry(*entry)?),
                    earlier: earlier.clone(),
                })
            })
            .collect()
    }

    fn expected(&self) -> Vec<Mistake> {
        let bases = || {
            let numbers = self.named.numbers();
            numbers
                .filter(|number| !self.named.is_barrier(*number))
                .map(|number| self.named.name(number).base())
        };
        let off = self.named.roster.off.iter();
        let mut expected = self.named.roster.expected.clone();
        expected.sort_unstable();
        expected
            .iter()
            .filter(|name| bases().all(|base| base != **name))
            // Linked, and disabled on purpose.
            .filter(|name| off.clone().all(|off| off.name.base() != **name))
            .map(|name| Mistake::NotInList {
                name: (*name).to_owned(),
                near: nearest(name, bases()).map(str::to_owned),
                collected: self.named.roster.collected,
            })
            .collect()
    }

    fn ambiguous(&self, ambiguous: &Ambiguous) -> Mistake {
        let candidates = ambiguous.candidates.iter();
        Mistake::AmbiguousProvider {
            state: ambiguous.state,
            dependents: self.dependents(&ambiguous.fields),
            candidates: candidates.map(|number| self.place(*number)).collect(),
            help: self.help_to_choose(ambiguous),
            found: Found::Plan,
        }
    }
}

impl Words<'_> {
    /// What to do where several provide a state.
    fn help_to_choose(
        &self,
        Ambiguous {
            state, candidates, ..
        }: &Ambiguous,
    ) -> String {
        let children = self.links.family.children().iter();
        let mut brought = children.filter(|kin| {
            candidates.contains(&kin.member) && kin.declaration.provides.contains(state)
        });
        let itself = |it: &u32| self.named.member(*it).descriptor.states().contains(state);
        match brought.next().filter(|_| !candidates.iter().any(itself)) {
            Some(kin) => format!(
                "register only one of the plugins that bring `{}`, or each in a scope with those \
                 that need it; one that is registered by hand is meant rather than these",
                kin.declaration.name
            ),
            None if candidates.iter().all(|it| self.is_primary(*it)) => {
                "only one of them can be primary: take `.primary()`, or `primary` in `#[plugin]`, \
                 away from the others"
                    .to_owned()
            }
            None if state.is_port() && candidates.iter().all(|it| self.is_collected(*it)) => format!(
                "link the crate of one of them only; or register the one that you mean; or ask for \
                 all of them, with a `Ports<{state}>`"
            ),
            None if state.is_port() => format!(
                "mark one of them as `.primary()` where it is registered; or put the handle of the \
                 one that you mean into the field: `registration.handle()`; or ask for all of them, \
                 with a `Ports<{state}>`"
            ),
            None => {
                "put the handle of the one that you mean into the field: `registration.handle()`; \
                     or mark one of them as `.primary()`; or register only one of them; or let one replace \
                     the other by `replaces`"
                    .to_owned()
            }
        }
    }
}

impl Words<'_> {
    /// Whether a plugin outranks others that provide the same.
    fn is_primary(&self, number: u32) -> bool {
        self.named.member(number).is_primary
    }

    /// Whether a plugin is there because it is linked, and was not registered.
    fn is_collected(&self, number: u32) -> bool {
        matches!(self.named.member(number).source, Source::Collected(_))
    }
}

/// How many of many dependents are shown, and have a way from a root.
const SHOWN: usize = 10;
