//! Logging that changes nothing: what listens to the log is the user's code, and may panic.

use tracing::Span;

use crate::base::panic::guard;

/// Logs something. A panic of a subscriber ends here.
pub(crate) fn log(say: impl FnOnce()) {
    let _ = guard(say);
}

/// Makes a span, or none if a subscriber panics.
pub(crate) fn span(make: impl FnOnce() -> Span) -> Span {
    guard(make).unwrap_or_else(|_| Span::none())
}
