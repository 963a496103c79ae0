//! What is wrong with the configuration, in words.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::base::diagnostic::{Code, Diagnose, Diagnostic, diagnosed};
use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::base::text;
use crate::values::halt::{Halt, Wrong};
use crate::values::help::{help, help_to_correct};
use crate::values::key::Key;
use crate::values::known::Known;
use crate::values::layers::Layers;
use crate::values::near::near;
use crate::values::spot::Spot;
use crate::values::tree::Origin;
use crate::values::words::in_words;

/// One thing that is wrong, without its reader.
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

#[derive(Clone, PartialEq, Eq)]
enum Said {
    Sentence(String),
    Missing,
    Wrong(String),
    Unknown,
}

/// The reader of a value: a field of a plugin.
#[derive(Clone)]
pub(crate) struct Reads {
    pub(crate) plugin: PluginName,
    /// As written: `size: u32`; none for a section or a condition.
    pub(crate) field: Option<String>,
    pub(crate) declared: Location,
}

/// One thing that is wrong with the configuration of an app: a value that is missing or of the
/// wrong kind, a key that is not known, a file that can't be read.
///
/// No value is part of it, only what kind of value was found. `Display` is one line, `Debug` the
/// whole story.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigFault(Arc<Told>);

#[derive(Clone, PartialEq, Eq)]
struct Told {
    wrong: Said,
    key: Option<String>,
    plugin: Option<PluginName>,
    /// Where the plugin is declared, and the option.
    reader: Option<(Location, Option<String>)>,
    origin: Option<String>,
    near: Option<String>,
    help: String,
}

impl Fault {
    /// Sources that can't be read.
    pub(crate) fn of_sources(layers: &Layers) -> Vec<Self> {
        let bad = layers.faults.iter().cloned();
        bad.map(|bad| Self {
            key: None,
            wrong: Said::Sentence(bad.wrong),
            origin: bad.origin,
            near: None,
            help: bad.help,
        })
        .collect()
    }

    /// Reading took longer than it may; `does` is what a thread still does.
    pub(crate) fn too_slow(limit: Duration, does: Option<String>) -> Self {
        let (limit, does) = (text::duration(limit), does.unwrap_or_default());
        Self {
            key: None,
            wrong: Said::Sentence(format!(
                "the configuration was not read within {limit}: a thread still {does}"
            )),
            origin: None,
            near: None,
            help: "find out what does not answer, or raise `App::load_timeout`".to_owned(),
        }
    }

    /// What stopped reading a value at a key.
    pub(super) fn of_halt(halt: &Halt, key: Key, layers: &Layers) -> Self {
        let spot = Spot::reach(layers, &key);
        let is_missing = matches!(halt.wrong, Wrong::Missing { .. });
        let around = Spot::around(layers, &key).filter(|around| is_missing && around.key != key);
        if let Some(around) = around {
            return Self::no_table(key, &around);
        }
        let help = help(&halt.wrong, &spot, layers);
        let near = || near(&key, layers, &Known::default());
        let near = is_missing.then(near).flatten();
        let origin = spot.origin();
        let wrong = match &halt.wrong {
            Wrong::Missing { .. } => Said::Missing,
            other => Said::Wrong(in_words(other, &spot)),
        };
        Self {
            key: Some(key),
            wrong,
            origin: origin.filter(|_| !is_missing),
            near,
            help,
        }
    }

    /// A value that is of the right kind, and wrong all the same.
    pub(crate) fn of_value(key: Key, wrong: String, help: String, layers: Option<&Layers>) -> Self {
        Self {
            origin: layers.and_then(|layers| Spot::find(layers, &key).origin()),
            key: Some(key),
            wrong: Said::Sentence(wrong),
            near: None,
            help,
        }
    }

    /// A value stands where the table would be that has the key.
    pub(super) fn no_table(key: Key, around: &Spot<'_>) -> Self {
        let (origin, kind) = (around.origin(), around.kind());
        Self {
            key: Some(key),
            wrong: Said::Wrong(format!("`{}` is {kind}, and no table", around.key)),
            near: None,
            help: match &origin {
                Some(origin) => format!("make a table of it, or take it away: {origin}"),
                None => "make a table of it, or take it away".to_owned(),
            },
            origin,
        }
    }

