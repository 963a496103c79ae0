//! The web: all sets of an app as one service.

mod layer;
mod merge;
mod plugin;
mod readiness;
mod serve;
mod service;
mod traffic;

pub use layer::{WebLayer, WebService};
pub use plugin::WebPlugin;
pub use readiness::Readiness;
pub use service::{Web, WebFuture};

#[cfg(feature = "server")]
pub(crate) use traffic::Ticket;
