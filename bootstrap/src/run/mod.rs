//! Fifth stage, **run**: the background tasks of the plugins.
//!
//! In come plugins that are ready; out goes, at any time, the wish to stop the app, because a task
//! failed. The tasks are spawned on the runtime like any other: they are not jobs of a pass.

mod supervise;
mod tasks;

pub(crate) use tasks::{Tasks, stopped};
