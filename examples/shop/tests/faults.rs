//! The shop under every fault.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::time::Duration;

use bootstrap::testing::explore;
use bootstrap::{App, Configuration};
use bootstrap_services::processes::ProcessesPlugin;

/// `SQLite` works on threads of its own, and the server has a socket.
const IDLE: Duration = Duration::from_millis(5);

/// Returns the shop with a port and a database of its own. This configuration replaces that of the shop.
fn app() -> App {
    let configuration = Configuration::new()
        .set("cron.store", "database")
        .set("database.file", ":memory:")
        .set("http.listen", "127.0.0.1:0")
        .set("log.level", "off");
    // A real program would not keep to the time of the test.
    let processes = ProcessesPlugin::default().fake("rates", async |child| {
        child.terminated().await;
        0
    });
    shop::app().configure(configuration).with(processes)
}

#[test]
fn the_shop_survives_every_fault() {
    explore(app).with_io(IDLE).orders(1).watch_process().check();
}
