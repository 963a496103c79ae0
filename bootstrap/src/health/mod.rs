//! Health: checks that plugins provide, and what runs them.
//!
//! A plugin provides a [`HealthCheck`] as a port. A plugin that reports the health of the app requires all of them,
//! `Ports<dyn HealthCheck>`, and runs them with [`HealthChecks`]. `Health` of `bootstrap-web` is one, which answers
//! `/readyz`.
//!
//! Requires the feature `health`.

mod check;
mod checks;

pub use check::HealthCheck;
pub use checks::{CheckOutcome, HealthChecks};
