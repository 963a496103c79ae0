//! Limits of a request: of its route, or else of the server.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bootstrap::RequestScope;
use http_body_util::Limited;

use crate::handle::Exchange;
use crate::pipeline::in_flight::RouteCount;
use crate::problem::Problem;

/// Limits a body, for extractors and for what reads it by itself.
pub(super) fn limit_body(mut request: Request<Body>, limit: usize) -> Request<Body> {
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
    let response = tokio::time::timeout(limit, answer).await;
    response.unwrap_or_else(|_| {
        let text = format!("no response within {limit:?}, the limit of the {whose}");
        let cause = anyhow::Error::msg(text);
        Problem::unavailable().cause(cause).into_response()
    })
}

/// A request to a router of axum that was mounted, within the limits of the server.
pub(crate) async fn mounted(
    count: Arc<RouteCount>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let scope = RequestScope::current();
    let exchange = scope.as_ref().and_then(|scope| Exchange::of(scope).ok());
    let Some(limits) = exchange.and_then(|it| it.served().limits.as_ref()) else {
        return next.run(request).await;
    };
    let entered = count.enter();
    let request = limit_body(request, limits.body);
    let mut response = in_time(Some((limits.request, "server")), next.run(request)).await;
    response.extensions_mut().insert(entered);
    response
}
