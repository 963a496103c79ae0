//! Mistakes in words: numbers become names, places and advice.

use std::cell::OnceCell;
use std::ops::Range;

use crate::base::key::{StateKey, TypeMap};
use crate::base::name::PluginName;
use crate::base::text::{nearest, short_type_name, unwrapped};
use crate::collect::{Member, Source};
use crate::declare::{Declaration, Provider};
use crate::plan::circle::{Circle, circles, ways_from_roots};
use crate::plan::error::{Asker, Place, PlanError};
use crate::plan::links::Links;
use crate::plan::mistakes::{Ambiguous, Field, Mistakes};
use crate::plan::named::Named;

/// Every mistake in words, also those that concern no edge.
pub(super) fn errors(mistakes: Mistakes, named: &Named, links: &Links) -> Vec<PlanError> {
    let words = Words::new(named, links);
    let mut errors = words.duplicate_names();
    errors.extend(words.bad_names());
    errors.extend(words.foreign_orders());
    errors.extend(words.supplied_twice());
    errors.extend(words.expected());
    errors.extend(by_state(
        mistakes.missing.into_values(),
        |(state, fields)| (*state, words.missing(*state, fields)),
    ));
    let ambiguous = mistakes.ambiguous.into_values();
    // Who supplies twice has been told so already.
    let ambiguous = ambiguous.filter(|ambiguous| !words.are_supplied(&ambiguous.candidates));
    errors.extend(by_state(ambiguous, |ambiguous| {
        (ambiguous.state, words.ambiguous(ambiguous))
    }));
    errors.extend(mistakes.foreign.into_iter().map(|(state, field)| {
        let asker = words.asker(field, true);
        PlanError::ForeignHandle { asker, state }
    }));
    errors.extend(
        mistakes
            .not_provided
            .into_iter()
            .map(|(state, field, provider)| PlanError::NotProvided {
                asker: words.asker(field, true),
                state,
                provider: words.place(provider),
            }),
    );
    errors
}

/// Errors about states, ordered by the states' names: a map by type has no order of its own.
fn by_state<T>(
    mistakes: impl Iterator<Item = T>,
    word: impl Fn(&T) -> (StateKey, PlanError),
) -> Vec<PlanError> {
    let mut errors: Vec<_> = mistakes.map(|mistake| word(&mistake)).collect();
    errors.sort_by_key(|(state, _)| state.type_name());
    errors.into_iter().map(|(_, error)| error).collect()
}

/// The circles of the graph in words.
pub(super) fn circle_errors(named: &Named, links: &Links) -> Vec<PlanError> {
    let words = Words::new(named, links);
    let circles = circles(&links.requires);
    circles.iter().map(|circle| words.circle(circle)).collect()
}

/// Puts numbers into words.
struct Words<'a> {
    named: &'a Named,
    links: &'a Links,
    /// Who stands before each on the way from a root; only needed if there is something to say.
    before: OnceCell<Vec<u32>>,
}

impl<'a> Words<'a> {
    fn new(named: &'a Named, links: &'a Links) -> Self {
        Self {
            named,
            links,
            before: OnceCell::new(),
        }
    }

    fn way_from_root(&self, number: u32) -> Vec<u32> {
        let before = self.before.get_or_init(|| {
            let requires = &self.links.requires;
            ways_from_roots(requires, &requires.reversed())
        });
        let mut way = vec![number];
        while let Some(node) = way.last().copied().filter(|it| before[*it as usize] != *it) {
            way.push(before[node as usize]);
        }
        way.reverse();
        way
    }

    fn place(&self, number: u32) -> Place {
        let member = self.named.member(number);
        Place {
            plugin: self.named.name(number).clone(),
            declared: member.descriptor.location(),
            registered: member.source.location(),
        }
    }

