//! What can be set: in a file, or in the environment, which wins.

use std::net::SocketAddr;
use std::path::PathBuf;

use bootstrap::{Configuration, section};
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};

/// What can be set in `bookmarks.toml`, or in the environment, as `BOOKMARKS_LISTEN` and so on.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where the API listens; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// The file of the database; it is created if it is not there.
    pub database: PathBuf,
    /// How many lists of bookmarks the cache keeps.
    pub cached_tags: u64,
    /// For how many seconds the API stays open after it has said that it is not ready any more, so
    /// that a load balancer can hear of it; at most 20.
    #[serde(deserialize_with = "drain_delay")]
    pub drain_delay: u64,
}

section!(Settings);

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
            drain_delay: 0,
        }
    }
}

/// The app has thirty seconds to close, and clients need some of them.
fn drain_delay<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    match seconds {
        0..=20 => Ok(seconds),
        _ => Err(Error::invalid_value(
            Unexpected::Unsigned(seconds),
            &"a delay of 20 seconds at most",
        )),
    }
}
