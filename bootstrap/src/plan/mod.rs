//! Third stage, **plan**: in which order, or why not.
//!
//! In comes a roster; out goes a [`Plan`], or every mistake in the roster at once. Pure: no clock,
//! no runtime, no hook is called, and the same plugins give the same plan in whatever order they
//! were registered.
//!
//! `graph`, `levels` and `cycle` know numbers only; `resolve` makes numbers of plugins and states
//! and names of numbers.

mod barriers;
mod children;
mod cycle;
mod cycle_words;
pub(crate) mod error;
mod family;
mod graph;
mod levels;
mod links;
mod listed;
mod missing;
mod mistakes;
mod named;
mod outside;
mod providers;
mod render;
mod resolve;
mod schedule;
mod scope;
#[cfg(feature = "serde")]
mod serialize;
mod unused;
#[cfg(feature = "config")]
mod values;
mod words;

pub use children::PlannedChild;
pub(crate) use error::PlanErrors;
pub(crate) use graph::{Graph, number};
pub(crate) use listed::differences;
pub(crate) use outside::check_outside;
pub(crate) use resolve::resolve;
pub(crate) use schedule::{Binding, Brought, by_field};
pub use schedule::{DisabledPlugin, Edge, Plan, PlanWarning, PlannedPlugin};

pub use crate::base::key::StateKey;
pub use crate::base::location::Location;
pub use crate::base::name::PluginName;
pub use crate::report::mistake::{Dependent, PluginLocation};
pub use scope::{PlannedScope, Shadowed};
#[cfg(feature = "config")]
pub(crate) use values::Readers;
pub(crate) use words::foreign;
