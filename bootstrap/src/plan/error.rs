//! Why there is no plan.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::base::text;
#[cfg(feature = "config")]
use crate::values::ConfigFault;

/// Every mistake that was found while planning. No hook has run.
///
/// `Display` is one line; `Debug` and [`PlanErrors::render`] are the whole diagnosis.
#[derive(Clone)]
pub struct PlanErrors(Arc<Mistakes>);

struct Mistakes {
    errors: Vec<Mistake>,
    diagnosis: Diagnosis,
}

impl PlanErrors {
    pub(crate) fn new(errors: Vec<Mistake>) -> Self {
        let diagnoses: Vec<String> = errors.iter().map(|error| format!("{error:?}")).collect();
        Self(Arc::new(Mistakes {
            errors,
            diagnosis: Diagnosis(diagnoses.join("\n\n")),
        }))
    }

    /// What was planned, unless something else is wrong as well.
    pub(super) fn beside<P>(planned: Result<P, Self>, wrong: Vec<Mistake>) -> Result<P, Self> {
        if wrong.is_empty() {
            return planned;
        }
        let mut errors = planned.map_or_else(|errors| errors.errors().to_vec(), |_| Vec::new());
        errors.extend(wrong);
        Err(Self::new(errors))
    }

    /// The mistakes, in an order that does not depend on the order of registration.
    pub fn errors(&self) -> &[Mistake] {
        &self.0.errors
    }

    /// The whole diagnosis, on several lines.
    pub fn render(&self) -> String {
        self.0.diagnosis.0.clone()
    }
}

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errors() {
            [] => f.write_str("the app can't be planned"),
            [only] => only.fmt(f),
            [first, rest @ ..] => {
                write!(f, "{first} (and {} more)", text::count(rest.len(), "error"))
            }
        }
    }
}

impl fmt::Debug for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.diagnosis, f)
    }
}

/// The [`source`](Error::source) of all of them is the whole diagnosis, so that whoever prints a
/// chain of errors, as `anyhow` does when `main` returns one, shows it.
impl Error for PlanErrors {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0.diagnosis)
    }
}

/// The whole diagnosis as the end of a chain of errors.
#[derive(Clone, Debug)]
struct Diagnosis(String);

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Diagnosis {}

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
        write!(f, "`{}` ({}", self.plugin, self.declared)?;
        match self.registered {
            Some(at) if at != self.declared => write!(f, ", registered at {at})"),
            _ => f.write_str(")"),
        }
    }
}

/// A field that asks for a state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dependent {
    /// The plugin.
    pub plugin: PluginName,
    /// The field, with its type where it is declared: `config: State<Config>`.
    pub field: String,
    /// Where the field is declared, or the plugin if its fields have no place.
    pub declared: Location,
    /// Where the plugin was registered; `None` if it was collected.
    pub registered: Option<Location>,
    /// A way from a plugin that nobody needs to this one, both included. Of many dependents only the
    /// first ten have one.
    pub way: Vec<PluginName>,
}

