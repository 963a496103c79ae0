//! Events: typed messages, and handlers that are plugins.
//!
//! A plugin publishes what has happened with [`Events::publish`], without knowing the readers. Others subscribe with
//! [`Events::on`] or [`Events::matching`], or handle events with [`event_handler`]. With an [`EventBus`], events
//! reach the other processes of a service.

mod board;
mod bridge;
mod bus;
#[cfg(feature = "testing")]
pub mod conformance;
mod dispatch;
mod event;
#[allow(
    clippy::module_inception,
    reason = "the state of the room has its name"
)]
mod events;
mod handler;
mod health;
mod metrics;
mod pattern;
mod plugin;
mod published;
mod queue;
mod subscription;
#[cfg(feature = "testing")]
mod testing;
mod worker;

/// For implementations of [`EventBus`].
pub use bootstrap::extend::async_trait;
/// Declares a type of events: see [`trait@Event`].
///
/// `#[event(name = "user.created")]` is required, with segments of `a-z`, `0-9` and `-`. `version = 2` says that the
/// fields have changed so that a process with an older version can't read them; it is 1 by default. The type derives
/// `serde::Serialize` and `serde::Deserialize` as well.
pub use bootstrap_services_macros::Event;
/// Declares a plugin that handles events: see [`Handler`].
///
/// It takes the types of the events, and the arguments of [`#[plugin]`](macro@bootstrap::plugin):
/// `#[event_handler(UserCreated, UserDeleted, name = "mailer")]`. The struct has named fields, and is constructed with
/// `default()`: the attribute adds a field, which makes [`EventHandlersPlugin`] part of an app that collects.
pub use bootstrap_services_macros::event_handler;

#[cfg(feature = "sse")]
pub(crate) use bridge::{Bridge, unique};
pub use bus::EventBus;
pub use dispatch::{EventHandlers, EventHandlersPlugin};
pub use event::Event;
pub use events::Events;
#[doc(hidden)]
pub use handler::HandlerList;
pub use handler::{EventContext, EventHandler, Handler};
#[cfg(feature = "sse")]
pub(crate) use pattern::is_name;
pub use pattern::{Pattern, PatternError};
pub use plugin::EventsPlugin;
pub use published::Published;
#[cfg(feature = "sse")]
pub(crate) use queue::{After, Next, Queue, Refused};
pub use subscription::{Receive, RecvError, Subscription};
#[cfg(feature = "testing")]
pub use testing::{EventRecord, MemoryBus};

#[doc(hidden)]
pub mod __private {
    //! What the macros name.

    pub use inventory;

    pub use crate::events::event::{DERIVED, Derived, EventType};
}
