//! The tutorial: eight programs, each with one thing more than the one before.
//!
//! | program | what is new |
//! |---|---|
//! | `01_hello` | a plugin, and an app that collects it |
//! | `02_state` | a plugin gives a state, another one asks for it |
//! | `03_two_instances` | the same plugin twice, with separate states |
//! | `04_parallel` | what does not depend on each other loads at the same time |
//! | `05_failure_and_rollback` | what happens when a load fails |
//! | `06_testing` | a plugin tested with a fake in the place of another; an app under every fault |
//! | `07_children` | a plugin brings others with it |
//! | `08_boundaries` | parts of an app that keep to themselves, and may fail |
//!
//! Run one with `cargo run -p bootstrap-examples --example 01_hello`; `06_testing` is a test:
//! `cargo test -p bootstrap-examples --test 06_testing`.