/// One mistake in an app. `Display` is its first line; `Debug` is the whole diagnosis.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// Plugins ask for a state that nobody in the app provides.
    MissingProvider {
        /// The state.
        state: StateKey,
        /// Every field that asks for it.
        dependents: Vec<Dependent>,
        /// What might have been meant, each as a clause.
        near: Vec<String>,
        /// What to do.
        help: String,
    },
    /// Plugins ask for a state that several in the app provide, and don't say which they mean.
    AmbiguousProvider {
        /// The state.
        state: StateKey,
        /// Every field that asks for it.
        dependents: Vec<Dependent>,
        /// Who provides it, or is declared to bring a plugin that does.
        candidates: Vec<PluginLocation>,
        /// What to do.
        help: String,
    },
    /// Plugins depend on each other in a cycle.
    Cycle {
        /// The plugins of the shortest cycle, each followed by one that it needs; the first
        /// follows the last.
        walk: Vec<PluginLocation>,
        /// For each of them, why it needs the next.
        reasons: Vec<String>,
        /// A way from a plugin that nobody needs to the first of the cycle, without that one;
        /// empty if the cycle holds such a plugin.
        way: Vec<PluginName>,
        /// How many more plugins lead to the cycle and are led to from it.
        others: usize,
        /// Which step of the cycle is the easiest to do without, if one is.
        cut: Option<String>,
    },
    /// Two plugins have one name.
    DuplicateName {
        /// The name.
        name: String,
        /// The plugins.
        places: Vec<PluginLocation>,
    },
    /// One state is supplied twice.
    SuppliedTwice {
        /// The state.
        state: StateKey,
        /// The calls of `supply`.
        at: Vec<Location>,
    },
    /// A plugin that [`App::expect`](crate::App::expect) names is not there.
    NotInList {
        /// The name.
        name: String,
        /// A plugin with nearly that name.
        near: Option<String>,
        /// Whether the app holds what is linked, and not only what is registered.
        collected: bool,
    },
    /// A plugin that was made at run time has a name that messages can't show.
    BadName {
        /// The plugin.
        place: PluginLocation,
    },
    /// A scope has a name that messages can't show.
    BadScope {
        /// The name, with those of the scopes around it.
        name: String,
        /// Where it was opened.
        at: Vec<Location>,
    },
    /// Two scopes beside each other have one name.
    DuplicateScope {
        /// The name, with those of the scopes around it.
        name: String,
        /// Where they were opened.
        at: Vec<Location>,
    },
    /// Nobody asks for the states of a plugin, which [`Unused::Deny`](crate::Unused::Deny) refuses.
    UnusedProvider {
        /// The plugin.
        place: PluginLocation,
        /// Its states.
        states: Vec<StateKey>,
    },
    /// A registration is to load after one of another app.
    ForeignOrder {
        /// The plugin.
        place: PluginLocation,
        /// The plugin of the other app.
        earlier: PluginName,
    },
    /// A field holds a handle to a state of another app.
    ForeignHandle {
        /// The field.
        dependent: Dependent,
        /// The state.
        state: StateKey,
        /// Whose state it is.
        provider: PluginLocation,
        /// Whether that app has been dropped, with all its registrations.
        is_dropped: bool,
    },
    /// A field holds a state that another app has made.
    ForeignValue {
        /// The field.
        dependent: Dependent,
        /// The state.
        state: StateKey,
    },
    /// A field holds a handle to a registration that does not provide its state.
    NotProvidedByHandle {
        /// The field.
        dependent: Dependent,
        /// The state.
        state: StateKey,
        /// The registration.
        provider: PluginLocation,
    },
    /// Something that a plugin reads from the configuration is missing or wrong, or a source of it
    /// is. Every such thing is an error of its own.
    #[cfg(feature = "config")]
    Configuration {
        /// What is wrong.
        fault: ConfigFault,
    },
    /// The predicate that decides whether a plugin is part of the app panicked.
    ConditionPanicked {
        /// The plugin.
        place: PluginLocation,
        /// The predicate, as written.
        predicate: String,
        /// Where it is named.
        at: Location,
        /// What the panic said.
        message: String,
    },
    /// Two services have one name.
    DuplicateService {
        /// The name.
        name: String,
        /// Where they were defined.
        at: Vec<Location>,
    },
}

impl Mistake {
    /// The stable code of this kind of mistake.
    pub fn code(&self) -> &'static str {
        match self {
            Mistake::MissingProvider { .. } => "BOOT001",
            Mistake::Cycle { .. } => "BOOT002",
            Mistake::AmbiguousProvider { .. } => "BOOT003",
            Mistake::DuplicateName { .. } | Mistake::DuplicateScope { .. } => "BOOT004",
            Mistake::SuppliedTwice { .. } => "BOOT005",
            Mistake::NotInList { .. } => "BOOT006",
            Mistake::ForeignHandle { .. }
            | Mistake::ForeignValue { .. }
            | Mistake::ForeignOrder { .. } => "BOOT007",
            Mistake::NotProvidedByHandle { .. } => "BOOT008",
            Mistake::BadName { .. } | Mistake::BadScope { .. } => "BOOT009",
            Mistake::DuplicateService { .. } => "BOOT015",
            Mistake::UnusedProvider { .. } => "BOOT016",
            #[cfg(feature = "config")]
            Mistake::Configuration { .. } => "BOOT017",
            Mistake::ConditionPanicked { .. } => "BOOT018",
        }
    }
}

impl Error for Mistake {}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = fmt::from_fn(|f| self.words(f)).to_string();
        f.write_str(&text::line(&words))
    }
}

