//! The stream of one client.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};

use crate::events::Next;
use crate::sse::board::{Client, Joined};
use crate::sse::{SseHub, event, metrics};

/// What a client of a [`SseHub`] gets: pieces of the body of a response of the type `text/event-stream`.
///
/// It ends when the app drains, and when the client is too slow. A comment is sent after 15 seconds without events, so
/// that proxies do not close the connection. A stream that is dropped is unsubscribed.
///
/// With the feature `web` it is a response.
pub struct SseStream {
    pieces: BoxStream<'static, Bytes>,
}

/// A client that is subscribed.
struct Subscribed {
    hub: SseHub,
    channels: Vec<String>,
    queue: Client,
    first: vec::IntoIter<Bytes>,
    has_ended: bool,
}

impl SseStream {
    pub(super) fn new(hub: SseHub, channels: Vec<String>, joined: Joined) -> Self {
        metrics::clients(1.0);
        let subscribed = Subscribed {
            hub,
            channels,
            queue: joined.queue,
            first: joined.first.into_iter(),
            has_ended: false,
        };
        let next = async |mut it: Subscribed| Some((it.next().await?, it));
        let pieces = stream::unfold(subscribed, next).boxed();
        Self { pieces }
    }

    /// Ends the stream when `stopped` is done.
    #[cfg(feature = "web")]
    pub(super) fn until(self, stopped: impl Future<Output = ()> + Send + 'static) -> Self {
        let pieces = self.pieces.take_until(stopped).boxed();
        Self { pieces }
    }
}

impl Subscribed {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(piece) = self.first.next() {
            return Some(piece);
        }
        if self.has_ended {
            return None;
        }
        let shared = &self.hub.0;
        let next = tokio::select! {
            biased;
            next = self.queue.next() => next,
            () = shared.clock.sleep(shared.heartbeat) => return Some(event::heartbeat()),
        };
        match next {
            Next::Item(piece) => Some(piece),
            Next::Missed(_) | Next::Closed if self.hub.is_closed() => None,
            // Only a client that is too slow is closed while the hub is open.
            Next::Missed(_) | Next::Closed => {
                self.has_ended = true;
                Some(event::lagged())
            }
        }
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.hub.remove(&self.channels, &self.queue);
    }
}

impl Stream for SseStream {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.pieces.poll_next_unpin(cx)
    }
}

impl fmt::Debug for SseStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseStream").finish_non_exhaustive()
    }
}
