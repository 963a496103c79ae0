//! One app's life as others see it: how far it is, whether it should stop, how it ended.
//!
//! The lifecycle writes here; handles and contexts read, and ask it to stop.

mod handle;
mod restart;
mod state;
mod status;

pub use handle::{Handle, StatusWatch};
pub use restart::{RestartError, RestartRefusal};
pub(crate) use restart::{RestartRequest, Target};
pub(crate) use state::{End, Life};
pub use status::{ShutdownReason, Signal, Status};
