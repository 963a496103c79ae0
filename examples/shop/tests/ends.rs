//! How orders end that are not shipped, and images that are replaced: in this process, on a clock that the test moves.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bootstrap::prelude::*;
use bootstrap::{Configuration, Running};
use bootstrap_services::database::Database;
use bootstrap_services::jobs::{ByHand, Jobs};
use bootstrap_services::processes::ProcessesPlugin;
use bootstrap_services::testing::VirtualClock;
use bootstrap_web::prelude::*;
use bootstrap_web::testing::{Client, TestResponse};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Nothing takes longer in real time.
const LIMIT: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
/// Three pieces of tea are offered, and one is ordered.
const STOCK: i64 = 3;

/// The shop with a customer; its jobs run in `drain` only.
struct Shop {
    running: Running,
    time: VirtualClock,
    jobs: Jobs,
    database: Database,
    client: Client,
    tea: i64,
}

impl Shop {
    async fn start(folder: &Path, processes: ProcessesPlugin) -> Self {
        let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH + 500_000 * HOUR);
        let configuration = Configuration::new()
            .set("database.file", ":memory:")
            .set("exchange.enabled", false)
            .set("http.listen", "127.0.0.1:0")
            .set("images.folder", folder.display().to_string())
            .set("log.level", "off");
        let app = shop::app().configure(configuration).with(processes);
        let app = app.supply(time.clock()).supply(ByHand);
        let running = timeout(LIMIT, app.boot()).await.unwrap().unwrap();
        let client = running.try_get::<State<Web>>().unwrap().client();
        let client = client.header("host", "localhost");
        let offer = json!({ "cents": 450, "stock": STOCK });
        let tea: Value = client.put("/offers/tea").json(&offer).await.json();
        let credentials =
            json!({ "email": "ada@example.org", "password": "correct horse battery" });
        let signed_up = client.post("/accounts").json(&credentials).await;
        signed_up.assert_status(201);
        let session: Value = client.post("/sessions").json(&credentials).await.json();
        let bearer = format!("Bearer {}", session["token"].as_str().unwrap());
        Self {
            jobs: Jobs::clone(&running.try_get::<State<Jobs>>().unwrap()),
            database: Database::clone(&running.try_get::<State<Database>>().unwrap()),
            client: client.header("authorization", &bearer),
            tea: tea["id"].as_i64().unwrap(),
            running,
            time,
        }
    }

    /// Orders one piece. Returns the number of the order.
    async fn order(&self) -> i64 {
        let order = json!({ "reference": "one", "product": self.tea, "quantity": 1 });
        let placed = self.client.post("/orders").json(&order).await;
        placed.assert_status(201);
        assert_eq!(self.stock().await, STOCK - 1);
        placed.json::<Value>()["id"].as_i64().unwrap()
    }

    async fn cancel(&self, order: i64) -> u16 {
        let path = format!("/orders/{order}/cancelled");
        self.client.put(&path).await.status().as_u16()
    }

    async fn upload(&self, png: &'static str) {
        let path = format!("/products/{}/image", self.tea);
        self.client.put(&path).body(png).await.assert_status(202);
    }

    async fn thumbnail(&self) -> TestResponse {
        let path = format!("/products/{}/thumbnail", self.tea);
        self.client.get(&path).await
    }

    async fn drain(&self) {
        timeout(LIMIT, self.jobs.drain()).await.unwrap().unwrap();
    }

    async fn advance(&self, time: Duration) {
        timeout(LIMIT, self.time.advance(time)).await.unwrap();
        self.drain().await;
    }

    async fn number(&self, select: &'static str) -> i64 {
        let number = sqlx::query_scalar(select);
        number.fetch_one(self.database.read()).await.unwrap()
    }

    async fn stock(&self) -> i64 {
        self.number("SELECT stock FROM products").await
    }

    async fn status(&self) -> String {
        let orders: Value = self.client.get("/orders").await.json();
        orders[0]["status"].as_str().unwrap().to_owned()
    }

    async fn execute(&self, sql: &'static str) {
        let mut tx = self.database.begin().await.unwrap();
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn close(self) {
        drop((self.jobs, self.database, self.client));
        timeout(LIMIT, self.running.close()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_order_that_is_cancelled_before_its_payment_is_back_on_the_shelf() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start(folder.path(), ProcessesPlugin::default()).await;
    let order = shop.order().await;
    assert_eq!(shop.cancel(order).await, 204);
    shop.drain().await;
    assert_eq!(shop.status().await, "cancelled");
    assert_eq!(shop.stock().await, STOCK);
    let payments = shop.number("SELECT count(*) FROM payments").await;
    assert_eq!(payments, 0);
    assert_eq!(shop.cancel(order).await, 409);
    shop.close().await;
}

#[tokio::test]
async fn an_order_that_is_cancelled_after_its_payment_is_paid_back_once() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start(folder.path(), ProcessesPlugin::default()).await;
    let order = shop.order().await;
    shop.drain().await;
    assert_eq!(shop.status().await, "paid");
    assert_eq!(shop.cancel(order).await, 204);
    shop.drain().await;
    assert_eq!(shop.status().await, "cancelled");
    assert_eq!(shop.stock().await, STOCK);
    assert_eq!(shop.number("SELECT refunds FROM payments").await, 1);
    shop.close().await;
}

#[tokio::test]
async fn an_order_that_is_not_shipped_within_three_days_is_paid_back_and_back_on_the_shelf() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start(folder.path(), ProcessesPlugin::default()).await;
    let order = shop.order().await;
    shop.drain().await;
    // A jump: what else happens in three days does not matter here.
    shop.time.set(shop.time.clock().now() + 71 * HOUR).await;
    shop.drain().await;
    assert_eq!(shop.status().await, "paid");
    shop.advance(HOUR).await;
    assert_eq!(shop.status().await, "cancelled");
    assert_eq!(shop.stock().await, STOCK);
    assert_eq!(shop.number("SELECT refunds FROM payments").await, 1);
    assert_eq!(shop.cancel(order).await, 409);
    shop.close().await;
}

