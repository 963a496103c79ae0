//! One request: handed to the `Web` of the app, and its response until the end of the body.

use std::any::Any;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Response, StatusCode, header};
use hyper::body::{Buf, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::handle::ByServer;
use crate::pipeline::panic_text;
use crate::problem::{Format, Problem, render};
use crate::server::phase::Answers;
use crate::web::{Ticket, WebFuture};

type Cancelled = Pin<Box<WaitForCancellationFutureOwned>>;

/// When a part of the app does not serve.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

pin_project! {
    /// The response to a request, in time.
    pub(super) struct Answer {
        #[pin]
        web: Option<WebFuture>,
        // Instead of that.
        ready: Option<Box<Response<Body>>>,
        guards: Guards,
        cut: Option<Cancelled>,
    }
}

impl Answer {
    pub(super) fn of_web(
        web: WebFuture,
        ticket: Ticket,
        answers: Answers,
        by_server: Arc<ByServer>,
    ) -> Self {
        Self {
            web: Some(web),
            ready: None,
            guards: Guards {
                ticket: Some(ticket),
                answers: Some(answers),
                by_server: Some(by_server),
            },
            cut: None,
        }
    }

    /// A request that no route sees.
    pub(super) fn without_routes(response: Response<Body>, answers: Answers) -> Self {
        Self {
            web: None,
            ready: Some(Box::new(response)),
            guards: Guards {
                answers: Some(answers),
                ..Guards::default()
            },
            cut: None,
        }
    }
}

pub(super) fn unavailable() -> Response<Body> {
    let problem = Problem::unavailable().detail("a part of the service restarts, or stops");
    let problem = problem.header(header::RETRY_AFTER, RETRY_AFTER);
    render(&Arc::new(problem), Format::Problem)
}

/// As RFC 9112, 3.2, requires: a proxy and a route might each read another host.
pub(super) fn without_host() -> Response<Body> {
    let problem = Problem::bad_request()
        .detail("the request must have exactly one header `host`, with a host and its port");
    render(&Arc::new(problem), Format::Problem)
}

fn panicked(panic: &(dyn Any + Send)) -> Response<Body> {
    let text = panic_text(panic);
    tracing::error!("a layer or a mounted router panicked: {text}");
    render(&Arc::new(Problem::internal()), Format::Problem)
}

/// Waits for a token, which is asked only if something else is pending.
fn is_cancelled(
    wait: &mut Option<Cancelled>,
    token: &CancellationToken,
    cx: &mut Context<'_>,
) -> bool {
    let wait = wait.get_or_insert_with(|| Box::pin(token.clone().cancelled_owned()));
    wait.as_mut().poll(cx).is_ready()
}

impl Future for Answer {
    type Output = Result<Response<Served>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = if let Some(web) = this.web.as_mut().as_pin_mut() {
            catch_unwind(AssertUnwindSafe(|| web.poll(cx)))
        } else {
            let ready = this.ready.take();
            Ok(Poll::Ready(Ok(ready.map_or_else(unavailable, |it| *it))))
        };
        let response = match polled {
            Ok(Poll::Ready(Ok(response))) => response,
            Ok(Poll::Pending) => {
                let server = this.guards.by_server.as_ref();
                let cut = server.map(|it| it.draining.is_over());
                if !cut.is_some_and(|cut| is_cancelled(this.cut, cut, cx)) {
                    return Poll::Pending;
                }
                unavailable()
            }
            Err(panic) => panicked(&*panic),
        };
        // What the request holds of the app is dropped before the response is sent.
        this.web.set(None);
        let guards = std::mem::take(this.guards);
        Poll::Ready(Ok(Served::response(response, guards)))
    }
}

/// What is held while a request counts as being answered.
#[derive(Debug, Default)]
pub(super) struct Guards {
    #[allow(dead_code, reason = "held until it is dropped")]
    ticket: Option<Ticket>,
    answers: Option<Answers>,
    by_server: Option<Arc<ByServer>>,
}

pin_project! {
    /// The body of a response. The request counts as being answered until it, or its last chunk, is dropped.
    pub(super) struct Served {
        #[pin]
        body: Body,
        guards: Guards,
        is_event_stream: bool,
        cut: Option<Cancelled>,
    }
}

impl Served {
    fn response(mut response: Response<Body>, mut guards: Guards) -> Response<Self> {
        give(&mut guards, true);
        if let Some(answers) = &guards.answers
            && answers.phase().is_last_response()
            && response.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        if response.status() == StatusCode::SWITCHING_PROTOCOLS
            && let (Some(answers), Some(server)) = (&guards.answers, &guards.by_server)
        {
            let end = server.draining.grace_is_over().clone();
            answers.phase().upgrade(end);
        }
        // A stream of events has no length.
        let is_event_stream = HttpBody::size_hint(response.body()).exact().is_none() && {
            let kind = response.headers().get(header::CONTENT_TYPE);
            kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
        };
        response.map(|body| Self {
            body,
            guards,
            is_event_stream,
            cut: None,
        })
    }
}

fn give(guards: &mut Guards, has_given: bool) {
    if let Some(answers) = &mut guards.answers {
        answers.give(has_given);
    }
}

/// A part of a body. The last one has the guards, so that they are held until the client has taken it.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Bytes,
    _guards: Guards,
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn copy_to_bytes(&mut self, len: usize) -> Bytes {
        self.bytes.copy_to_bytes(len)
    }
}

impl HttpBody for Served {
    type Data = Chunk;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, axum::Error>>> {
        let this = self.project();
        let mut body = this.body;
        let polled = catch_unwind(AssertUnwindSafe(|| body.as_mut().poll_frame(cx)));
        match polled {
            Ok(Poll::Pending) => {
                give(this.guards, false);
                let is_event_stream = *this.is_event_stream;
                let Some(server) = this.guards.by_server.as_ref() else {
                    return Poll::Pending;
                };
                let cut = if is_event_stream {
                    server.draining.grace_is_over()
                } else {
                    server.draining.is_over()
                };
                if !is_cancelled(this.cut, cut, cx) {
                    return Poll::Pending;
                }
                body.set(Body::empty());
                give(this.guards, true);
                // An event stream may end anywhere; what has a length must not look complete.
                if is_event_stream {
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(axum::Error::new("the server drains"))))
            }
            Ok(Poll::Ready(frame)) => {
                give(this.guards, true);
                let is_last = body.is_end_stream();
                let chunk = |bytes| Chunk {
                    bytes,
                    _guards: if is_last {
                        std::mem::take(this.guards)
                    } else {
                        Guards::default()
                    },
                };
                Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(chunk))))
            }
            Err(panic) => {
                let _ = panicked(&*panic);
                body.set(Body::empty());
                Poll::Ready(Some(Err(axum::Error::new("the body panicked"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        HttpBody::size_hint(&self.body)
    }
}
