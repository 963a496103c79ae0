//! Mistakes in how an app is put together: found by its plan, or while it boots.

use std::error::Error;
use std::fmt;

use crate::base::diagnostic::{Code, Diagnose, diagnosed};
use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::base::text;
#[cfg(feature = "config")]
use crate::values::ConfigFault;

/// A plugin and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginLocation {
    /// The plugin.
    pub plugin: PluginName,
    /// Where it is declared.
    pub declared: Location,
    /// Where it was registered or supplied; `None` for a plugin that was collected.
    pub registered: Option<Location>,
}

impl fmt::Display for PluginLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.among(&[]))
    }
}

impl PluginLocation {
    /// The plugin and its places, as one of several.
    pub(super) fn among(&self, all: &[Self]) -> String {
        let Self {
            plugin, declared, ..
        } = self;
        match self.registered_among(all) {
            Some(at) => format!("`{plugin}` ({declared}, registered at {at})"),
            None => format!("`{plugin}` ({declared})"),
        }
    }

    /// Where it was registered, unless it is declared on that line, as a closure is.
    pub(super) fn registered_among(&self, all: &[Self]) -> Option<String> {
        let line = |at: &Location| (at.file(), at.line());
        let at = self.registered;
        let at = at.filter(|at| line(at) != line(&self.declared))?;
        Some(at.among(all.iter().filter_map(|other| other.registered)))
    }
}

/// A field that requires a state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dependent {
    /// The plugin.
    pub plugin: PluginName,
    /// The field, with its type where it is declared: `config: State<Config>`. A requirement that is
    /// no field, in its own words: `` argument `State<Config>` of `list` ``.
    pub field: String,
    /// Whether it is no field, but one of the plugin's `requires`.
    pub is_derived: bool,
    /// Where the field is declared, or the plugin if its fields have no place.
    pub declared: Location,
    /// Where the plugin was registered; `None` if it was collected.
    pub registered: Option<Location>,
    /// A way from a plugin without dependents to this one, both included. Of many dependents only the
    /// first ten have one.
    pub way: Vec<PluginName>,
}

impl Dependent {
    /// What requires the state, in the words of messages.
    pub(crate) fn requirement(&self) -> String {
        if self.is_derived {
            self.field.clone()
        } else {
            format!("field `{}`", self.field)
        }
    }
}

/// When a [`Mistake`] was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// While planning: no hook has run.
    Plan,
    /// While the app booted, when a plugin joined it.
    Load {
        /// The plugin whose `load` registered it; `None` if it is part of the plan.
        parent: Option<PluginName>,
    },
}

/// What has a name.
///
/// The variants do not repeat names of other public types: rustc shortens a path only if its name is
/// unique, and `Plugin` is part of compile errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameKind {
    /// A plugin.
    OfPlugin,
    /// A scope.
    OfScope,
}

/// One plugin of a cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CycleStep {
    /// The plugin.
    pub plugin: PluginLocation,
    /// Why it waits for the next one; the last one waits for the first.
    pub reason: String,
}

/// Why a plugin could not join an app any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TooLate {
    /// Its parent had loaded.
    ParentLoaded,
    /// The app was stopping, for this reason.
    Stopping(String),
    /// The boot ended before it had loaded.
    BootEnded,
}

