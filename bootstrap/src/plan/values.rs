//! Whether the configuration has what the plugins of an app read.

use std::sync::Arc;

use crate::base::apart::Doing;
use crate::base::name::PluginName;
use crate::base::text;
use crate::collect::{Member, Off, Roster, Source, linked_readers};
use crate::declare::{By, Declaration, Outside};
use crate::plan::schedule::{Plan, PlanWarning};
use crate::values::{ConfigFault, Fault, Key, Known, Layers, Reads, Stray, blocked, is_there};

/// All readers of the configuration.
#[derive(Default)]
pub(crate) struct Readers {
    readers: Vec<Reader>,
    /// Keys that are known and not read: those of plugins that are disabled, or linked
    /// and no part of the app.
    idle: Vec<Key>,
}

struct Reader {
    name: PluginName,
    declaration: &'static Declaration,
    prefix: Option<Arc<str>>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Registered,
    /// Its options have no values from code.
    Collected,
    /// It will be registered, and its options are not known.
    Child,
}

impl Reader {
    fn of(member: &Member, name: &PluginName) -> Option<Self> {
        Some(Self {
            name: name.clone(),
            declaration: member.descriptor.declaration()?,
            prefix: member.prefix.clone(),
            kind: match member.source {
                Source::Collected(_) => Kind::Collected,
                Source::Registered { .. } | Source::Supplied { .. } => Kind::Registered,
            },
        })
    }
}

impl Readers {
    /// Those of a roster, whether or not there is a plan for it.
    pub(crate) fn of_roster(roster: &Roster) -> Self {
        let members = roster.members.iter();
        let mut readers: Vec<Reader> = members
            .filter_map(|member| Reader::of(member, &member.name))
            .collect();
        readers.extend(roster.children.iter().map(|child| {
            let parent = roster.members[child.member as usize].name.to_string();
            let name = PluginName::from(child.declaration.name);
            Reader::child(name.within(&parent), child.declaration)
        }));
        let idle = idle(&roster.off);
        let mut readers = Self { readers, idle };
        readers.sort();
        readers
    }

    /// Those of a plan: the same without those that it skips, and under their names in it.
    pub(crate) fn in_plan(self, plan: &Plan) -> Self {
        let nodes = plan.order();
        let members = nodes.map(|node| (plan.member(node.number()), node.name()));
        let mut readers = Self::running(members, plan);
        readers.idle = self.idle;
        readers.sort();
        readers
    }

    /// Those that run, as members with their names.
    pub(crate) fn running<'m>(
        members: impl Iterator<Item = (&'m Member, &'m PluginName)>,
        plan: &Plan,
    ) -> Self {
        let readers = members.filter_map(|(member, name)| Reader::of(member, name));
        let children = plan.children.iter();
        let children = children.map(|it| Reader::child(it.name.clone(), it.declaration));
        Self {
            readers: readers.chain(children).collect(),
            idle: plan.idle.clone(),
        }
    }

    fn sort(&mut self) {
        let place = |reader: &Reader| (reader.name.to_string(), reader.declaration.location);
        self.readers.sort_by_key(place);
    }

    /// Reads everything that anybody reads, and says what is wrong with it. Runs the user's code.
    pub(crate) fn check(
        &self,
        outside: &Outside,
        doing: &Doing,
    ) -> (Vec<ConfigFault>, Vec<PlanWarning>) {
        let Some(layers) = outside.layers() else {
            let lacking = self.readers.iter().flat_map(without_configuration);
            return (lacking.collect(), Vec::new());
        };
        let mut known = Known::default();
        let sources = Fault::of_sources(layers).into_iter();
        let mut faults: Vec<ConfigFault> = sources.map(|fault| fault.read_by(None)).collect();
        // What else is missing may be in the source that can't be read.
        let is_whole = faults.is_empty();
        let (mut found, mut closed) = (Vec::new(), Vec::new());
        for reader in &self.readers {
            found.extend(read(reader, layers, &mut known, &mut closed, doing));
        }
        for key in &self.idle {
            known.ask(key);
        }
        for declaration in linked_readers() {
            keys(declaration, None).for_each(|key| known.ask(&key));
        }
        found.retain(|(fault, _)| is_whole || !fault.is_missing());
        for (mut fault, reads) in found {
            fault.look_around(layers, &known);
            faults.push(fault.read_by(Some(&reads)));
        }
        let mut warnings = Vec::new();
        let strays = known.strays(layers);
        for stray in strays.all {
            match told(&stray, &closed) {
                Ok(fault) => faults.push(fault),
                Err(warning) => warnings.extend(warning),
            }
        }
        if strays.more > 0 {
            faults.push(Fault::more_unknown(strays.more).read_by(None));
        }
        (faults, warnings)
    }
}

