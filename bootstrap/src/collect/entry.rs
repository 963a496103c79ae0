//! One registration of an app.

use std::sync::Arc;

use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::base::panic::guard;
use crate::collect::conditions::Reason;
use crate::collect::roster::{Member, Source, Want};
use crate::declare::{
    AnySlot, Barrier, BarrierKind, Bind, Declaration, Descriptor, Fields, Identity, Plugin,
    Policies,
};

/// One registration.
pub(crate) struct Entry {
    pub(super) descriptor: Descriptor,
    pub(super) identity: Identity,
    /// The name that the registration chose; without one, the descriptor's holds.
    pub(super) name: Option<PluginName>,
    pub(super) at: Location,
    pub(super) supplied: bool,
    pub(super) scope: u32,
    /// Whether it is seen in the scope around its own as well.
    pub(super) exported: bool,
    /// What the registration says of it; without that, the descriptor's holds.
    pub(super) is_primary: bool,
    pub(super) barrier: Option<BarrierKind>,
    /// What the registration says of it; without that, the descriptor's holds.
    pub(super) policies: Option<Box<Policies>>,
    /// Why its registration has switched it off.
    pub(super) off: Option<Box<Reason>>,
    /// Below which key it is configured.
    pub(super) prefix: Option<Arc<str>>,
    /// What the plugin asks for. Its fields can't change any more.
    pub(super) wants: Vec<Want>,
    /// Entries that this one loads after.
    pub(super) after: Vec<u32>,
    /// Where handles to this entry's states wait for their values.
    pub(super) slots: Vec<Arc<dyn AnySlot>>,
    /// Taken by the boot.
    pub(super) plugin: Option<Arc<dyn Plugin>>,
}

impl Entry {
    /// Asks a plugin what it is and needs. Runs the user's code.
    pub(crate) fn new(
        mut plugin: Arc<dyn Plugin>,
        scope: u32,
        at: Location,
        supplied: bool,
    ) -> Self {
        let descriptor = plugin.descriptor();
        let declaration = descriptor.declaration();
        let mut wants = Vec::new();
        let mut see = |field: &'static str, slot: &mut dyn Bind| {
            let wish = slot.wish();
            let declared = declaration.and_then(|it| it.requirements().get(wants.len()));
            wants.push(Want {
                field,
                state: wish.state,
                asks: wish.asks,
                aim: wish.aim,
                held: wish.held,
                declared,
            });
        };
        // Always: the plugin has no other owner yet.
        if let Some(plugin) = Arc::get_mut(&mut plugin) {
            plugin.fields(&mut Fields::to_see(&mut see));
        }
        Self {
            descriptor,
            identity: plugin.identity(),
            name: None,
            at,
            supplied,
            scope,
            exported: false,
            is_primary: false,
            barrier: None,
            policies: None,
            off: None,
            prefix: None,
            wants,
            after: Vec::new(),
            slots: Vec::new(),
            plugin: Some(plugin),
        }
    }

    /// A barrier, where it was registered.
    pub(crate) fn barrier(barrier: Barrier, scope: u32, at: Location) -> Self {
        let kind = barrier.kind();
        Self {
            barrier: Some(kind),
            ..Self::new(Arc::new(barrier), scope, at, false)
        }
    }
    /// The entry with this number as a member that is called so, and has no wants or orders yet.
    pub(super) fn member(&self, entry: u32, name: PluginName) -> Member {
        let at = self.at;
        Member {
            name,
            named: self.name.is_some(),
            descriptor: self.descriptor.clone(),
            identity: self.identity,
            policies: self.policies.clone(),
            source: if self.supplied {
                Source::Supplied { entry, at }
            } else {
                Source::Registered { entry, at }
            },
            scope: self.scope,
            exported: self.exported,
            is_primary: self.is_primary || self.descriptor.is_primary(),
            barrier: self.barrier,
            prefix: self.prefix.clone(),
            wants: 0..0,
            orders: 0..0,
        }
    }

    /// The same with another plugin, which is described in the same way. Runs the user's code.
    pub(crate) fn replaced_by(mut self, other: impl FnOnce(Descriptor) -> Arc<dyn Plugin>) -> Self {
        self.wants.clear();
        let other = other(self.descriptor.clone());
        let before = self.plugin.replace(other);
        let _ = guard(|| drop(before));
        self
    }

    pub(crate) fn declaration(&self) -> Option<&'static Declaration> {
        self.descriptor.declaration()
    }

    /// What the plugin is called.
    pub(crate) fn name(&self) -> PluginName {
        let own = || self.descriptor.name();
        self.name.clone().unwrap_or_else(own)
    }
}
