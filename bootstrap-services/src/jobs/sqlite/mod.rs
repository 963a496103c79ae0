//! The embedded engine: jobs in the database of the app. One table, and one transaction for each turn of a worker.

mod claim;
mod outcome;
mod plugin;
mod process;
mod shift;
mod store;
mod takeover;

pub use plugin::SqliteJobsPlugin;
