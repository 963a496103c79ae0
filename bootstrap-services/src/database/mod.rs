//! The database: `SQLite`, with migrations for each plugin.
//!
//! [`DatabasePlugin`] provides the state [`Database`]: a pool of connections that read, and one connection that writes. A plugin that
//! requires it [migrates](Database::migrate) its own tables in its `load`, and writes in transactions ([`Tx`]) that begin with the lock for
//! writing.

mod api;
mod error;
mod file;
mod health;
mod metrics;
mod migrations;
mod open;
mod plugin;
#[cfg(any(feature = "audit", feature = "jobs", feature = "processes"))]
pub(crate) mod times;
mod transaction;
pub(crate) mod values;

pub(crate) use migrations::embedded;

pub use api::Database;
pub use error::{DatabaseError, MigrationError};
pub use plugin::{DatabasePlugin, Synchronous};
pub use transaction::{Transaction, Tx};
