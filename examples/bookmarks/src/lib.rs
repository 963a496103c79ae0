//! The plugins of the example service that speak HTTP, and the service as a whole.
//!
//! It consists of the plugins of two crates and of the web layer, and this file names only the server, for its
//! limits, and the page of the API, for its title. `App::collect` finds the rest: the routes require the
//! repository of the other crate, which requires everything else.

mod api;
mod health;
#[cfg(unix)]
mod reload;

use std::time::Duration;

use bootstrap::App;
use bootstrap_web::OpenApi;
use bootstrap_web::server::Server;

/// Returns the service before its boot, for `main` and for tests.
pub fn app() -> App {
    // `bookmarks.toml` lists what each is for, and overrides them.
    let server = Server::default()
        .drain_delay(Duration::from_secs(5))
        .drain_timeout(Duration::from_secs(15))
        .request_timeout(Duration::from_secs(10))
        .max_connections(256);
    let openapi = OpenApi::default()
        .title("Bookmarks".into())
        .version(env!("CARGO_PKG_VERSION").into());
    App::collect()
        .with(server)
        .with(openapi)
        .configure(bookmarks_store::configuration())
        .shutdown_timeout(Duration::from_mins(1))
        // The plugin `reload` tries again.
        .tolerate_failed_restarts()
        .expect(["api", "http"])
}
