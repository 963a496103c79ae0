//! The test kit.

pub use crate::clock::VirtualClock;