#[tokio::test]
async fn an_order_whose_payment_fails_for_good_is_cancelled_and_back_on_the_shelf() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start(folder.path(), ProcessesPlugin::default()).await;
    shop.execute("CREATE TRIGGER refuse BEFORE INSERT ON payments BEGIN SELECT RAISE(FAIL, 'the card is refused'); END")
        .await;
    let order = shop.order().await;
    shop.drain().await;
    assert_eq!(shop.status().await, "placed");
    // Eight attempts, with longer and longer pauses.
    for _ in 0..7 {
        shop.advance(HOUR).await;
    }
    assert_eq!(shop.status().await, "cancelled");
    assert_eq!(shop.stock().await, STOCK);
    assert_eq!(shop.cancel(order).await, 409);
    shop.close().await;
}

#[tokio::test]
async fn an_order_that_was_shipped_stays_so() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start(folder.path(), ProcessesPlugin::default()).await;
    let order = shop.order().await;
    let path = format!("/orders/{order}/shipped");
    shop.client.put(&path).await.assert_status(204);
    shop.drain().await;
    assert_eq!(shop.status().await, "shipped");
    assert_eq!(shop.cancel(order).await, 409);
    assert_eq!(
        (shop.status().await, shop.stock().await),
        ("shipped".to_owned(), STOCK - 1)
    );
    shop.close().await;
}

/// Copies the image in place of a program that makes it smaller. The first one stops after it has read the image.
fn copies(has_read: &Arc<Notify>, go_on: &Arc<Notify>) -> ProcessesPlugin {
    let (has_read, go_on) = (Arc::clone(has_read), Arc::clone(go_on));
    let is_first = Arc::new(AtomicBool::new(true));
    ProcessesPlugin::default().fake("thumbnail", move |mut child| {
        let (has_read, go_on) = (Arc::clone(&has_read), Arc::clone(&go_on));
        let is_first = Arc::clone(&is_first);
        async move {
            let (_, task) = child.command().await.unwrap();
            let path = |name: &str| task["payload"][name].as_str().unwrap().to_owned();
            let image = tokio::fs::read(path("image")).await.unwrap();
            if is_first.swap(false, Ordering::Relaxed) {
                has_read.notify_one();
                go_on.notified().await;
            }
            tokio::fs::write(path("target"), image).await.unwrap();
            child.emit("completed", &()).await.unwrap();
            0
        }
    })
}

#[tokio::test]
async fn an_image_that_is_replaced_while_its_thumbnail_is_made_gets_the_new_thumbnail() {
    let folder = tempfile::tempdir().unwrap();
    let (has_read, go_on) = (Arc::default(), Arc::default());
    let shop = Shop::start(folder.path(), copies(&has_read, &go_on)).await;
    shop.upload("the old one").await;
    let replace = async {
        timeout(LIMIT, has_read.notified()).await.unwrap();
        shop.upload("the new one").await;
        go_on.notify_one();
    };
    tokio::join!(shop.drain(), replace);
    shop.advance(HOUR).await;
    assert_eq!(shop.thumbnail().await.text(), "the new one");
    shop.close().await;
}

// Both run at the same time, and the older one is the last to write.
#[tokio::test]
async fn a_thumbnail_of_an_image_that_was_replaced_does_not_stay_if_it_is_written_last() {
    let folder = tempfile::tempdir().unwrap();
    let (has_read, go_on) = (Arc::default(), Arc::default());
    let shop = Shop::start(folder.path(), copies(&has_read, &go_on)).await;
    shop.upload("the old one").await;
    let replace = async {
        timeout(LIMIT, has_read.notified()).await.unwrap();
        shop.upload("the new one").await;
        let written = async {
            while shop.thumbnail().await.status() != 200 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LIMIT, written).await.unwrap();
        go_on.notify_one();
    };
    tokio::join!(shop.drain(), replace);
    shop.advance(HOUR).await;
    assert_eq!(shop.thumbnail().await.text(), "the new one");
    shop.close().await;
}
