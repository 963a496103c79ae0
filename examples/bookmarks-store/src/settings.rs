//! The settings, from a file and from the environment, which overrides the file.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bootstrap::Configuration;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};

/// How long a request waits for the database: half for a connection, half for other processes.
pub const DATABASE_LIMIT: Duration = Duration::from_secs(4);

/// The maximum of [`Settings::drain_delay`] and [`Settings::request_limit`], in seconds.
const LONGEST: u64 = 20;

/// How long the service may take to close with any settings: both of the above, the database, and a
/// margin.
pub const CLOSE_LIMIT: Duration = Duration::from_secs(2 * LONGEST + DATABASE_LIMIT.as_secs() + 16);

/// The settings in `bookmarks.toml`, or in the environment, as `BOOKMARKS_LISTEN` and so on.
#[derive(Debug, Deserialize)]
#[serde(default)]
#[bootstrap::section]
pub struct Settings {
    /// The address of the API. With port 0 the system chooses a free port.
    pub listen: SocketAddr,
    /// The file of the database, which is created if it does not exist.
    #[serde(deserialize_with = "file")]
    pub database: PathBuf,
    /// The number of lists of bookmarks in the cache.
    pub cached_tags: u64,
    /// The number of connections that are served at a time. Further ones wait.
    pub connections: NonZeroUsize,
    /// How long a client may take to send the head of a request, and again for its body; 1 to 20
    /// seconds. A connection without a request is closed after this time.
    #[serde(deserialize_with = "seconds::<1, LONGEST, _>")]
    pub request_limit: Duration,
    /// How long the API stays open after SIGTERM, while `/health` answers 503, so that a load balancer
    /// stops using it; 0 to 20 seconds.
    #[serde(deserialize_with = "seconds::<0, LONGEST, _>")]
    pub drain_delay: Duration,
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
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            database: "bookmarks.db".into(),
            cached_tags: 1_000,
            connections: const { NonZeroUsize::new(256).unwrap() },
            request_limit: Duration::from_secs(5),
            drain_delay: Duration::from_secs(5),
        }
    }
}

impl Settings {
    /// How long a request may take from its head to its answer: its body, the database, and a second
    /// for the rest. The shutdown waits that long for each request.
    pub fn longest_request(&self) -> Duration {
        self.request_limit + DATABASE_LIMIT + Duration::from_secs(1)
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

fn seconds<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if (MIN..=MAX).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    let expected = format!("a number of seconds from {MIN} to {MAX}");
    Err(Error::invalid_value(
        Unexpected::Unsigned(seconds),
        &&*expected,
    ))
}
