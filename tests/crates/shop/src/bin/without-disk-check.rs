//! The shop, but for one link: `shop_disk_check`. Without `expect` it would boot, and never look
//! at the disk: try the argument `unexpected`.

use bootstrap::{App, Exit};

bootstrap::link!(shop_http, shop_mail_smtp);

#[tokio::main]
async fn main() -> Exit {
    let mut app = App::collect();
    if std::env::args().nth(1).as_deref() != Some("unexpected") {
        app = app.expect(["disk-check", "http"]);
    }
    app.run().await
}
