//! What generated code refers to. Not part of the public interface.
#![allow(missing_docs)]

pub use std::sync::Arc;
pub use std::vec::Vec;

pub use bootstrap;

pub use crate::handle::GivenInFront;
use crate::routes::RouteSet;

/// Checks that the hooks of a set give a type.
pub const fn gives<T, S, I>(_: fn() -> S)
where
    S: RouteSet<Gives: GivenInFront<T, I>>,
{
}
