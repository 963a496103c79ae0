//! What the app is told from outside: files, the environment, values that `main` sets.
//!
//! In come the sources of a [`Configuration`]; out go values of the types that plugins ask for, or
//! every fault, with its place. No value is ever part of a message: only what kind it is of.
//!
//! `file` and `tree` make trees of what was read, `spot` is one place in all layers, `reader`
//! hands it to `serde`, and `read` goes on after a fault to find the others.

mod configuration;
mod fault;
mod file;
mod halt;
mod help;
mod key;
mod known;
mod layers;
mod near;
mod place;
mod read;
mod reader;
mod seen;
mod spot;
mod tree;
mod words;
mod written;

pub use configuration::Configuration;
pub use fault::ConfigFault;
pub use fault::Fault;
pub(crate) use fault::Reads;
pub(crate) use help::help_to_set;
pub use key::Key;
pub use known::Known;
pub(crate) use known::Stray;
pub use layers::Layers;
pub(crate) use read::{blocked, is_there, origin, read};
