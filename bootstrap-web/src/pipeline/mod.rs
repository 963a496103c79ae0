//! What surrounds a handler: the hooks of its position, the panic guard, the way of an error.

mod guard;
mod hooks;
mod in_flight;
mod limits;
mod run;

pub(crate) use guard::guarded;
pub(crate) use hooks::{Hooks, Labelled, Wrap};
#[cfg(feature = "server")]
pub(crate) use in_flight::InFlight;
pub(crate) use in_flight::RouteCount;
pub(crate) use limits::mounted;
pub(crate) use run::{Endpoint, Origin, Pipeline, fail};
