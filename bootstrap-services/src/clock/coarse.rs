//! Times of the system for what reads them often. Linux has clocks that its timer updates, each 1 to 10 ms, and that take a few
//! ns to read, because the counter of the processor is not read. Other systems have the exact clocks only.
#![cfg_attr(
    not(all(feature = "cache", feature = "events")),
    allow(dead_code, reason = "the cache reads one, and events read the other")
)]

use std::time::{Duration, SystemTime};

#[cfg(target_os = "linux")]
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

#[cfg(target_os = "linux")]
pub(super) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + read(ClockId::RealtimeCoarse)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

/// Since the machine has started.
#[cfg(target_os = "linux")]
pub(super) fn elapsed(_: Instant) -> Duration {
    read(ClockId::MonotonicCoarse)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn elapsed(origin: Instant) -> Duration {
    origin.elapsed()
}

#[cfg(target_os = "linux")]
fn read(clock: ClockId) -> Duration {
    // An error is a time before 1970.
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How late the timer of a machine under load may be.
    const LATE: Duration = Duration::from_secs(1);

    #[test]
    fn the_time_of_day_is_at_most_a_little_behind_the_exact_one() {
        let before = SystemTime::now();
        let coarse = now();
        assert!(coarse <= SystemTime::now());
        assert!(coarse + LATE >= before);
    }

    #[test]
    fn the_elapsed_time_passes_as_the_exact_one_does() {
        let (origin, start) = (Instant::now(), elapsed(Instant::now()));
        while origin.elapsed() < Duration::from_millis(50) {
            std::thread::yield_now();
        }
        let passed = elapsed(origin).saturating_sub(start);
        assert!(passed > Duration::ZERO && passed < origin.elapsed() + LATE);
    }
}
