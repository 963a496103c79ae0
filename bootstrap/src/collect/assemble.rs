//! Which of the declared plugins join those that are registered. Pure.

use std::any::TypeId;
use std::collections::HashSet;

use crate::base::key::{StateKey, TypeMap, TypeSet};
use crate::collect::brood::Brood;
use crate::collect::conditions::{Gate, Reason};
use crate::collect::roster::{Member, Off, Roster, Source, Want};
use crate::collect::scopes::ROOT;
use crate::declare::{Declaration, Descriptor, Need, Provider};

/// How an app comes by its plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What is registered, and nothing else.
    New,
    /// What is registered, and what that requires.
    Only,
    /// Every plugin that is linked, and everything that their types lead to.
    Collect,
}

/// The declared plugins that join `roster`, which holds the registered ones. In no particular
/// order; each once.
///
/// They stand in the root: what is registered further in takes the place of none of them, but
/// is found by plugins there.
pub(super) fn choose(
    mode: Mode,
    roster: &Roster,
    brood: &Brood,
    roots: &[&str],
    linked: &[&'static Declaration],
    gate: &Gate<'_>,
    off: &dyn Fn(&'static Declaration) -> Option<Reason>,
) -> Chosen {
    // Sections join every app that has a configuration.
    if mode == Mode::New && !gate.outside.is_there() {
        return Chosen::default();
    }
    let mut choice = Choice::new(mode, roster, brood, linked, gate, off);
    let is_root = |it: &Declaration| {
        let joins_by_itself = mode == Mode::Collect && !it.is_collected_if_needed;
        joins_by_itself || roots.contains(&it.name)
    };
    for declaration in linked.iter().filter(|it| is_root(it)) {
        choice.consider(declaration);
    }
    choice.follow_members();
    choice.follow();
    choice.leave_out_what_only_replaced_plugins_need();
    Chosen {
        plugins: choice.chosen,
        off: choice.off,
    }
}

/// The declared plugins that join, and those that would, but are disabled.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) plugins: Vec<&'static Declaration>,
    pub(super) off: Vec<Off>,
}

struct Choice<'r> {
    mode: Mode,
    roster: &'r Roster,
    brood: &'r Brood,
    /// Plugins that are not to be added: registered, or replaced by a replacement.
    settled: TypeSet,
    /// The states that each scope but the root sees at once.
    inner: HashSet<(u32, TypeId)>,
    /// States that are supplied: the plugins that are declared to provide them are not needed.
    supplied: TypeSet,
    /// Collected replacements, by the plugins that they replace.
    replacements: TypeMap<Vec<&'static Declaration>>,
    /// The linked providers of each port: the type of a port leads to none.
    at_ports: TypeMap<Vec<&'static Declaration>>,
    /// States that registered plugins provide.
    given: TypeSet,
    seen: TypeSet,
    chosen: Vec<&'static Declaration>,
    /// How much of `chosen` has been followed.
    followed: usize,
    /// Plugins that would have been added, but for a replacement or a supplied state.
    replaced: Vec<&'static Declaration>,
    gate: &'r Gate<'r>,
    /// Whether a plugin is disabled.
    is_off: &'r dyn Fn(&'static Declaration) -> Option<Reason>,
    off: Vec<Off>,
}

impl<'r> Choice<'r> {
    fn new(
        mode: Mode,
        roster: &'r Roster,
        brood: &'r Brood,
        linked: &[&'static Declaration],
        gate: &'r Gate<'r>,
        is_off: &'r dyn Fn(&'static Declaration) -> Option<Reason>,
    ) -> Self {
        let mut choice = Self {
            mode,
            roster,
            brood,
            at_ports: at_ports(linked),
            settled: TypeSet::default(),
            inner: HashSet::default(),
            supplied: TypeSet::default(),
            replacements: replacements(linked),
            given: TypeSet::default(),
            seen: TypeSet::default(),
            chosen: Vec::new(),
            followed: 0,
            replaced: Vec::new(),
            gate,
            is_off,
            off: Vec::new(),
        };
        choice.settle_off();
        for member in &roster.members {
            for scope in roster.scopes.seen_in(member.scope, member.exported) {
                choice.settle(member, scope);
            }
        }
        choice
    }

