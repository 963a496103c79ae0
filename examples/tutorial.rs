//! The tutorial: eleven programs, each with one new topic.
//!
//! | program | what is new |
//! |---|---|
//! | `01_hello` | a plugin, and an app that collects it |
//! | `02_state` | a plugin provides a state, and another plugin requires it |
//! | `03_two_instances` | the same plugin twice, with separate states |
//! | `04_parallel` | plugins that do not depend on each other load at the same time |
//! | `05_failure_and_rollback` | what happens when a load fails |
//! | `06_testing` | a plugin that is tested with a fake; an app under every fault |
//! | `07_children` | plugins that register plugins |
//! | `08_boundaries` | parts of an app that are separate, and may fail |
//! | `09_http_server` | an HTTP server as a plugin, with axum |
//! | `10_database` | a database pool as a plugin, with sqlx |
//! | `11_from_main` | a hand-written `main` that becomes plugins |
//!
//! Run one with `cargo run -p bootstrap-examples --example 01_hello`; `06_testing` is a test:
//! `cargo test -p bootstrap-examples --test 06_testing`.
