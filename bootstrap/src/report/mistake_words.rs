//! Mistakes in words: what is wrong, places, and ways.

use crate::base::diagnostic::{Diagnose, Diagnostic};
use crate::base::name::PluginName;
use crate::base::text;
use crate::report::mistake::{
    CycleStep, Dependent, Found, Mistake, NameKind, PluginLocation, TooLate, list_states, pronoun,
};

impl Diagnose for Mistake {
    fn diagnostic(&self) -> Diagnostic {
        let title = text::line(&self.title()).into_owned();
        let new = Diagnostic::new(self.code(), title, self.help());
        let told = self.evidence(new);
        match self.found() {
            Found::Load {
                parent: Some(parent),
            } => told.note("registered by", format!("`{parent}`, in its `load`")),
            Found::Load { parent: None } | Found::Plan => told,
        }
    }
}

impl Mistake {
    /// The first line.
    #[expect(clippy::too_many_lines, reason = "one arm for each mistake")]
    pub(super) fn title(&self) -> String {
        match self {
            Mistake::MissingProvider {
                state, dependents, ..
            } => format!(
                "{} the {}, and nothing in this app provides it",
                needing(dependents),
                state.described()
            ),
            Mistake::AmbiguousProvider {
                state,
                dependents,
                candidates,
                ..
            } => format!(
                "{} the {}, and {} in this app provide it",
                needing(dependents),
                state.described(),
                text::count(candidates.len(), "plugin")
            ),
            Mistake::Cycle { steps, .. } => match steps.as_slice() {
                [] => "plugins depend on each other in a cycle".to_owned(),
                [only] => format!("plugin `{}` depends on itself", only.plugin.plugin),
                [first, rest @ ..] => format!(
                    "plugin `{}` depends on itself, through {}",
                    first.plugin.plugin,
                    text::count(rest.len(), "other plugin")
                ),
            },
            Mistake::DuplicateName {
                kind, name, places, ..
            } => match kind {
                NameKind::OfPlugin => format!("{} plugins are called `{name}`", places.len()),
                NameKind::OfScope => format!("{} scopes are called `{name}`", places.len()),
            },
            Mistake::SuppliedTwice { state, at } => {
                format!("the {} is supplied {} times", state.described(), at.len())
            }
            Mistake::NotInList { name, .. } => {
                format!("plugin `{name}` is expected, and is not part of this app")
            }
            Mistake::InvalidName { kind, name, .. } => match kind {
                NameKind::OfPlugin => format!("{name:?} can't be the name of a plugin"),
                NameKind::OfScope => format!("{name:?} can't be the name of a scope"),
            },
            Mistake::UnusedProvider { place, states } => format!(
                "plugin `{}` provides {}, and no plugin of this app requires {}",
                place.plugin,
                list_states(states),
                pronoun(states)
            ),
            Mistake::ForeignOrder { place, earlier } => format!(
                "plugin `{}` is ordered after `{earlier}` of another app",
                place.plugin
            ),
            Mistake::ForeignHandle {
                dependent,
                state,
                origin,
                is_dropped,
                found,
            } => foreign(
                dependent,
                &state.described(),
                origin.is_some(),
                *is_dropped,
                found,
            ),
            Mistake::NotProvidedByHandle {
                dependent,
                state,
                provider,
            } => format!(
                "plugin `{}` expects the {} from `{}`, which does not provide it",
                dependent.plugin,
                state.described(),
                provider.plugin
            ),
            #[cfg(feature = "config")]
            Mistake::Configuration { fault, .. } => fault.to_string(),
            Mistake::ConditionPanicked {
                place,
                predicate,
                message,
                ..
            } => format!(
                "plugin `{}` asks `{predicate}` whether it is enabled, and that panicked: {message}",
                place.plugin
            ),
            Mistake::UnknownChoice { key, .. } => {
                format!("the value of `{key}` chooses no plugin of this app")
            }
            Mistake::RegisteredTooLate {
                plugin,
                parent,
                why,
            } => too_late(plugin.as_ref(), parent, why),
            Mistake::WaitsForItself { child, parent } => format!(
                "plugin `{child}` would wait for itself: it awaits the children of `{parent}`, which \
                 include it"
            ),
            Mistake::AwaitsDisabled {
                child,
                parent,
                because,
                ..
            } => format!(
                "plugin `{parent}` awaits its child `{child}`, which is disabled because {because}"
            ),
            Mistake::NeedsAncestor {
                dependent,
                state,
                ancestor,
            } => format!(
                "plugin `{}` needs the {} of `{ancestor}`, which registered it and loads only after it",
                dependent.plugin,
                state.described()
            ),
            Mistake::StatesDiffer {
                place,
                state,
                is_missing: true,
            } => format!(
                "plugin `{}` returned without the {}, which its descriptor provides",
                place.plugin,
                state.described()
            ),
            Mistake::StatesDiffer {
                place,
                state,
                is_missing: false,
            } => format!(
                "plugin `{}` returned the {}, which its descriptor does not provide, or twice",
                place.plugin,
                state.described()
            ),
        }
    }

