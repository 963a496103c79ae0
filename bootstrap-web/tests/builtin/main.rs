//! The tests of what is built in: requests without a socket.
#![allow(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "handlers own their arguments; tests say what is wrong by failing"
)]

mod access;
mod bearer;
mod client;
#[cfg(feature = "compression")]
mod compression;
#[cfg(feature = "cors")]
mod cors;
mod created;
#[cfg(feature = "files")]
mod files;
mod health;
mod layers;
#[cfg(feature = "openapi")]
mod openapi;
#[path = "../it/support.rs"]
mod support;
