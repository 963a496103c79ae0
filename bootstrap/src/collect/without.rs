//! Types of plugins that are disabled in all of an app.

use crate::base::location::Location;
use crate::collect::conditions::Reason;
use crate::collect::entry::Entry;
use crate::collect::roster::{Roster, Source};
use crate::declare::Identity;

/// One such type.
pub(super) struct Without {
    pub(super) plugin: Identity,
    pub(super) reason: Reason,
    /// The call that says so.
    pub(super) at: Location,
}

/// Those of which there is no plugin: none was registered, none would be collected, and no
/// member is declared to bring one.
pub(super) fn absent(
    without: &[Without],
    entries: &[Entry],
    roster: &Roster,
) -> Vec<(Identity, Location)> {
    let is_there = |plugin: Identity| {
        let is_collected = |source: Source| match source {
            Source::Collected(declaration) => declaration.plugin == plugin,
            Source::Registered { .. } | Source::Supplied { .. } => false,
        };
        entries.iter().any(|entry| entry.identity == plugin)
            || roster.off.iter().any(|off| is_collected(off.source))
            || roster
                .children
                .iter()
                .any(|child| child.declaration.plugin == plugin)
    };
    let absent = without.iter().filter(|it| !is_there(it.plugin));
    absent.map(|it| (it.plugin, it.at)).collect()
}
