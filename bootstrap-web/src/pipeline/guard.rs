//! Panics of handlers and hooks are problems of their request.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::problem::Problem;

/// The output of a future, or the problem that it panicked.
pub(crate) async fn guarded<T>(what: &str, future: impl Future<Output = T>) -> Result<T, Problem> {
    let result = AssertUnwindSafe(future).catch_unwind().await;
    result.map_err(|panic| {
        let text = text(&*panic);
        Problem::from(anyhow::anyhow!("{what} panicked: {text}"))
    })
}

/// As [`guarded`], for what becomes a response.
pub(super) async fn guarded_response(
    what: &str,
    future: impl Future<Output = Response>,
) -> Response {
    guarded(what, future)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| Some(panic.downcast_ref::<String>()?));
    text.unwrap_or("a value that is no text")
}
