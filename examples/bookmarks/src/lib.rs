//! The plugins of the example service that speak HTTP, and the service as a whole.
//!
//! It is made of six plugins in two crates, of which this file names none: `App::collect` finds
//! `http`, whose field asks for the repository of the other crate, whose fields ask for the rest.

mod api;
mod http;
#[cfg(unix)]
mod reload;
mod server;

use bootstrap::App;

/// The service, not booted yet: for `main`, and for tests.
pub fn app() -> App {
    App::collect()
        .configure(bookmarks_store::configuration())
        .shutdown_timeout(bookmarks_store::CLOSE_LIMIT)
        .expect(["http"])
}
