//! The log of the process: levels that change at run time, JSON, files that rotate.
//!
//! [`tracing`](https://docs.rs/tracing) is the API: events are lines, and spans are what other loggers call child
//! loggers. [`start`] writes the log from the first line of `main` on; [`LoggerPlugin`] applies the configuration once
//! it is read, and provides [`Logger`].

mod api;
mod error;
mod file;
mod format;
mod health;
mod level;
mod metrics;
mod output;
mod plugin;
mod process;
mod queue;
mod settings;

pub use api::Logger;
pub use error::LoggerError;
pub use file::Rotation;
pub use format::LogFormat;
pub use plugin::LoggerPlugin;
pub use process::{Log, start};