    /// A registration that is disabled is meant all the same: no other one of its type joins
    /// instead of it, nor what only it needs.
    fn settle_off(&mut self) {
        for off in &self.roster.off {
            let mut seen_in = self.roster.scopes.seen_in(off.scope, off.exported);
            let declaration = off.descriptor.declaration();
            if let Some(declaration) = declaration.filter(|_| seen_in.any(|it| it == ROOT)) {
                self.settled.insert(declaration.plugin.id);
                self.replaced.push(declaration);
            }
        }
    }

    /// Notes what a member provides for the plugins of a scope in which it is seen.
    fn settle(&mut self, member: &Member, scope: u32) {
        let states = member.descriptor.states().iter().map(StateKey::id);
        if scope != ROOT {
            self.inner.extend(states.map(|state| (scope, state)));
            return;
        }
        self.settled.insert(member.identity.id);
        self.given.extend(states.clone());
        if matches!(member.source, Source::Supplied { .. }) {
            // Several may provide one port, so a supplied one replaces none of them.
            let states = member.descriptor.states().iter();
            let states = states.filter(|state| !state.is_port());
            self.supplied.extend(states.map(StateKey::id));
        }
        if let Some(replaced) = member.descriptor.replaces() {
            self.settled.insert(replaced.id);
        }
        self.replaced.extend(member.descriptor.replaced());
    }

    fn consider(&mut self, declaration: &'static Declaration) {
        if self.settled.contains(&declaration.plugin.id) || !self.seen.insert(declaration.plugin.id)
        {
            return;
        }
        let replacements = self.replacements_of(declaration);
        if !replacements.is_empty() {
            self.replaced.push(declaration);
            for replacement in replacements {
                self.consider(replacement);
            }
        } else if self.is_replaced(declaration) {
            self.replaced.push(declaration);
        } else if declaration.behaviour.build.is_some() {
            self.let_in(declaration);
        }
    }

    /// Considers a plugin because of a need: one that is collected if it is needed joins for a need
    /// that can't do without it.
    fn consider_for(&mut self, need: &Need, declaration: &'static Declaration) {
        if need.asks.is_required() || !declaration.is_collected_if_needed {
            self.consider(declaration);
        }
    }

