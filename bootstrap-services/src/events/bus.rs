//! `EventBus`: events and server-sent events between machines.

use anyhow::Result;
use bootstrap::extend::async_trait;
use futures_util::stream::BoxStream;

/// Carries messages between the processes of a service: a port, which a plugin for NATS or Redis provides.
///
/// Messages are bytes that the bus does not read, at most 1 MiB each. Without a bus, events stay in their process.
/// While the bus is down, local delivery goes on, and messages to other processes are dropped and counted.
///
/// `events::conformance`, with the feature `testing`, checks an implementation.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use bootstrap::prelude::*;
/// use bootstrap_services::events::{EventBus, async_trait};
/// use futures_util::stream::{BoxStream, StreamExt as _};
///
/// /// A bus that no other process is on.
/// struct Alone;
///
/// #[async_trait]
/// impl EventBus for Alone {
///     async fn publish(&self, topic: &str, message: Vec<u8>) -> Result<()> {
///         println!("{topic}: {} bytes", message.len());
///         Ok(())
///     }
///
///     async fn subscribe(&self, _: &str) -> Result<BoxStream<'static, Vec<u8>>> {
///         Ok(futures_util::stream::pending().boxed())
///     }
/// }
///
/// #[plugin(name = "events-alone", ports = [dyn EventBus], collect = needed)]
/// struct AlonePlugin;
///
/// impl Hooks for AlonePlugin {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn EventBus>> {
///         Ok(Arc::new(Alone))
///     }
/// }
/// ```
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Sends a message to all processes that have subscribed to `topic`, in the order of the calls.
    ///
    /// Whether this process gets its own messages does not matter: they are dropped.
    ///
    /// # Errors
    ///
    /// If the message was probably not sent. It is not sent again.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped after 5 seconds.
    async fn publish(&self, topic: &str, message: Vec<u8>) -> Result<()>;

    /// Returns the messages of `topic` from now on, each of them once.
    ///
    /// The stream ends when the connection is lost. It is subscribed to again then, after a second.
    ///
    /// # Errors
    ///
    /// If there is no connection.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped after 5 seconds.
    async fn subscribe(&self, topic: &str) -> Result<BoxStream<'static, Vec<u8>>>;
}
