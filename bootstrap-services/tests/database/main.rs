//! The database, as plugins use it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod disk;
mod faults;
mod use_cases;
