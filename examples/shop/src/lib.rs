//! The shop: an example of what `bootstrap-services` offers.
//!
//! People sign up, log in and order; operators put products into the catalogue, and look at jobs and processes, on the listener for management. Everything is
//! kept in one `SQLite` file, which several instances may share: an order is taken by one of them, the report of a night is written by
//! one of them, and a change of a product is visible in the others after ten seconds at most.
//!
//! `App::collect` finds the plugins of these files, and the services that they require.

mod accounts;
mod catalogue;
mod fulfilment;
mod images;
mod mails;
mod operations;
mod orders;
mod rates;
mod report;
mod store;

use bootstrap::{App, Configuration};
use bootstrap_services::database::DatabasePlugin;
use bootstrap_services::limits::{LimitsPlugin, Quota};
use bootstrap_services::logger::LoggerPlugin;
use bootstrap_services::sse::SseHubPlugin;

/// Returns the shop before its boot, for `main` and for tests.
pub fn app() -> App {
    // `shop.toml` lists what may be set, and overrides what is set here.
    let configuration = Configuration::new()
        // Instances that share a database share the times at which reports were made.
        .set("cron.store", "database")
        .optional_file("shop.toml")
        .environment("SHOP");
    App::collect()
        .configure(configuration)
        .with(LoggerPlugin::default().level("info,sqlx=warn".into()))
        .with(DatabasePlugin::default().file("shop.db".into()))
        .with(LimitsPlugin::default().limit("login", Quota::per_minute(10).burst(5)))
        .with(SseHubPlugin::default().public(vec!["stock".into()]))
        .expect([
            "accounts",
            "products",
            "orders",
            "report",
            "image-pages",
            "welcome",
            "http",
        ])
}
