//! Links both crates that send mail, and chooses as its argument says.

use bootstrap::{App, Exit};
use shop_mail_log::MailLog;
use shop_mail_smtp::Smtp;

bootstrap::link!(shop_disk_check, shop_http);

fn app(how: &str) -> App {
    let mut app = App::collect();
    match how {
        // Both load, and a field `Port<dyn Mailer>` gets the registered one.
        "log-is-registered" => {
            app.register(MailLog);
        }
        "smtp-is-registered" => {
            app.register(Smtp::default());
        }
        // The other one is not loaded.
        "log-alone" => return app.disable::<Smtp>("mail goes into the log"),
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
    both_are_there_if_one_is_registered: app("log-is-registered"),
    ["config", "database", "disk-check", "health", "http", "mail-log", "orders", "smtp"]
);

bootstrap::verify!(
    one_is_there_alone_if_the_other_is_disabled: app("log-alone"),
    ["config", "database", "disk-check", "health", "http", "mail-log", "orders"]
);

bootstrap::verify!(
    #[should_panic(expected = "BOOT003")]
    two_without_a_choice_are_one_too_many: app("")
);