    /// A key that is not read, in the section of a struct.
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

    /// More keys that are not read than are listed.
    pub(crate) fn more_unknown(count: usize) -> Self {
        let keys = text::count(count, "more key");
        Self {
            key: None,
            wrong: Said::Sentence(format!("the configuration has {keys} that no plugin knows")),
            origin: None,
            near: None,
            help: "correct those that are listed, and see".to_owned(),
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
        let unknown = || Self {
            key: None,
            wrong: Said::Sentence("the configuration can't be read".to_owned()),
            origin: None,
            near: None,
            help: help_to_correct(None),
        };
        faults.next().unwrap_or_else(unknown)
    }

    /// There may be more faults than were looked for.
    pub(super) fn cut_off(key: Key) -> Self {
        Self {
            key: Some(key),
            wrong: Said::Wrong("there may be more faults in it".to_owned()),
            origin: None,
            near: None,
            help: "correct those that are listed, and see".to_owned(),
        }
    }

    /// Looks again for what was meant by a key that is missing, with all keys that are known.
    pub(crate) fn look_around(&mut self, layers: &Layers, known: &Known) {
        if let (Some(key), true) = (&self.key, self.is_missing()) {
            self.near = near(key, layers, known);
        }
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.wrong, Said::Missing)
    }

    /// With its reader.
    pub(crate) fn read_by(self, reads: Option<&Reads>) -> ConfigFault {
        let reader = reads.map(|reads| {
            let field = reads.field.as_ref();
            (
                reads.declared,
                field.map(|field| format!("option `{field}`")),
            )
        });
        // Keys, names of variables and what parsers say are not ours.
        let line = |text: &str| text::line(text).into_owned();
        ConfigFault(Arc::new(Told {
            wrong: match self.wrong {
                Said::Sentence(sentence) => Said::Sentence(line(&sentence)),
                Said::Wrong(wrong) => Said::Wrong(line(&wrong)),
                known => known,
            },
            key: self.key.map(|key| line(&key.to_string())),
            plugin: reads.map(|reads| reads.plugin.clone()),
            reader,
            origin: self.origin.map(|origin| line(&origin.to_string())),
            near: self.near.map(|near| line(&near)),
            help: line(&self.help),
        }))
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

    /// The same under the name that its reader has in an app.
    pub(crate) fn of_plugin(self, plugin: &PluginName) -> Self {
        let told = &*self.0;
        if told.plugin.is_none() {
            return self;
        }
        Self(Arc::new(Told {
            plugin: Some(plugin.clone()),
            ..told.clone()
        }))
    }

    /// Adds its reader, where it was found, and what else was.
    pub(crate) fn evidence(&self, mut told: Diagnostic) -> Diagnostic {
        let known = &*self.0;
        if let Some((at, option)) = &known.reader {
            told = told.spot(*at, option.clone());
        }
        if let Some(origin) = &known.origin {
            told = told.note("found", origin.as_str());
        }
        match &known.near {
            Some(near) => told.note("near", near.as_str()),
            None => told,
        }
    }
}

impl Diagnose for ConfigFault {
    fn diagnostic(&self) -> Diagnostic {
        self.evidence(Diagnostic::new(
            Code::Configuration,
            self.to_string(),
            self.help(),
        ))
    }
}

diagnosed!(ConfigFault);

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = &*self.0;
        let key = told.key.as_deref().unwrap_or_default();
        let reader = told.plugin.as_ref();
        let reader = reader.map_or_else(|| "the app".to_owned(), |it| format!("plugin `{it}`"));
        match &told.wrong {
            Said::Sentence(sentence) => f.write_str(sentence),
            Said::Missing => {
                write!(
                    f,
                    "{reader} needs `{key}`, and the configuration does not have it"
                )
            }
            Said::Wrong(wrong) => write!(f, "{reader} can't read `{key}`: {wrong}"),
            Said::Unknown => {
                write!(
                    f,
                    "{reader} does not know `{key}`, which the configuration has"
                )
            }
        }
    }
}

impl Error for ConfigFault {}
