//! `Retry`: when a `load` that failed is worth another attempt.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// How often a `load` that returns an error is tried, and how long to wait in between.
///
/// For what is there a moment later: a database that starts at the same time, a name that is not
/// known yet. A panic, a limit that has passed and a boot that ends elsewhere are not tried again.
///
/// What an attempt left with [`LoadContext::on_close`](crate::LoadContext::on_close) is done before
/// the next one, and every attempt finds `#[local]` fields at their default.
///
/// The wait doubles from attempt to attempt, and of each a random part between a half and the
/// whole is waited, so that many processes which failed together do not come back together
/// ("equal jitter").
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::time::Duration;
///
/// use bootstrap::prelude::*;
/// use bootstrap::Retry;
///
/// #[plugin]
/// struct Database {
///     #[option]
///     attempts: AtomicU32,
/// }
///
/// impl Hooks for Database {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         anyhow::ensure!(self.attempts.fetch_add(1, Ordering::Relaxed) == 2, "not there yet");
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let mut app = App::new();
/// let patience = Retry::attempts(5).backoff(Duration::from_millis(1), Duration::from_millis(8));
/// app.register(Database::default()).retry(patience);
/// app.boot().await?.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
    first: Duration,
    longest: Duration,
}

impl Retry {
    /// So many attempts in all, the first one included; 0 counts as 1. Waits 100 ms after the
    /// first, and never longer than 10 s.
    pub const fn attempts(attempts: u32) -> Self {
        Self {
            attempts,
            first: Duration::from_millis(100),
            longest: Duration::from_secs(10),
        }
    }

    /// How long to wait after the first attempt, and at most.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::Retry;
    ///
    /// const RETRY: Retry =
    ///     Retry::attempts(5).backoff(Duration::from_millis(200), Duration::from_secs(3));
    /// # let _ = RETRY;
    /// ```
    #[must_use]
    pub const fn backoff(self, first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            ..self
        }
    }

    /// How long to wait after an attempt, counted from 1; `None` if it was the last.
    pub(crate) fn wait(self, attempt: u32) -> Option<Duration> {
        self.wait_with(attempt, RandomState::new().hash_one(attempt))
    }

    /// The same with a given random number.
    fn wait_with(self, attempt: u32, random: u64) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let doublings = attempt.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let whole = self.first.saturating_mul(factor).min(self.longest);
        let half = whole / 2;
        let most = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        let less = Duration::from_nanos(random % most.saturating_add(1));
        Some(whole.saturating_sub(less))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_vary_by_half() {
        let retry = Retry::attempts(6).backoff(Duration::from_secs(1), Duration::from_secs(5));
        for (attempt, whole) in [(1, 1), (2, 2), (3, 4), (4, 5), (5, 5)] {
            let whole = Duration::from_secs(whole);
            assert_eq!(retry.wait_with(attempt, 0), Some(whole));
            for random in [1, 77, u64::MAX / 3, u64::MAX] {
                let wait = retry.wait_with(attempt, random).unwrap();
                assert!(wait >= whole / 2 && wait <= whole, "{wait:?}");
            }
        }
        assert_eq!(retry.wait(6), None);
    }

    #[test]
    fn no_number_overflows() {
        let retry = Retry::attempts(u32::MAX).backoff(Duration::MAX, Duration::MAX);
        assert_eq!(retry.wait_with(u32::MAX - 1, 0), Some(Duration::MAX));
        assert!(retry.wait_with(1, u64::MAX).is_some());
        assert_eq!(Retry::attempts(0).wait(1), None);
        let at_once = Retry::attempts(2).backoff(Duration::ZERO, Duration::ZERO);
        assert_eq!(at_once.wait_with(1, 5), Some(Duration::ZERO));
    }
}
