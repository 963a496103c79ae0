//! Limits of a request: of its route, or else of the server.

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

/// Limits a body, for extractors and for what reads it by itself.
pub(super) fn limit_body(mut request: Request<Body>, limit: usize) -> Request<Body> {
    if request.body().is_end_stream() {
        return request;
    }
    request = request.map(|body| Body::new(Limited::new(body, limit)));
    DefaultBodyLimit::max(limit).apply(&mut request);
    request
}

/// The limit of a request, and whose it is.
pub(super) type TimeLimit = (Duration, &'static str);

/// The answer, or that it took too long: by the fault of the client, if it is still to send its body.
pub(super) async fn in_time(
    limit: Option<TimeLimit>,
    waits: Option<Waits>,
    answer: impl Future<Output = Response>,
) -> Response {
    let Some((limit, whose)) = limit else {
        return answer.await;
    };
    let answer = InTime {
        answer,
        limit,
        timer: None,
    };
    answer.await.unwrap_or_else(|| {
        if waits.is_some_and(|it| it.for_the_client()) {
            let detail = format!("the body of the request did not arrive within {limit:?}");
            let problem = Problem::new(StatusCode::REQUEST_TIMEOUT).detail(detail);
            return problem.into_response();
        }
        let text = format!("no response within {limit:?}, the limit of the {whose}");
        let cause = anyhow::Error::msg(text);
        Problem::unavailable().cause(cause).into_response()
    })
}

/// Whether something waits for the next part of a request body.
#[derive(Clone, Debug)]
pub(crate) struct Waits(Arc<AtomicBool>);

impl Waits {
    fn for_the_client(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request whose body says whether something waits for it, if it has one.
pub(super) fn watched(request: Request<Body>) -> (Request<Body>, Option<Waits>) {
    if request.body().is_end_stream() {
        return (request, None);
    }
    let waits = Waits(Arc::default());
    let inner = waits.clone();
    let request = request.map(|body| Body::new(Watched { body, waits: inner }));
    (request, Some(waits))
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
    /// A future with a limit, whose timer costs nothing if the future is ready at once.
    struct InTime<F> {
        #[pin]
        answer: F,
        limit: Duration,
        #[pin]
        timer: Option<Sleep>,
    }
}

impl<F: Future> Future for InTime<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let mut this = self.project();
        if let Poll::Ready(answer) = this.answer.poll(cx) {
            return Poll::Ready(Some(answer));
        }
        if this.timer.is_none() {
            this.timer.set(Some(sleep(*this.limit)));
        }
        match this.timer.as_pin_mut() {
            Some(timer) => timer.poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    }
}

/// A request to a router of axum that was mounted, within the limits of the server.
pub(crate) async fn mounted(
    count: Arc<RouteCount>,
    reach: Reach,
    request: Request<Body>,
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
    server.in_flight.count(&count);
    let (request, waits) = watched(request);
    let request = limit_body(request, server.limits.body);
    let limit = (server.limits.request, "server");
    in_time(Some(limit), waits, next.run(request)).await
}
