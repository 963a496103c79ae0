//! Second stage, **collect**: which plugins are part of this app.
//!
//! In come the registrations of the app and the plugins that are linked into the binary; out goes
//! a roster: every plugin that will be planned, with what it asks for. Nothing fails here: what is
//! missing or too much is for the plan to say, all at once.

mod assemble;
mod brood;
mod inventory;
mod registration;
mod registry;
mod roster;
mod scopes;
mod unused;

pub(crate) use assemble::Mode;
pub(crate) use brood::Brood;
#[cfg(feature = "testing")]
pub(crate) use inventory::linked;
pub use inventory::{Collected, Kin};
pub use registration::Registration;
pub(crate) use registration::{SharedRegistry, with_registry};
pub(crate) use registry::{Entry, Registry};
pub(crate) use roster::{DeclaredChild, Member, Order, Roster, Source, Want};
pub(crate) use scopes::{Candidate, Found, ROOT, Scopes};
pub use unused::Unused;
