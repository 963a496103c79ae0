//! Panics of user code, turned into values.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

/// What a panic left: the text of its message, if it had one.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Runs `code` and returns the message of its panic, if it panics.
///
/// Unwind safety: every caller drops what `code` touched once it has panicked, so no code sees a
/// value that a panic left half changed.
pub(crate) fn guard<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(message)
}

/// The text of a panic's message.
pub(crate) fn message(payload: Payload) -> String {
    let text = if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a value that is no text".to_owned()
    };
    // The payload is the user's: its own drop may panic, and so may that of what it panics with.
    if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        std::mem::forget(second);
    }
    text
}

/// Awaits a future and returns the message of its panic, if it panics.
pub(crate) async fn guard_future<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| match guard(|| future.as_mut().poll(cx)) {
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(message) => Poll::Ready(Err(message)),
    })
    .await
}
