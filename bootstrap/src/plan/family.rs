//! Declared children: what their parents wait for, once they have begun.
//!
//! A parent is one node of the plan: it begins when what it needs is there, and others may load once
//! it and its children have. What the children need holds up no beginning, so it is no edge of the
//! plan. It is one of the graph in which cycles are searched, where children are nodes of their
//! own, which come after those of the members.

use crate::base::key::StateKey;
use crate::base::name::PluginName;
use crate::collect::DeclaredChild;
use crate::declare::{Asks, Declaration};
use crate::plan::graph::{Graph, number};
use crate::plan::named::Named;
use crate::plan::providers::{Meant, Providers};

/// The declared children of all members, in the order of the members' numbers.
#[derive(Default)]
pub(super) struct Family {
    children: Vec<Kin>,
    /// How many members there are: the number of the first child.
    first: u32,
    /// Members and children, and which waits for which; none without children.
    graph: Option<Graph>,
}

/// A plugin that a member is declared to bring.
pub(super) struct Kin {
    /// The number of the member.
    pub(super) member: u32,
    /// The number of its parent: the member, or another child.
    pub(super) parent: u32,
    pub(super) name: PluginName,
    pub(super) declaration: &'static Declaration,
    /// The providers of what its fields require, as far as they are known.
    pub(super) needs: Vec<Need>,
}

/// What a field of a child asks for.
#[derive(Clone, Copy)]
pub(super) struct Need {
    pub(super) field: usize,
    /// The number of the provider.
    pub(super) provider: u32,
    /// Whether the child waits for that.
    waits: bool,
}

impl Family {
    pub(super) fn find(named: &Named, providers: &Providers, requires: &Graph) -> Self {
        if named.roster.children.is_empty() {
            return Self::default();
        }
        let mut family = Self {
            children: kin(named),
            first: number(named.len()),
            graph: None,
        };
        for place in 0..family.children.len() {
            let needs = family.needs(named, providers, place);
            family.children[place].needs = needs;
        }
        family.graph = Some(family.draw(requires));
        family
    }

