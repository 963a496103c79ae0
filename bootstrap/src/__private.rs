//! What generated code refers to. Not part of the public interface: only the macro crate of the
//! same version may rely on it.
#![allow(missing_docs)]

pub use std::time::Duration;

pub use inventory;

pub use crate::Result;
pub use crate::base::key::StateKey;
pub use crate::base::location::Location;
#[cfg(feature = "config")]
pub use crate::collect::Sectioned;
pub use crate::collect::{Collected, Kin};
pub use crate::declare::{
    Answer, Behaviour, By, Declaration, Declare, Declared, Identity, Inject, Link, Mention, Proof,
    Provided, Provider, Provides, Requirement, Retry, State, States, Supervision, Switch, answer,
    check, check_child, explore, field, made, made_instead,
};
#[cfg(feature = "config")]
pub use crate::declare::{FromOutside, SectionPlugin, Setting, Values, configured, section};
