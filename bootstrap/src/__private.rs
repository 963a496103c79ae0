//! What generated code refers to. Not part of the public interface: only the macro crate of the
//! same version may rely on it.
#![allow(missing_docs)]

pub use std::sync::Arc;
pub use std::time::Duration;

pub use inventory;

pub use crate::base::key::StateKey;
pub use crate::base::location::Location;
pub use crate::collect::{Collected, Kin};
pub use crate::declare::{
    At, Behaviour, Cut, Declaration, Declare, Declared, End, FromOutside, HasFields, Identity,
    Inject, Link, Mention, PluginList, Port, Proof, Provided, Provider, Provides, ProvidesPort,
    Requirement, Retry, StandsOnceInTheList, Start, State, States, Supervision, after_first,
    by_default, check, check_child, check_list, explore, field, fields_of, look_for, made,
    made_instead, made_port,
};
