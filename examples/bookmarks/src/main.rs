//! The example service: bookmarks over HTTP, kept in a file.
//!
//! `cargo run` starts it. `bookmarks.toml` lists the settings; send SIGHUP after changing them.

use std::io::{self, IsTerminal as _};
use std::mem;

use bootstrap::Exit;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Exit {
    // A thread writes the log, so that the service continues if nothing reads its stderr. The thread
    // keeps many lines, and drops further ones.
    let (stderr, written) = tracing_appender::non_blocking(io::stderr());
    let dropped = stderr.error_counter();
    let filter = EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn")))
        .with_writer(stderr)
        // They would be printed to stderr, which panics if that is closed or full.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal())
        .init();
    let exit = bookmarks::app().run().await;
    if dropped.dropped_lines() > 0 {
        // Its drop would print to stdout that lines are missing, and that may be the same pipe.
        mem::forget(written);
    }
    exit
}
