//! The shop under every fault.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bootstrap::Configuration;
use bootstrap::testing::explore;

/// `SQLite` works on threads of its own, and the server has a socket.
const IDLE: Duration = Duration::from_millis(10);

#[test]
fn the_shop_survives_every_fault() {
    let (folder, runs) = (tempfile::tempdir().unwrap(), AtomicUsize::new(0));
    let app = move || {
        let file = folder
            .path()
            .join(format!("{}.db", runs.fetch_add(1, Ordering::Relaxed)));
        let sources = Configuration::new()
            .set("http.listen", "127.0.0.1:0")
            .set("log.level", "off")
            .set("database.file", file.to_str().unwrap());
        shop::app().configure(sources)
    };
    explore(app).with_io(IDLE).orders(1).check();
}
