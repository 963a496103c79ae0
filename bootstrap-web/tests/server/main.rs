//! The tests of the server: through real sockets.
#![allow(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "handlers own their arguments; tests say what is wrong by failing"
)]
#![cfg(feature = "server")]

mod answers;
mod binding;
mod descriptors;
mod drain;
mod faults;
mod fuzz;
#[cfg(feature = "http2")]
mod http2;
mod late;
mod limits;
mod management;
mod process;
mod restart;
mod serving;
mod smuggling;
mod streams;
mod support;
mod survival;
#[cfg(feature = "tls")]
mod tls;
