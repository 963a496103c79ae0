//! The page for operators: what the services of an app do, and buttons that change it.
//!
//! [`page`] adds its routes to a set, behind a hook of the app that gives the [`Operator`].

mod actions;
mod counts;
#[cfg(feature = "cron")]
mod cron;
mod files;
mod frame;
mod html;
mod jobs;
mod operator;
mod origin;
mod overview;
mod page;
#[cfg(all(unix, feature = "processes"))]
mod processes;
mod queues;
mod time;
mod visit;
#[cfg(feature = "workflows")]
mod workflows;

pub use operator::{GivesOperator, Operator};
pub use page::page;
