//! The test kit: each part of it, what it finds, and what it says.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod explore;
mod faults;
mod findings;
mod once;
mod orders;
mod parts;
mod plugins;
mod record;
mod shapes;
