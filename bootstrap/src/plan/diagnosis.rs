//! The whole diagnosis of a mistake: places, ways, and what to do.

use std::borrow::Cow;
use std::fmt;

use crate::base::name::PluginName;
use crate::base::text;
use crate::plan::error::{Asker, Place, PlanError};

impl fmt::Debug for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {self}", self.code())?;
        write_evidence(f, self)?;
        write!(f, "\n  help: {}", text::line(&help(self)))
    }
}

/// Who and where, one thing on a line.
fn write_evidence(f: &mut fmt::Formatter<'_>, error: &PlanError) -> fmt::Result {
    match error {
        PlanError::Missing { askers, near, .. } => {
            write_askers(f, askers)?;
            near.iter()
                .try_for_each(|near| write!(f, "\n  near: {}", text::line(near)))
        }
        PlanError::Ambiguous {
            askers, candidates, ..
        } => {
            write_askers(f, askers)?;
            let mut candidates = candidates.iter();
            candidates.try_for_each(|candidate| write!(f, "\n  provided by: {candidate}"))
        }
        PlanError::Circle {
            walk,
            reasons,
            way,
            others,
            ..
        } => {
            write_circle(f, walk, reasons, way)?;
            if *others > 0 {
                let others = text::count(*others, "other plugin");
                write!(f, "\n  in further circles with these: {others}")?;
            }
            Ok(())
        }
        PlanError::DuplicateName { places, .. } => {
            let mut places = places.iter();
            places.try_for_each(|place| write!(f, "\n  --> {}", with_registration(place)))
        }
        PlanError::SuppliedTwice { at, .. }
        | PlanError::BadScope { at, .. }
        | PlanError::DuplicateScope { at, .. } => {
            let mut at = at.iter();
            at.try_for_each(|at| write!(f, "\n  --> {at}"))
        }
        PlanError::Expected { .. } => Ok(()),
        PlanError::BadName { place }
        | PlanError::Unused { place, .. }
        | PlanError::ForeignOrder { place, .. } => {
            write!(f, "\n  --> {}", with_registration(place))
        }
        PlanError::ForeignHandle {
            asker, provider, ..
        }
        | PlanError::NotProvided {
            asker, provider, ..
        } => {
            write_askers(f, std::slice::from_ref(asker))?;
            write!(f, "\n  aimed at: {provider}")
        }
        PlanError::ForeignValue { asker, .. } => write_askers(f, std::slice::from_ref(asker)),
        #[cfg(feature = "config")]
        PlanError::Configuration { fault } => fault.write_evidence(f),
        PlanError::Condition { at, .. } => write!(f, "\n  --> {at}"),
        PlanError::DuplicateService { at, .. } => {
            for at in at {
                write!(f, "\n  --> {at}")?;
            }
            Ok(())
        }
    }
}

/// What to do.
fn help(error: &PlanError) -> Cow<'_, str> {
    let help = match error {
        PlanError::Missing { help, .. }
        | PlanError::Ambiguous { help, .. }
        | PlanError::Circle {
            cut: Some(help), ..
        } => help,
        PlanError::Circle { cut: None, .. } => {
            "one of them must do without another: take a field away, or move what both need into a \
             plugin of its own"
        }
        PlanError::DuplicateName { .. } => {
            "rename one of the plugins, or give its registration a name: \
             `app.register(..).named(\"..\")`"
        }
        PlanError::SuppliedTwice { .. } => {
            "an app, or a scope of it, has one value from outside for each: take one away"
        }
        PlanError::Expected {
            near: Some(near),
            collected,
            ..
        } => {
            // Crates of one kind have names that are near, and one of them may be forgotten.
            let link = " If not, link its crate: `bootstrap::link!(its_crate);` next to `main`";
            let link = if *collected { link } else { "" };
            return format!("there is a plugin `{near}`: was that meant?{link}").into();
        }
        PlanError::Expected {
            collected: false, ..
        } => "this app holds only what is registered: register it",
        PlanError::Expected { .. } => {
            "if nothing refers to its crate, the linker leaves it out: write \
             `bootstrap::link!(its_crate);` next to `main`; if it is `collect = false`, register it"
        }
        PlanError::BadName { .. } => {
            "a name is one word: at least one character, no spaces, no `#` (it numbers instances), \
             no backtick"
        }
        PlanError::BadScope { .. } => {
            "a name is one word: at least one character, no spaces, no `/` (it stands before the \
             names of what is in a scope), no `#`, no backtick"
        }
        PlanError::DuplicateScope { .. } => {
            "a scope is opened once: register everything in one call, or give each a name of its own"
        }
        PlanError::Unused { place, .. } if place.registered.is_some() => {
            "do not register it; or, if it is there for its own sake, name it in `.expect([..])`"
        }
        PlanError::Unused { .. } => {
            "mark it with `collect = false`; or, if it is there for its own sake, name it in \
             `.expect([..])`"
        }
        PlanError::ForeignOrder { .. } => {
            "two apps are in no order; name a registration of this app"
        }
        PlanError::ForeignHandle { .. } => "take the handle from a registration of this app",
        PlanError::ForeignValue { .. } => {
            "take the handle from a registration of this app, or give the value to this app with \
             `supply`"
        }
        PlanError::NotProvided { .. } => "add the state to what its descriptor provides",
        #[cfg(feature = "config")]
        PlanError::Configuration { fault } => fault.help(),
        PlanError::Condition { .. } => "a predicate returns an answer, and does not panic",
        PlanError::DuplicateService { .. } => "rename one of them, or take it away",
    };
    Cow::Borrowed(help)
}

/// How many askers are shown after the first.
const SHOWN: usize = 9;

fn with_registration(place: &Place) -> String {
    match place.registered {
        Some(at) if at != place.declared => {
            format!("{} (registered at {at})", place.declared)
        }
        _ => place.declared.to_string(),
    }
}

fn write_askers(f: &mut fmt::Formatter<'_>, askers: &[Asker]) -> fmt::Result {
    let Some((first, others)) = askers.split_first() else {
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

fn write_circle(
    f: &mut fmt::Formatter<'_>,
    walk: &[Place],
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
