//! The authorization of subscriptions.

use anyhow::Result;
use bootstrap::extend::async_trait;

/// Decides whether a client may subscribe to a channel that is not public: a port, which a plugin of the app provides.
///
/// It is asked in the request of the client, for each channel. So it finds the user with
/// [`RequestState`](bootstrap::RequestState), if a hook of the route has authenticated one. Without a provider, only
/// the channels that `sse.public` lists can be subscribed to.
///
/// # Examples
///
/// ```
/// use bootstrap::RequestState;
/// use bootstrap::prelude::*;
/// use bootstrap_services::sse::{Authorize, async_trait};
///
/// struct User {
///     id: u32,
/// }
///
/// /// Each user has a channel.
/// #[plugin(ports = [self as dyn Authorize])]
/// struct OwnChannel;
///
/// impl Hooks for OwnChannel {}
///
/// #[async_trait]
/// impl Authorize for OwnChannel {
///     async fn may_subscribe(&self, channel: &str) -> Result<bool> {
///         let user = RequestState::<User>::new().get();
///         Ok(user.is_some_and(|user| channel == format!("user.{}", user.id)))
///     }
/// }
/// ```
#[async_trait]
pub trait Authorize: Send + Sync {
    /// Whether the client whose request runs may subscribe to `channel`.
    ///
    /// # Errors
    ///
    /// If that is unknown, for example because a database is down. The client is not subscribed.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped with the request.
    async fn may_subscribe(&self, channel: &str) -> Result<bool>;
}
