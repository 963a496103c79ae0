//! Two apps of the same crates, composed differently, in one process.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::time::Duration;

use bootstrap::{App, Running, State};
use shop_config::ConfigPlugin;
use shop_mail_log::MailLog;
use shop_mail_smtp::Smtp;
use shop_orders::{Orders, OrdersPlugin};

const HARD_DEADLINE: Duration = Duration::from_mins(1);

/// Everything that is linked here, with mail into the log.
fn collected() -> App {
    App::collect()
        .disable::<Smtp>("mail goes into the log")
        .with(MailLog)
}

/// Orders and what they need, with mail over a host of their own.
fn composed() -> App {
    App::only(OrdersPlugin::default())
        .with(ConfigPlugin {
            mail_host: "other.example".into(),
        })
        .with(Smtp::default())
}

async fn both() -> (Running, Running) {
    let (one, other) = tokio::join!(collected().boot(), composed().boot());
    (one.unwrap(), other.unwrap())
}

fn place(app: &Running, customer: &str) -> String {
    app.try_get::<State<Orders>>().unwrap().place(customer)
}

#[tokio::test]
async fn each_has_its_own_states_and_its_own_choice_at_a_port() {
    let test = async {
        let (one, other) = both().await;
        assert_eq!(
            [place(&one, "ada"), place(&one, "bob"), place(&other, "ada")],
            [
                "order 1 is in shop.db, mail to ada into the log",
                "order 2 is in shop.db, mail to bob into the log",
                "order 1 is in shop.db, mail to ada over other.example",
            ]
        );
        one.close().await.unwrap();
        // One that has closed takes nothing away from the other.
        assert_eq!(
            place(&other, "bob"),
            "order 2 is in shop.db, mail to bob over other.example"
        );
        other.close().await.unwrap();
    };
    tokio::time::timeout(HARD_DEADLINE, test).await.unwrap();
}

bootstrap::verify!(the_collected_one_holds_these: collected(), [
    "config", "database", "mail-log", "orders",
]);
bootstrap::verify!(the_composed_one_holds_these: composed(), [
    "config", "database", "orders", "smtp",
]);
