//! The fields of plugins get what the plan, or a registration, says.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use anyhow::{Context as _, Result};

use crate::base::key::StateKey;
use crate::base::name::PluginName;
use crate::collect::with_registry;
use crate::declare::{
    Asks, Bind, Bound, BoundTo, Fields, Later, Plugin, Resolve, StateValue, Wish,
};
use crate::live::cell::Cell;
use crate::live::nodes::Nodes;
use crate::plan::{Binding, by_field};
use crate::report::{LookupError, LookupFailure};

impl Nodes {
    /// Binds the fields of a plugin that is about to load.
    pub(super) fn bind_fields(&self, node: u32, plugin: &mut Arc<dyn Plugin>) -> Result<()> {
        let bindings = self.bindings(node);
        if bindings.is_empty() {
            return Ok(());
        }
        let mut of_fields = by_field(bindings);
        let mut lacks = None;
        let mut bind = |name: &'static str, field: &mut dyn Bind| {
            let bound = self.bound(node, of_fields.next().unwrap_or_default());
            let bound = bound.unwrap_or_else(|binding| {
                lacks = lacks.or(Some((name, binding)));
                None
            });
            field.bind(bound.as_ref());
        };
        let plugin = Arc::get_mut(plugin).context("something else holds the plugin")?;
        let provider_of = |wish: &Wish| self.provider_of_handle(wish);
        plugin.fields(&mut Fields::to_bind(&mut bind, &provider_of));
        match lacks {
            Some((field, binding)) => Err(self.lacks(node, field, binding)),
            None => Ok(()),
        }
    }

    /// Releases what the fields of a plugin hold that has closed and will be loaded again: a provider
    /// may be what they hold, and could not be loaded again while they do. Runs the user's code.
    pub(super) fn unbind_fields(&self, node: u32) {
        let Some(mut plugin) = self.cell(node).plugin.take() else {
            return;
        };
        if let Some(plugin) = Arc::get_mut(&mut plugin) {
            let mut unbind = |_: &'static str, field: &mut dyn Bind| field.bind(None);
            plugin.fields(&mut Fields::to_see(&mut unbind));
        }
        self.cell(node).plugin = Some(plugin);
    }

    /// What a field gets; the binding that lacks its value, if it can't do without.
    fn bound(&self, node: u32, bindings: &[Binding]) -> Result<Option<Bound>, Binding> {
        let Some(binding) = bindings.first() else {
            return Ok(None);
        };
        let provider = match binding.asks {
            Asks::All => None,
            _ => self.provider_of(binding),
        };
        let to = match binding.asks {
            Asks::All => BoundTo::All(self.all_values(node, bindings)),
            Asks::Later => BoundTo::Later(self.later(binding).ok_or(*binding)?),
            Asks::Required | Asks::Optional => match self.value_from(provider, binding.state) {
                Some(_) if self.is_brought_twice(binding) => return Err(*binding),
                Some(value) => BoundTo::One(value),
                None if binding.asks == Asks::Optional => return Ok(None),
                None => return Err(*binding),
            },
        };
        Ok(Some(Bound { to, provider }))
    }

    /// The node that provides what a handle refers to.
    fn provider_of_handle(&self, wish: &Wish) -> Option<u32> {
        match &wish.aim {
            Some(aim) => with_registry(&self.registry, |registry| {
                let is_own = aim.app == registry.app();
                is_own.then(|| registry.node_of(aim.entry)).flatten()
            }),
            None => self.provider_at(&self.growth(), wish.state, wish.held?),
        }
    }

    fn value_from(&self, provider: Option<u32>, state: StateKey) -> Option<StateValue> {
        self.value_of(provider?, state)
    }

    fn value_of(&self, node: u32, key: StateKey) -> Option<StateValue> {
        let cell = self.cell(node);
        cell.states.as_ref()?.find(key).cloned()
    }

    /// What everybody has made that provides it, with what they brought that does.
    fn all_values(&self, asker: u32, bindings: &[Binding]) -> Vec<(PluginName, StateValue)> {
        let mut seen = HashSet::new();
        let makers = bindings.iter().flat_map(|binding| self.makers(binding));
        // One may be there by itself, and below one that brings it.
        let others = makers.filter(|node| !self.is_or_is_below(*node, asker) && seen.insert(*node));
        let values = others.filter_map(|node| {
            let key = bindings.first()?.state;
            Some((self.name(node).clone(), self.value_of(node, key)?))
        });
        values.collect()
    }

    /// The provider of what a field looks up later.
    fn later(&self, binding: &Binding) -> Option<Later> {
        let app: Weak<dyn Resolve> = self.own.get()?.clone();
        Some(Later {
            app,
            provider: binding.provider?,
            key: binding.state,
        })
    }

    /// What a node shows to look-ups.
    pub(super) fn shown_by(&self, node: u32, state: StateKey) -> Result<StateValue, LookupError> {
        self.shown_in(&self.cell(node), node, state)
    }

    /// The same for a caller that holds the lock.
    pub(super) fn shown_in(
        &self,
        cell: &Cell,
        node: u32,
        state: StateKey,
    ) -> Result<StateValue, LookupError> {
        let states = cell.states.as_ref().filter(|_| cell.is_open);
        let value = states.and_then(|states| states.find(state));
        value.cloned().ok_or_else(|| {
            let plugin = self.name(node).clone();
            LookupError::state(state, LookupFailure::NotLoaded { plugin })
        })
    }

    /// Every load of the boot has ended: what fields look up later can be had from now on.
    pub(crate) fn loads_are_over(&self) {
        self.has_loaded.store(true, Ordering::Release);
    }
}

impl Resolve for Nodes {
    fn resolve(&self, provider: u32, key: StateKey) -> Result<StateValue, LookupError> {
        if !self.has_loaded.load(Ordering::Acquire) {
            let plugin = self.name(provider).clone();
            return Err(LookupError::state(key, LookupFailure::TooEarly { plugin }));
        }
        let binding = Binding::new(key, Asks::Later, Some(provider));
        let node = self.provider_of(&binding).unwrap_or(provider);
        self.shown_by(node, key)
    }
}
