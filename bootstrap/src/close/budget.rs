//! How the time for closing is shared.

use std::time::Duration;

use tokio::time::Instant;

use crate::drive::{GRACE, LAST_CHANCE};
use crate::report::{Deadline, HookFailure};

/// The time for closing.
///
/// The first stages may use all of it. When it is up, each stage that is left still gets a
/// little, so that what would end at once does: draining, the tasks and the app's hooks a last
/// chance together, and closing, which is owed, [`GRACE`](drive::GRACE) and a last chance for every
/// hook.
#[derive(Clone, Copy)]
pub(super) struct Budget {
    /// For each hook that has no limit of its own.
    pub(super) hook: Duration,
    /// All of it.
    pub(super) whole: Duration,
    pub(super) until: Instant,
}

impl Budget {
    pub(super) fn limit(self, own: Option<Duration>, now: Instant) -> Duration {
        let left = self.until.saturating_duration_since(now);
        own.unwrap_or(self.hook).min(left.max(LAST_CHANCE))
    }

    /// What a hook that begins now has the rest of, if there is no more time left than that.
    pub(super) fn rest_of(self, own: Option<Duration>, now: Instant) -> Option<Deadline> {
        let limit = self.whole;
        let is_rest = self.limit(own, now) < own.unwrap_or(self.hook);
        is_rest.then_some(Deadline::Closing { limit })
    }

    /// Why a hook took too long: also if its own time was not up.
    pub(super) fn blame(self, own: Option<Duration>, cause: HookFailure) -> HookFailure {
        match cause {
            HookFailure::TimedOut { limit, .. } if limit < own.unwrap_or(self.hook) => {
                HookFailure::TimedOut {
                    limit,
                    rest_of: Some(Deadline::Closing { limit: self.whole }),
                }
            }
            cause => cause,
        }
    }

    /// When a stage has to end that begins now, and gets this if no time is left.
    pub(super) fn end(self, least: Duration) -> Instant {
        self.until.max(Instant::now()) + least
    }

    /// How long a hook that should have ended is waited for.
    pub(super) fn patience(self) -> Duration {
        let left = self.until.saturating_duration_since(Instant::now());
        left.clamp(LAST_CHANCE, GRACE)
    }
}
