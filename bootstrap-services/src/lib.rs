//! Services as plugins of `bootstrap`: a database, a cache, events, cron, rate limits and more, each on a well-kept
//! crate, with an embedded default.
#![forbid(unsafe_code)]

#[cfg(feature = "audit")]
pub mod audit;
#[cfg(feature = "cache")]
pub mod cache;
#[cfg(any(feature = "logger", all(feature = "web", feature = "jobs")))]
mod calendar;
#[cfg(all(unix, feature = "processes"))]
mod child;
pub mod clock;
#[cfg(feature = "cron")]
pub mod cron;
#[cfg(feature = "database")]
pub mod database;
#[cfg(any(feature = "cron", feature = "jobs"))]
mod draining;
#[cfg(feature = "events")]
pub mod events;
#[cfg(all(unix, feature = "external"))]
pub mod external;
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(feature = "jobs")]
pub mod jobs;
#[cfg(feature = "database")]
pub mod leases;
#[cfg(feature = "limits")]
pub mod limits;
#[cfg(feature = "logger")]
pub mod logger;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "named")]
pub mod named;
#[cfg(all(feature = "web", feature = "jobs"))]
pub mod operations;
#[cfg(any(
    feature = "cron",
    feature = "events",
    feature = "jobs",
    feature = "named",
    feature = "processes"
))]
mod panic;
#[cfg(any(feature = "jobs", all(target_os = "linux", feature = "processes")))]
mod proc_stat;
#[cfg(all(unix, feature = "processes"))]
pub mod processes;
#[cfg(any(feature = "events", feature = "jobs", feature = "processes"))]
mod random;
#[cfg(any(feature = "jobs", feature = "limits"))]
mod rate;
#[cfg(any(feature = "cache", feature = "limits"))]
mod remote;
#[cfg(feature = "sse")]
pub mod sse;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "workflows")]
pub mod workflows;
