//! One app's life as others see it: how far it is, whether it should stop, how it ended.
//!
//! The lifecycle writes here; handles and contexts read, and ask it to stop.

mod handle;
mod state;

pub use handle::{Handle, StatusWatch};
pub(crate) use state::{End, Life};
pub use state::{ShutdownReason, Signal, Status};
