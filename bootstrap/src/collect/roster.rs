//! The roster: what the collect stage hands to the plan.

use std::ops::Range;
use std::sync::Arc;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::collect::conditions::Reason;
use crate::collect::scopes::{ROOT, Scopes};
use crate::collect::unused::Unused;
use crate::declare::{
    Asks, BarrierKind, Declaration, Descriptor, Identity, Origin, Policies, Precedence, Rank,
    Requirement, Retry, Supervision,
};

/// Every plugin of an app, with what it asks for. The lists of all members lie behind each other
/// in one, so that a hundred thousand plugins do not cost as many allocations.
pub(crate) struct Roster {
    pub(crate) app: u64,
    pub(crate) members: Vec<Member>,
    pub(crate) wants: Vec<Want>,
    pub(crate) orders: Vec<Order>,
    /// Where members stand; what a member sees depends on that.
    pub(crate) scopes: Scopes,
    /// The member that an entry of the registry became, or that replaces it.
    pub(crate) member_of_entry: Vec<Option<u32>>,
    /// Entries that are to load after a plugin of another app.
    pub(crate) foreign_orders: Vec<(u32, PluginName)>,
    /// Whether plugins that were not registered join because they are linked.
    pub(crate) collected: bool,
    /// Names that must be among the members.
    pub(crate) expected: Vec<&'static str>,
    pub(crate) has_barriers: bool,
    /// What members are declared to bring with them, in the order of the members.
    pub(crate) children: Vec<DeclaredChild>,
    pub(crate) unused: Unused,
    /// Members that something other than a plugin needs, in ascending order; only listed if it matters
    /// which ones are unused.
    pub(crate) held: Vec<u32>,
    /// Plugins that are disabled.
    pub(crate) off: Vec<Off>,
    /// Types that are to be disabled, and of which no plugin would be a member.
    pub(crate) absent: Vec<(Identity, Location)>,
}

/// A plugin that would be a member, but is disabled.
#[derive(Clone, Debug)]
pub(crate) struct Off {
    pub(crate) name: PluginName,
    pub(crate) descriptor: Descriptor,
    pub(crate) source: Source,
    pub(crate) scope: u32,
    pub(crate) exported: bool,
    /// Below which key it would be configured.
    #[cfg(feature = "config")]
    pub(crate) prefix: Option<Arc<str>>,
    pub(crate) reason: Reason,
}

impl Roster {
    /// What a member asks for.
    pub(crate) fn wants_of(&self, member: &Member) -> &[Want] {
        &self.wants[member.wants.start as usize..member.wants.end as usize]
    }

    /// Adds a plugin that was collected.
    pub(super) fn enlist(&mut self, declaration: &'static Declaration) {
        let first_want = self.wants.len();
        let wants = declaration.requirements().iter().map(|requirement| Want {
            field: requirement.field,
            state: requirement.need.state,
            asks: requirement.need.asks,
            aim: None,
            held: None,
            declared: Some(requirement),
        });
        self.wants.extend(wants);
        let first_order = self.orders.len();
        let orders = declaration.after.iter();
        self.orders
            .extend(orders.map(|after| Order::AfterPlugin(after.plugin.declaration().plugin)));
        self.members.push(Member {
            name: PluginName::from(declaration.name),
            named: false,
            descriptor: Descriptor::declared(declaration),
            identity: declaration.plugin,
            policies: None,
            source: Source::Collected(declaration),
            scope: ROOT,
            exported: false,
            is_primary: declaration.is_primary,
            barrier: None,
            prefix: None,
            wants: index(first_want)..index(self.wants.len()),
            orders: index(first_order)..index(self.orders.len()),
        });
    }
}

/// One plugin of the roster.
pub(crate) struct Member {
    /// Begins with the path of its scope.
    pub(crate) name: PluginName,
    /// Whether the registration chose the name, and not the plugin.
    pub(crate) named: bool,
    pub(crate) descriptor: Descriptor,
    pub(crate) identity: Identity,
    pub(crate) source: Source,
    pub(crate) scope: u32,
    /// Whether it is seen in the scope around its own as well.
    pub(crate) exported: bool,
    /// Whether it counts more than others of its rank where several provide the same.
    pub(crate) is_primary: bool,
    /// What kind of barrier it is, if it is one.
    pub(crate) barrier: Option<BarrierKind>,
    /// What the registration says of it; without that, the descriptor's holds.
    pub(crate) policies: Option<Box<Policies>>,
    /// Below which key it is configured.
    pub(crate) prefix: Option<Arc<str>>,
    pub(crate) wants: Range<u32>,
    pub(crate) orders: Range<u32>,
}

impl Member {
    /// How much it counts where several provide the same.
    pub(crate) fn precedence(&self) -> Precedence {
        let source = match self.source {
            Source::Supplied { .. } => Rank::Supplied,
            Source::Registered { .. } => Rank::Registered,
            Source::Collected(_) => Rank::Collected,
        };
        let is_primary = self.is_primary;
        Precedence { source, is_primary }
    }

    /// How often its `load` is tried.
    pub(crate) fn retry(&self) -> Option<Retry> {
        let said = self.policies.as_ref().and_then(|it| it.retry);
        said.or_else(|| self.descriptor.load_retry())
    }

    /// What happens when its `run` ends.
    pub(crate) fn supervision(&self) -> Supervision {
        let said = self.policies.as_ref().and_then(|it| it.supervision);
        said.unwrap_or_else(|| self.descriptor.run_supervision())
    }
}

/// Where a member comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    Registered { entry: u32, at: Location },
    Supplied { entry: u32, at: Location },
    Collected(&'static Declaration),
}

impl Source {
    /// Where it was registered, if it was.
    pub(crate) fn location(self) -> Option<Location> {
        match self {
            Source::Registered { at, .. } | Source::Supplied { at, .. } => Some(at),
            Source::Collected(_) => None,
        }
    }
}

/// A plugin that a member is declared to bring with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeclaredChild {
    /// The member that brings it, itself or through another child.
    pub(crate) member: u32,
    /// The place of that other child in the list.
    pub(crate) under: Option<u32>,
    pub(crate) declaration: &'static Declaration,
}

/// A field that asks for a state.
#[derive(Clone)]
pub(crate) struct Want {
    pub(crate) field: &'static str,
    pub(crate) state: StateKey,
    pub(crate) asks: Asks,
    pub(crate) aim: Option<Arc<Origin>>,
    /// Where the value lies that the field holds already.
    pub(crate) held: Option<usize>,
    /// What the declaration says of the field, if the plugin has one.
    pub(crate) declared: Option<&'static Requirement>,
}

/// An order without a value.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    /// After every instance of this type of plugin, if there is one.
    AfterPlugin(Identity),
    /// After this registration.
    AfterEntry(u32),
}

fn index(n: usize) -> u32 {
    u32::try_from(n).expect("no app has 2^32 plugins")
}
