//! One binary, one module for each room of the house.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test says what is wrong by failing"
)]

mod barriers;
mod behaviours;
mod boot;
mod close;
mod declare;
mod handle;
mod hostile;
mod layering;
mod log;
mod owed;
mod plan;
mod report;
mod restart;
mod run;
mod scopes;
mod state;
mod supervise;