    /// The plugins and the places.
    fn evidence(&self, told: Diagnostic) -> Diagnostic {
        match self {
            Mistake::MissingProvider {
                dependents, near, ..
            } => near
                .iter()
                .fold(show_dependents(told, dependents), |told, near| {
                    told.note("near", text::line(near))
                }),
            Mistake::AmbiguousProvider {
                dependents,
                candidates,
                ..
            } => candidates
                .iter()
                .fold(show_dependents(told, dependents), |told, candidate| {
                    told.note("provided by", candidate.among(candidates))
                }),
            Mistake::Cycle {
                steps, way, others, ..
            } => show_cycle(told, steps, way, *others),
            Mistake::DuplicateName { places, .. } | Mistake::InvalidName { places, .. } => places
                .iter()
                .fold(told, |told, place| show_place(told, place, places)),
            Mistake::SuppliedTwice { at, .. } => {
                at.iter().fold(told, |told, at| told.spot(*at, None))
            }
            Mistake::UnusedProvider { place, .. }
            | Mistake::ForeignOrder { place, .. }
            | Mistake::StatesDiffer { place, .. } => show_place(told, place, &[]),
            Mistake::ForeignHandle {
                dependent, origin, ..
            } => {
                let told = show_dependent(told, dependent);
                let origins = origin.iter();
                origins.fold(told, |told, it| told.note("aimed at", it.to_string()))
            }
            Mistake::NotProvidedByHandle {
                dependent,
                provider,
                ..
            } => show_dependent(told, dependent).note("aimed at", provider.to_string()),
            Mistake::NeedsAncestor { dependent, .. } => show_dependent(told, dependent),
            #[cfg(feature = "config")]
            Mistake::Configuration { fault, .. } => fault.evidence(told),
            Mistake::ConditionPanicked { at, .. } => told.spot(*at, None),
            Mistake::UnknownChoice {
                origin,
                known,
                near,
                ..
            } => show_choice(told, origin.as_deref(), known, near.as_deref()),
            Mistake::NotInList { .. }
            | Mistake::RegisteredTooLate { .. }
            | Mistake::AwaitsDisabled { .. }
            | Mistake::WaitsForItself { .. } => told,
        }
    }
}

fn foreign(
    dependent: &Dependent,
    state: &str,
    is_handle: bool,
    is_dropped: bool,
    found: &Found,
) -> String {
    let plugin = &dependent.plugin;
    match (is_handle, found) {
        (true, _) if is_dropped => format!(
            "plugin `{plugin}` holds a handle to the {state} of a registration that was dropped with \
             its app"
        ),
        (true, _) => format!("plugin `{plugin}` holds a handle to the {state} of another app"),
        (false, Found::Plan) => {
            format!("plugin `{plugin}` holds a {state} that another app has made")
        }
        (false, Found::Load { .. }) => format!(
            "plugin `{plugin}` holds a {state} that no plugin of this app has: another app made it, or \
             its plugin was restarted since"
        ),
    }
}

