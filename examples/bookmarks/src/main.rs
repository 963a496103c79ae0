//! The example service: bookmarks over HTTP, kept in a file.
//!
//! `cargo run` starts it; see `bookmarks.toml` for what can be set, and send it SIGHUP when you have
//! changed that.

use std::io::{self, IsTerminal as _};

use bootstrap::Exit;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Exit {
    let filter = EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn")))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    bookmarks::app().run().await
}
