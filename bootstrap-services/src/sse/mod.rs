//! Channels of server-sent events, with replay for clients that connect again.

mod authorize;
mod board;
mod error;
mod event;
mod health;
mod hub;
mod metrics;
mod plugin;
mod stream;
#[cfg(feature = "web")]
mod web;

pub use authorize::Authorize;
/// For implementations of [`Authorize`].
pub use bootstrap::extend::async_trait;
pub use error::SseError;
pub use event::SseEvent;
pub use hub::{SseChannel, SseHub};
pub use plugin::SseHubPlugin;
pub use stream::SseStream;
