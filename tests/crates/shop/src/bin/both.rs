//! Links both crates that send mail, and chooses as its argument says.

use bootstrap::{App, Exit};
use shop_mail_log::MailLog;
use shop_mail_smtp::Smtp;

bootstrap::link!(shop_disk_check, shop_http);

fn app(how: &str) -> App {
    let mut app = App::collect();
    match how {
        // Both load, and who asks for a `Port<dyn Mailer>` gets this one.
        "log-is-primary" => {
            app.register(MailLog).primary();
        }
        "smtp-is-primary" => {
            app.register(Smtp::default()).primary();
        }
        // The other one is not loaded.
        "log-overrides" => {
            app.register(MailLog).overrides();
        }
        _ => {}
    }
    app
}

#[tokio::main]
async fn main() -> Exit {
    let how = std::env::args().nth(1).unwrap_or_default();
    app(&how).run().await
}

bootstrap::verify!(
    both_are_there_if_one_is_primary: app("log-is-primary"),
    ["config", "database", "disk-check", "health", "http", "mail-log", "orders", "smtp"]
);

bootstrap::verify!(
    one_that_overrides_is_there_alone: app("log-overrides"),
    ["config", "database", "disk-check", "health", "http", "mail-log", "orders"]
);

bootstrap::verify!(
    #[should_panic(expected = "BOOT003")]
    two_without_a_choice_are_one_too_many: app("")
);
