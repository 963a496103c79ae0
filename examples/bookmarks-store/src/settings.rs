//! The configuration: defaults, a file, the environment, each over the one before.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use bootstrap::prelude::*;
use config::{Config, Environment, File};
use serde::Deserialize;

/// What can be set in `bookmarks.toml`, or as `BOOKMARKS_..` in the environment.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the API listens; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// The file of the database; it is created if it is not there.
    pub database: PathBuf,
    /// How many lists of bookmarks the cache keeps.
    pub cached_tags: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            database: "bookmarks.db".into(),
            cached_tags: 1_000,
        }
    }
}

/// Reads the configuration.
#[plugin(name = "settings", states = [Settings])]
struct SettingsPlugin {
    #[option(default = "bookmarks.toml".into())]
    file: PathBuf,
}

impl Hooks for SettingsPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Settings> {
        let sources = Config::builder()
            .add_source(File::from(self.file.as_path()).required(false))
            .add_source(Environment::with_prefix("BOOKMARKS").try_parsing(true));
        let settings = sources.build().and_then(Config::try_deserialize);
        settings.context("reading the configuration")
    }
}
