//! `Configuration`: where an app's values come from.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ::config::{Source, Value};

use crate::base::location::Location;
use crate::values::key::{Key, in_variable};
use crate::values::tree::{Node, Origin, Table, put};

/// Where the values of an app come from: files, the environment, code.
///
/// [`App::configure`](crate::App::configure) takes one. Options that are marked with
/// `#[option(config = "key")]` and sections that are declared with [`#[section]`](macro@crate::section)
/// are read from it before the app is planned. What is wrong with any of them is a
/// [`Mistake`](crate::error::Mistake), all at once.
///
/// What is asked for is looked up in this order; the first that has it wins:
///
/// 1. values of [`set`](Configuration::set);
/// 2. variables of the [`environment`](Configuration::environment);
/// 3. files and other sources, the last one first;
/// 4. the `default` of the option, or what the section's type says.
///
/// Tables are merged, key by key; lists are not. A field with several names (`serde(alias)`) is one key:
/// of two of its names, the one that is looked up first holds. If one source has both, that is a
/// fault, and so is a value that is no table where a table is read.
///
/// Values may be secrets: none is part of a message, of `Debug` or of a plan. Use
/// [`SecretString`](crate::secrecy::SecretString) for fields of your own that are. What a type says of a
/// value that it refuses (`serde::de::Error::custom`, `serde(try_from)`) is shown, with two dots for each text
/// that was read at that key; a type must not quote a part of a secret. An option whose type is a `SecretString` or a
/// `SecretBox` shows no reason at all.
///
/// A key of a file that the struct of its section does not have is a fault. Where other programs may read what
/// this app does not, a key that is nearly one that is read is a [`PlanWarning`](crate::plan::PlanWarning), and so is
/// such a variable: in another case, with other signs between the words, in the plural, with a slip. If the key that was
/// meant is missing, the fault names it.
///
/// # Examples
///
/// ```
/// use bootstrap::Configuration;
/// use bootstrap::prelude::*;
///
/// #[plugin]
/// struct Workers {
///     #[option(config = "workers.count", default = 1)]
///     count: usize,
/// }
///
/// impl Hooks for Workers {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         assert_eq!(self.count, 4);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let configuration = Configuration::new()
///     .optional_file("service.toml")
///     .environment("SERVICE") // as in `SERVICE_WORKERS__COUNT=4`
///     .set("workers.count", 4);
/// let app = App::new().with(Workers::default()).configure(configuration);
/// # app.boot().await?.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use = "a configuration does nothing until an app is given it: call `configure`"]
pub struct Configuration {
    pub(super) sources: Vec<From>,
    pub(super) environment: Option<Environment>,
    pub(super) set: Table,
}

/// One source below the environment.
#[derive(Clone)]
pub(super) enum From {
    File {
        path: PathBuf,
        required: bool,
    },
    Source {
        source: Arc<dyn Source + Send + Sync>,
        /// The call that adds it.
        at: Location,
    },
}

/// The variables that begin with a prefix.
#[derive(Clone)]
pub(super) struct Environment {
    /// In capitals, without the underscore behind it.
    pub(super) prefix: String,
    /// Those of the process if there are none.
    pub(super) given: Option<BTreeMap<String, String>>,
}

impl Configuration {
    /// No source at all: everything is missing, or has its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a TOML file, which has to be there. It wins over the files before it.
    ///
    /// A relative path begins where the process was started. The file is read when the app is
    /// planned, and again when a part of it restarts.
    ///
    /// It is a regular file of 1 MiB at most, or a link to one. A directory, a pipe (as of `<(..)` in a
    /// shell), a device, a socket, and a larger file are faults: read such a thing in `main`, and add its
    /// text as a [`source`](Configuration::source), which has no limit.
    pub fn file(self, path: impl Into<PathBuf>) -> Self {
        let (path, required) = (path.into(), true);
        self.from(From::File { path, required })
    }

    /// Adds a TOML file, if it is there; see [`Configuration::file`].
    pub fn optional_file(self, path: impl Into<PathBuf>) -> Self {
        let (path, required) = (path.into(), false);
        self.from(From::File { path, required })
    }

    /// Adds a source of the crate [`config`](https://docs.rs/config), for formats other than TOML
    /// and for what is no file. It wins over the sources before it.
    ///
    /// A source may block: [`App::boot`](crate::App::boot) and a restart read it on a thread of its own,
    /// within [`App::boot_timeout`](crate::App::boot_timeout) and
    /// [`App::load_timeout`](crate::App::load_timeout), and leave that thread behind when the app has to
    /// stop. Nothing waits for such a thread, neither the runtime nor the process.
    ///
    /// Messages can't tell lines in it: they name what it says itself that it is, a file for
    /// example, or else the line that adds it here.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::Configuration;
    /// use config::{File, FileFormat};
    ///
    /// let text = "[database]\nsize = 4";
    /// let configuration = Configuration::new().source(File::from_str(text, FileFormat::Toml));
    /// ```
    #[track_caller]
    pub fn source(self, source: impl Source + Send + Sync + 'static) -> Self {
        let (source, at) = (Arc::new(source), Location::caller());
        self.from(From::Source { source, at })
    }

