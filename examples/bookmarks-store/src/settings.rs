//! The settings, from a file and from the environment, which overrides the file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bootstrap::Configuration;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};

/// How long a request waits for the database: half for a connection, half for other processes.
pub const DATABASE_LIMIT: Duration = Duration::from_secs(4);

/// The settings in `bookmarks.toml`, or in the environment, as `BOOKMARKS_DATABASE` and so on.
#[derive(Debug, Deserialize)]
#[serde(default)]
#[bootstrap::section]
pub struct Settings {
    /// The file of the database, which is created if it does not exist.
    #[serde(deserialize_with = "file")]
    pub database: PathBuf,
    /// The number of lists of bookmarks in the cache.
    pub cached_tags: u64,
}

/// Returns the sources of the settings: a file in the working directory, and the environment.
pub fn configuration() -> Configuration {
    Configuration::new()
        .optional_file("bookmarks.toml")
        .environment("BOOKMARKS")
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            database: "bookmarks.db".into(),
            cached_tags: 1_000,
        }
    }
}

/// Returns whether `SQLite` treats a path as a file. An empty name and `:memory:` are databases of one
/// connection, which other connections do not see.
pub(crate) fn names_a_file(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let is_address = ["file:", "sqlite:"].iter().any(|it| text.starts_with(it));
    !text.trim().is_empty() && text != ":memory:" && !is_address
}

fn file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if names_a_file(&path) {
        return Ok(path);
    }
    let found = Unexpected::Other("a name that is no path of a file");
    Err(Error::invalid_value(
        found,
        &"the path of a file, like `bookmarks.db`",
    ))
}
