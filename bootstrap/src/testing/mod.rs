//! The test kit: what happens is recorded, anything may go wrong, and an app is explored under every
//! fault. With the feature `testing`, which belongs in `[dev-dependencies]`:
//!
//! ```toml
//! [dev-dependencies]
//! bootstrap = { path = "../bootstrap/bootstrap", features = ["testing"] }     # or { git = ".." }
//! ```
//!
//! It turns on tokio's `test-util`, so tests are built with another tokio than `cargo build`.
//!
//! | to | there is |
//! |---|---|
//! | test one plugin | [`App::new`](crate::App::new), with [`App::supply`](crate::App::supply) or replacements for what it needs |
//! | test a part | [`App::only`](crate::App::only): plugins, by type or by name, and all that they need |
//! | replace a plugin | a replacement ([`#[plugin]`](macro@crate::plugin)), or a supplied state: what only the original needed is not loaded |
//! | leave out background work | [`App::without_tasks`](crate::App::without_tasks) |
//! | know what happened | [`App::record`](crate::App::record) |
//! | make something go wrong | [`App::fault`](crate::App::fault) |
//! | find plugins that rely on an accidental order | [`App::seed`](crate::App::seed) |
//! | wait in no time | [`paused`], [`paused_with_io`] |
//! | find what is left open, closed twice, out of order or hangs | [`explore`], [`resource`] |

mod app;
mod case;
mod diff;
mod explore;
mod fault;
mod finding;
mod idle;
mod inject;
mod paused;
mod record;
mod resource;
mod run;
mod threads;
mod tour;
mod watch;
#[cfg(test)]
mod watch_tests;

pub use crate::report::Event;
pub use explore::{Explore, explore};
pub use fault::{Fault, FaultPoint};
pub use finding::{Exploration, Finding, FindingKind};
pub use paused::{paused, paused_with_io};
pub use record::Record;
pub use resource::{Resource, resource};
