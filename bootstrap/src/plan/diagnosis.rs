//! The whole diagnosis of a mistake: places, ways, and what to do.

use std::borrow::Cow;
use std::fmt;

use crate::base::name::PluginName;
use crate::base::text;
use crate::plan::error::{Dependent, Mistake, PluginLocation};

impl fmt::Debug for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {self}", self.code())?;
        write_evidence(f, self)?;
        write!(f, "\n  help: {}", text::line(&help(self)))
    }
}

/// Who and where, one thing on a line.
fn write_evidence(f: &mut fmt::Formatter<'_>, error: &Mistake) -> fmt::Result {
    match error {
        Mistake::MissingProvider {
            dependents, near, ..
        } => {
            write_askers(f, dependents)?;
            near.iter()
                .try_for_each(|near| write!(f, "\n  near: {}", text::line(near)))
        }
        Mistake::AmbiguousProvider {
            dependents,
            candidates,
            ..
        } => {
            write_askers(f, dependents)?;
            let mut candidates = candidates.iter();
            candidates.try_for_each(|candidate| write!(f, "\n  provided by: {candidate}"))
        }
        Mistake::Cycle {
            walk,
            reasons,
            way,
            others,
            ..
        } => {
            write_cycle(f, walk, reasons, way)?;
            if *others > 0 {
                let others = text::count(*others, "other plugin");
                write!(f, "\n  in further cycles with these: {others}")?;
            }
            Ok(())
        }
        Mistake::DuplicateName { places, .. } => {
            let mut places = places.iter();
            places.try_for_each(|place| write!(f, "\n  --> {}", with_registration(place)))
        }
        Mistake::SuppliedTwice { at, .. }
        | Mistake::BadScope { at, .. }
        | Mistake::DuplicateScope { at, .. } => {
            let mut at = at.iter();
            at.try_for_each(|at| write!(f, "\n  --> {at}"))
        }
        Mistake::NotInList { .. } => Ok(()),
        Mistake::BadName { place }
        | Mistake::UnusedProvider { place, .. }
        | Mistake::ForeignOrder { place, .. } => {
            write!(f, "\n  --> {}", with_registration(place))
        }
        Mistake::ForeignHandle {
            dependent,
            provider,
            ..
        }
        | Mistake::NotProvidedByHandle {
            dependent,
            provider,
            ..
        } => {
            write_askers(f, std::slice::from_ref(dependent))?;
            write!(f, "\n  aimed at: {provider}")
        }
        Mistake::ForeignValue { dependent, .. } => write_askers(f, std::slice::from_ref(dependent)),
        #[cfg(feature = "config")]
        Mistake::Configuration { fault } => fault.write_evidence(f),
        Mistake::ConditionPanicked { at, .. } => write!(f, "\n  --> {at}"),
        Mistake::DuplicateService { at, .. } => {
            for at in at {
                write!(f, "\n  --> {at}")?;
            }
            Ok(())
        }
    }
}

/// What to do.
fn help(error: &Mistake) -> Cow<'_, str> {
    let help = match error {
        Mistake::MissingProvider { help, .. }
        | Mistake::AmbiguousProvider { help, .. }
        | Mistake::Cycle {
            cut: Some(help), ..
        } => help,
        Mistake::Cycle { cut: None, .. } => {
            "one of them must do without another: take a field away, or move what both need into a \
             plugin of its own"
        }
        Mistake::DuplicateName { .. } => {
            "rename one of the plugins, or give its registration a name: \
             `app.register(..).named(\"..\")`"
        }
        Mistake::SuppliedTwice { .. } => {
            "an app, or a scope of it, has one value from outside for each: take one away"
        }
        Mistake::NotInList {
            near: Some(near),
            collected,
            ..
        } => {
            // Crates of one kind have names that are near, and one of them may be forgotten.
            let link = " If not, link its crate: `bootstrap::link!(its_crate);` next to `main`";
            let link = if *collected { link } else { "" };
            return format!("there is a plugin `{near}`: was that meant?{link}").into();
        }
        Mistake::NotInList {
            collected: false, ..
        } => "this app holds only what is registered: register it",
        Mistake::NotInList { .. } => {
            "if nothing refers to its crate, the linker leaves it out: write \
             `bootstrap::link!(its_crate);` next to `main`; if it is `collect = false`, register it"
        }
        Mistake::BadName { .. } => {
            "a name is one word: at least one character, no spaces, no `#` (it numbers instances), \
             no backtick"
        }
        Mistake::BadScope { .. } => {
            "a name is one word: at least one character, no spaces, no `/` (it stands before the \
             names of what is in a scope), no `#`, no backtick"
        }
        Mistake::DuplicateScope { .. } => {
            "a scope is opened once: register everything in one call, or give each a name of its own"
        }
        Mistake::UnusedProvider { place, .. } if place.registered.is_some() => {
            "do not register it; or, if it is there for its own sake, name it in `.expect([..])`"
        }
        Mistake::UnusedProvider { .. } => {
            "mark it with `collect = false`; or, if it is there for its own sake, name it in \
             `.expect([..])`"
        }
        Mistake::ForeignOrder { .. } => "two apps are in no order; name a registration of this app",
        Mistake::ForeignHandle { .. } => "take the handle from a registration of this app",
        Mistake::ForeignValue { .. } => {
            "take the handle from a registration of this app, or give the value to this app with \
             `supply`"
        }
        Mistake::NotProvidedByHandle { .. } => "add the state to what its descriptor provides",
        #[cfg(feature = "config")]
        Mistake::Configuration { fault } => fault.help(),
        Mistake::ConditionPanicked { .. } => "a predicate returns an answer, and does not panic",
        Mistake::DuplicateService { .. } => "rename one of them, or take it away",
    };
    Cow::Borrowed(help)
}

/// How many dependents are shown after the first.
const SHOWN: usize = 9;

fn with_registration(place: &PluginLocation) -> String {
    match place.registered {
        Some(at) if at != place.declared => {
            format!("{} (registered at {at})", place.declared)
        }
        _ => place.declared.to_string(),
    }
}

fn write_askers(f: &mut fmt::Formatter<'_>, dependents: &[Dependent]) -> fmt::Result {
    let Some((first, others)) = dependents.split_first() else {
        return Ok(());
    };
    write!(f, "\n  --> {} (field `{}`)", first.declared, first.field)?;
    if let Some(at) = first.registered {
        write!(f, "\n  registered at: {at}")?;
    }
    if first.way.len() > 1 {
        write!(f, "\n  wanted by: {}", arrows(&first.way))?;
    }
    for other in others.iter().take(SHOWN) {
        write!(
            f,
            "\n  also wanted by: `{}` ({}, field `{}`)",
            other.plugin, other.declared, other.field
        )?;
    }
    match others.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, "\n  and by {}", text::count(more, "other field")),
    }
}

fn write_cycle(
    f: &mut fmt::Formatter<'_>,
    walk: &[PluginLocation],
    reasons: &[String],
    way: &[PluginName],
) -> fmt::Result {
    let nexts = walk.iter().cycle().skip(1);
    for ((place, next), reason) in walk.iter().zip(nexts).zip(reasons) {
        let reason = text::line(reason);
        write!(f, "\n  `{}` -> `{}`: {reason}", place.plugin, next.plugin)?;
    }
    if !way.is_empty() {
        write!(f, "\n  reached by: {} -> ..", arrows(way))?;
    }
    Ok(())
}

fn arrows(names: &[PluginName]) -> String {
    let names: Vec<String> = names.iter().map(PluginName::to_string).collect();
    names.join(" -> ")
}
