//! The example service: bookmarks over HTTP, kept in a file.
//!
//! `cargo run` starts it. `bookmarks.toml` lists the settings; send SIGHUP after changing them. Those
//! of `[http]` need a new process.

use bootstrap::Exit;

#[tokio::main]
async fn main() -> Exit {
    let _log = bootstrap::log_to_stderr("info,sqlx=warn");
    bookmarks::app().run().await
}