    /// The graph in which cycles are searched, if it is another one than that of the members.
    pub(super) fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref()
    }

    pub(super) fn children(&self) -> &[Kin] {
        &self.children
    }

    /// The child with this number, unless it is that of a member.
    pub(super) fn child(&self, number: u32) -> Option<&Kin> {
        self.children.get(number.checked_sub(self.first)? as usize)
    }

    /// What a member is declared to bring.
    pub(super) fn of(&self, member: u32) -> &[Kin] {
        let first = self.children.partition_point(|kin| kin.member < member);
        let rest = &self.children[first..];
        &rest[..rest.partition_point(|kin| kin.member == member)]
    }

    /// The members that provide what any child asks for.
    pub(super) fn all_providers(&self) -> impl Iterator<Item = u32> {
        let needs = self.children.iter().flat_map(|kin| &kin.needs);
        needs
            .map(|need| need.provider)
            .filter(|it| *it < self.first)
    }

    /// The members that provide what a member's children ask for.
    pub(super) fn providers(&self, member: u32) -> impl Iterator<Item = u32> {
        let needs = self.of(member).iter().flat_map(|kin| &kin.needs);
        needs
            .map(|need| need.provider)
            .filter(move |it| *it < self.first && *it != member)
    }

    /// What a member is declared to bring, with the numbers.
    fn numbers_of(&self, member: u32) -> impl Iterator<Item = (u32, &Kin)> {
        let first = self.children.partition_point(|kin| kin.member < member);
        (self.first + number(first)..).zip(self.of(member))
    }

    fn needs(&self, named: &Named, providers: &Providers, place: usize) -> Vec<Need> {
        let child = &self.children[place];
        let requires = child.declaration.requirements().iter().enumerate();
        let needs = requires.flat_map(|(field, requirement)| {
            let need = requirement.need;
            let providers = if need.asks == Asks::All {
                let from = named.member(child.member).scope;
                providers.find_all(named, from, need.state)
            } else {
                let one = self.provider(named, providers, place, need.state);
                Vec::from_iter(one)
            };
            providers.into_iter().map(move |provider| Need {
                field,
                provider,
                waits: need.asks.waits(),
            })
        });
        // Of all that are provided, it does not get what its own family does.
        let is_own = |need: &Need| {
            child.declaration.requirements()[need.field].need.asks == Asks::All
                && need.provider == child.member
        };
        needs.filter(|need| !is_own(need)).collect()
    }

    /// The provider of a state to a child: of several, the nearest relative, as at run time.
    fn provider(
        &self,
        named: &Named,
        providers: &Providers,
        place: usize,
        state: StateKey,
    ) -> Option<u32> {
        let child = &self.children[place];
        let own = self.first + number(place);
        let makes_it = |(number, kin): &(u32, &Kin)| {
            *number != own && kin.declaration.provides.contains(&state)
        };
        let mut relative = Some(child.parent);
        while let Some(parent) = relative {
            let all = self.numbers_of(child.member);
            let mut siblings = all.filter(|(_, kin)| kin.parent == parent);
            if let Some((sibling, _)) = siblings.find(makes_it) {
                return Some(sibling);
            }
            relative = self.child(parent).map(|kin| kin.parent);
        }
        let from = named.member(child.member).scope;
        let (_, Meant::One(member)) = providers.find(named, from, state, None)? else {
            return None;
        };
        let is_own = member == child.member;
        if !is_own || named.member(member).descriptor.states().contains(&state) {
            return Some(member);
        }
        let mut below = self.numbers_of(member);
        below.find(makes_it).map(|(number, _)| number)
    }

    fn draw(&self, requires: &Graph) -> Graph {
        let nodes = requires.len() + self.children.len();
        let needs = self
            .children
            .iter()
            .map(|kin| kin.needs.len() + 1)
            .sum::<usize>();
        let mut graph = Graph::with_capacity(nodes, requires.edges_len() + needs);
        for member in requires.nodes() {
            let targets = requires.targets(member).iter().copied();
            graph.push_node(targets.chain(self.brought_by(member, member)));
        }
        for (number, kin) in (self.first..).zip(&self.children) {
            let needs = kin.needs.iter().filter(|need| need.waits);
            let needs = needs.map(|need| need.provider);
            graph.push_node(needs.chain(self.brought_by(kin.member, number)));
        }
        graph
    }

    /// The numbers of those that one of a member's family brings itself.
    fn brought_by(&self, member: u32, parent: u32) -> impl Iterator<Item = u32> {
        let here = self.numbers_of(member);
        here.filter(move |(_, kin)| kin.parent == parent)
            .map(|(number, _)| number)
    }
}

impl Kin {
    /// Whether it does nothing but provide states.
    pub(super) fn is_idle(&self) -> bool {
        let hooks = self.declaration.behaviour.hooks;
        !self.declaration.provides.is_empty() && !hooks.ready && !hooks.run
    }
}

/// The children under their numbers, without what they need.
pub(super) fn kin(named: &Named) -> Vec<Kin> {
    let listed = &named.roster.children;
    let number_of = |child: &DeclaredChild| named.numbers_of_members()[child.member as usize];
    let mut order: Vec<usize> = (0..listed.len()).collect();
    // Stable: the children of one member keep their order.
    order.sort_by_key(|place| number_of(&listed[*place]));
    let mut place_of = vec![0; listed.len()];
    for (place, listed) in order.iter().enumerate() {
        place_of[*listed] = place;
    }
    let first = number(named.len());
    let mut children: Vec<Kin> = Vec::with_capacity(listed.len());
    for child in order.iter().map(|place| &listed[*place]) {
        let member = number_of(child);
        let above = child.under.map(|place| place_of[place as usize]);
        let parent_name = above.map_or_else(|| named.name(member), |above| &children[above].name);
        children.push(Kin {
            member,
            parent: above.map_or(member, |above| first + number(above)),
            name: PluginName::from(child.declaration.name).within(&parent_name.to_string()),
            declaration: child.declaration,
            needs: Vec::new(),
        });
    }
    children
}
