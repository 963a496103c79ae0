//! Which plugins are switched off, and why.
//!
//! Predicates are the user's code, and run under no lock: the roster is made as if every plugin
//! whose predicate is not known were on; then those are asked, and it is made again.

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::base::apart::Doing;
use crate::base::location::Location;
use crate::base::panic;
use crate::declare::{By, Declaration, Outside, Switch};
#[cfg(feature = "config")]
use crate::values::{ConfigFault, Fault, Key, Known, Reads};

/// Why a plugin is off.
#[derive(Clone, Debug)]
pub(crate) struct Reason {
    /// As in "switched off because ..".
    pub(crate) because: String,
    /// How to switch it on.
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
    known: HashMap<Question, Verdict>,
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
            Some(Verdict::Off(reason)) => Some(reason),
            Some(Verdict::On | Verdict::Broken(_)) => None,
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

    /// Asks whoever has not been asked. Runs the user's code. False if there was nobody.
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
                self.known.insert(question, verdict);
            }
        }
        was_open
    }

    /// Switches that say nothing, by the names of their plugins.
    pub(crate) fn broken(&self) -> Vec<Broken> {
        let mut broken: Vec<Broken> = self
            .known
            .values()
            .filter_map(|verdict| match verdict {
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
        By::Key { key, otherwise } => by_key(declaration, (key, at), otherwise, outside, prefix),
    }
}

#[cfg(feature = "config")]
fn by_key(
    declaration: &'static Declaration,
    (key, at): (&str, Location),
    otherwise: bool,
    outside: &Outside,
    prefix: Option<&str>,
) -> Verdict {
    let key = Key::parse(key).below(prefix);
    let set = outside.layers();
    let set = set.filter(|layers| crate::values::is_there(layers, &key));
    let Some(layers) = set else {
        if let Some(fault) = outside
            .layers()
            .and_then(|it| crate::values::blocked(it, &key))
        {
            return broken(declaration, at, fault);
        }
        if otherwise {
            return Verdict::On;
        }
        let help = match outside.layers() {
            Some(layers) => crate::values::help_to_set(&key, layers),
            None => "give the app a configuration with it: `.configure(..)`".to_owned(),
        };
        return Verdict::Off(Reason {
            because: format!("`{key}` is not set, and without that it is off ({at})"),
            help,
        });
    };
    let origin = crate::values::origin(layers, &key).unwrap_or_default();
    match crate::values::read::<bool>(layers, &key, &mut Known::default()) {
        Ok(true) => Verdict::On,
        Ok(false) => Verdict::Off(Reason {
            because: format!("`{key}` is false ({origin})"),
            help: format!("set `{key}` to true: {origin}"),
        }),
        Err(faults) => broken(declaration, at, Fault::first(faults)),
    }
}

#[cfg(feature = "config")]
fn broken(declaration: &'static Declaration, at: Location, fault: Fault) -> Verdict {
    let reads = Reads {
        plugin: declaration.name.into(),
        field: None,
        declared: at,
    };
    let why = Why::Fault(fault.read_by(Some(&reads)));
    Verdict::Broken(Broken { declaration, why })
}

/// Why a plugin that joins while the app boots is switched off, if it is. Runs the user's code.
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

/// What stands at the gate of an app: it tells who may come in.
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
