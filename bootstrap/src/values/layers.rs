//! What all sources of a configuration say at one time.

use std::collections::BTreeMap;
use std::path::Path;

use ::config::{ConfigError, Source, Value, ValueKind};

use crate::base::panic;
use crate::values::configuration::{Configuration, Environment, From};
use crate::values::file::{self, BadSource};
use crate::values::key::Key;
use crate::values::tree::{Node, Origin, Table, merge};

/// All layers, as they were when they were read. It has no `Debug`: it holds secrets.
#[allow(missing_debug_implementations, reason = "it holds secrets")]
pub struct Layers {
    /// A table, as `files` is.
    pub(super) set: Node,
    pub(super) variables: BTreeMap<String, Option<String>>,
    /// With the underscore, if the environment is read at all.
    pub(super) prefix: Option<String>,
    pub(super) files: Node,
    /// What the files are called.
    pub(super) names: Vec<String>,
    /// Sources that can't be read.
    pub(super) faults: Vec<BadSource>,
    configuration: Configuration,
}

impl Layers {
    /// Reads every source. Runs the user's code, if a source is the user's.
    pub(crate) fn of(configuration: &Configuration) -> Self {
        let (mut files, mut faults) = (Table::new(), Vec::new());
        for source in &configuration.sources {
            let read = match source {
                From::File { path, required } => read_file(path, *required),
                From::Source(source) => panic::guard(|| collect(&**source))
                    .unwrap_or_else(|_| Err(bad_source("panicked when it was asked"))),
            };
            match read {
                Ok(table) => merge(&mut files, table),
                Err(fault) => faults.push(fault),
            }
        }
        let environment = configuration.environment.as_ref();
        Self {
            set: Node::root(configuration.set.clone()),
            variables: environment.map_or_else(BTreeMap::new, Environment::variables),
            prefix: environment.map(|it| format!("{}_", it.prefix)),
            files: Node::root(files),
            names: configuration.describe(),
            faults,
            configuration: configuration.clone(),
        }
    }

    /// The same sources, read anew.
    pub(crate) fn again(&self) -> Self {
        Self::of(&self.configuration)
    }

    /// The variable of the environment that sets a key.
    pub(super) fn variable(&self, key: &Key) -> Option<String> {
        let prefix = self.prefix.as_ref()?;
        Some(format!("{prefix}{}", key.variable()))
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

fn collect(source: &(dyn Source + Send + Sync)) -> Result<Table, BadSource> {
    let mut all = Value::from(ValueKind::Table(::config::Map::new()));
    match source.collect_to(&mut all) {
        Ok(()) => {
            let origin = Origin::Source("another source".into());
            Ok(Node::from_value(all, &origin)
                .into_table()
                .unwrap_or_default())
        }
        // What the error says may hold what was read: only its kind is told.
        Err(ConfigError::FileParse { uri: Some(uri), .. }) => {
            Err(bad_source(&format!("can't read `{uri}`")))
        }
        Err(ConfigError::FileParse { .. }) => Err(bad_source("has text that does not parse")),
        Err(ConfigError::NotFound(_)) => Err(bad_source("did not find what it reads")),
        Err(_) => Err(bad_source("can't be read")),
    }
}

fn bad_source(wrong: &str) -> BadSource {
    BadSource {
        wrong: format!("a source of the configuration {wrong}"),
        origin: None,
    }
}