impl Mistake {
    /// The first line.
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mistake::MissingProvider { .. }
            | Mistake::AmbiguousProvider { .. }
            | Mistake::SuppliedTwice { .. }
            | Mistake::ForeignHandle { .. }
            | Mistake::ForeignValue { .. }
            | Mistake::NotProvidedByHandle { .. } => self.about_state(f),
            Mistake::Cycle { walk, .. } => match walk.as_slice() {
                [only] => write!(f, "plugin `{}` depends on itself", only.plugin),
                _ => write!(
                    f,
                    "plugin `{}` depends on itself, through {}",
                    walk.first()
                        .map(|first| first.plugin.to_string())
                        .unwrap_or_default(),
                    text::count(walk.len().saturating_sub(1), "other plugin")
                ),
            },
            Mistake::DuplicateName { name, places } => {
                write!(f, "{} called `{name}`", are(places.len()))
            }
            Mistake::NotInList { name, .. } => {
                write!(
                    f,
                    "plugin `{name}` is expected, and is not part of this app"
                )
            }
            Mistake::BadName { place } => {
                write!(f, "{:?} can't be the name of a plugin", place.plugin.base())
            }
            Mistake::BadScope { name, .. } => {
                write!(f, "{name:?} can't be the name of a scope")
            }
            Mistake::DuplicateScope { name, at } => {
                write!(f, "{} scopes are called `{name}`", at.len())
            }
            Mistake::UnusedProvider { place, states } => write!(
                f,
                "plugin `{}` provides {}, and no plugin of this app asks for {}",
                place.plugin,
                list_states(states),
                pronoun(states)
            ),
            Mistake::ForeignOrder { place, earlier } => write!(
                f,
                "plugin `{}` is to load after `{earlier}` of another app",
                place.plugin
            ),
            #[cfg(feature = "config")]
            Mistake::Configuration { fault } => write!(f, "{fault}"),
            Mistake::ConditionPanicked {
                place,
                predicate,
                message,
                ..
            } => write!(
                f,
                "plugin `{}` asks `{predicate}` whether it is switched on, and that panicked: {message}",
                place.plugin
            ),
            Mistake::DuplicateService { name, at } => {
                write!(f, "{} services are called `{name}`", at.len())
            }
        }
    }

    /// The first line of those that are about a state.
    fn about_state(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mistake::MissingProvider {
                state, dependents, ..
            } => write!(
                f,
                "{} the {}, and nothing in this app provides it",
                asking(dependents),
                state.described()
            ),
            Mistake::AmbiguousProvider {
                state,
                dependents,
                candidates,
                ..
            } => write!(
                f,
                "{} the {}, and {} in this app provide it",
                asking(dependents),
                state.described(),
                text::count(candidates.len(), "plugin")
            ),
            Mistake::SuppliedTwice { state, at } => {
                write!(
                    f,
                    "the {} is supplied {} times",
                    state.described(),
                    at.len()
                )
            }
            Mistake::ForeignHandle {
                dependent,
                state,
                is_dropped,
                ..
            } => write!(
                f,
                "plugin `{}` holds a handle to the {} of {}",
                dependent.plugin,
                state.described(),
                if *is_dropped {
                    "a registration that was dropped with its app"
                } else {
                    "another app"
                }
            ),
            Mistake::ForeignValue { dependent, state } => write!(
                f,
                "plugin `{}` holds a {} that another app has made",
                dependent.plugin,
                state.described(),
            ),
            Mistake::NotProvidedByHandle {
                dependent,
                state,
                provider,
            } => write!(
                f,
                "plugin `{}` expects the {} from `{}`, which does not provide it",
                dependent.plugin,
                state.described(),
                provider.plugin
            ),
            _ => Ok(()),
        }
    }
}

/// The state `A`; the states `A`, `B` and the port `C`.
pub(super) fn list_states(states: &[StateKey]) -> String {
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

/// What stands for so many states.
pub(super) fn pronoun(states: &[StateKey]) -> &'static str {
    if states.len() == 1 {
        "it"
    } else {
        "any of them"
    }
}

fn asking(dependents: &[Dependent]) -> String {
    match dependents {
        [] => "somebody needs".to_owned(),
        [only] => format!("plugin `{}` needs", only.plugin),
        [first, rest @ ..] => format!(
            "plugin `{}` and {} need",
            first.plugin,
            text::count(rest.len(), "other field")
        ),
    }
}

fn are(n: usize) -> String {
    format!("{n} plugins are")
}
