//! What happened: the record of every plugin, and what went wrong in it.
//!
//! Stands on the first floor because every stage writes it, although it is read last.

mod error;
mod record;
mod tree;

pub use error::{Cause, CloseError, PluginError};
pub use record::{Closing, MoreReport, Outcome, PluginReport, Progress, Report, Step};
pub(crate) use tree::WORTH_A_WORD;
