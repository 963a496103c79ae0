//! The body of a response, whose bytes are counted.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};

use crate::builtin::access::record::{End, Record};

pub(super) struct Counted {
    body: Body,
    record: Record,
    bytes: u64,
    length: Option<u64>,
}

impl Counted {
    pub(super) fn new(body: Body, record: Record) -> Self {
        let length = http_body::Body::size_hint(&body).exact();
        Self {
            body,
            record,
            bytes: 0,
            length,
        }
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.bytes += data.len() as u64;
        }
        // A server does not ask for more than it has announced.
        let is_last = self.body.is_end_stream() || self.length == Some(self.bytes);
        let end = match &frame {
            None => End::Complete,
            Some(Ok(_)) if is_last => End::Complete,
            Some(Ok(_)) => End::Cancelled,
            Some(Err(_)) => End::Broken,
        };
        let bytes = self.bytes;
        self.record.sent(bytes, end);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
