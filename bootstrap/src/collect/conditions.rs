//! Which plugins are disabled, and why.
//!
//! Predicates are the user's code, and run under no lock: the roster is made as if every plugin
//! whose predicate is not known were on; then those are asked, and it is made again.

use std::any::TypeId;
use std::cell::RefCell;
#[cfg(feature = "config")]
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use crate::base::apart::Doing;
use crate::base::location::Location;
use crate::base::panic;
#[cfg(feature = "config")]
use crate::base::text::nearest;
#[cfg(feature = "config")]
use crate::collect::inventory::linked_readers;
use crate::declare::{By, Declaration, Outside, Switch};
#[cfg(feature = "config")]
use crate::values::{ConfigFault, Fault, Key, Known, Reads};

/// Why a plugin is off.
#[derive(Clone, Debug)]
pub(crate) struct Reason {
    /// As in "disabled because ..".
    pub(crate) because: String,
    /// How to enable it.
    pub(crate) help: String,
}

impl Reason {
    /// By a call in code.
    pub(super) fn said(because: &str, call: &str, at: Location) -> Self {
        Self {
            because: format!("{because} ({at})"),
            help: format!("take the `{call}` at {at} away"),
        }
    }
}

/// What a switch said.
enum Verdict {
    On,
    Off(Reason),
    Broken(Broken),
}

/// A switch that says nothing.
#[derive(Clone)]
pub(crate) struct Broken {
    pub(crate) declaration: &'static Declaration,
    pub(crate) why: Why,
}

#[derive(Clone)]
pub(crate) enum Why {
    Panicked {
        /// The predicate, as written.
        predicate: &'static str,
        at: Location,
        message: String,
    },
    #[cfg(feature = "config")]
    Fault(ConfigFault),
}

