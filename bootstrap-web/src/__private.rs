//! What generated code refers to. Not part of the public interface.
#![allow(missing_docs)]

pub use std::sync::Arc;
pub use std::vec::Vec;

pub use bootstrap;

pub use crate::routes::{NothingSaid, check_given};