/// One mistake in how an app is put together.
///
/// The plan finds most of them, and reports them all at once, as [`PlanErrors`](crate::error::PlanErrors).
/// What a `load` registers is checked when it joins: then the mistake is the
/// [failure](crate::error::HookFailure::Refused) of that plugin's `load`. [`Mistake::found`] says which.
///
/// `Display` is its first line; `Debug` is the whole diagnosis.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// Plugins require a state that no plugin of the app provides.
    #[non_exhaustive]
    MissingProvider {
        /// The state.
        state: StateKey,
        /// Every field that requires it.
        dependents: Vec<Dependent>,
        /// What comes near, each as a clause.
        near: Vec<String>,
        /// What to do.
        help: String,
        /// When it was found.
        found: Found,
    },
    /// Plugins require a state that several plugins provide, and do not say which one.
    #[non_exhaustive]
    AmbiguousProvider {
        /// The state.
        state: StateKey,
        /// Every field that requires it.
        dependents: Vec<Dependent>,
        /// The plugins that provide it, or are declared to register one that does.
        candidates: Vec<PluginLocation>,
        /// What to do.
        help: String,
        /// When it was found.
        found: Found,
    },
    /// Plugins depend on each other in a cycle.
    #[non_exhaustive]
    Cycle {
        /// The shortest cycle.
        steps: Vec<CycleStep>,
        /// A way from a plugin without dependents to the first of the cycle, without that one; empty if
        /// the cycle holds such a plugin.
        way: Vec<PluginName>,
        /// How many more plugins lead to the cycle and are led to from it.
        others: usize,
        /// The step of the cycle that is the easiest to do without, if one is.
        cut: Option<String>,
        /// When it was found.
        found: Found,
    },
    /// Two plugins, or two scopes beside each other, have one name.
    #[non_exhaustive]
    DuplicateName {
        /// What has the name.
        kind: NameKind,
        /// The name; of a scope with those of the scopes around it.
        name: String,
        /// The plugins; of a scope where it was opened.
        places: Vec<PluginLocation>,
        /// When it was found.
        found: Found,
    },
    /// One state is supplied twice.
    #[non_exhaustive]
    SuppliedTwice {
        /// The state.
        state: StateKey,
        /// The calls of `supply`.
        at: Vec<Location>,
    },
    /// A plugin that [`App::expect`](crate::App::expect) names is not there.
    #[non_exhaustive]
    NotInList {
        /// The name.
        name: String,
        /// A plugin with nearly that name.
        near: Option<String>,
        /// Whether the app holds what is linked, and not only what is registered.
        collected: bool,
    },
    /// A plugin or a scope that was made at run time has a name that messages can't show.
    #[non_exhaustive]
    InvalidName {
        /// What has the name.
        kind: NameKind,
        /// The name; of a scope with those of the scopes around it.
        name: String,
        /// The plugin; of a scope where it was opened.
        places: Vec<PluginLocation>,
        /// When it was found.
        found: Found,
    },
    /// A plugin provides states that no plugin requires, which
    /// [`Unused::Deny`](crate::Unused::Deny) refuses.
    #[non_exhaustive]
    UnusedProvider {
        /// The plugin.
        place: PluginLocation,
        /// Its states.
        states: Vec<StateKey>,
    },
    /// A registration is ordered after one of another app.
    #[non_exhaustive]
    ForeignOrder {
        /// The plugin.
        place: PluginLocation,
        /// The plugin of the other app.
        earlier: PluginName,
    },
    /// A field holds a handle to a registration of another app, or a value that another app has made.
    #[non_exhaustive]
    ForeignHandle {
        /// The field.
        dependent: Dependent,
        /// The state.
        state: StateKey,
        /// The registration of the other app; `None` if the field holds a value.
        origin: Option<PluginLocation>,
        /// Whether the other app has been dropped, with all its registrations.
        is_dropped: bool,
        /// When it was found.
        found: Found,
    },
    /// A field holds a handle to a registration that does not provide its state.
    #[non_exhaustive]
    NotProvidedByHandle {
        /// The field.
        dependent: Dependent,
        /// The state.
        state: StateKey,
        /// The registration.
        provider: PluginLocation,
    },
    /// A value that a plugin reads from the configuration is missing or wrong, or a source of the
    /// configuration is. Each is an error of its own.
    #[cfg(feature = "config")]
    #[non_exhaustive]
    Configuration {
        /// What is wrong.
        fault: ConfigFault,
        /// When it was found.
        found: Found,
    },
    /// The predicate that decides whether a plugin is enabled panicked.
    #[non_exhaustive]
    ConditionPanicked {
        /// The plugin.
        place: PluginLocation,
        /// The predicate, as written.
        predicate: String,
        /// Where it is named.
        at: Location,
        /// The message of the panic.
        message: String,
        /// When it was found.
        found: Found,
    },
    /// A value of the configuration chooses a plugin, and no linked plugin answers to it. The value
    /// itself is not part of the error.
    #[non_exhaustive]
    UnknownChoice {
        /// The key.
        key: String,
        /// Where the value comes from: `service.toml:3:8`, or the name of a variable.
        origin: Option<String>,
        /// The plugins that can be chosen, with the values that choose them.
        known: Vec<(String, PluginLocation)>,
        /// A known value that is spelt nearly the same.
        near: Option<String>,
        /// Whether that one differs from the value only in upper and lower case.
        only_case: bool,
        /// When it was found.
        found: Found,
    },
    /// A plugin was registered when it could not join the app any more.
    #[non_exhaustive]
    RegisteredTooLate {
        /// The plugin; `None` if it stands for all that the parent registered.
        plugin: Option<PluginName>,
        /// The plugin that registered it.
        parent: PluginName,
        /// Why it came too late.
        why: TooLate,
    },
    /// A child waits for plugins that include itself.
    #[non_exhaustive]
    WaitsForItself {
        /// The child.
        child: PluginName,
        /// The plugin whose children it waits for.
        parent: PluginName,
    },
    /// A plugin awaits a child that is disabled.
    #[non_exhaustive]
    AwaitsDisabled {
        /// The child, by its own name.
        child: PluginName,
        /// The plugin that awaits it.
        parent: PluginName,
        /// Why it is disabled, and where that is said.
        because: String,
        /// How to enable it.
        help: String,
    },
    /// A child requires a state of a plugin that loads only once the child has loaded: its parent, or the
    /// parent of that.
    #[non_exhaustive]
    NeedsAncestor {
        /// The field.
        dependent: Dependent,
        /// The state.
        state: StateKey,
        /// The plugin that provides it.
        ancestor: PluginName,
    },
    /// A plugin that was made at run time returned other states from its `load` than its descriptor
    /// provides.
    #[non_exhaustive]
    StatesDiffer {
        /// The plugin.
        place: PluginLocation,
        /// The state.
        state: StateKey,
        /// Whether it is missing, and not one that is not declared, or is returned twice.
        is_missing: bool,
    },
}

