//! Jobs.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod attribute;
mod basics;
mod cancel;
mod conformance;
mod kit;
mod queues;
mod retry;
mod versions;
