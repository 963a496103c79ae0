//! How the time for closing is shared.

use std::time::Duration;

use tokio::time::Instant;

use crate::drive::{GRACE, LAST_CHANCE};

/// The time for closing.
///
/// All of it belongs to whoever comes first. When it is up, each stage that is left still gets a
/// little, so that what would end at once does: draining, the tasks and the app's hooks a last
/// chance together, and closing, which is owed, [`GRACE`](drive::GRACE) and a last chance for every
/// hook.
#[derive(Clone, Copy)]
pub(super) struct Budget {
    /// For each hook that has no limit of its own.
    pub(super) hook: Duration,
    pub(super) until: Instant,
}

impl Budget {
    pub(super) fn limit(self, own: Option<Duration>, now: Instant) -> Duration {
        let left = self.until.saturating_duration_since(now);
        own.unwrap_or(self.hook).min(left.max(LAST_CHANCE))
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
