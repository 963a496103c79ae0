//! Processes: daemons of any language, supervised.
//!
//! [`ProcessesPlugin`] provides the state [`Processes`]. A plugin [defines](Processes::define) a daemon in its `load`, and spawns it from its
//! `ready` on. The room exists on Unix only.

mod api;
mod connection;
mod definition;
mod entry;
mod error;
mod event;
mod folder;
mod info;
mod metrics;
mod plugin;
mod policy;
mod protocol;
mod shared;
mod store;
mod supervisor;
#[cfg(feature = "testing")]
pub mod testing;

pub use api::Processes;
pub use definition::{Definition, OnClose, RestartPolicy};
pub use error::ProcessError;
pub use event::{ChildEvent, Limit, ProcessEvent, ProcessEvents};
pub use info::{ProcessId, ProcessInfo, ProcessStatus};
pub use plugin::ProcessesPlugin;

pub use crate::child::{Exit, Usage};
