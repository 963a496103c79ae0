//! Supervised processes: real ones, in real time. What can be decided without them is tested where it is decided. The tests read
//! `/proc`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod bad_input;
mod clients;
mod crash;
mod ends;
mod fake;
mod protocol;
mod restarts;
mod supervise;
mod support;
