//! `Draining`: the end of the server, for responses that take as long as the client likes.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use bootstrap::RequestScope;
use futures_util::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::handle::exchange::Exchange;

/// The moment at which the server begins to drain, as an argument of a handler: for streams and
/// websockets, which otherwise go on for as long as the client likes.
///
/// It begins when the app stops, after the `drain_delay` of the server, and when the part of the app restarts that the
/// handler belongs to. An event stream or a websocket that has not ended `stream_grace` later is cut.
/// Any other response may take until the `drain_timeout`.
///
/// Without a server, as in a test, it never begins.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use std::time::Duration;
///
/// use bootstrap_web::axum::response::sse::{Event, Sse};
/// use bootstrap_web::prelude::*;
/// use futures_util::stream::{self, Stream};
///
/// async fn events(draining: Draining) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
///     let ticks = stream::unfold((), async |()| {
///         tokio::time::sleep(Duration::from_secs(1)).await;
///         Some((Ok(Event::default().data("tick")), ()))
///     });
///     Sse::new(draining.until(ticks))
/// }
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().get("/events", events)
/// }
/// ```
#[derive(Clone, Default)]
pub struct Draining {
    inner: Arc<Inner>,
    /// The most bytes of a message and of a frame of a websocket, if the request has a server.
    #[cfg(feature = "ws")]
    sizes: Option<(usize, usize)>,
}

#[derive(Default)]
struct Inner {
    began: CancellationToken,
    /// Streams that have not ended by then are cut.
    grace_is_over: CancellationToken,
    /// Responses that have not ended by then are cut.
    is_over: CancellationToken,
}

impl Draining {
    /// Waits until the server drains.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again, as in a `select!`.
    pub async fn began(&self) {
        self.inner.began.cancelled().await;
    }

    /// Returns whether the server drains.
    pub fn has_begun(&self) -> bool {
        self.inner.began.is_cancelled()
    }

    /// The token that is cancelled when the server drains, to hand on.
    pub fn token(&self) -> CancellationToken {
        self.inner.began.clone()
    }

    /// Ends a stream when the server drains.
    pub fn until<S: Stream>(&self, stream: S) -> impl Stream<Item = S::Item> + use<S> {
        stream.take_until(self.token().cancelled_owned())
    }

    /// Runs the session of a websocket, and cuts it if it has not ended `stream_grace` after the server began to
    /// drain. Requires the feature `ws`.
    ///
    /// Messages and frames may be as large as the keys `http.websocket.max_message_bytes` and
    /// `http.websocket.max_frame_bytes` of the server permit. Whatever the handler does, the server answers 403 to pages of
    /// other origins that `http.websocket.origins` does not list.
    ///
    /// The session should wait for [`began`](Self::began) as well, and close the socket then, so that the
    /// client gets a close frame.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_web::axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
    /// use bootstrap_web::prelude::*;
    ///
    /// async fn echo(mut socket: WebSocket, draining: Draining) {
    ///     loop {
    ///         tokio::select! {
    ///             message = socket.recv() => {
    ///                 let Some(Ok(message)) = message else { return };
    ///                 if socket.send(message).await.is_err() {
    ///                     return;
    ///                 }
    ///             }
    ///             () = draining.began() => {
    ///                 let _ = socket.send(Message::Close(None)).await;
    ///                 return;
    ///             }
    ///         }
    ///     }
    /// }
    ///
    /// async fn socket(upgrade: WebSocketUpgrade, draining: Draining) -> Response {
    ///     draining.clone().upgrade(upgrade, |socket| echo(socket, draining))
    /// }
    ///
    /// #[routes]
    /// fn api() -> impl RouteSet {
    ///     Routes::new().get("/echo", socket)
    /// }
    /// ```
    #[cfg(feature = "ws")]
    pub fn upgrade<F, Fut>(
        self,
        upgrade: axum::extract::ws::WebSocketUpgrade,
        session: F,
    ) -> axum::response::Response
    where
        F: FnOnce(axum::extract::ws::WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let upgrade = match self.sizes {
            Some((message, frame)) => upgrade.max_message_size(message).max_frame_size(frame),
            None => upgrade,
        };
        upgrade.on_upgrade(async move |socket| {
            tokio::select! {
                () = session(socket) => {}
                () = self.inner.grace_is_over.cancelled() => {}
            }
        })
    }

    pub(crate) fn begin(&self) {
        self.inner.began.cancel();
    }

    pub(crate) fn end_grace(&self) {
        self.inner.began.cancel();
        self.inner.grace_is_over.cancel();
    }

    /// Cuts what is still being answered.
    pub(crate) fn end(&self) {
        self.end_grace();
        self.inner.is_over.cancel();
    }

    /// Cancelled when the request has to be dropped.
    #[cfg(feature = "server")]
    pub(crate) fn is_over(&self) -> &CancellationToken {
        &self.inner.is_over
    }

    /// Cancelled when a stream has to end.
    #[cfg(feature = "server")]
    pub(crate) fn grace_is_over(&self) -> &CancellationToken {
        &self.inner.grace_is_over
    }
}

impl<S: Sync> FromRequestParts<S> for Draining {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let scope = RequestScope::current();
        let exchange = scope.as_ref().and_then(|it| Exchange::of(it).ok());
        let Some(server) = exchange.and_then(Exchange::server) else {
            return Ok(Self::default());
        };
        Ok(Self {
            #[cfg(feature = "ws")]
            sizes: Some(server.limits.websocket),
            ..server.draining.clone()
        })
    }
}

impl fmt::Debug for Draining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draining")
            .field("has_begun", &self.has_begun())
            .finish()
    }
}