    /// Reads variables of the environment: `database.size` from `PREFIX_DATABASE__SIZE`.
    ///
    /// Capitals, two underscores between the words of a key, one for a dash in it. The prefix
    /// becomes capitals as well, and underscores at its end are left out: `"app"`, `"APP"` and
    /// `"APP_"` are one prefix. With an empty one, variables are called as their keys. Names are
    /// compared as they are, but on Windows, where they have no case.
    ///
    /// Only variables of keys that are read count, so those of other programs do no harm. One that has the
    /// name of a table is a [`PlanWarning`](crate::plan::PlanWarning), and so is one that is nearly called as one
    /// that is read: with one underscore (`PREFIX_DATABASE_SIZE`), in another case, behind nearly the same prefix.
    ///
    /// Their text is read as what is asked for: a number (as TOML writes them), a bool (`true`, `1`, `yes`,
    /// `on` or their opposites), a variant of an enum (in any case), a list. A string is the text as it is,
    /// with its spaces and quotes. A variable that is set to nothing is an empty string and an empty list, and
    /// a fault for all types that take neither; a type of yours that needs a text refuses an empty one.
    ///
    /// A list is written `a,b` or `[a, b]`. An item that holds commas, brackets or quotes stands in quotes, which
    /// are those of TOML: `a, "b,c", 'd'`. A text that can be read in several ways is a fault (`[a,b`, `a,,b`).
    ///
    /// Where a type does not say what it asks for (`serde(untagged)`, `serde(flatten)`), what looks like a
    /// number, a bool, a list in brackets or a string in quotes is one.
    ///
    /// Keys of a map that only variables name are in small letters; variants of an enum are found
    /// in any case. The items of a list have no variables, so a list of tables belongs into a file.
    ///
    /// A second prefix takes the place of the first.
    pub fn environment(mut self, prefix: impl Into<String>) -> Self {
        let (prefix, given) = (in_capitals(&prefix.into()), None);
        self.environment = Some(Environment { prefix, given });
        self
    }

    /// Reads variables as [`environment`](Configuration::environment) does, but from a list
    /// instead of the process: for tests, whose environment belongs to all of them.
    pub fn environment_from<K, V>(
        mut self,
        prefix: impl Into<String>,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        let variables = variables.into_iter();
        let given = variables.map(|(name, value)| (name.into(), value.into()));
        let (prefix, given) = (in_capitals(&prefix.into()), Some(given.collect()));
        self.environment = Some(Environment { prefix, given });
        self
    }

    /// Sets a value, which wins over everything else. The last one for a key wins.
    ///
    /// A value that is no table hides everything below its key, wherever that is set: what is read
    /// there is a fault then. One that is set below the key afterwards takes its place.
    ///
    /// Takes what the crate `config` takes for a value: numbers, strings, bools, and `Vec`s and
    /// maps of them.
    #[track_caller]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        let origin = Origin::Code(Location::caller());
        let node = Node::from_value(value.into(), &origin);
        put(&mut self.set, &Key::parse(key), node);
        self
    }

    fn from(mut self, source: From) -> Self {
        self.sources.push(source);
        self
    }

    /// The sources in words, for messages.
    pub(super) fn describe(&self) -> Vec<String> {
        let sources = self.sources.iter().map(|source| match source {
            From::File { path, .. } => path.display().to_string(),
            From::Source { at, .. } => added_at(*at),
        });
        sources.collect()
    }
}

impl From {
    /// In words, as the object of a sentence.
    pub(super) fn describe(&self) -> String {
        match self {
            From::File { path, .. } => format!("the configuration file `{}`", path.display()),
            From::Source { at, .. } => added_at(*at),
        }
    }
}

/// What a source is called that does not say so itself.
pub(super) fn added_at(at: Location) -> String {
    format!("the source that is added at {at}")
}

/// How the variables of a prefix begin, before the underscore.
fn in_capitals(prefix: &str) -> String {
    in_variable(prefix.trim()).trim_end_matches('_').to_owned()
}

impl Environment {
    /// How the names of all variables begin.
    pub(super) fn beginning(&self) -> String {
        match &*self.prefix {
            "" => String::new(),
            prefix => format!("{prefix}_"),
        }
    }

    /// The variables whose names begin with the prefix, without it, and the names of all others. What
    /// is not valid Unicode is `None`.
    pub(super) fn variables(&self) -> (BTreeMap<String, Option<String>>, Vec<String>) {
        let all: Vec<(String, Option<String>)> = match &self.given {
            Some(given) => {
                let given = given.iter();
                let given = given.map(|(name, value)| (name.clone(), Some(value.clone())));
                given.collect()
            }
            None => env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()))
                })
                .collect(),
        };
        let beginning = self.beginning();
        let (mut own, mut others) = (BTreeMap::new(), Vec::new());
        for (name, value) in all {
            // There, `Path` and `PATH` are one variable.
            let capitals = cfg!(windows).then(|| name.to_uppercase());
            let rest = capitals
                .as_deref()
                .unwrap_or(&name)
                .strip_prefix(&*beginning);
            match rest.filter(|rest| !rest.is_empty()) {
                Some(rest) => drop(own.insert(rest.to_owned(), value)),
                None => others.push(name),
            }
        }
        others.sort();
        (own, others)
    }
}

/// The sources, without any value.
impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.environment.as_ref().map(|it| &it.prefix);
        f.debug_struct("Configuration")
            .field("sources", &self.describe())
            .field("environment", &prefix)
            .field("set", &self.set.keys().collect::<Vec<_>>())
            .finish()
    }
}
