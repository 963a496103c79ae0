//! The shop for developers: another choice of crates, and nothing else.

use bootstrap::{App, Exit};
use {shop_disk_check as _, shop_http as _, shop_mail_log as _};

#[tokio::main]
async fn main() -> Exit {
    App::collect().expect(["disk-check", "http"]).run().await
}

bootstrap::verify!([
    "config",
    "database",
    "disk-check",
    "health",
    "http",
    "mail-log",
    "orders",
]);
