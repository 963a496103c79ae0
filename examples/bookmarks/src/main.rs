//! The example service: bookmarks over HTTP, kept in a file.
//!
//! `cargo run` starts it; see `bookmarks.toml` for what can be set, and send it SIGHUP when you have
//! changed that. It is made of six plugins in two crates, of which this file names none: `App::collect` finds `http`, whose field asks for
//! the repository of the other crate, whose fields ask for the rest.

mod api;
mod http;
#[cfg(unix)]
mod reload;

use std::io::{self, IsTerminal as _};

use bootstrap::{App, Exit};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Exit {
    let filter = EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn")))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    let app = App::collect().configure(bookmarks_store::configuration());
    app.expect(["http"]).run().await
}
