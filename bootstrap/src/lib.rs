//! Boot an application as a graph of plugins.
#![forbid(unsafe_code)]

mod app;
mod base;
mod boot;
mod close;
mod collect;
mod declare;
mod drive;
mod life;
mod live;
mod plan;
mod report;
mod run;

#[doc(hidden)]
pub mod __private;

pub mod prelude {
    //! What a file that declares plugins needs.

    pub use anyhow::Result;

    pub use crate::{
        App, CloseContext, DrainContext, Hooks, LoadContext, ReadyContext, RunContext, State,
        plugin,
    };
}

pub use anyhow::Result;
pub use async_trait::async_trait;
pub use bootstrap_macros::plugin;

pub use app::{App, Exit, Running};
pub use base::key::StateKey;
pub use base::location::Location;
pub use base::name::PluginName;
pub use base::phase::Phase;
pub use boot::{BootError, BootErrorKind, NotStarted};
pub use collect::Registration;
pub use declare::{
    AppContext, CloseContext, Contextual, Declare, Descriptor, DrainContext, Fields, FnPlugin,
    Hooks, Inject, LoadContext, Plugin, Provided, Provides, ReadyContext, RunContext, State,
    StateError, States,
};
pub use life::{Handle, ShutdownReason, Signal, Status};
pub use plan::{Asker, Edge, Place, Plan, PlanError, PlanErrors, PlanWarning, PlannedPlugin};
pub use report::{Cause, CloseError, Outcome, PluginError, PluginReport, Report, Step};
