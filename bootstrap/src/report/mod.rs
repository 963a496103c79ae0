//! What happened: the record of every plugin, and what went wrong in it.
//!
//! Stands on the first floor because every stage writes it, although it is read last.

pub(crate) mod close_error;
pub(crate) mod error;
mod event;
mod hook_words;
pub(crate) mod lookup_error;
pub(crate) mod mistake;
mod mistake_help;
mod mistake_words;
mod record;
mod tree;

pub(crate) use close_error::{CloseError, WAITS_FOR_ITSELF};
pub(crate) use error::{Deadline, HookError, HookFailure, chain};
pub use event::Event;
pub(crate) use hook_words::EndedBy;
pub(crate) use lookup_error::{LookupError, LookupFailure, SetError};
pub(crate) use mistake::{
    CycleStep, Dependent, Found, Mistake, NameKind, PluginLocation, TooLate, list_states, pronoun,
};
pub(crate) use record::MoreReport;
pub use record::{Closing, Outcome, PluginReport, Progress, Report, Step};
pub(crate) use tree::WORTH_A_WORD;
