//! Other programs: their process groups, their identities over a crash of this one, what they use, and the lines that they send.

mod group;
mod identity;
mod lines;
mod proc;

pub use group::Exit;
pub(crate) use group::Group;
pub(crate) use identity::Identity;
pub(crate) use lines::{LONGEST_LINE, Lines};
pub use proc::Usage;
pub(crate) use proc::{kill_marked, usage};
