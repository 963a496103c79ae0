//! The HTTP server of an app: the plugin [`Server`]. Requires the feature `server`, which is on by default.
//!
//! # Examples
//!
//! ```no_run
//! use bootstrap::prelude::*;
//! use bootstrap_web::prelude::*;
//!
//! #[routes]
//! fn api() -> impl RouteSet {
//!     Routes::new().get("/", || "hello")
//! }
//!
//! #[tokio::main]
//! async fn main() -> bootstrap::Exit {
//!     App::collect().run().await
//! }
//! ```

mod accept;
mod address;
mod answer;
mod bind;
mod connection;
mod drain;
mod faulty;
mod limits;
mod listening;
mod managed;
mod phase;
mod plugin;
mod request;
mod shared;
mod socket;
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "ws")]
mod websocket;

pub use address::Listen;
pub use listening::{Bound, Listening};
pub use plugin::Server;