impl Mistake {
    /// When it was found.
    pub fn found(&self) -> &Found {
        const LOAD: &Found = &Found::Load { parent: None };
        match self {
            Mistake::MissingProvider { found, .. }
            | Mistake::AmbiguousProvider { found, .. }
            | Mistake::Cycle { found, .. }
            | Mistake::DuplicateName { found, .. }
            | Mistake::InvalidName { found, .. }
            | Mistake::ForeignHandle { found, .. }
            | Mistake::ConditionPanicked { found, .. }
            | Mistake::UnknownChoice { found, .. } => found,
            #[cfg(feature = "config")]
            Mistake::Configuration { found, .. } => found,
            Mistake::SuppliedTwice { .. }
            | Mistake::NotInList { .. }
            | Mistake::UnusedProvider { .. }
            | Mistake::ForeignOrder { .. }
            | Mistake::NotProvidedByHandle { .. } => &Found::Plan,
            Mistake::RegisteredTooLate { .. }
            | Mistake::WaitsForItself { .. }
            | Mistake::AwaitsDisabled { .. }
            | Mistake::NeedsAncestor { .. }
            | Mistake::StatesDiffer { .. } => LOAD,
        }
    }

    /// The stable code of this kind of mistake.
    pub fn code(&self) -> Code {
        match self {
            Mistake::MissingProvider { .. } => Code::MissingProvider,
            Mistake::Cycle { .. } => Code::Cycle,
            Mistake::AmbiguousProvider { .. } => Code::AmbiguousProvider,
            Mistake::DuplicateName { .. } => Code::DuplicateName,
            Mistake::SuppliedTwice { .. } => Code::SuppliedTwice,
            Mistake::NotInList { .. } => Code::NotInList,
            Mistake::ForeignHandle { .. } | Mistake::ForeignOrder { .. } => Code::Foreign,
            Mistake::NotProvidedByHandle { .. } => Code::NotProvidedByHandle,
            Mistake::InvalidName { .. } => Code::InvalidName,
            Mistake::UnusedProvider { .. } => Code::UnusedProvider,
            #[cfg(feature = "config")]
            Mistake::Configuration { .. } => Code::Configuration,
            Mistake::ConditionPanicked { .. } => Code::ConditionPanicked,
            Mistake::UnknownChoice { .. } => Code::UnknownChoice,
            Mistake::RegisteredTooLate { .. } => Code::RegisteredTooLate,
            Mistake::WaitsForItself { .. } => Code::WaitsForItself,
            Mistake::AwaitsDisabled { .. } => Code::AwaitsDisabled,
            Mistake::NeedsAncestor { .. } => Code::NeedsAncestor,
            Mistake::StatesDiffer { .. } => Code::StatesDiffer,
        }
    }

    /// The whole diagnosis, on several lines.
    pub fn render(&self) -> String {
        Diagnose::render(self)
    }
}

diagnosed!(Mistake);

impl Error for Mistake {}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::line(&self.title()))
    }
}

/// The state `A`; the states `A`, `B` and the port `C`.
pub(crate) fn list_states(states: &[StateKey]) -> String {
    let (ports, states): (Vec<StateKey>, Vec<StateKey>) =
        states.iter().partition(|key| key.is_port());
    let list = |keys: &[StateKey]| {
        let noun = keys.first()?.noun();
        let names: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        let plural = if names.len() == 1 { "" } else { "s" };
        Some(format!("the {noun}{plural} {}", names.join(", ")))
    };
    let lists: Vec<String> = [list(&states), list(&ports)]
        .into_iter()
        .flatten()
        .collect();
    lists.join(" and ")
}

/// The pronoun for so many states.
pub(crate) fn pronoun(states: &[StateKey]) -> &'static str {
    if states.len() == 1 {
        "it"
    } else {
        "any of them"
    }
}
