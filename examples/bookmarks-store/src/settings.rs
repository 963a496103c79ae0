//! What can be set: in a file, or in the environment, which wins.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bootstrap::Configuration;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};

/// How long a request waits for the database: half of it for a connection, half for other processes.
pub const DATABASE_LIMIT: Duration = Duration::from_secs(4);

/// The most that [`Settings::drain_delay`] and [`Settings::request_limit`] may be, in seconds.
const LONGEST: u64 = 20;

/// How long the service may take to close, whatever is set: both of the above, the database, and the
/// rest.
pub const CLOSE_LIMIT: Duration = Duration::from_secs(2 * LONGEST + DATABASE_LIMIT.as_secs() + 16);

/// What can be set in `bookmarks.toml`, or in the environment, as `BOOKMARKS_LISTEN` and so on.
#[derive(Debug, Deserialize)]
#[serde(default)]
#[bootstrap::section]
pub struct Settings {
    /// Where the API listens; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// The file of the database; it is created if it is not there.
    #[serde(deserialize_with = "file")]
    pub database: PathBuf,
    /// How many lists of bookmarks the cache keeps.
    pub cached_tags: u64,
    /// How many connections of clients are served at a time; further ones wait.
    pub connections: NonZeroUsize,
    /// How many seconds a client may take to send the head of a request, and again to send its body;
    /// 1 to 20. A connection without a request is closed after this time.
    #[serde(deserialize_with = "seconds::<1, LONGEST, _>")]
    pub request_limit: Duration,
    /// For how many seconds the API stays open after SIGTERM, while `/health` answers 503, so that a
    /// load balancer stops using it; 0 to 20.
    #[serde(deserialize_with = "seconds::<0, LONGEST, _>")]
    pub drain_delay: Duration,
}

/// Where the settings come from: a file where the service is started, and the environment.
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
    /// How long a request that is under way may take until its answer is sent: its body, the
    /// database, and a second for the rest. A stop waits so long for each.
    pub fn longest_request(&self) -> Duration {
        self.request_limit + DATABASE_LIMIT + Duration::from_secs(1)
    }
}

/// Whether a path is one of a file, and nothing that `SQLite` takes for something else: an empty name
/// and `:memory:` are databases of one connection, which no other one sees.
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
