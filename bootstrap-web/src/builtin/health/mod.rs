//! Health probes: `/livez`, `/readyz` and `/startupz`, over the checks of all plugins.

mod plugin;
mod probe;

pub use plugin::{Health, Verbose};

#[cfg(feature = "server")]
pub(crate) use probe::answer_without_routes;
