//! Times as tables have them: whole milliseconds, since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time. Times before 1970 count as 1970.
#[cfg(any(feature = "audit", feature = "processes", feature = "workflows"))]
pub(crate) fn millis(at: SystemTime) -> i64 {
    length(at.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The length of a time.
#[cfg(any(feature = "audit", feature = "jobs", feature = "processes"))]
pub(crate) fn length(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A stored time.
#[cfg(any(feature = "audit", feature = "jobs"))]
pub(crate) fn time(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
