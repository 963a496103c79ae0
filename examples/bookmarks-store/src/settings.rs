//! The configuration: defaults, a file, the environment, each over the one before.

use std::env::{self, VarError};
use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use bootstrap::prelude::*;
use config::{Config, ConfigError, File};
use serde::Deserialize;

/// The file that is read, where the service is started.
pub const FILE: &str = "bookmarks.toml";

/// What can be set in `bookmarks.toml`, or in the environment, as `BOOKMARKS_LISTEN` and so on.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the API listens; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// The file of the database; it is created if it is not there.
    pub database: PathBuf,
    /// How many lists of bookmarks the cache keeps.
    pub cached_tags: u64,
    /// For how many seconds the API stays open after it has said that it is not ready any more, so
    /// that a load balancer can hear of it; at most 20.
    pub drain_delay: u64,
}

/// The app has thirty seconds to close, and clients need some of them.
pub const LONGEST_DRAIN_DELAY: u64 = 20;

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

impl Settings {
    /// What is set now: the defaults, over them a file, over that the environment.
    ///
    /// # Errors
    ///
    /// If the file can't be read, or something in it or in the environment is wrong.
    pub fn current(file: &Path) -> Result<Self> {
        let settings = Self::read(file)
            .with_context(|| format!("reading the configuration {}", file.display()))?;
        let settings = settings.under_environment()?;
        anyhow::ensure!(
            settings.drain_delay <= LONGEST_DRAIN_DELAY,
            "`drain_delay` is {}, and may be {LONGEST_DRAIN_DELAY} at most",
            settings.drain_delay
        );
        Ok(settings)
    }

    /// The defaults, and over them what the file says, if there is one.
    fn read(file: &Path) -> Result<Self, ConfigError> {
        let file = File::from(file).required(false);
        let sources = Config::builder().add_source(file).build()?;
        sources.try_deserialize()
    }

    /// The environment wins over the file. Each variable is asked for by name: others that begin
    /// with `BOOKMARKS_` are none of ours, such as those that Kubernetes sets for each service.
    fn under_environment(self) -> Result<Self> {
        Ok(Self {
            listen: variable("BOOKMARKS_LISTEN")?.unwrap_or(self.listen),
            database: variable("BOOKMARKS_DATABASE")?.unwrap_or(self.database),
            cached_tags: variable("BOOKMARKS_CACHED_TAGS")?.unwrap_or(self.cached_tags),
            drain_delay: variable("BOOKMARKS_DRAIN_DELAY")?.unwrap_or(self.drain_delay),
        })
    }
}

/// The value of a variable of the environment, if it is set.
fn variable<T: FromStr<Err: Error + Send + Sync + 'static>>(name: &str) -> Result<Option<T>> {
    let value = match env::var(name) {
        Err(VarError::NotPresent) => return Ok(None),
        value => value.with_context(|| format!("reading the environment variable {name}"))?,
    };
    let parsed = value.parse().map(Some);
    parsed.with_context(|| format!("the environment variable {name} is `{value}`"))
}

/// Reads the configuration.
#[plugin(name = "settings", states = [Settings])]
struct SettingsPlugin {
    #[option(default = FILE.into())]
    file: PathBuf,
}

impl Hooks for SettingsPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Settings> {
        Settings::current(&self.file)
    }
}
