//! First stage, **declare**: what a plugin is, what it needs, what it gives.
//!
//! In come the user's structs, through `#[plugin]` or a hand-written [`Plugin`]; out go
//! descriptors, fields that can be bound, and hooks that can be called. What can be wrong here is
//! wrong at compile time.

mod abilities;
mod adjust;
mod app_context;
mod app_hook;
mod asks;
mod barrier;
mod child;
mod const_text;
mod context;
mod current;
mod cycle;
mod declaration;
mod defaults;
mod derived;
mod descriptor;
mod field;
mod function;
mod handle_of;
mod hooks;
mod inject;
mod into_plugin;
mod kin;
mod later;
mod lazy;
mod lookup;
mod outside;
mod plugin;
mod port;
mod precedence;
mod retry;
#[cfg(feature = "config")]
mod setting;
mod state;
mod states;
mod supervision;
mod supply;
mod swap;
mod switch;
mod task;
mod value;
mod with;

pub(crate) use adjust::Adjust;
pub use app_context::{AppContext, ErrorContext};
pub(crate) use app_hook::AppHook;
pub use asks::Asks;
pub use barrier::BarrierContext;
pub(crate) use barrier::{Barrier, BarrierKind};
pub use child::{Child, ChildScope};
pub use const_text::check_name;
pub use context::{CloseContext, Contextual, DrainContext, LoadContext, ReadyContext, RunContext};
pub(crate) use context::{Home, Site, Spawn};
pub(crate) use current::Around;
pub use current::Current;
pub use cycle::{check, explore};
pub use declaration::{
    Behaviour, Declaration, Declared, Identity, Link, Mention, Need, Proof, Provider, Requirement,
};
pub use defaults::{LocalDefault, OptionDefault};
pub use derived::{Derived, Requirement as DerivedRequirement, Requirements, derived};
pub use descriptor::Descriptor;
pub(crate) use field::BoundTo;
pub(crate) use field::Wish;
pub use field::{Bind, Bound, Fields};
pub use function::{PluginFn, plugin_fn};
pub use handle_of::HandleOf;
#[cfg(feature = "testing")]
pub(crate) use hooks::HookSet;
pub use hooks::{Declare, Hooks};
pub use inject::{
    Inject, OneProviderPerState, Provided, Provides, ProvidesPort, RequiredBy, SharedAtPort, field,
    made, made_instead,
};
pub use into_plugin::IntoPlugin;
pub use kin::check_child;
pub(crate) use later::{Later, Resolve};
pub use lazy::{Handle, Lazy};
pub use lookup::Lookup;
pub(crate) use lookup::{LookupFrom, looks_up};
pub(crate) use outside::Outside;
pub use plugin::Plugin;
pub use port::{Port, Ports};
pub(crate) use precedence::{Precedence, Rank, Standing};
pub use retry::Retry;
#[cfg(feature = "config")]
pub use setting::{FromOutside, SectionPlugin, Setting, Values, configured, section};
pub use state::State;
pub use state::{AnySlot, Origin};
pub use states::States;
pub(crate) use supervision::{How, Policies, Restarts};
pub use supervision::{Policy, Restart, Supervision};
pub(crate) use supply::Supplied;
pub use supply::Supply;
pub use swap::{Swap, SwapWatch};
pub use switch::{Answer, By, Switch, answer};
pub(crate) use task::{MakeTask, TaskFuture, TaskRequest};
pub(crate) use value::StateValue;
pub use with::{PluginWith, plugin_with};
