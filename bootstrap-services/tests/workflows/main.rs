//! Workflows.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod basics;
mod branches;
mod changed;
mod crash;
mod define;
mod ends;
mod kit;
mod limits;
mod processes;
