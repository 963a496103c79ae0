//! Limits of a request: of its route, or else of the server.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::DefaultBodyLimit;
use axum::http::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bootstrap::RequestScope;
use http_body_util::Limited;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use crate::handle::{Exchange, RouteCount};
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

/// The answer, or that it took too long.
pub(super) async fn in_time(
    limit: Option<(Duration, &'static str)>,
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
        let text = format!("no response within {limit:?}, the limit of the {whose}");
        let cause = anyhow::Error::msg(text);
        Problem::unavailable().cause(cause).into_response()
    })
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
    request: Request<Body>,
    next: Next,
) -> Response {
    let scope = RequestScope::current();
    let exchange = scope.as_ref().and_then(|scope| Exchange::of(scope).ok());
    let Some(server) = exchange.and_then(|it| it.served().server.as_ref()) else {
        return next.run(request).await;
    };
    server.in_flight.count(&count);
    let request = limit_body(request, server.limits.body);
    let limit = (server.limits.request, "server");
    in_time(Some(limit), next.run(request)).await
}