    /// The collected plugins that replace one, and are enabled.
    fn replacements_of(&self, declaration: &Declaration) -> Vec<&'static Declaration> {
        let all = self.replacements.get(&declaration.plugin.id);
        let all = all.into_iter().flatten().copied();
        all.filter(|it| (self.is_off)(it).is_none()).collect()
    }

    /// The linked plugins that may answer a need for a port: those that are collected in any case, if
    /// one of them is enabled, and else those that are collected if they are needed.
    fn candidates_at(&self, port: StateKey) -> Vec<&'static Declaration> {
        let all = self.at_ports.get(&port.id()).cloned().unwrap_or_default();
        let is_there =
            |it: &'static Declaration| !it.is_collected_if_needed && (self.is_off)(it).is_none();
        if all.iter().copied().any(is_there) {
            return all
                .into_iter()
                .filter(|it| !it.is_collected_if_needed)
                .collect();
        }
        all
    }

    fn let_in(&mut self, declaration: &'static Declaration) {
        let Some(reason) = (self.is_off)(declaration) else {
            self.chosen.push(declaration);
            return;
        };
        self.replaced.push(declaration);
        self.off.push(Off {
            name: declaration.name.into(),
            descriptor: Descriptor::declared(declaration),
            source: Source::Collected(declaration),
            scope: ROOT,
            exported: false,
            #[cfg(feature = "config")]
            prefix: None,
            reason,
        });
    }

    /// A section joins because it is asked for, and if the configuration has it.
    fn follow_section(&mut self, need: &Need, section: &'static Declaration) {
        let is_given = self.given.contains(&need.state.id());
        if !is_given && self.gate.has_section(section, !need.asks.is_required()) {
            self.consider(section);
        }
    }

    /// Whether one of the states of a plugin is supplied.
    fn is_replaced(&self, declaration: &Declaration) -> bool {
        let mut states = declaration.provides.iter();
        states.any(|state| self.supplied.contains(&state.id()))
    }

    fn follow_need(&mut self, need: &Need) {
        if let Some(section) = need.section() {
            return self.follow_section(need, section);
        }
        let pulls = match self.mode {
            Mode::New => false,
            Mode::Only => need.asks.is_required(),
            Mode::Collect => true,
        };
        if pulls && need.state.is_port() && !self.given.contains(&need.state.id()) {
            for candidate in self.candidates_at(need.state) {
                self.consider_for(need, candidate);
            }
        }
        if let (true, Some(Provider::Plugin(link))) = (pulls, need.provider) {
            let provider = link.declaration();
            let joins = self.brood.joins_for(provider);
            // Supplied states are known only by their keys, so look at those first.
            let is_supplied = self.supplied.contains(&need.state.id());
            if is_supplied && joins.plugin == provider.plugin
                || !self.given.contains(&need.state.id())
            {
                self.consider_for(need, joins);
            }
        }
    }

    fn follow_members(&mut self) {
        let roster = self.roster;
        for member in &roster.members {
            for want in roster.wants_of(member) {
                if let (true, Some(requirement)) = (self.asks_the_root(member, want), want.declared)
                {
                    self.follow_need(&requirement.need);
                }
            }
            for need in self.needs_of_children(member) {
                self.follow_need(need);
            }
        }
    }

    /// What the declared children of a member ask of the root.
    fn needs_of_children(&self, member: &Member) -> Vec<&'static Need> {
        let declaration = member.descriptor.declaration();
        let children = declaration.map_or_else(Vec::new, |it| self.brood.descendants(it));
        let asks = children
            .into_iter()
            .flat_map(|(_, child)| child.requirements());
        asks.map(|requirement| &requirement.need)
            .filter(|need| self.is_answered_by_the_root(member.scope, need.state))
            .collect()
    }

    /// Whether a field is answered in the root: not by a handle, and not in a scope on the way
    /// there.
    fn asks_the_root(&self, member: &Member, want: &Want) -> bool {
        want.aim.is_none() && self.is_answered_by_the_root(member.scope, want.state)
    }

    fn is_answered_by_the_root(&self, from: u32, state: StateKey) -> bool {
        let way = self.roster.scopes.outwards(from);
        let mut inner = way.take_while(|scope| *scope != ROOT);
        !inner.any(|scope| self.inner.contains(&(scope, state.id())))
    }

    /// Adds what the chosen ones lead to, until nothing new turns up.
    fn follow(&mut self) {
        while let Some(declaration) = self.chosen.get(self.followed).copied() {
            self.followed += 1;
            for requirement in declaration.requirements() {
                self.follow_need(&requirement.need);
            }
            for (_, child) in self.brood.descendants(declaration) {
                for requirement in child.requirements() {
                    self.follow_need(&requirement.need);
                }
            }
            if self.mode == Mode::Collect {
                let earlier = declaration.after.iter().map(|it| it.plugin.declaration());
                for earlier in earlier.filter(|it| !it.is_collected_if_needed) {
                    self.consider(earlier);
                }
            }
        }
    }

    /// A replacement needs less than what it replaces: what nothing else needs stays away, unless it
    /// does something of its own accord.
    fn leave_out_what_only_replaced_plugins_need(&mut self) {
        let mut suspects = TypeMap::default();
        let mut ahead: Vec<_> = self.replaced.clone();
        while let Some(declaration) = ahead.pop() {
            for provider in self.providers(declaration) {
                if suspects.insert(provider.plugin.id, provider).is_none() {
                    ahead.push(provider);
                }
            }
        }
        if suspects.is_empty() {
            return;
        }
        let mut users = self.count_users();
        let mut idle: Vec<_> = suspects
            .values()
            .copied()
            .filter(|suspect| !users.contains_key(&suspect.plugin.id))
            .collect();
        let mut left_out = TypeSet::default();
        while let Some(declaration) = idle.pop() {
            let hooks = declaration.behaviour.hooks;
            if hooks.ready || hooks.run || !left_out.insert(declaration.plugin.id) {
                continue;
            }
            if !self
                .chosen
                .iter()
                .any(|chosen| chosen.plugin == declaration.plugin)
            {
                continue;
            }
            for provider in self.providers(declaration) {
                let count = users.entry(provider.plugin.id).or_insert(1_usize);
                *count = count.saturating_sub(1);
                if *count == 0 && suspects.contains_key(&provider.plugin.id) {
                    idle.push(provider);
                }
            }
        }
        self.chosen
            .retain(|declaration| !left_out.contains(&declaration.plugin.id));
    }

    /// How many fields of chosen and registered plugins ask for a state of each plugin.
    fn count_users(&self) -> TypeMap<usize> {
        let mut users = TypeMap::default();
        let members = self.roster.members.iter();
        let wants = || {
            members.clone().flat_map(|member| {
                let wants = self.roster.wants_of(member).iter();
                wants.filter(|want| self.asks_the_root(member, want))
            })
        };
        let of_members = wants().filter_map(|want| want.declared);
        let of_members = of_members.flat_map(|requirement| self.providers_of(&requirement.need));
        let of_children = members.clone().flat_map(|it| self.needs_of_children(it));
        let of_children = of_children.flat_map(|need| self.providers_of(need));
        let of_chosen = self.chosen.iter().flat_map(|chosen| self.providers(chosen));
        for provider in of_members.chain(of_children).chain(of_chosen) {
            *users.entry(provider.plugin.id).or_insert(0) += 1;
        }
        // Plugins that are made at run time ask by state alone.
        for want in wants().filter(|want| want.declared.is_none()) {
            let provides = |chosen: &&&Declaration| chosen.provides.contains(&want.state);
            if let Some(provider) = self.chosen.iter().find(provides) {
                *users.entry(provider.plugin.id).or_insert(0) += 1;
            }
        }
        users
    }

    /// The plugins that have to be there for what a plugin, and what it brings with it, asks for.
    fn providers(
        &self,
        of: &'static Declaration,
    ) -> impl Iterator<Item = &'static Declaration> + use<'_, 'r> {
        let children = self.brood.descendants(of).into_iter();
        let of_children = children.flat_map(|(_, child)| child.requirements());
        let asks = of.requirements().iter().chain(of_children);
        asks.flat_map(|requirement| self.providers_of(&requirement.need))
            .filter(|provider| provider.plugin != of.plugin)
    }

    /// What a need leads to: one plugin, or all providers of a port.
    fn providers_of(
        &self,
        need: &Need,
    ) -> impl Iterator<Item = &'static Declaration> + use<'_, 'r> {
        let one = match need.provider {
            Some(Provider::Plugin(link)) => Some(self.brood.joins_for(link.declaration())),
            Some(Provider::Supplied(_)) | None => None,
        };
        let all = self.at_ports.get(&need.state.id());
        one.into_iter().chain(all.into_iter().flatten().copied())
    }
}

fn at_ports(linked: &[&'static Declaration]) -> TypeMap<Vec<&'static Declaration>> {
    let mut at_ports: TypeMap<Vec<_>> = TypeMap::default();
    for declaration in linked {
        for port in declaration.provides.iter().filter(|it| it.is_port()) {
            at_ports.entry(port.id()).or_default().push(*declaration);
        }
    }
    at_ports
}

/// The collected plugins that replace others, by those.
fn replacements(linked: &[&'static Declaration]) -> TypeMap<Vec<&'static Declaration>> {
    let mut replacements: TypeMap<Vec<&'static Declaration>> = TypeMap::default();
    for declaration in linked {
        if let Some(replaced) = declaration.replaces {
            let replaced = replaced.declaration().plugin.id;
            replacements.entry(replaced).or_default().push(declaration);
        }
    }
    replacements
}
