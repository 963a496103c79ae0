//! Metrics of the app and of its services, as Prometheus reads them.
//!
//! Services and the web layer measure with the macros of the crate `metrics`, which cost next to nothing without a
//! recorder. [`MetricsPlugin`] installs one, and provides [`Metrics`]. With the feature `web`, `GET /metrics` serves
//! them to operators.

mod api;
mod plugin;
mod process;
mod recorder;
mod report;
mod text;
#[cfg(feature = "web")]
mod web;

pub use api::Metrics;
pub use plugin::MetricsPlugin;
pub use recorder::OtherRecorder;
#[cfg(feature = "web")]
pub use web::MetricsRoutes;
