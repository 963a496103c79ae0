//! First stage, **declare**: what a plugin is, what it needs, what it gives.
//!
//! In come the user's structs, through `#[plugin]` or a hand-written [`Plugin`]; out go
//! descriptors, fields that can be bound, and hooks that can be called. What can be wrong here is
//! wrong at compile time.

mod adjust;
mod app_context;
mod app_hook;
mod barrier;
mod child;
mod circle;
mod const_text;
mod context;
mod declaration;
mod descriptor;
mod error;
mod field;
mod function;
mod hooks;
mod inject;
mod kin;
mod lookup;
mod plugin;
mod retry;
mod service;
mod state;
mod states;
mod supervision;
mod task;
mod value;
mod with;

pub(crate) use adjust::Adjust;
pub use app_context::{AppContext, ErrorContext};
pub(crate) use app_hook::AppHook;
pub use barrier::AfterContext;
pub(crate) use barrier::{Barrier, BarrierKind};
pub use child::{Child, ChildScope};
pub use circle::{check, explore};
pub use context::{CloseContext, Contextual, DrainContext, LoadContext, ReadyContext, RunContext};
pub(crate) use context::{Home, Site, Spawn, state};
pub use declaration::{
    Behaviour, Declaration, Declared, Identity, Link, Mention, Need, Proof, Provider, Requirement,
};
pub use descriptor::Descriptor;
pub use error::{ServiceError, StateError};
pub use field::{Bind, Bound, Fields};
pub use function::FnPlugin;
pub(crate) use function::Supplied;
#[cfg(feature = "testing")]
pub(crate) use hooks::HookSet;
pub use hooks::{Declare, Hooks};
pub use inject::{Inject, Provided, Provides, field, made, made_instead};
pub use kin::check_child;
pub(crate) use lookup::{serves, service, set_service};
pub use plugin::Plugin;
pub use retry::Retry;
pub use service::Service;
pub use state::State;
pub(crate) use state::{Aim, AnySlot, Origin, Slot};
pub use states::States;
pub(crate) use supervision::{How, Policies, Restarts};
pub use supervision::{Policy, Restart, Supervision};
pub(crate) use task::{MakeTask, TaskFuture, TaskRequest};
pub(crate) use value::StateValue;
pub use with::Ingredients;
pub(crate) use with::With;
