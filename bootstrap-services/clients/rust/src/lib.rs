//! The client of a process that `bootstrap` supervises, on the standard library, `serde_json` and `signal-hook`. Unix only.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use bootstrap_process_client::Process;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let process = Process::from_env()?;
//!     while !process.wait_stopping(Duration::from_secs(1)) {
//!         process.emit("tick", &7)?;
//!     }
//!     process.close(Duration::from_secs(3));
//!     Ok(())
//! }
//! ```
//!
//! Events are kept until the service has handled and acknowledged them, also while it is restarted: none is lost, and none handled
//! twice. They are lost if this process ends before; [`Process::close`] waits for the service.
//!
//! At most 10,000 events or 16 MiB are kept. Then [`Process::emit`] returns [`Error::Full`], and keeps nothing: emit it again later, or wait
//! with [`Process::flush`].
//!
//! A program that does jobs of the service, one each time that it is started, begins with [`Job::from_env`].
#![cfg(unix)]
#![forbid(unsafe_code)]

mod channel;
mod error;
mod job;
mod process;

pub use channel::Channel;
pub use error::Error;
pub use job::Job;
pub use process::{Command, Process};
