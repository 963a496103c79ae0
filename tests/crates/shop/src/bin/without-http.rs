//! The shop, but for one link: `shop_http`.

use bootstrap::{App, Exit};

bootstrap::link!(shop_disk_check, shop_mail_smtp);

#[tokio::main]
async fn main() -> Exit {
    App::collect().expect(["disk-check", "http"]).run().await
}

bootstrap::verify!(
    #[should_panic(expected = "missing: `http`")]
    a_list_tells_as_well_that_the_server_is_missing: ["disk-check", "http", "smtp"]
);
