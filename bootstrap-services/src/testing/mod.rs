//! The test kit.

pub use crate::clock::VirtualClock;
#[cfg(feature = "events")]
pub use crate::events::{EventRecord, MemoryBus};
