//! The front hall: `App`, `Running` and `Exit`, and the life between them.
//!
//! In come the user's calls; out go the stages, in their order. Nothing is decided here that a
//! stage below decides.

mod builder;
mod compose;
mod exit;
mod guard;
mod hooks;
mod lifecycle;
mod limits;
mod logged;
#[cfg(feature = "logging")]
mod logging;
mod not_installed;
mod outside;
mod restart;
mod running;
mod scope;
mod selection;
mod sentinel;
mod signals;
mod start;
mod threads;
mod verify;

pub use builder::App;
pub use exit::Exit;
#[cfg(feature = "logging")]
pub use logging::{Log, log_to_stderr};
pub use running::Running;
pub use scope::Scope;
pub use selection::Selection;
pub use verify::{ListedName, Verifiable, assert_verified, listed, verify};
