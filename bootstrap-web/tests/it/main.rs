//! The tests of `bootstrap-web`: requests without a socket.
#![allow(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "handlers own their arguments; tests say what is wrong by failing"
)]

mod bodies;
mod context;
mod edges;
mod guide;
mod hooks;
mod isolation;
mod limits;
mod problems;
mod routing;
mod sets;
mod support;
