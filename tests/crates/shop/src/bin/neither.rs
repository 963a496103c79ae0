//! Links no crate that sends mail: brings its own if it is told to, or does without.

use std::sync::Arc;

use bootstrap::{App, Exit, Port};
use shop_interfaces::{Mail, Mailer};

bootstrap::link!(shop_disk_check, shop_http);

struct Pigeon;

impl Mailer for Pigeon {
    fn send(&self, mail: &Mail) -> String {
        format!("mail to {} by pigeon", mail.to)
    }
}

fn app(how: &str) -> App {
    let app = App::collect();
    match how {
        "supplied" => app.supply(Port::<dyn Mailer>::from_arc(Arc::new(Pigeon))),
        _ => app,
    }
}

#[tokio::main]
async fn main() -> Exit {
    let how = std::env::args().nth(1).unwrap_or_default();
    app(&how).run().await
}

bootstrap::verify!(app("supplied"));
bootstrap::verify!(
    #[should_panic(expected = "BOOT001")]
    without_a_crate_that_sends_mail_it_does_not_plan: app("")
);
