//! Health probes: `/livez`, `/readyz` and `/startupz`, over the checks of all plugins.

mod check;
mod plugin;
mod probe;

pub use check::HealthCheck;
pub use plugin::{Health, Verbose};

#[cfg(feature = "server")]
pub(crate) use probe::answer_without_routes;
