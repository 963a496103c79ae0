//! Jobs.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod alone;
mod attribute;
mod basics;
mod cancel;
mod conformance;
#[cfg(target_os = "linux")]
#[path = "../database/disk.rs"]
#[allow(dead_code, reason = "the tests of the database need more of it")]
mod disk;
#[cfg(target_os = "linux")]
mod faults;
mod idle;
mod kit;
mod metrics;
#[cfg(target_os = "linux")]
mod process;
mod queues;
mod retry;
mod trace;
mod versions;
#[cfg(target_os = "linux")]
mod worker;
