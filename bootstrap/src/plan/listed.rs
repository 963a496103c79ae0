//! Whether an app holds exactly the plugins of a list.

use crate::base::diagnostic::{Code, Diagnostic};
use crate::base::name::PluginName;
use crate::base::text::{self, nearest};
use crate::collect::{Roster, Source, linked_as};
use crate::declare::Declaration;
use crate::plan::family;
use crate::plan::named::Named;
use crate::plan::unused;
use crate::plan::words::place;
use crate::report::PluginLocation;

/// What a list of names and the plugins of an app have against each other, in words; `None` if they
/// are the same.
///
/// A name stands for the plugin that messages call so, or for all instances of one. What is supplied,
/// what a plugin is declared to bring with it, and what is disabled, may be listed; barriers are
/// no plugins.
pub(crate) fn differences(roster: Roster, list: &[&str]) -> Option<String> {
    let (named, skipped) = unused::leave_out(Named::new(roster));
    let held = Held {
        named: &named,
        skipped: &skipped,
    };
    let differences = [held.missing(list), held.unexpected(list), twice(list)];
    let mut blocks: Vec<String> = differences.into_iter().flatten().collect();
    if blocks.is_empty() {
        return None;
    }
    blocks.push(held.whole_list());
    Some(blocks.join("\n\n"))
}

/// What an app holds.
struct Held<'a> {
    named: &'a Named,
    skipped: &'a [PluginName],
}

/// Why a plugin is not there.
enum Absent {
    /// It is not known; there may be one of nearly that name.
    Unknown(Option<String>),
    Known(String),
}

