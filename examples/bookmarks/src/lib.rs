//! The plugins of the example service that speak HTTP, and the service as a whole.
//!
//! It consists of six plugins in two crates, and this file names none of them. `App::collect` finds
//! `http`, which requires the repository of the other crate, which requires the rest.

mod api;
mod http;
#[cfg(unix)]
mod reload;
mod server;

use bootstrap::App;

/// Returns the service before its boot, for `main` and for tests.
pub fn app() -> App {
    App::collect()
        .configure(bookmarks_store::configuration())
        .shutdown_timeout(bookmarks_store::CLOSE_LIMIT)
        .expect(["http"])
}