/// What all switches have said.
#[derive(Default)]
pub(crate) struct Verdicts {
    known: HashMap<Question, (&'static Declaration, Verdict)>,
    open: RefCell<Vec<Open>>,
}

/// A plugin whose switch has not been asked, and where its instance is configured from.
type Open = (&'static Declaration, Option<Arc<str>>);

/// A type of plugin, and where its instance is configured from.
type Question = (TypeId, Option<Arc<str>>);

impl Verdicts {
    /// Why a plugin is off, if that is known; if not, it will be asked.
    pub(super) fn off(
        &self,
        declaration: &'static Declaration,
        prefix: Option<&Arc<str>>,
    ) -> Option<&Reason> {
        declaration.enabled.as_ref()?;
        match self.known.get(&(declaration.plugin.id, prefix.cloned())) {
            Some((_, Verdict::Off(reason))) => Some(reason),
            Some((_, Verdict::On | Verdict::Broken(_))) => None,
            None => {
                let question = (declaration, prefix.cloned());
                self.open.borrow_mut().push(question);
                None
            }
        }
    }

    /// Whether a switch has not been asked.
    pub(crate) fn is_open(&self) -> bool {
        !self.open.borrow().is_empty()
    }

    /// Asks every switch that has not been asked. Runs the user's code. False if there was none.
    pub(crate) fn ask(&mut self, outside: &Outside, doing: &Doing) -> bool {
        let was_open = self.is_open();
        let open = std::mem::take(self.open.get_mut());
        for (declaration, prefix) in open {
            let question = (declaration.plugin.id, prefix.clone());
            if let (Some(switch), false) =
                (&declaration.enabled, self.known.contains_key(&question))
            {
                doing.now(match switch.by {
                    By::Predicate { text, .. } => {
                        format!("asks the predicate `{text}` of `{}`", declaration.name)
                    }
                    #[cfg(feature = "config")]
                    By::Key { key, .. } => format!("reads `{key}` for `{}`", declaration.name),
                });
                let verdict = ask(declaration, switch, outside, prefix.as_deref());
                self.known.insert(question, (declaration, verdict));
            }
        }
        was_open
    }

    /// Switches that say nothing, by the names of their plugins.
    pub(crate) fn broken(&self) -> Vec<Broken> {
        let mut broken: Vec<Broken> = self
            .known
            .values()
            .filter_map(|(_, verdict)| match verdict {
                Verdict::Broken(broken) => Some(broken.clone()),
                Verdict::On | Verdict::Off(_) => None,
            })
            .collect();
        broken.sort_by_key(|broken| (broken.declaration.name, broken.declaration.location));
        broken
    }
}

fn ask(
    declaration: &'static Declaration,
    switch: &Switch,
    outside: &Outside,
    prefix: Option<&str>,
) -> Verdict {
    // Only a key asks for them.
    let _ = (outside, prefix);
    let at = switch.location;
    match switch.by {
        By::Predicate { text, ask } => match panic::guard(|| ask().0) {
            Ok(Ok(())) => Verdict::On,
            Ok(Err(why)) => Verdict::Off(Reason {
                because: match why {
                    Some(why) => format!("`{text}` says: {why} ({at})"),
                    None => format!("`{text}` says so ({at})"),
                },
                help: format!("`{text}` decides ({at})"),
            }),
            Err(message) => Verdict::Broken(Broken {
                declaration,
                why: Why::Panicked {
                    predicate: text,
                    at,
                    message,
                },
            }),
        },
        #[cfg(feature = "config")]
        By::Key { key, is, otherwise } => {
            let asked = Asked {
                declaration,
                key: Key::parse(key).below(prefix),
                at,
            };
            by_key(&asked, is, otherwise, outside)
        }
    }
}

/// A key of the configuration that decides about a plugin.
#[cfg(feature = "config")]
struct Asked {
    declaration: &'static Declaration,
    key: Key,
    /// Where the attribute names it.
    at: Location,
}

#[cfg(feature = "config")]
fn by_key(asked: &Asked, is: Option<&str>, otherwise: bool, outside: &Outside) -> Verdict {
    let Asked { key, .. } = asked;
    let set = outside.layers();
    let Some(layers) = set.filter(|layers| crate::values::is_there(layers, key)) else {
        return not_set(asked, is, otherwise, outside);
    };
    let origin = crate::values::origin(layers, key).unwrap_or_default();
    let read = match is {
        None => {
            let read = crate::values::read::<bool>(layers, key, &mut Known::default());
            read.map(|is_on| (is_on, "false".to_owned(), "true".to_owned()))
        }
        Some(value) => {
            let read = crate::values::read::<String>(layers, key, &mut Known::default());
            read.map(|read| {
                (
                    read == value,
                    format!("not `{value}`"),
                    format!("`{value}`"),
                )
            })
        }
    };
    match read {
        Ok((true, ..)) => Verdict::On,
        Ok((false, is, wanted)) => Verdict::Off(Reason {
            because: format!("`{key}` is {is} ({origin})"),
            help: format!("set `{key}` to {wanted}: {origin}"),
        }),
        Err(faults) => broken(asked, Fault::first(faults)),
    }
}

#[cfg(feature = "config")]
fn not_set(asked: &Asked, is: Option<&str>, otherwise: bool, outside: &Outside) -> Verdict {
    let Asked { key, at, .. } = asked;
    let layers = outside.layers();
    if let Some(fault) = layers.and_then(|it| crate::values::blocked(it, key)) {
        return broken(asked, fault);
    }
    if otherwise {
        return Verdict::On;
    }
    let wanted = is.map_or_else(String::new, |value| format!(" to `{value}`"));
    let help = match layers {
        Some(layers) => crate::values::help_to_set(key, layers),
        None => format!("give the app a configuration that sets it{wanted}: `.configure(..)`"),
    };
    Verdict::Off(Reason {
        because: format!("`{key}` is not set, and without it the plugin is disabled ({at})"),
        help,
    })
}

#[cfg(feature = "config")]
fn broken(asked: &Asked, fault: Fault) -> Verdict {
    let declaration = asked.declaration;
    let reads = Reads {
        plugin: declaration.name.into(),
        field: None,
        declared: asked.at,
    };
    let why = Why::Fault(fault.read_by(Some(&reads)));
    Verdict::Broken(Broken { declaration, why })
}

/// A key with a value that enables none of the plugins that it decides about.
#[cfg(feature = "config")]
pub(crate) struct Unanswered {
    pub(crate) key: Key,
    /// Where the value is set.
    pub(crate) origin: String,
    /// The values that enable a plugin, with the plugin, by value.
    pub(crate) known: Vec<(&'static str, &'static Declaration)>,
    /// The known value that is spelt most like the one that is set.
    pub(crate) near: Option<&'static str>,
    /// Whether that differs only in upper and lower case.
    pub(crate) only_case: bool,
}

#[cfg(feature = "config")]
impl Verdicts {
    /// The keys that were asked for a choice, and whose value no linked plugin answers to. Only a
    /// key that decided about a plugin of the app is looked at.
    pub(crate) fn unanswered(&self, outside: &Outside) -> Vec<Unanswered> {
        let Some(layers) = outside.layers() else {
            return Vec::new();
        };
        let mut asked: BTreeMap<Key, BTreeMap<&'static str, &'static Declaration>> =
            BTreeMap::new();
        for ((_, prefix), (declaration, _)) in &self.known {
            if let Some((key, value)) = choice(declaration) {
                let key = Key::parse(key).below(prefix.as_deref());
                asked.entry(key).or_default().insert(value, declaration);
            }
        }
        for declaration in linked_readers() {
            if let Some((key, value)) = choice(declaration)
                && let Some(known) = asked.get_mut(&Key::parse(key))
            {
                known.insert(value, declaration);
            }
        }
        let unanswered = asked.into_iter().filter_map(|(key, known)| {
            let set = crate::values::is_there(layers, &key).then_some(&key)?;
            let read = crate::values::read::<String>(layers, set, &mut Known::default());
            let read = read
                .ok()
                .filter(|value| !known.contains_key(value.as_str()))?;
            let near = nearest(&read, known.keys().copied());
            let near = known.keys().copied().find(|value| Some(*value) == near);
            Some(Unanswered {
                origin: crate::values::origin(layers, &key).unwrap_or_default(),
                known: known.into_iter().collect(),
                only_case: near.is_some_and(|near| near.to_lowercase() == read.to_lowercase()),
                near,
                key,
            })
        });
        unanswered.collect()
    }
}

/// The key that decides about a plugin by its value, and the value that enables it.
#[cfg(feature = "config")]
fn choice(declaration: &Declaration) -> Option<(&'static str, &'static str)> {
    match declaration.enabled.as_ref()?.by {
        By::Key {
            key,
            is: Some(value),
            ..
        } => Some((key, value)),
        _ => None,
    }
}

/// Why a plugin that joins while the app boots is disabled, if it is. Runs the user's code.
///
/// # Errors
///
/// If its switch says nothing.
pub(crate) fn ask_one(
    declaration: &'static Declaration,
    outside: &Outside,
) -> Result<Option<Reason>, Why> {
    let Some(switch) = &declaration.enabled else {
        return Ok(None);
    };
    match ask(declaration, switch, outside, None) {
        Verdict::On => Ok(None),
        Verdict::Off(reason) => Ok(Some(reason)),
        Verdict::Broken(broken) => Err(broken.why),
    }
}

/// Decides which plugins may join an app.
pub(crate) struct Gate<'g> {
    pub(crate) outside: &'g Outside,
    pub(crate) verdicts: &'g Verdicts,
}

impl Gate<'_> {
    /// Whether the configuration provides a section. What is optional has to be set.
    pub(super) fn has_section(&self, section: &Declaration, optional: bool) -> bool {
        #[cfg(feature = "config")]
        if let (Some(layers), true) = (self.outside.layers(), optional) {
            let mut settings = section.settings.iter();
            // What stands around it, and is no table, is a fault of its reader.
            return settings.all(|it| {
                let key = it.key(None);
                crate::values::is_there(layers, &key)
                    || crate::values::blocked(layers, &key).is_some()
            });
        }
        let _ = (section, optional);
        self.outside.is_there()
    }
}
