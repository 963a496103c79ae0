//! States that a plugin brings by registering another one, as both declare.

use anyhow::Error;

use crate::base::key::StateKey;
use crate::collect::{Found, Member};
use crate::declare::{Asks, Mention};
use crate::live::growth::Growth;
use crate::live::nodes::Nodes;
use crate::plan::{Binding, Brought};

impl Nodes {
    /// The node that makes the state of a field: not always the one that the plan names, which may only register the
    /// one that does.
    pub(super) fn provider_of(&self, binding: &Binding) -> Option<u32> {
        let provider = binding.provider?;
        if !self.has_grown() || self.makes(provider, binding) {
            return Some(provider);
        }
        self.provider_below(&self.growth(), binding)
    }

    /// Whether a node makes the state of a field itself.
    pub(super) fn makes(&self, node: u32, binding: &Binding) -> bool {
        let states = self.member(node).descriptor.states();
        states.contains(&binding.state)
    }

    /// The node below the one that the plan names that makes the state: one that has loaded, if one has.
    pub(super) fn provider_below(&self, growth: &Growth, binding: &Binding) -> Option<u32> {
        let below = self.providers_below(growth, binding);
        let loaded = below.iter().copied().find(|node| self.is_loaded(*node));
        loaded.or_else(|| below.first().copied())
    }

    /// All providers of a binding to all that is provided: the node that the plan names, and
    /// those below it that make the same.
    pub(super) fn makers(&self, binding: &Binding) -> Vec<u32> {
        let Some(provider) = binding.provider else {
            return Vec::new();
        };
        let itself = self.makes(provider, binding).then_some(provider);
        let mut makers = Vec::from_iter(itself);
        if self.has_grown() {
            makers.extend(self.providers_below(&self.growth(), binding));
        }
        makers
    }

    /// The nodes below the one that the plan names that make what a binding waits for.
    pub(super) fn brought_for(&self, growth: &Growth, binding: &Binding) -> Vec<u32> {
        match binding.waits_for() {
            None => Vec::new(),
            Some(_) if binding.asks == Asks::All => self.providers_below(growth, binding),
            Some(provider) if self.makes(provider, binding) => Vec::new(),
            Some(_) => Vec::from_iter(self.provider_below(growth, binding)),
        }
    }

    fn providers_below(&self, growth: &Growth, binding: &Binding) -> Vec<u32> {
        let Some(provider) = binding.provider else {
            return Vec::new();
        };
        let mut below = growth.family.descendants(provider);
        below.retain(|node| !self.has_gone(*node) && self.makes(*node, binding));
        below
    }

    /// Whether the node that the plan names has brought the state more than once, so that it
    /// is not known which is meant.
    pub(super) fn is_brought_twice(&self, binding: &Binding) -> bool {
        self.loaded_below(binding).len() > 1
    }

    fn loaded_below(&self, binding: &Binding) -> Vec<u32> {
        let makes_it = |provider| self.makes(provider, binding);
        if !self.has_grown() || binding.provider.is_none_or(makes_it) {
            return Vec::new();
        }
        let mut below = self.providers_below(&self.growth(), binding);
        below.retain(|node| self.is_loaded(*node));
        below
    }

    /// Why a field can't be bound although the plan says by which node.
    pub(super) fn lacks(&self, node: u32, field: &str, binding: Binding) -> Error {
        let state = binding.state;
        let Some(provider) = binding.provider else {
            return self.missing(node, field, state);
        };
        let loaded = self.loaded_below(&binding);
        if loaded.len() > 1 {
            let help = "register only one of them".to_owned();
            return self.has_providers(node, field, state, &loaded, help);
        }
        let brought = if self.makes(provider, &binding) {
            Some(provider)
        } else {
            self.provider_below(&self.growth(), &binding)
        };
        if let Some(forgot) = self.declared_below(provider, state)
            && brought.is_none()
            && self.is_loaded(provider)
        {
            return self.forgotten(node, field, state, forgot);
        }
        let provider = self.location(brought.unwrap_or(provider));
        let near = format!("{provider} provides it, and did not load");
        let help = format!(
            "make the field an `Option<{}>` if the plugin can do without",
            state.handle()
        );
        self.lacks_provider(node, field, state, vec![near], help)
    }

    /// A parent did not register the child that it is declared to register.
    fn forgotten(&self, node: u32, field: &str, state: StateKey, child: &Brought) -> Error {
        let (name, location) = (child.declaration.name, child.declaration.location);
        let parent = &child.parent;
        let near = format!("`{name}` ({location}) provides it, and `{parent}` did not register it");
        let help = format!(
            "let the `load` of `{parent}` call `cx.register(..)` with it, or make the field an \
             `Option<{}>`",
            state.handle()
        );
        self.lacks_provider(node, field, state, vec![near], help)
    }

    /// The plugin with a state that a node is declared to bring.
    fn declared_below(&self, node: u32, state: StateKey) -> Option<&Brought> {
        let mut children = self.plan.children_of(node).iter();
        children.find(|child| child.declaration.provides.contains(&state))
    }

    /// Whether a plugin is declared to be brought by a node.
    pub(super) fn is_declared_child(&self, parent: u32, child: &Member) -> bool {
        let parent = self.member(parent).descriptor.declaration();
        let (Some(parent), Some(child)) = (parent, child.descriptor.declaration()) else {
            return false;
        };
        let mut listed = parent.children.iter();
        let is_parent = |it: Mention| it.plugin.declaration().plugin == parent.plugin;
        child.child_of.is_some_and(is_parent)
            || listed.any(|it| it.plugin.declaration().plugin == child.plugin)
    }

    /// The nodes that are declared to bring a state.
    pub(super) fn bring(&self, state: StateKey) -> impl Iterator<Item = u32> {
        let all = self.plan.children.iter();
        all.filter(move |it| it.declaration.provides.contains(&state))
            .map(|it| it.node)
    }

    /// The node that is declared to bring a state to those in the scope of `parent`, and has not
    /// done so yet: newcomers wait for it.
    pub(super) fn will_bring(&self, parent: u32, state: StateKey) -> Option<u32> {
        let will = self.bring(state);
        let will = will.filter(|it| !self.is_or_is_below(parent, *it));
        let candidates = will.map(|it| self.candidate(it));
        let from = self.member(parent).scope;
        match self.with_scopes(|scopes| scopes.find(from, candidates)) {
            Found::One(node) => Some(node),
            Found::None | Found::Several(_) => None,
        }
    }
}
