//! `Plan`: the result of planning.

use std::fmt;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::base::text;
use crate::collect::{Member, Scopes};
use crate::declare::{Asks, Declaration, Outside};
use crate::plan::graph::Graph;
use crate::report::{PluginLocation, list_states, pronoun};
#[cfg(feature = "config")]
use crate::values::Key;

/// In which order an app will load its plugins, and why.
///
/// Plugins are numbered in their order: every plugin comes after everything that it needs. Ties
/// are broken by level, then name, then instance, so the same plugins always give the same plan.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
///
/// #[bootstrap::supplied]
/// pub struct Config;
///
/// #[plugin]
/// struct Server {
///     config: State<Config>,
/// }
///
/// impl Hooks for Server {}
///
/// let plan = App::new().with(Server::default()).supply(Config).plan()?;
/// let names: Vec<String> = plan.order().map(|plugin| plugin.name().to_string()).collect();
/// assert_eq!(names, ["supplied Config", "server"]);
/// assert_eq!(plan.levels().count(), 2);
/// # Ok::<(), bootstrap::error::PlanErrors>(())
/// ```
pub struct Plan {
    /// Every plugin, in the order in which the collect stage listed them.
    pub(crate) members: Vec<Member>,
    /// Which member each node is.
    pub(crate) order: Vec<u32>,
    /// How deep each node lies.
    pub(crate) level: Vec<u32>,
    /// Where each field's state comes from; all nodes' behind each other.
    pub(crate) bindings: Vec<Binding>,
    /// Where the bindings of each node begin, and where they all end.
    pub(crate) first_binding: Vec<u32>,
    /// From each node to what must have loaded before it.
    pub(crate) requires: Graph,
    /// The same edges the other way round.
    pub(crate) dependents: Graph,
    /// Where the entries of the registry are now.
    pub(crate) node_of_entry: Vec<Option<u32>>,
    pub(crate) warnings: Vec<PlanWarning>,
    /// Plugins without dependents that are to be left out.
    pub(crate) skipped: Vec<PluginName>,
    /// Plugins that are disabled.
    pub(crate) disabled: Vec<DisabledPlugin>,
    /// What the app is told from outside.
    pub(crate) outside: Outside,
    /// What plugins that are disabled would read.
    #[cfg(feature = "config")]
    pub(crate) idle: Vec<Key>,
    /// The barrier that each node stands directly before; empty in an app without barriers.
    pub(crate) regions: Vec<Option<u32>>,
    pub(crate) scopes: Scopes,
    /// Which states are hidden from the plugins of a scope, by the node that hides; none in an app
    /// without scopes.
    pub(crate) shadows: Vec<(u32, Shadow)>,
    /// What nodes are declared to bring with them, in their order.
    pub(crate) children: Vec<Brought>,
}

/// A plugin that a node is declared to bring with it.
pub(crate) struct Brought {
    /// The node, which brings it itself or through another child.
    pub(crate) node: u32,
    /// `server/routes`.
    pub(crate) name: PluginName,
    /// Its parent: the node, or another child.
    pub(crate) parent: PluginName,
    pub(crate) declaration: &'static Declaration,
}

/// A state of a plugin further out that is hidden.
#[derive(Clone, Copy)]
pub(crate) struct Shadow {
    pub(crate) state: StateKey,
    pub(crate) hidden: u32,
}

/// What a field is bound to. One that asks for all that is provided has a binding for each.
#[derive(Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) state: StateKey,
    /// `None` for an optional state without a provider in the app.
    pub(crate) provider: Option<u32>,
    pub(crate) asks: Asks,
    /// Whether the next one is of another field.
    pub(crate) is_last: bool,
}

impl Binding {
    pub(crate) fn new(state: StateKey, asks: Asks, provider: Option<u32>) -> Self {
        Self {
            state,
            provider,
            asks,
            is_last: true,
        }
    }

    /// The bindings of a field that asks for all that is provided.
    pub(crate) fn all(state: StateKey, providers: &[u32]) -> impl Iterator<Item = Self> {
        let none = providers.is_empty().then_some(None);
        let providers_len = providers.len();
        let some = providers.iter().copied().map(Some);
        let bindings = none.into_iter().chain(some).enumerate();
        bindings.map(move |(place, provider)| Self {
            is_last: place + 1 >= providers_len,
            ..Self::new(state, Asks::All, provider)
        })
    }

    /// The provider, if it has to load before.
    pub(crate) fn waits_for(&self) -> Option<u32> {
        self.provider.filter(|_| self.asks.waits())
    }
}

