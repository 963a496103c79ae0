//! Points in time that a user's duration leads to, and waiting for what may never come.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Farther away than any process lives: 30 years.
const FAR: Duration = Duration::from_hours(30 * 365 * 24);

/// So long after `at`; far in the future if that is more than a clock can show, as with
/// [`Duration::MAX`].
pub(crate) fn later(at: Instant, by: Duration) -> Instant {
    at.checked_add(by).unwrap_or_else(|| at + FAR)
}

/// Waits for a time; for ever without one.
pub(crate) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Waits until a token is cancelled; for ever without one.
pub(crate) async fn cancelled(token: Option<&CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}
