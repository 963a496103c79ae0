//! The test kit: services in memory, on a clock that a test moves.

mod app;

pub use app::only;

pub use crate::clock::VirtualClock;
#[cfg(feature = "events")]
pub use crate::events::{EventRecord, MemoryBus};