    fn asker(&self, Field { plugin, field }: Field, has_way: bool) -> Asker {
        let place = self.place(plugin);
        let want = &self.named.wants(plugin)[field];
        let (field, declared) = match want.declared {
            Some(requirement) => (
                format!("{}: {}", want.field, requirement.type_text),
                requirement.location,
            ),
            None => (want.field.to_owned(), place.declared),
        };
        Asker {
            field,
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

    fn askers(&self, fields: &[Field]) -> Vec<Asker> {
        let fields = fields.iter().enumerate();
        fields
            .map(|(place, field)| self.asker(*field, place < SHOWN))
            .collect()
    }

    fn names(&self, numbers: &[u32]) -> Vec<PluginName> {
        let name = |number: &u32| self.named.name(*number).clone();
        numbers.iter().map(name).collect()
    }

    fn duplicate_names(&self) -> Vec<PlanError> {
        let groups = self.named.namesakes.iter();
        let duplicates = groups.filter(|group| !self.are_instances((*group).clone()));
        let error = |group: &Range<u32>| PlanError::DuplicateName {
            name: self.named.name(group.start).base().to_owned(),
            places: group.clone().map(|number| self.place(number)).collect(),
        };
        duplicates.map(error).collect()
    }

    /// Whether those who share a name are instances of one plugin, which are numbered.
    fn are_instances(&self, group: Range<u32>) -> bool {
        let identity = self.named.member(group.start).identity;
        group
            .map(|number| self.named.member(number))
            .all(|member| member.identity == identity && !member.named)
    }

    fn supplied_twice(&self) -> Vec<PlanError> {
        let mut supplies: TypeMap<(StateKey, Vec<_>)> = TypeMap::default();
        for member in &self.named.roster.members {
            if let Source::Supplied { at, .. } = member.source {
                for state in member.descriptor.states() {
                    let known = supplies.entry(state.id());
                    known.or_insert_with(|| (*state, Vec::new())).1.push(at);
                }
            }
        }
        let twice = supplies.into_values().filter(|(_, at)| at.len() > 1);
        by_state(twice, |(state, at)| {
            let mut at = at.clone();
            at.sort();
            (*state, PlanError::SuppliedTwice { state: *state, at })
        })
    }

    fn are_supplied(&self, candidates: &[u32]) -> bool {
        let mut sources = candidates.iter().map(|it| self.named.member(*it).source);
        sources.all(|source| matches!(source, Source::Supplied { .. }))
    }

    /// Names that were made at run time; the others have been looked at by the macro.
    fn bad_names(&self) -> Vec<PlanError> {
        let is_bad = |member: &Member| {
            let is_checked = member.descriptor.declaration().is_some() && !member.named;
            let is_supplied = matches!(member.source, Source::Supplied { .. });
            !is_checked && !is_supplied && !is_name(member.name.base())
        };
        // In the order in which they lie in memory first: there may be very many.
        if !self.named.roster.members.iter().any(is_bad) {
            return Vec::new();
        }
        let numbers = self.named.numbers();
        numbers
            .filter(|number| is_bad(self.named.member(*number)))
            .map(|number| PlanError::BadName {
                place: self.place(number),
            })
            .collect()
    }

    fn foreign_orders(&self) -> Vec<PlanError> {
        let orders = self.named.roster.foreign_orders.iter();
        orders
            .filter_map(|(entry, earlier)| {
                Some(PlanError::ForeignOrder {
                    place: self.place(self.named.of_entry(*entry)?),
                    earlier: earlier.clone(),
                })
            })
            .collect()
    }

    fn expected(&self) -> Vec<PlanError> {
        let bases = || {
            self.named
                .numbers()
                .map(|number| self.named.name(number).base())
        };
        let mut expected = self.named.roster.expected.clone();
        expected.sort_unstable();
        expected
            .iter()
            .filter(|name| bases().all(|base| base != **name))
            .map(|name| PlanError::Expected {
                name: (*name).to_owned(),
                near: nearest(name, bases()).map(str::to_owned),
                collected: self.named.roster.collected,
            })
            .collect()
    }

    fn missing(&self, state: StateKey, fields: &[Field]) -> PlanError {
        PlanError::Missing {
            state,
            askers: self.askers(fields),
            near: self.near(state),
            help: self.help(state, fields),
        }
    }

    /// Providers of the state inside a wrapper, or of one with the same name.
    fn near(&self, state: StateKey) -> Vec<String> {
        let full = state.type_name();
        let asked_inside = unwrapped(full);
        let mut near = Vec::new();
        for number in self.named.numbers() {
            for other in self.named.member(number).descriptor.states() {
                let other_full = other.type_name();
                let why = if asked_inside == Some(other_full) {
                    "ask for that"
                } else if unwrapped(other_full) == Some(full) {
                    "a different type"
                } else if short_type_name(full) == short_type_name(other_full) {
                    "a different type with the same name"
                } else {
                    continue;
                };
                let (shown, place) = (display_type(*other, state), self.place(number));
                near.push(format!("`{shown}` is provided by {place}: {why}"));
            }
        }
        near
    }

    fn help(&self, state: StateKey, fields: &[Field]) -> String {
        let providers = fields.iter().filter_map(|field| {
            let want = &self.named.wants(field.plugin)[field.field];
            want.declared?.need.provider
        });
        match providers.into_iter().next() {
            Some(Provider::Plugin(link)) => registration_help(link.declaration(), state),
            Some(Provider::Supplied(declared)) => format!(
                "`main` supplies it (declared at {declared}): add `.supply(..)` with a `{state}`"
            ),
            None => format!(
                "register a plugin that provides it, add `.supply(..)` with a `{state}`, or make \
                 the field an `Option<State<{state}>>`"
            ),
        }
    }

    fn ambiguous(&self, ambiguous: &Ambiguous) -> PlanError {
        let candidates = ambiguous.candidates.iter();
        PlanError::Ambiguous {
            state: ambiguous.state,
            askers: self.askers(&ambiguous.fields),
            candidates: candidates.map(|number| self.place(*number)).collect(),
        }
    }

    fn circle(&self, Circle { walk, others }: &Circle) -> PlanError {
        let nexts = walk.iter().cycle().skip(1);
        let reasons = walk
            .iter()
            .zip(nexts)
            .map(|(from, to)| self.reason(*from, *to))
            .collect();
        let mut way = self.way_from_root(walk[0]);
        way.retain(|number| !walk.contains(number));
        PlanError::Circle {
            walk: walk.iter().map(|number| self.place(*number)).collect(),
            reasons,
            way: self.names(&way),
            others: *others,
            cut: self.cheapest_cut(walk),
        }
    }

    /// What to do about a circle: what only orders goes first, then what one can do without.
    fn cheapest_cut(&self, walk: &[u32]) -> Option<String> {
        let edges = || walk.iter().zip(walk.iter().cycle().skip(1));
        let order = edges().find(|(from, to)| self.field_between(**from, **to).is_none());
        if let Some((from, to)) = order {
            let (from, to) = (self.named.name(*from), self.named.name(*to));
            return Some(format!(
                "`{from}` needs nothing of `{to}`: take the `after` away"
            ));
        }
        edges().find_map(|(from, to)| {
            let field = self.field_between(*from, *to)?;
            let want = &self.named.wants(*from)[field];
            let (from, field) = (self.named.name(*from), want.field);
            want.optional
                .then(|| format!("`{from}` can do without its field `{field}`: take it away"))
        })
    }

    /// The first field of `from` that is bound by `to`.
    fn field_between(&self, from: u32, to: u32) -> Option<usize> {
        let mut bindings = self.links.bindings(from).iter();
        bindings.position(|binding| binding.provider == Some(to))
    }

    /// Why `from` waits for `to`.
    fn reason(&self, from: u32, to: u32) -> String {
        if let Some(field) = self.field_between(from, to) {
            let state = self.named.wants(from)[field].state;
            let of = Field {
                plugin: from,
                field,
            };
            let asker = self.asker(of, false);
            let (field, declared) = (asker.field, asker.declared);
            if field.contains(':') {
                format!("field `{field}` ({declared})")
            } else {
                format!("field `{field}`, state `{state}` ({declared})")
            }
        } else {
            let place = self.place(from);
            let at = place.registered.unwrap_or(place.declared);
            format!("only an order, by `after` ({at})")
        }
    }
}

/// The type with its modules where the short name would be the same as that of `other`.
fn display_type(state: StateKey, other: StateKey) -> String {
    let (short, full) = (short_type_name(state.type_name()), state.type_name());
    if short == short_type_name(other.type_name()) {
        full.to_owned()
    } else {
        short
    }
}

/// How many of many askers are shown, and have a way from a root.
const SHOWN: usize = 10;

/// Whether a text can be a plugin's name: messages show it between backticks, and add `#1` to it.
fn is_name(text: &str) -> bool {
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || c == '#' || c == '`';
    !text.is_empty() && !text.contains(is_bad)
}

/// How to add a plugin to the app.
fn registration_help(provider: &Declaration, state: StateKey) -> String {
    let plugin = short_type_name((provider.plugin.type_name)());
    let (name, location) = (provider.name, provider.location);
    let how = if provider.behaviour.build.is_some() {
        format!(": add `.with({plugin}::default())` to the app")
    } else {
        format!(" and is never collected: add `.with({plugin} {{ .. }})` to the app")
    };
    format!(
        "plugin `{name}` ({location}) provides it{how}, or make the field an \
         `Option<State<{state}>>`"
    )
}
