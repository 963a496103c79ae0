//! The page for operators.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod actions;
mod browser;
mod kit;
mod pages;
mod queues;
mod safety;
mod workflows;
