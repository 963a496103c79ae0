//! Mistakes in words: what is wrong, places, ways, and what to do.

use std::borrow::Cow;

use crate::base::diagnostic::{Diagnose, Diagnostic};
use crate::base::location::Location;
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
            Mistake::DuplicateService { name, at } => {
                format!("{} services are called `{name}`", at.len())
            }
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
                    told.note("provided by", candidate.to_string())
                }),
            Mistake::Cycle {
                steps, way, others, ..
            } => show_cycle(told, steps, way, *others),
            Mistake::DuplicateName { places, .. } | Mistake::InvalidName { places, .. } => {
                places.iter().fold(told, show_place)
            }
            Mistake::SuppliedTwice { at, .. } | Mistake::DuplicateService { at, .. } => {
                at.iter().fold(told, |told, at| told.spot(*at, None))
            }
            Mistake::UnusedProvider { place, .. }
            | Mistake::ForeignOrder { place, .. }
            | Mistake::StatesDiffer { place, .. } => show_place(told, place),
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
            | Mistake::WaitsForItself { .. } => told,
        }
    }

    /// What to do.
    pub(crate) fn help(&self) -> Cow<'_, str> {
        let help = match self {
            Mistake::MissingProvider { help, .. }
            | Mistake::AmbiguousProvider { help, .. }
            | Mistake::Cycle {
                cut: Some(help), ..
            } => help,
            Mistake::Cycle {
                cut: None, found, ..
            } => help_with_cycle(found),
            Mistake::DuplicateName { kind, found, .. } => help_to_rename(*kind, found),
            Mistake::SuppliedTwice { .. } => {
                "an app, or a scope of it, has one value from outside for each: take one away"
            }
            Mistake::NotInList {
                near, collected, ..
            } => return help_to_link(near.as_deref(), *collected),
            Mistake::InvalidName {
                kind: NameKind::OfPlugin,
                ..
            } => {
                "a name is one word: at least one character, no spaces, no `#` (it numbers \
                 instances), no backtick"
            }
            Mistake::InvalidName {
                kind: NameKind::OfScope,
                ..
            } => {
                "a name is one word: at least one character, no spaces, no `/` (it separates the name of \
                 a scope from those of its plugins), no `#`, no backtick"
            }
            Mistake::UnusedProvider { place, .. } if place.registered.is_some() => {
                "do not register it; or, if it is there for its own sake, name it in `.expect([..])`"
            }
            Mistake::UnusedProvider { .. } => {
                "mark it with `collect = never`; or, if it is there for its own sake, name it in \
                 `.expect([..])`"
            }
            Mistake::ForeignOrder { .. } => {
                "plugins of different apps cannot be ordered: name a registration of this app"
            }
            Mistake::ForeignHandle {
                origin: Some(_), ..
            } => "take the handle from a registration of this app",
            Mistake::ForeignHandle {
                origin: None,
                found: Found::Plan,
                ..
            } => {
                "take the handle from a registration of this app, or give the value to this app with \
                 `supply`"
            }
            Mistake::ForeignHandle {
                origin: None,
                found: Found::Load { .. },
                ..
            } => {
                "take the handle from a registration of this app, after the last restart of its plugin"
            }
            Mistake::NotProvidedByHandle { .. } => "add the state to what its descriptor provides",
            #[cfg(feature = "config")]
            Mistake::Configuration { fault, .. } => fault.help(),
            Mistake::ConditionPanicked { .. } => "let the predicate return `false` instead",
            Mistake::UnknownChoice { known, near, .. } => {
                return help_to_choose(known, near.as_deref());
            }
            Mistake::RegisteredTooLate { parent, why, .. } => return help_in_time(parent, why),
            Mistake::WaitsForItself { .. } => {
                "let the child register what it needs through its own context"
            }
            Mistake::NeedsAncestor { .. } => {
                "give the child what it needs as an option, or register it elsewhere"
            }
            Mistake::StatesDiffer { .. } => {
                "return each state that the descriptor provides, once, and no other"
            }
            Mistake::DuplicateService { .. } => "rename one of them, or take it away",
        };
        Cow::Borrowed(help)
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

fn help_in_time(parent: &PluginName, why: &TooLate) -> Cow<'static, str> {
    match why {
        TooLate::ParentLoaded => {
            format!("plugins join an app only while it boots: register it before `load` of `{parent}` returns").into()
        }
        TooLate::Stopping(_) => "register it before the app is asked to stop".into(),
        TooLate::BootEnded => {
            format!("await it in `load` of `{parent}`, while the app boots").into()
        }
    }
}

fn help_with_cycle(found: &Found) -> &'static str {
    match found {
        Found::Plan => {
            "one of them must do without another: take a field away, or move what both need into a \
             plugin of its own"
        }
        Found::Load { .. } => "register it elsewhere, or take a field of one of them away",
    }
}

fn help_to_rename(kind: NameKind, found: &Found) -> &'static str {
    match (kind, found) {
        (NameKind::OfScope, _) => {
            "a scope is opened once: register everything in one call, or give each a name of its own"
        }
        (NameKind::OfPlugin, Found::Plan) => {
            "rename one of the plugins, or give its registration a name: \
             `app.register(..).named(\"..\")`"
        }
        (NameKind::OfPlugin, Found::Load { .. }) => {
            "give it another name: `cx.register(..).named(\"..\")`"
        }
    }
}

fn help_to_link(near: Option<&str>, collected: bool) -> Cow<'static, str> {
    match (near, collected) {
        (Some(near), collected) => {
            // Crates of one kind have names that are near, and one of them may be forgotten.
            let link = " If not, link its crate: `bootstrap::link!(its_crate);` next to `main`";
            let link = if collected { link } else { "" };
            format!("there is a plugin `{near}`: was that meant?{link}").into()
        }
        (None, false) => "this app holds only what is registered: register it".into(),
        (None, true) => "if nothing refers to its crate, the linker leaves it out: write \
             `bootstrap::link!(its_crate);` next to `main`; if it is `collect = never`, register it"
            .into(),
    }
}

fn help_to_choose(known: &[(String, PluginLocation)], near: Option<&str>) -> Cow<'static, str> {
    match (known, near) {
        (_, Some(near)) => format!("did you mean `{near}`? Correct the value").into(),
        ([], None) => "link the crate of a plugin that it chooses: `bootstrap::link!(its_crate);` \
             next to `main`"
            .into(),
        (_, None) => {
            "set one of the known values, or link the crate of the plugin that it chooses: \
             `bootstrap::link!(its_crate);` next to `main`"
                .into()
        }
    }
}

/// How many dependents are shown after the first.
const SHOWN: usize = 9;

fn show_place(told: Diagnostic, place: &PluginLocation) -> Diagnostic {
    let registered = place.registered_elsewhere();
    told.spot(place.declared, registered.map(registered_at))
}

fn registered_at(at: Location) -> String {
    format!("registered at {at}")
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
