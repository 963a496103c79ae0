//! Workflows.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod basics;
mod kit;
