//! What happened: the record of every plugin, and what went wrong in it.
//!
//! Stands on the first floor because every stage writes it, although it is read last.

mod close_error;
mod error;
mod event;
mod hook_words;
mod lookup_error;
mod mistake;
mod mistake_words;
mod record;
mod tree;

pub use close_error::CloseError;
pub(crate) use close_error::WAITS_FOR_ITSELF;
pub(crate) use error::chain;
pub use error::{Deadline, HookError, HookFailure};
pub use event::Event;
pub(crate) use hook_words::EndedBy;
pub use lookup_error::{LookupError, LookupFailure, LookupKey, SetError};
pub use mistake::{CycleStep, Dependent, Found, Mistake, NameKind, PluginLocation, TooLate};
pub(crate) use mistake::{list_states, pronoun};
pub(crate) use record::MoreReport;
pub use record::{Closing, Outcome, PluginReport, Progress, Report, Step};
pub(crate) use tree::WORTH_A_WORD;
