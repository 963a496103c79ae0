//! Limits of a request: of its route, or else of the server.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::DefaultBodyLimit;
use axum::http::{Request, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bootstrap::RequestScope;
use http_body::{Frame, SizeHint};
use http_body_util::Limited;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use crate::handle::{Exchange, Reach, RouteCount};
use crate::pipeline::refused::Refused;
use crate::problem::Problem;

/// The limit of axum's extractors if a request has no other. A further extension is only for other limits: the fourth one
/// makes the extensions of a request grow.
const LIMIT_OF_AXUM: usize = 2 << 20;

/// The limit of a request, and whose it is.
pub(super) type TimeLimit = (Duration, &'static str);

/// The answer, or that it took too long: by the fault of the client, if it is still to send its body.
pub(super) fn in_time<F: Future<Output = Response>>(
    limit: Option<TimeLimit>,
    waits: Option<Waits>,
    answer: F,
) -> InTime<F> {
    InTime {
        answer,
        limit,
        waits,
        timer: None,
    }
}

#[cold]
fn late((limit, whose): TimeLimit, waits: Option<&Waits>) -> Response {
    if waits.is_some_and(Waits::for_the_client) {
        let detail = format!("the body of the request did not arrive within {limit:?}");
        let problem = Problem::new(StatusCode::REQUEST_TIMEOUT).detail(detail);
        return problem.into_response();
    }
    let text = format!("no response within {limit:?}, the limit of the {whose}");
    let cause = anyhow::Error::msg(text);
    Problem::unavailable().cause(cause).into_response()
}

/// Whether something waits for the next part of a request body.
#[derive(Clone, Debug)]
pub(crate) struct Waits(Arc<AtomicBool>);

impl Waits {
    fn for_the_client(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Limits the body of a request, if it has one, for extractors and for what reads it by itself, and makes it report
/// whether something waits for it.
pub(super) fn limit_body(request: &mut Request<Body>, limit: Option<usize>) -> Option<Waits> {
    if request.body().is_end_stream() {
        return None;
    }
    if limit.is_some_and(|limit| request.body().size_hint().lower() > limit as u64) {
        // Fails for what reads it, before the client has sent it, or is asked to with 100.
        *request.body_mut() = Body::new(Limited::new(Body::from("too long"), 0));
        return None;
    }
    let waits = Waits(Arc::default());
    let watched = Watched {
        body: mem::take(request.body_mut()),
        waits: waits.clone(),
    };
    *request.body_mut() = match limit {
        None => Body::new(watched),
        Some(limit) => {
            if limit != LIMIT_OF_AXUM {
                DefaultBodyLimit::max(limit).apply(request);
            }
            // Both in one box, the limit around: extractors look for its error.
            Body::new(Limited::new(watched, limit))
        }
    };
    Some(waits)
}

struct Watched {
    body: Body,
    waits: Waits,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.waits.0.store(polled.is_pending(), Ordering::Relaxed);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pin_project! {
    /// An answer with a limit, whose timer costs nothing if the answer is ready at once.
    ///
    /// Written by hand, because each `async fn` around a handler moves its response once more.
    #[must_use = "futures do nothing unless polled"]
    pub(super) struct InTime<F> {
        #[pin]
        answer: F,
        limit: Option<TimeLimit>,
        waits: Option<Waits>,
        #[pin]
        timer: Option<Sleep>,
    }
}

impl<F: Future<Output = Response>> Future for InTime<F> {
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let mut this = self.project();
        if let Poll::Ready(answer) = this.answer.poll(cx) {
            return Poll::Ready(answer);
        }
        let Some(limit) = *this.limit else {
            return Poll::Pending;
        };
        if this.timer.is_none() {
            this.timer.set(Some(sleep(limit.0)));
        }
        match this.timer.as_pin_mut() {
            Some(timer) => timer.poll(cx).map(|()| late(limit, this.waits.as_ref())),
            None => Poll::Pending,
        }
    }
}

/// A request to a router of axum that was mounted, within the limits of the server.
pub(crate) async fn mounted(
    count: Arc<RouteCount>,
    reach: Reach,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    let scope = RequestScope::current();
    let Some(exchange) = scope.as_ref().and_then(|scope| Exchange::of(scope).ok()) else {
        return next.run(request).await;
    };
    if let Some(refused) = Refused::find(exchange, reach, &request) {
        return refused.problem().into_response();
    }
    let Some(server) = exchange.server() else {
        return next.run(request).await;
    };
    server.count(&count);
    let waits = limit_body(&mut request, Some(server.limits.body));
    let limit = (server.limits.request, "server");
    in_time(Some(limit), waits, next.run(request)).await
}
