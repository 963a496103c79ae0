//! The web: all sets of an app as one service.

mod merge;
mod plugin;
mod serve;
mod service;

pub use plugin::WebPlugin;
pub use service::{Web, WebFuture};
