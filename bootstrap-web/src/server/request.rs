//! The request as routes take it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Request, Version};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

/// Makes the body one of axum. With HTTP/1 a client may not stop in the middle of it for longer than the limit: a
/// handler that has begun to answer has no limit of its own. With HTTP/2 it may, since both sides may talk
/// at any time; there a ping finds out whether the client is still there.
pub(super) fn request(request: Request<Incoming>, limit: Duration) -> Request<Body> {
    let is_http1 = request.version() < Version::HTTP_2;
    request.map(|body| {
        if body.is_end_stream() {
            return Body::empty();
        }
        Body::new(Received {
            body,
            limit: is_http1.then_some(limit),
            stalled: None,
        })
    })
}

/// A body that may not stall.
struct Received {
    body: Incoming,
    limit: Option<Duration>,
    /// Since the client has sent nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.stalled = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let Some(limit) = this.limit else {
            return Poll::Pending;
        };
        let stalled = this.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        let error = format!("the client has sent nothing of its body for {limit:?}");
        Poll::Ready(Some(Err(axum::Error::new(error))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
