//! What happened: the record of every plugin, and what went wrong in it.
//!
//! Stands on the first floor because every stage writes it, although it is read last.

mod close_error;
mod error;
mod event;
mod record;
mod tree;

pub use close_error::CloseError;
pub(crate) use close_error::{EndedBy, WAITS_FOR_ITSELF};
pub(crate) use error::chain;
pub use error::{Deadline, HookError, HookFailure};
pub use event::Event;
pub use record::{Closing, MoreReport, Outcome, PluginReport, Progress, Report, Step};
pub(crate) use tree::WORTH_A_WORD;
