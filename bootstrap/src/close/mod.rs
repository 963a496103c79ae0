//! Sixth stage, **close**: everything that was loaded, in reverse.
//!
//! In come the loaded plugins, after a run or after a failed boot; out go the errors on the way.
//! Nothing that a hook does keeps another from closing, and all of it ends by a deadline.
//!
//! Stands below *boot*, although it comes later: a boot that fails rolls back by closing.

mod budget;
mod log;
mod pass;
mod stop;

pub(crate) use pass::{After, Closing, close};
