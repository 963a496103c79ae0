//! The shop under every fault.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bootstrap::testing::explore;
use bootstrap::{App, Configuration, Running, State};
use bootstrap_services::processes::ProcessesPlugin;
use bootstrap_web::Web;
use bootstrap_web::testing::{Client, TestResponse};
use serde_json::{Value, json};

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

/// How many times a mail was sent and an order was shipped, in all runs.
static DONE: AtomicUsize = AtomicUsize::new(0);

/// A customer signs up and orders, and the order leaves the house, so that jobs and workflows run when faults happen. A client has to expect
/// that an app with a fault refuses it, and goes away.
async fn order(client: Client) -> Option<()> {
    let created = |response: TestResponse| {
        let is_created = response.status().is_success();
        is_created.then(|| response.json::<Value>())
    };
    let tea = client
        .put("/offers/tea")
        .json(&json!({ "cents": 450, "stock": 3 }));
    let tea = created(tea.await)?;
    let ada = json!({ "email": "ada@example.org", "password": "correct horse battery" });
    created(client.post("/accounts").json(&ada).await)?;
    let session = created(client.post("/sessions").json(&ada).await)?;
    let bearer = format!("Bearer {}", session["token"].as_str()?);
    let order = json!({ "reference": "first", "product": tea["id"], "quantity": 1 });
    let customer = client.clone().header("authorization", &bearer);
    let order = created(customer.post("/orders").json(&order).await)?;
    let shipped = format!("/orders/{}/shipped", order["id"]);
    let shipped = client.put(&shipped).await.status();
    shipped.is_success().then_some(())?;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (mails, orders) = (client.get("/mails").await, customer.get("/orders").await);
        let (mails, orders) = (created(mails)?, created(orders)?);
        if mails[0].is_object() && orders[0]["status"] == "shipped" {
            DONE.fetch_add(1, Ordering::Relaxed);
            break;
        }
    }
    Some(())
}

fn customers(running: &Running) -> impl Future<Output = ()> + use<> {
    let web = running.get::<State<Web>>();
    async move {
        if let Some(web) = web {
            let _ = order(web.client().header("host", "localhost")).await;
        }
    }
}

#[test]
fn the_shop_survives_every_fault_while_it_works() {
    let explored = explore(app).using(customers).with_io(IDLE);
    explored.orders(1).watch_process().check();
    assert!(DONE.load(Ordering::Relaxed) > 0);
}
