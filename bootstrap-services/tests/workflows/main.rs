//! Workflows.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![allow(
    clippy::unit_arg,
    clippy::semicolon_if_nothing_returned,
    reason = "steps of tests are short"
)]

mod basics;
mod branches;
mod changed;
mod crash;
mod define;
mod ends;
mod interrupted;
mod kit;
mod limits;
mod measured;
mod model;
mod others;
mod processes;
mod retry;
mod trace;
mod undo;
