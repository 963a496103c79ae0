//! The tests of the server: through real sockets.
#![allow(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "handlers own their arguments; tests say what is wrong by failing"
)]
#![cfg(feature = "server")]

mod binding;
mod descriptors;
mod drain;
#[cfg(feature = "http2")]
mod http2;
mod limits;
mod management;
mod restart;
mod serving;
mod streams;
mod support;
#[cfg(feature = "tls")]
mod tls;
