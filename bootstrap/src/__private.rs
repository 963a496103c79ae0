//! What generated code refers to. Not part of the public interface: only the macro crate of the
//! same version may rely on it.
#![allow(missing_docs)]

pub use std::option::Option::{self, None, Some};
pub use std::sync::Arc;
pub use std::time::Duration;
pub use std::vec::Vec;

pub use inventory;

/// Generated code spells a type with it, so that rustc underlines all of the type.
pub type Itself<T> = T;

pub use crate::__link_at as link_at;
pub use crate::Result;
pub use crate::app::{ListedName, Verifiable, assert_verified, listed, verify};
pub use crate::base::key::StateKey;
pub use crate::base::location::Location;
#[cfg(feature = "config")]
pub use crate::collect::Sectioned;
pub use crate::collect::{Aside, Collected, Kin};
pub use crate::declare::{
    Answer, Behaviour, By, Declaration, Declare, Declared, Derived, Identity, Inject, Link,
    LocalDefault, Mention, OneProviderPerState, OptionDefault, Port, Proof, Provider, Provides,
    ProvidesPort, RequiredBy, Requirement, Retry, SharedAtPort, State, States, Supervision, Switch,
    answer, check, check_child, check_name, derived, explore, field, made, made_instead,
};
#[cfg(feature = "config")]
pub use crate::declare::{FromOutside, SectionPlugin, Setting, Values, configured, section};
pub use crate::extend;
