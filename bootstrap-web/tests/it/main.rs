//! The tests of `bootstrap-web`: requests without a socket.

mod bodies;
mod context;
mod edges;
mod hooks;
mod isolation;
mod limits;
mod problems;
mod routing;
mod sets;
mod support;
