//! `Supervision`: what happens when a task ends.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::declare::retry::Retry;

/// What happens when a background task ends: the `run` hook of a plugin, or one that it has
/// spawned.
///
/// Unless something else is said, a task may end, and one that fails or panics stops the app. Once
/// the app stops, nothing is restarted, and a failure is part of the outcome in any case.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap::{Policy, Restart, Supervision};
/// use std::time::Duration;
///
/// # #[plugin]
/// # struct Poller;
/// # impl Hooks for Poller {}
/// let five_a_minute = Restart::at_most(5, Duration::from_secs(60));
/// let supervision = Supervision::new()
///     .on_error(Policy::Restart(five_a_minute))
///     .on_end(Policy::StopApp);
///
/// let mut app = App::new();
/// app.register(Poller).supervise(supervision);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supervision {
    end: Policy,
    error: Policy,
    panic: Policy,
}

/// What to do about a task that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// Stop the app.
    StopApp,
    /// Start it again.
    Restart(Restart),
    /// Do without it. If it failed, that is logged and told to
    /// [`App::on_error`](crate::App::on_error).
    Ignore,
}

/// How often a task is started again, and how long to wait before.
///
/// A task that fails again and again stops the app, as supervisors of Erlang/OTP do (their
/// "restart intensity").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    most: u32,
    within: Duration,
    waits: Retry,
}

impl Supervision {
    /// A task may end; one that fails or panics stops the app.
    pub const fn new() -> Self {
        Self {
            end: Policy::Ignore,
            error: Policy::StopApp,
            panic: Policy::StopApp,
        }
    }

    /// What to do when the task has returned `Ok`.
    #[must_use]
    pub const fn on_end(self, end: Policy) -> Self {
        Self { end, ..self }
    }

    /// What to do when the task has returned an error.
    #[must_use]
    pub const fn on_error(self, error: Policy) -> Self {
        Self { error, ..self }
    }

    /// What to do when the task has panicked.
    #[must_use]
    pub const fn on_panic(self, panic: Policy) -> Self {
        Self { panic, ..self }
    }

    pub(crate) fn after(self, end: How) -> Policy {
        match end {
            How::Returned => self.end,
            How::Failed => self.error,
            How::Panicked => self.panic,
        }
    }
}

/// What is said of a plugin beside its hooks. Boxed wherever it stands: few plugins have any.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Policies {
    pub(crate) retry: Option<Retry>,
    pub(crate) supervision: Option<Supervision>,
}

impl Default for Supervision {
    fn default() -> Self {
        Self::new()
    }
}

/// How a task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Returned,
    Failed,
    Panicked,
}

impl Restart {
    /// At most so many restarts within any such time; one more stops the app.
    ///
    /// The waits are those of [`Restart::backoff`], 100 ms to 10 s.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::{Policy, Restart, Supervision};
    ///
    /// let three_an_hour = Restart::at_most(3, Duration::from_secs(3600));
    /// let supervision = Supervision::new().on_panic(Policy::Restart(three_an_hour));
    /// # let _ = supervision;
    /// ```
    pub const fn at_most(most: u32, within: Duration) -> Self {
        Self {
            most,
            within,
            waits: Retry::attempts(u32::MAX),
        }
    }

    /// How long to wait before the first restart, and at most. The wait doubles with every restart
    /// that lies within the time of [`Restart::at_most`], and a random part of it, between a half
    /// and the whole, is waited.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::Restart;
    ///
    /// const RESTART: Restart = Restart::at_most(5, Duration::from_secs(60))
    ///     .backoff(Duration::from_millis(200), Duration::from_secs(5));
    /// # let _ = RESTART;
    /// ```
    #[must_use]
    pub const fn backoff(self, first: Duration, longest: Duration) -> Self {
        Self {
            waits: self.waits.backoff(first, longest),
            ..self
        }
    }
}

/// The restarts of one task. Pure: the time comes from outside.
#[derive(Default)]
pub(crate) struct Restarts(VecDeque<Instant>);

impl Restarts {
    /// How long to wait before the next restart; `None` if there have been too many.
    pub(crate) fn next(&mut self, restart: Restart, now: Instant) -> Option<Duration> {
        let is_past = |at: &Instant| now.saturating_duration_since(*at) >= restart.within;
        while self.0.front().is_some_and(is_past) {
            self.0.pop_front();
        }
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        if number >= restart.most {
            return None;
        }
        self.0.push_back(now);
        restart.waits.wait(number + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_are_counted_within_any_such_time() {
        let second = Duration::from_secs(1);
        let restart = Restart::at_most(2, 10 * second).backoff(second, second);
        let mut restarts = Restarts::default();
        let start = Instant::now();
        assert!(restarts.next(restart, start).is_some());
        assert!(restarts.next(restart, start + second).is_some());
        assert_eq!(restarts.next(restart, start + 9 * second), None);
        assert!(restarts.next(restart, start + 10 * second).is_some());
        assert_eq!(restarts.next(restart, start + 10 * second), None);
        assert!(restarts.next(restart, start + 60 * second).is_some());
    }

    #[test]
    fn no_restart_at_all_is_possible() {
        let never = Restart::at_most(0, Duration::MAX);
        assert_eq!(Restarts::default().next(never, Instant::now()), None);
    }
}
