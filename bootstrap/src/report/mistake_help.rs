//! What to do about mistakes.

use std::borrow::Cow;

use crate::base::name::PluginName;
use crate::report::mistake::{Found, Mistake, NameKind, PluginLocation, TooLate};

impl Mistake {
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
            Mistake::UnknownChoice {
                near: Some(near),
                only_case: true,
                ..
            } => return format!("write `{near}`: upper and lower case have to match").into(),
            Mistake::UnknownChoice { known, near, .. } => {
                return help_to_choose(known, near.as_deref());
            }
            Mistake::RegisteredTooLate { parent, why, .. } => return help_in_time(parent, why),
            Mistake::AwaitsDisabled { help, .. } => {
                return format!("{help}; or do not await a child that is disabled").into();
            }
            Mistake::WaitsForItself { .. } => {
                "let the child register what it needs through its own context"
            }
            Mistake::NeedsAncestor { .. } => {
                "give the child what it needs as an option, or register it elsewhere"
            }
            Mistake::StatesDiffer { .. } => {
                "return each state that the descriptor provides, once, and no other"
            }
        };
        Cow::Borrowed(help)
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
            "remove or rename one of the plugins, or give its registration a name: \
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
