//! What surrounds a handler: the hooks of its position, the panic guard, the way of an error.

mod guard;
mod hooks;
mod limits;
mod refused;
mod run;

pub(crate) use guard::guarded;
#[cfg(feature = "server")]
pub(crate) use guard::panic_text;
pub(crate) use hooks::{Hooks, Labelled, Wrap};
pub(crate) use limits::mounted;
pub(crate) use run::{Endpoint, Origin, Pipeline, fail};
