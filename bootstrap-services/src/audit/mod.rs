//! Audit: each change, with its author.
//!
//! [`AuditPlugin`] provides the state [`Audit`]: an append-only log in the database of the app.

mod api;
mod entry;
mod error;
mod filter;
mod metrics;
mod plugin;
mod store;

pub use api::Audit;
pub use entry::Entry;
pub use error::AuditError;
pub use filter::{Filter, Page, Recorded};
pub use plugin::AuditPlugin;
