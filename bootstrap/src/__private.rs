//! What generated code refers to. Not part of the public interface: only the macro crate of the
//! same version may rely on it.
#![allow(missing_docs)]

pub use std::sync::Arc;
pub use std::time::Duration;

pub use inventory;

pub use crate::app::{ListedName, Verifiable, assert_verified, listed, verify};
pub use crate::base::key::StateKey;
pub use crate::base::location::Location;
pub use crate::collect::{Collected, Kin};
pub use crate::declare::{
    Behaviour, Declaration, Declare, Declared, Identity, Inject, Link, Mention, Port, Proof,
    Provided, Provider, Provides, ProvidesPort, Requirement, Retry, State, States, Supervision,
    check, check_child, explore, field, made, made_instead, made_port,
};
