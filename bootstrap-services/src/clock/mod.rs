//! The clock that all services read.
//!
//! A service requires [`State<Clock>`](Clock) and never reads the time of the system itself, so that a test that
//! supplies a virtual clock decides what time it is.

mod plugin;
mod reading;
#[cfg(feature = "testing")]
mod virtual_time;

pub use plugin::ClockPlugin;
#[cfg(feature = "events")]
pub(crate) use reading::Busy;
pub use reading::Clock;
#[cfg(feature = "testing")]
pub use virtual_time::VirtualClock;
