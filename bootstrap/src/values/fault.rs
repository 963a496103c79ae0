//! What is wrong with the configuration, in words.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::base::text::nearest;
use crate::values::halt::{Halt, Wrong};
use crate::values::key::Key;
use crate::values::layers::Layers;
use crate::values::spot::Spot;
use crate::values::tree::Origin;

/// One thing that is wrong, without who reads it.
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "it is private")]
pub struct Fault {
    /// The key; none if it is a source that is wrong.
    key: Option<Key>,
    /// What is wrong, as a sentence, or as what stands behind a plugin's name and the key.
    wrong: Said,
    origin: Option<Origin>,
    near: Option<String>,
    help: String,
}

#[derive(Clone)]
enum Said {
    Sentence(String),
    Missing,
    Wrong(String),
    Unknown,
}

/// Who reads a value: a field of a plugin.
#[derive(Clone)]
pub(crate) struct Reads {
    pub(crate) plugin: PluginName,
    /// As written: `size: u32`; none for a section or a condition.
    pub(crate) field: Option<String>,
    pub(crate) declared: Location,
}

/// One thing that is wrong with the configuration of an app: a value that is missing or of the
/// wrong kind, a key that nobody knows, a file that can't be read.
///
/// No value is part of it, only what kind of value was found. `Display` is one line, `Debug` the
/// whole story.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigFault(Arc<Told>);

#[derive(PartialEq, Eq)]
struct Told {
    first: String,
    key: Option<String>,
    plugin: Option<PluginName>,
    /// `src/database.rs:12 (option `size: u32`)`
    reader: Option<String>,
    origin: Option<String>,
    near: Option<String>,
    help: String,
}

impl Fault {
    /// Sources that can't be read.
    pub(crate) fn of_sources(layers: &Layers) -> Vec<Self> {
        let bad = layers.faults.iter().cloned();
        bad.map(|bad| Self::of_source(bad.wrong, bad.origin))
            .collect()
    }

    fn of_source(sentence: String, origin: Option<Origin>) -> Self {
        Self {
            key: None,
            wrong: Said::Sentence(sentence),
            help: match &origin {
                Some(origin) => format!("correct it at {origin}"),
                None => "let this user read it, or take it out of the `Configuration`".into(),
            },
            origin,
            near: None,
        }
    }

    /// What stopped reading a value at a key.
    pub(super) fn of_halt(halt: &Halt, key: Key, layers: &Layers) -> Self {
        let spot = Spot::find(layers, &key);
        let origin = spot.origin();
        let is_missing = matches!(halt.wrong, Wrong::Missing { .. });
        let (near, help) = if is_missing {
            let near = near_key(&key, layers);
            (near, help_to_set(&key, layers))
        } else {
            (None, help_to_correct(origin.as_ref()))
        };
        let wrong = match &halt.wrong {
            Wrong::Missing { .. } => Said::Missing,
            other => Said::Wrong(words(other, &spot)),
        };
        Self {
            key: Some(key),
            wrong,
            origin: origin.filter(|_| !is_missing),
            near,
            help,
        }
    }

    /// A key that nobody asks for, in the section of a struct.
    pub(crate) fn unknown(key: Key, origin: Origin, near: Option<&str>) -> Self {
        Self {
            key: Some(key),
            wrong: Said::Unknown,
            help: match near {
                Some(near) => format!("did you mean `{near}`? Correct it, or take the key away"),
                None => "take the key away".to_owned(),
            },
            origin: Some(origin),
            near: None,
        }
    }

    /// The app has no configuration, and a plugin can't do without.
    pub(crate) fn no_configuration(key: Key) -> Self {
        let wrong = Said::Wrong("this app has no configuration".to_owned());
        let help = format!(
            "give the app one: `.configure(Configuration::new().file(..))`; or register the \
             plugin with a value for `{}`",
            key.last()
        );
        Self {
            key: Some(key),
            wrong,
            origin: None,
            near: None,
            help,
        }
    }

