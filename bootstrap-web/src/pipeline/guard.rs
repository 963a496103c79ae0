//! Panics of handlers and hooks are problems of their request.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use pin_project_lite::pin_project;

use crate::problem::Problem;

pin_project! {
    /// The output of a future, or the problem that it panicked.
    ///
    /// Written by hand, because each `async fn` around a handler moves its response once more.
    #[must_use = "futures do nothing unless polled"]
    pub(crate) struct Guarded<'a, F> {
        what: &'a str,
        #[pin]
        future: F,
    }
}

/// Guards a future, which messages call `what`.
pub(crate) fn guarded<F: Future>(what: &str, future: F) -> Guarded<'_, F> {
    Guarded { what, future }
}

impl<F: Future> Future for Guarded<'_, F> {
    type Output = Result<F::Output, Problem>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match catch_unwind(AssertUnwindSafe(|| this.future.poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panicked(this.what, &*panic))),
        }
    }
}

/// As [`guarded`], for what becomes a response.
pub(super) fn guarded_response(
    what: &str,
    future: impl Future<Output = Response>,
) -> impl Future<Output = Response> {
    guarded(what, future).map(|answer| answer.unwrap_or_else(IntoResponse::into_response))
}

#[cold]
fn panicked(what: &str, panic: &(dyn Any + Send)) -> Problem {
    let text = panic_text(panic);
    Problem::from(anyhow::anyhow!("{what} panicked: {text}"))
}

/// What a panic says.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| Some(panic.downcast_ref::<String>()?));
    text.unwrap_or("a value that is no text")
}