/// The bindings of each field.
pub(crate) fn by_field(bindings: &[Binding]) -> impl Iterator<Item = &[Binding]> {
    bindings.chunk_by(|binding, _| !binding.is_last)
}

/// A plugin that is disabled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DisabledPlugin {
    /// The plugin.
    pub place: PluginLocation,
    /// Why: "`mail.enabled` is false (service.toml:3:1)".
    pub because: String,
}

impl fmt::Display for DisabledPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = text::line(&self.because);
        write!(f, "{} because {because}", self.place.plugin)
    }
}

/// Something that is allowed, but hardly meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanWarning {
    /// A state was supplied that no plugin asks for.
    UnusedSupply {
        /// The state.
        state: StateKey,
        /// The call of `supply`.
        at: Location,
    },
    /// Something in the configuration is nearly called as what a plugin reads, and no plugin reads it.
    Misspelt {
        /// What it is: "the key `databse` (service.toml:3:1)".
        what: String,
        /// What was probably meant.
        near: String,
    },
    /// A variable of the environment has the name of a table, of which plugins read what is in it.
    NoTable {
        /// What it is: "the environment variable `APP_DATABASE`".
        what: String,
        /// The key of the table.
        table: String,
        /// A variable of what is in the table: `APP_DATABASE__SIZE`.
        variable: String,
    },
    /// [`App::disable`](crate::App::disable) disables a type of which no plugin would be part of
    /// the app. One that a `load` registers is known to the plan if it is declared as a child.
    NothingOff {
        /// The type: `Consumer`.
        plugin: String,
        /// The call of `without`.
        at: Location,
    },
    /// No plugin requires the states of a plugin, and [`App::unused`](crate::App::unused) asks for that
    /// to be known.
    Unused {
        /// The plugin.
        place: PluginLocation,
        /// Its states.
        states: Vec<StateKey>,
    },
}

impl fmt::Display for PlanWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = fmt::from_fn(|f| self.words(f)).to_string();
        f.write_str(&text::line(&words))
    }
}

impl PlanWarning {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanWarning::UnusedSupply { state, at } => write!(
                f,
                "the {} is supplied at {at}, and no plugin of this app asks for it",
                state.described()
            ),
            PlanWarning::Misspelt { what, near } => {
                write!(f, "no plugin reads {what}: did you mean `{near}`?")
            }
            PlanWarning::NoTable {
                what,
                table,
                variable,
            } => write!(
                f,
                "no plugin reads {what}: `{table}` is a table, whose variables are called \
                 `{variable}` and so on"
            ),
            PlanWarning::NothingOff { plugin, at } => write!(
                f,
                "`{plugin}` is disabled at {at}, and no plugin of this app is one"
            ),
            PlanWarning::Unused { place, states } => write!(
                f,
                "plugin {place} provides {}, and no plugin of this app asks for {}",
                list_states(states),
                pronoun(states)
            ),
        }
    }
}

impl Plan {
    /// How many plugins there are, barriers included.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is no plugin.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// All plugins, in the order in which [`serial`](crate::App::max_concurrency) loads them.
    pub fn order(&self) -> impl Iterator<Item = PlannedPlugin<'_>> {
        self.requires
            .nodes()
            .map(|node| PlannedPlugin { plan: self, node })
    }

    /// The plugins level by level: those of one level do not need each other, and each needs one
    /// of the level before.
    pub fn levels(&self) -> impl Iterator<Item = Vec<PlannedPlugin<'_>>> {
        let mut order = self.order();
        let rows = self.level.chunk_by(|left, right| left == right);
        rows.map(move |row| order.by_ref().take(row.len()).collect())
    }

    /// All edges: which plugin waits for which. Two fields with one provider are one edge.
    pub fn edges(&self) -> impl Iterator<Item = Edge<'_>> {
        self.requires.edges().map(|(from, to)| Edge {
            from: PlannedPlugin {
                plan: self,
                node: from,
            },
            to: PlannedPlugin {
                plan: self,
                node: to,
            },
            is_lazy: false,
        })
    }

    /// The look-ups of states once the app has loaded, which wait for no plugin:
    /// [`Lazy`](crate::Lazy) fields. Drawings show them dashed.
    pub fn lazy_edges(&self) -> impl Iterator<Item = Edge<'_>> {
        self.order().flat_map(|plugin| plugin.lazy())
    }

    /// What is allowed, but hardly meant.
    pub fn warnings(&self) -> &[PlanWarning] {
        &self.warnings
    }

    /// Plugins that are left out because no plugin needs them, by name; see
    /// [`Unused::Skip`](crate::Unused::Skip).
    pub fn skipped(&self) -> &[PluginName] {
        &self.skipped
    }

    /// Plugins that would be part of the app, but are disabled, by name: by
    /// [`Registration::enabled`](crate::Registration::enabled),
    /// [`App::disable`](crate::App::disable) or `enabled = ..`.
    pub fn disabled(&self) -> &[DisabledPlugin] {
        &self.disabled
    }

    pub(crate) fn member(&self, node: u32) -> &Member {
        &self.members[self.order[node as usize] as usize]
    }

    /// The barrier that a node stands directly before.
    pub(crate) fn barrier_of(&self, node: u32) -> Option<u32> {
        self.regions.get(node as usize).copied().flatten()
    }

    pub(crate) fn bindings(&self, node: u32) -> &[Binding] {
        let node = node as usize;
        &self.bindings[self.first_binding[node] as usize..self.first_binding[node + 1] as usize]
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.order().map(|plugin| plugin.name()))
            .finish()
    }
}