fn too_late(plugin: Option<&PluginName>, parent: &PluginName, why: &TooLate) -> String {
    let plugin = plugin.map_or_else(
        || format!("a child of `{parent}`"),
        |plugin| format!("plugin `{plugin}`"),
    );
    match why {
        TooLate::ParentLoaded => {
            format!("{plugin} was registered after its parent `{parent}` had loaded")
        }
        TooLate::Stopping(reason) => {
            format!("{plugin} was registered by `{parent}` when the app was stopping ({reason})")
        }
        TooLate::BootEnded => format!("the boot ended before {plugin} had loaded"),
    }
}

/// How many dependents are shown after the first.
const SHOWN: usize = 9;

fn show_place(told: Diagnostic, place: &PluginLocation, all: &[PluginLocation]) -> Diagnostic {
    let registered = place.registered_among(all);
    told.spot(
        place.declared,
        registered.map(|at| format!("registered at {at}")),
    )
}

fn show_dependent(told: Diagnostic, dependent: &Dependent) -> Diagnostic {
    show_dependents(told, std::slice::from_ref(dependent))
}

fn show_dependents(told: Diagnostic, dependents: &[Dependent]) -> Diagnostic {
    let Some((first, others)) = dependents.split_first() else {
        return told;
    };
    let mut told = told.spot(first.declared, Some(first.requirement()));
    if let Some(at) = first.registered {
        told = told.note("registered at", at.to_string());
    }
    if first.way.len() > 1 {
        told = told.note("wanted by", arrows(&first.way));
    }
    for other in others.iter().take(SHOWN) {
        let (plugin, at, what) = (&other.plugin, other.declared, other.requirement());
        told = told.note("also wanted by", format!("`{plugin}` ({at}, {what})"));
    }
    match others.len().saturating_sub(SHOWN) {
        0 => told,
        more => told.note("and by", text::count(more, "other field")),
    }
}

fn show_cycle(
    mut told: Diagnostic,
    steps: &[CycleStep],
    way: &[PluginName],
    others: usize,
) -> Diagnostic {
    let nexts = steps.iter().cycle().skip(1);
    for (step, next) in steps.iter().zip(nexts) {
        let (from, to) = (&step.plugin.plugin, &next.plugin.plugin);
        told = told.note(format!("`{from}` -> `{to}`"), text::line(&step.reason));
    }
    if !way.is_empty() {
        told = told.note("reached by", format!("{} -> ..", arrows(way)));
    }
    if others > 0 {
        let others = text::count(others, "other plugin");
        told = told.note("in further cycles with these", others);
    }
    told
}

fn show_choice(
    mut told: Diagnostic,
    origin: Option<&str>,
    known: &[(String, PluginLocation)],
    near: Option<&str>,
) -> Diagnostic {
    if let Some(origin) = origin {
        told = told.note("found", text::line(origin));
    }
    for (value, plugin) in known.iter().take(text::SHOWN) {
        let is_near = if near == Some(value) { "near" } else { "known" };
        told = told.note(is_near, format!("`{}` chooses {plugin}", text::line(value)));
    }
    match known.len().saturating_sub(text::SHOWN) {
        0 => told,
        more => told.note("and", text::count(more, "other value")),
    }
}

fn arrows(names: &[PluginName]) -> String {
    let names: Vec<String> = names.iter().map(PluginName::to_string).collect();
    names.join(" -> ")
}

fn needing(dependents: &[Dependent]) -> String {
    match dependents {
        [] => "a plugin needs".to_owned(),
        [only] => format!("plugin `{}` needs", only.plugin),
        [first, rest @ ..] => format!(
            "plugin `{}` and {} need",
            first.plugin,
            text::count(rest.len(), "other field")
        ),
    }
}
