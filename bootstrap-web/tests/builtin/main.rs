//! The tests of what is built in: requests without a socket.
#![allow(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "handlers own their arguments; tests say what is wrong by failing"
)]

mod client;
mod health;
#[path = "../it/support.rs"]
mod support;