impl Held<'_> {
    /// Everything but barriers.
    fn plugins(&self) -> impl Iterator<Item = u32> {
        let numbers = self.named.numbers();
        numbers.filter(|number| !self.named.is_barrier(*number))
    }

    /// What has to be listed, by name: what is supplied stands next to the list already.
    fn to_list(&self) -> impl Iterator<Item = u32> {
        let source = |number: &u32| self.named.member(*number).source;
        let plugins = self.plugins();
        plugins.filter(move |number| !matches!(source(number), Source::Supplied { .. }))
    }

    fn has(&self, listed: &str) -> bool {
        let mut plugins = self.plugins();
        let mut off = self.named.roster.off.iter();
        plugins.any(|number| means(listed, self.named.name(number)))
            || self.brings(listed)
            || off.any(|off| means(listed, &off.name))
    }

    /// Whether a plugin is declared to bring one of this name with it.
    fn brings(&self, listed: &str) -> bool {
        family::kin(self.named)
            .iter()
            .any(|child| child.name == *listed)
    }

    fn missing(&self, list: &[&str]) -> Option<String> {
        let mut missing = list.to_vec();
        missing.retain(|listed| !self.has(listed));
        missing.sort_unstable();
        missing.dedup();
        let reasons: Vec<Absent> = missing.iter().map(|listed| self.why(listed)).collect();
        let lines = missing.iter().zip(&reasons).map(|(listed, why)| match why {
            Absent::Unknown(None) => format!("`{listed}`"),
            Absent::Unknown(Some(near)) => {
                format!("`{listed}`: there is a plugin `{near}`: was that meant?")
            }
            Absent::Known(why) => format!("`{listed}`: {why}"),
        });
        let unknown = reasons
            .iter()
            .filter(|why| matches!(why, Absent::Unknown(_)));
        let help = match (unknown.count(), self.named.roster.collected) {
            (0, _) => "change the list, or what is part of the app",
            (1, true) => {
                "if nothing refers to its crate, the linker leaves it out: write \
                 `bootstrap::link!(its_crate);` or `use its_crate as _;` next to `main`, and \
                 `verify!` into the crate of `main` (another test binary links other crates); if \
                 it is `collect = never`, register it; if a plugin registers it while that loads, \
                 take it off the list"
            }
            (_, true) => {
                "the linker leaves out crates that nothing refers to: write \
                 `bootstrap::link!(one, another);` next to `main`, and `verify!` into the crate \
                 of `main` (another test binary links other crates); register those that are \
                 `collect = never`; take those off the list that a plugin registers while it loads"
            }
            (1, false) => {
                "this app holds only what is registered, and what that needs: register it; if a \
                 plugin registers it while that loads, take it off the list"
            }
            (_, false) => {
                "this app holds only what is registered, and what that needs: register them; take \
                 those off the list that a plugin registers while it loads"
            }
        };
        let what = "that the list of `verify!` names";
        block(
            (what, "not part of this app"),
            "missing",
            lines.collect(),
            help,
        )
    }

    /// Why a plugin of this name is not part of the app, if that can be told.
    fn why(&self, listed: &str) -> Absent {
        if self.skipped.iter().any(|skipped| means(listed, skipped)) {
            let why = "no plugin needs it, and this app leaves such plugins out (`Unused::Skip`)";
            return Absent::Known(why.into());
        }
        let linked = linked_as(listed);
        if let Some(declaration) = linked.first() {
            return Absent::Known(self.why_linked(declaration));
        }
        Absent::Unknown(self.near(listed))
    }

    /// Why a plugin that is linked is not part of the app.
    fn why_linked(&self, declaration: &Declaration) -> String {
        if declaration.is_section {
            return format!(
                "it is a section of the configuration ({}), and joins an app that has one \
                 (`.configure(..)`) and a plugin that requires it",
                declaration.location
            );
        }
        let at = format!("it is linked ({})", declaration.location);
        let mut numbers = self.plugins();
        let member = |number: &u32| self.named.member(*number);
        if let Some(number) = numbers.find(|it| member(it).identity == declaration.plugin) {
            return format!("{at}, and is called {} here", self.place(number));
        }
        let is_replaced = |it: &u32| member(it).descriptor.replaces() == Some(declaration.plugin);
        if let Some(number) = self.plugins().find(is_replaced) {
            return format!("{at}, and {} replaces it", self.place(number));
        }
        if !self.named.roster.collected {
            return format!("{at}, and this app does not collect what is linked: register it");
        }
        let provides = |it: &u32| {
            let states = member(it).descriptor.states();
            states
                .iter()
                .any(|state| declaration.provides.contains(state))
        };
        if let Some(number) = self.plugins().find(provides) {
            return format!("{at}, and {} provides what it would", self.place(number));
        }
        format!("{at}, and nothing in this app needs it any more")
    }

    /// A plugin of nearly this name, or of this name in a scope.
    fn near(&self, listed: &str) -> Option<String> {
        let plugins = self.plugins().map(|it| self.named.name(it));
        let names: Vec<String> = plugins.map(PluginName::to_string).collect();
        let is_scoped = |name: &&String| name.rsplit('/').next() == Some(listed);
        let scoped = names.iter().find(is_scoped).map(String::as_str);
        let near = scoped.or_else(|| nearest(listed, names.iter().map(String::as_str)));
        near.map(str::to_owned)
    }

    fn unexpected(&self, list: &[&str]) -> Option<String> {
        let is_listed = |number: &u32| {
            let name = self.named.name(*number);
            list.iter().any(|listed| means(listed, name))
        };
        let unexpected = self.to_list().filter(|number| !is_listed(number));
        let unexpected: Vec<PluginLocation> = unexpected.map(|number| self.place(number)).collect();
        let all_registered = unexpected.iter().all(|it| it.registered.is_some());
        let help = match (unexpected.len(), all_registered) {
            (1, true) => "add it to the list, or do not register it",
            (_, true) => "add them to the list, or do not register them",
            (1, false) => {
                "add it to the list; or, if it is no part of this app, take its crate out of \
                 `link!`, or mark it with `collect = never`"
            }
            (_, false) => {
                "add them to the list; or, if they are no part of this app, take their crates out \
                 of `link!`, or mark them with `collect = never`"
            }
        };
        let lines = unexpected.iter().map(PluginLocation::to_string);
        let what = ("of this app", "not in the list of `verify!`");
        block(what, "unexpected", lines.collect(), help)
    }

    /// The list that would do.
    fn whole_list(&self) -> String {
        let names = self.to_list();
        let mut names: Vec<&PluginName> = names.map(|it| self.named.name(it)).collect();
        names.sort_unstable();
        format!("the plugins of this app: {names:?}")
    }

    fn place(&self, number: u32) -> PluginLocation {
        place(self.named, number)
    }
}

/// Plugins of which one thing is wrong, a line for each; `None` if there are none.
fn block(
    (which, what): (&str, &str),
    label: &'static str,
    lines: Vec<String>,
    help: &str,
) -> Option<String> {
    let these = text::count(lines.len(), "plugin");
    let are = if lines.len() == 1 { "is" } else { "are" };
    let is_any = !lines.is_empty();
    let new = Diagnostic::new(
        Code::NotInList,
        format!("{these} {which} {are} {what}"),
        help,
    );
    let told = lines
        .into_iter()
        .fold(new, |told, line| told.note(label, line));
    is_any.then(|| told.to_string())
}

/// Whether a name in a list stands for a plugin: it is that of the plugin, or of all instances.
fn means(listed: &str, name: &PluginName) -> bool {
    *name == *listed || name.base() == listed
}

/// Names that are listed several times, perhaps for several instances.
fn twice(list: &[&str]) -> Option<String> {
    let mut sorted = list.to_vec();
    sorted.sort_unstable();
    let groups = sorted.chunk_by(|left, right| left == right);
    let twice: Vec<&str> = groups.filter(|it| it.len() > 1).map(|it| it[0]).collect();
    let name = twice.first()?.split('#').next()?;
    let title = format!(
        "the list of `verify!` names {} more than once",
        text::names(&twice)
    );
    let help = format!(
        "list it once for all its instances, or each instance: `\"{name}#1\", \"{name}#2\"`"
    );
    Some(Diagnostic::new(Code::NotInList, title, help).to_string())
}