/// One plugin of a [`Plan`].
#[derive(Clone, Copy)]
pub struct PlannedPlugin<'p> {
    pub(super) plan: &'p Plan,
    pub(super) node: u32,
}

impl<'p> PlannedPlugin<'p> {
    /// The number of the node.
    pub(crate) fn number(&self) -> u32 {
        self.node
    }

    pub(super) fn member(&self) -> &'p Member {
        self.plan.member(self.node)
    }

    /// What messages and reports call it.
    pub fn name(&self) -> &'p PluginName {
        &self.member().name
    }

    /// How many plugins are in the longest chain below it: 0 if it needs nothing.
    pub fn level(&self) -> u32 {
        self.plan.level[self.node as usize]
    }

    /// Where it is declared.
    pub fn declared(&self) -> Location {
        self.member().descriptor.location()
    }

    /// Where it was registered or supplied; `None` for a plugin that was collected.
    pub fn registered(&self) -> Option<Location> {
        self.member().source.location()
    }

    /// The states that it makes.
    pub fn provides(&self) -> &'p [StateKey] {
        self.member().descriptor.states()
    }

    /// Whether it is a barrier, made by [`App::barrier`](crate::App::barrier) or
    /// [`App::recover`](crate::App::recover), and no plugin.
    pub fn is_barrier(&self) -> bool {
        self.member().barrier.is_some()
    }

    /// What it waits for.
    pub fn requires(&self) -> impl Iterator<Item = PlannedPlugin<'p>> + use<'p> {
        let plan = self.plan;
        let targets = plan.requires.targets(self.node).iter();
        targets.map(move |node| PlannedPlugin { plan, node: *node })
    }

    /// What it looks up once the app has loaded: see [`Plan::lazy_edges`].
    pub fn lazy(&self) -> impl Iterator<Item = Edge<'p>> + use<'p> {
        let from = *self;
        let later = self.plan.bindings(self.node).iter();
        let later = later.filter(|it| !it.asks.waits());
        let mut to: Vec<u32> = later.filter_map(|it| it.provider).collect();
        to.sort_unstable();
        to.dedup();
        to.into_iter().map(move |node| Edge {
            from,
            to: PlannedPlugin { node, ..from },
            is_lazy: true,
        })
    }

    /// What waits for it.
    pub fn dependents(&self) -> impl Iterator<Item = PlannedPlugin<'p>> + use<'p> {
        let plan = self.plan;
        let targets = plan.dependents.targets(self.node).iter();
        targets.map(move |node| PlannedPlugin { plan, node: *node })
    }
}

impl fmt::Debug for PlannedPlugin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannedPlugin")
            .field("name", self.name())
            .field("level", &self.level())
            .finish_non_exhaustive()
    }
}

/// `from` waits for `to`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Edge<'p> {
    /// The plugin that waits.
    pub from: PlannedPlugin<'p>,
    /// The plugin that it waits for.
    pub to: PlannedPlugin<'p>,
    /// Whether it needs that only later, and does not wait: see [`Plan::lazy_edges`].
    pub is_lazy: bool,
}

impl Edge<'_> {
    /// The states that go along this edge; none if it is an order alone.
    pub fn states(&self) -> impl Iterator<Item = StateKey> {
        let bindings = self.from.plan.bindings(self.from.node).iter();
        let is_lazy = self.is_lazy;
        bindings
            .filter(move |it| it.provider == Some(self.to.node) && it.asks.waits() != is_lazy)
            .map(|binding| binding.state)
    }
}