    /// The first of those that reading has found, which are never none.
    pub(crate) fn first(faults: Vec<Self>) -> Self {
        let mut faults = faults.into_iter();
        let unknown = || Self::of_source("the configuration can't be read".to_owned(), None);
        faults.next().unwrap_or_else(unknown)
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.wrong, Said::Missing)
    }

    /// With who reads it.
    pub(crate) fn read_by(self, reads: Option<&Reads>) -> ConfigFault {
        let key = self.key.as_ref().map(Key::to_string).unwrap_or_default();
        let who = reads.map(|reads| format!("plugin `{}`", reads.plugin));
        let who = who.unwrap_or_else(|| "the app".to_owned());
        let first = match self.wrong {
            Said::Sentence(sentence) => sentence,
            Said::Missing => format!("{who} needs `{key}`, and the configuration does not have it"),
            Said::Wrong(wrong) => format!("{who} can't read `{key}`: {wrong}"),
            Said::Unknown => format!("{who} does not know `{key}`, which the configuration has"),
        };
        let reader = reads.map(|reads| match &reads.field {
            Some(field) => format!("{} (option `{field}`)", reads.declared),
            None => reads.declared.to_string(),
        });
        ConfigFault(Arc::new(Told {
            first,
            key: self.key.map(|key| key.to_string()),
            plugin: reads.map(|reads| reads.plugin.clone()),
            reader,
            origin: self.origin.map(|origin| origin.to_string()),
            near: self.near,
            help: self.help,
        }))
    }
}

/// What is wrong with what is there.
fn words(wrong: &Wrong, spot: &Spot<'_>) -> String {
    let kind = spot.kind();
    match wrong {
        Wrong::Kind { expected, found } => format!("expected {expected}, found {found}"),
        Wrong::Value { expected, found } => {
            let range = if *found == "an integer" {
                " out of range"
            } else {
                " that is not one"
            };
            format!("expected {expected}, found {found}{range}")
        }
        Wrong::Length { expected } => {
            format!("expected {expected}, found {kind} of another length")
        }
        Wrong::Variant { expected } => {
            let expected: Vec<String> = expected.iter().map(|it| format!("`{it}`")).collect();
            format!(
                "expected one of {}, found another word",
                expected.join(", ")
            )
        }
        Wrong::Refused {
            expected: Some(expected),
        } => format!("expected {expected}, found {kind} that its type refuses"),
        Wrong::Refused { expected: None } => format!("its type refuses this ({kind})"),
        Wrong::NotUnicode => "the variable is no Unicode".to_owned(),
        Wrong::Missing { .. } => "it is missing".to_owned(),
    }
}

/// A key beside the missing one that is nearly called so.
fn near_key(key: &Key, layers: &Layers) -> Option<String> {
    let around = Spot::find(layers, &key.parent()?);
    let words = around.words();
    let near = nearest(key.last(), words.iter().map(String::as_str))?;
    let sibling = around.child(near);
    let origin = sibling.origin()?;
    Some(format!(
        "`{}` is set ({origin}): was that meant?",
        sibling.key
    ))
}

/// What to write for a value that is missing.
pub(crate) fn help_to_set(key: &Key, layers: &Layers) -> String {
    let mut ways = Vec::new();
    if let Some(variable) = layers.variable(key) {
        ways.push(format!("set the environment variable `{variable}`"));
    }
    if let Some(file) = layers.names.last() {
        let table = key.parent().map(|table| table.to_string());
        let place = match table.filter(|table| !table.is_empty()) {
            Some(table) => format!("into `[{table}]` in {file}"),
            None => format!("into {file}"),
        };
        ways.push(format!("write `{} = ..` {place}", key.last()));
    }
    if ways.is_empty() {
        ways.push(format!("add `.set(\"{key}\", ..)` to the `Configuration`"));
    }
    ways.join(", or ")
}

fn help_to_correct(origin: Option<&Origin>) -> String {
    match origin {
        Some(Origin::Variable(name)) => format!("correct the environment variable `{name}`"),
        Some(origin) => format!("correct it: {origin}"),
        None => "correct it".to_owned(),
    }
}

impl ConfigFault {
    /// The key, `database.size`; `None` if it is a file or another source that is wrong.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// The plugin that reads it.
    pub fn plugin(&self) -> Option<&PluginName> {
        self.0.plugin.as_ref()
    }

    /// Where the value comes from: `service.toml:3:8`, or the name of a variable of the
    /// environment. `None` if it is missing.
    pub fn origin(&self) -> Option<&str> {
        self.0.origin.as_deref()
    }

    /// What to do about it.
    pub fn help(&self) -> &str {
        &self.0.help
    }

    /// The lines below the first one.
    pub(crate) fn write_evidence(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reader) = &self.0.reader {
            write!(f, "\n  --> {reader}")?;
        }
        if let Some(origin) = &self.0.origin {
            write!(f, "\n  found: {origin}")?;
        }
        match &self.0.near {
            Some(near) => write!(f, "\n  near: {near}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.first)
    }
}

impl fmt::Debug for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[BOOT017]: {self}")?;
        self.write_evidence(f)?;
        write!(f, "\n  help: {}", self.0.help)
    }
}

impl Error for ConfigFault {}
