//! The database: needs the state of one crate, and makes one that others need.

use std::sync::atomic::{AtomicU32, Ordering};

use bootstrap::prelude::*;
use shop_config::Config;

/// Keeps orders.
#[derive(Debug)]
pub struct Database {
    name: String,
    rows: AtomicU32,
}

impl Database {
    /// Keeps one more, and gives its number.
    pub fn insert(&self) -> u32 {
        self.rows.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Opens the [`Database`].
#[plugin(name = "database", states = [Database])]
#[derive(Debug)]
pub struct DatabasePlugin {
    config: State<Config>,
}

impl Hooks for DatabasePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Database> {
        Ok(Database {
            name: self.config.database.clone(),
            rows: AtomicU32::new(0),
        })
    }
}