impl Reader {
    fn child(name: PluginName, declaration: &'static Declaration) -> Self {
        Self {
            name,
            declaration,
            prefix: None,
            kind: Kind::Child,
        }
    }

    fn reads(&self, setting: &crate::declare::Setting) -> Reads {
        Reads {
            plugin: self.name.clone(),
            field: setting.field_text(),
            declared: setting.location,
        }
    }
}

/// The keys that plugins which are disabled would read.
pub(super) fn idle(off: &[Off]) -> Vec<Key> {
    let off = off.iter().filter_map(|off| {
        let declaration = off.descriptor.declaration()?;
        Some(keys(declaration, off.prefix.as_deref()))
    });
    off.flatten().collect()
}

/// The keys that a plugin reads.
fn keys<'p>(
    declaration: &'static Declaration,
    prefix: Option<&'p str>,
) -> impl Iterator<Item = Key> + use<'p> {
    let settings = declaration.settings.iter();
    let settings = settings.map(move |setting| setting.key(prefix));
    settings.chain(switch_key(declaration, prefix))
}

/// The key that switches a plugin on or off.
fn switch_key(declaration: &Declaration, prefix: Option<&str>) -> Option<Key> {
    match declaration.enabled.as_ref()?.by {
        By::Key { key, .. } => Some(Key::parse(key).below(prefix)),
        By::Predicate { .. } => None,
    }
}

/// Reads what one plugin reads. Notes the keys with their readers.
fn read(
    reader: &Reader,
    layers: &Layers,
    known: &mut Known,
    sections: &mut Vec<(Key, Reads)>,
    doing: &Doing,
) -> Vec<(Fault, Reads)> {
    let prefix = reader.prefix.as_deref();
    if let Some(key) = switch_key(reader.declaration, prefix) {
        known.ask(&key);
    }
    let mut faults = Vec::new();
    for setting in reader.declaration.settings {
        let key = setting.key(prefix);
        let is_set = is_there(layers, &key);
        sections.push((key.clone(), reader.reads(setting)));
        if let Some(fault) = blocked(layers, &key) {
            faults.push((fault, reader.reads(setting)));
            known.ask(&key);
            continue;
        }
        let may_be_missing = !setting.required || reader.kind == Kind::Child;
        if may_be_missing && !is_set {
            // What may be missing is known all the same, with all that would be read in it.
            let _ = setting.access.read(layers, &key, known);
            continue;
        }
        doing.now(format!("reads `{key}` for `{}`", reader.name));
        let found = setting.access.read(layers, &key, known).err();
        faults.extend(
            found
                .into_iter()
                .flatten()
                .map(|it| (it, reader.reads(setting))),
        );
    }
    faults
}

/// What can't be made, in an app without a configuration.
fn without_configuration(reader: &Reader) -> Vec<ConfigFault> {
    if reader.kind != Kind::Collected {
        return Vec::new();
    }
    let settings = reader.declaration.settings.iter();
    let required = settings.filter(|setting| setting.required);
    let fault = |setting: &crate::declare::Setting| {
        let fault = Fault::no_configuration(setting.key(None));
        fault.read_by(Some(&reader.reads(setting)))
    };
    required.map(fault).collect()
}

/// What is to be said of a key that is not read.
fn told(stray: &Stray, readers: &[(Key, Reads)]) -> Result<ConfigFault, Option<PlanWarning>> {
    if let Some(below) = &stray.below {
        return Err(Some(PlanWarning::NoTable {
            what: text::line(&stray.what()).into_owned(),
            table: stray.key.to_string(),
            variable: below.clone(),
        }));
    }
    if !stray.is_in_struct {
        return Err(stray.near.clone().map(|near| PlanWarning::Misspelt {
            what: text::line(&stray.what()).into_owned(),
            near: text::line(&near).into_owned(),
        }));
    }
    // The readers of the innermost section that it stands in.
    let around = readers.iter().filter(|(key, _)| stray.key.is_within(key));
    let reader = around.max_by_key(|(key, _)| key.depth());
    let near = stray.near.as_deref();
    let fault = Fault::unknown(stray.key.clone(), stray.origin.clone(), near);
    Ok(fault.read_by(reader.map(|(_, reads)| reads)))
}
