//! Fourth stage, **boot**: every plugin loads the moment that what it needs is there.
//!
//! In come the plugins of a plan; out goes an app that is ready, or what went wrong. A boot that
//! fails starts nothing more and cancels what is under way; what has loaded is closed by the
//! stage *close*, after this one has returned.

mod app_hooks;
mod attempts;
mod error;
mod failure;
mod load;
mod pass;
mod ready;
mod rollback;
mod scopes;
mod undone;
mod words;

pub use error::{BootError, BootErrorKind};
pub(crate) use pass::{boot, load_again};
pub use undone::NotStarted;
