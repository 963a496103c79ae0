//! Sets of routes: how they are written, and what a plugin provides once they are bound.

mod bound;
mod builder;
mod info;
mod path;
mod set;

pub use bound::{BoundRoutes, HooksOf, requirements_of};
pub use builder::Routes;
pub use info::{RouteInfo, RouteTable};
pub use set::{NothingSaid, RouteSet, SetPlugin, check_given};

pub(crate) use bound::{BoundRoute, check_on_request};
pub(crate) use info::name;
pub(crate) use path::Shapes;
