//! Second stage, **collect**: which plugins are part of this app.
//!
//! In come the registrations of the app and the plugins that are linked into the binary; out goes
//! a roster: every plugin that will be planned, with what it asks for. Nothing fails here: what is
//! missing or too much is for the plan to say, all at once.

mod assemble;
mod brood;
mod conditions;
mod entry;
mod inventory;
mod registration;
mod registry;
mod roster;
mod scopes;
mod unused;
mod without;

pub(crate) use assemble::Mode;
pub(crate) use brood::Brood;
#[cfg(feature = "config")]
pub(crate) use conditions::Unanswered;
pub(crate) use conditions::{Broken, Gate, Reason, Verdicts, Why, ask_one};
pub(crate) use entry::Entry;
#[cfg(feature = "config")]
pub use inventory::Sectioned;
#[cfg(feature = "config")]
pub(crate) use inventory::linked_readers;
pub use inventory::{Aside, Collected, Kin};
pub(crate) use inventory::{linked_as, linked_at};
pub use registration::Registration;
pub(crate) use registration::{SharedRegistry, with_registry};
pub(crate) use registry::Registry;
pub(crate) use roster::{DeclaredChild, Member, Off, Order, Roster, Source, Want};
pub(crate) use scopes::{Candidate, Found, ROOT, Scopes};
pub use unused::Unused;
