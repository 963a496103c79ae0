//! What all sources of a configuration say at one time.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use ::config::{ConfigError, Source, Value, ValueKind};

use crate::base::apart::Doing;
use crate::base::location::Location;
use crate::base::panic;
use crate::base::text::nearest;
use crate::values::configuration::{Configuration, Environment, From, added_at};
use crate::values::file::{self, BadSource};
use crate::values::key::Key;
use crate::values::tree::{Node, Origin, Table, merge};
use crate::values::written::Written;

/// All layers, as they were when they were read. It has no `Debug`: it holds secrets.
#[allow(missing_debug_implementations, reason = "it holds secrets")]
pub struct Layers {
    /// A table, as `files` is.
    pub(super) set: Node,
    pub(super) variables: BTreeMap<String, Option<String>>,
    /// The names of all other variables, if the environment is read at all.
    pub(super) others: Vec<String>,
    /// How all of them begin, if the environment is read at all.
    pub(super) prefix: Option<String>,
    pub(super) files: Node,
    /// What the files are called.
    pub(super) names: Vec<String>,
    /// Sources that can't be read.
    pub(super) faults: Vec<BadSource>,
    configuration: Configuration,
    /// The lists that variables are, by the variables of their keys: what was taken apart already.
    pub(super) lists: Mutex<HashMap<String, Arc<[Written]>>>,
}

impl Layers {
    /// Reads every source. Runs the user's code, if a source is the user's.
    pub(crate) fn of(configuration: &Configuration, doing: &Doing) -> Self {
        let (mut files, mut faults) = (Table::new(), Vec::new());
        for source in &configuration.sources {
            doing.now(format!("reads {}", source.describe()));
            let read = match source {
                From::File { path, required } => read_file(path, *required),
                From::Source { source, at } => panic::guard(|| collect(&**source, *at))
                    .unwrap_or_else(|_| Err(bad_source(*at, "panicked when it was asked", SEE))),
            };
            match read {
                Ok(table) => merge(&mut files, table),
                Err(fault) => faults.push(fault),
            }
        }
        let environment = configuration.environment.as_ref();
        let (variables, others) = environment.map(Environment::variables).unwrap_or_default();
        Self {
            set: Node::root(configuration.set.clone()),
            variables,
            others,
            prefix: environment.map(Environment::beginning),
            files: Node::root(files),
            names: configuration.describe(),
            faults,
            configuration: configuration.clone(),
            lists: Mutex::default(),
        }
    }

    /// The same sources, read anew.
    pub(crate) fn again(&self, doing: &Doing) -> Self {
        Self::of(&self.configuration, doing)
    }

    /// The variable of the environment that sets a key.
    pub(super) fn variable(&self, key: &Key) -> Option<String> {
        let prefix = self.prefix.as_ref()?;
        Some(format!("{prefix}{}", key.variable()))
    }

    /// The names of all variables, with the prefix or without.
    pub(super) fn variable_names(&self) -> impl Iterator<Item = String> {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let own = self.variables.keys();
        let own = own.map(move |name| format!("{prefix}{name}"));
        own.chain(self.others.iter().cloned())
    }

    /// Whether a name is that of a variable of the app with nearly the prefix.
    pub(super) fn is_behind_near_prefix(&self, name: &str, variable: &str) -> bool {
        let prefix = self.prefix.as_deref().and_then(|it| it.strip_suffix('_'));
        let own = name
            .strip_suffix(variable)
            .and_then(|it| it.strip_suffix('_'));
        let (Some(prefix), Some(own)) = (prefix, own) else {
            return false;
        };
        own != prefix && nearest(own, [prefix]).is_some()
    }
}

fn read_file(path: &Path, required: bool) -> Result<Table, BadSource> {
    match file::read(path, required) {
        Ok(table) => Ok(table.unwrap_or_default()),
        Err(bad) => Err(BadSource {
            wrong: format!("the configuration file `{}` {}", path.display(), bad.wrong),
            ..bad
        }),
    }
}

/// What to do about a source that can't be asked.
const SEE: &str = "see that what it reads is there, or take it out of the `Configuration`";

fn collect(source: &(dyn Source + Send + Sync), at: Location) -> Result<Table, BadSource> {
    let mut all = Value::from(ValueKind::Table(::config::Map::new()));
    match source.collect_to(&mut all) {
        Ok(()) => {
            let origin = Origin::Source(added_at(at).into());
            Ok(Node::from_value(all, &origin)
                .into_table()
                .unwrap_or_default())
        }
        // What the error says may hold what was read: only its kind is told.
        Err(ConfigError::FileParse { uri, .. }) => {
            let wrong = match uri {
                Some(uri) => format!("does not parse: `{uri}`"),
                None => "does not parse".to_owned(),
            };
            Err(bad_source(at, &wrong, "correct what it reads"))
        }
        Err(ConfigError::NotFound(_)) => Err(bad_source(at, "did not find what it reads", SEE)),
        Err(_) => Err(bad_source(at, "can't be read", SEE)),
    }
}

fn bad_source(at: Location, wrong: &str, help: &str) -> BadSource {
    BadSource {
        wrong: format!("the source of the configuration that is added at {at} {wrong}"),
        origin: None,
        help: help.to_owned(),
    }
}
