//! The shop from the outside: processes, ports, one file.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod faults;
mod process;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};

use crate::process::{Shop, agent, customer, get, get_text, order, put, sign_up};

const KILLS: usize = 20;
const WRITERS: usize = 4;
const STOCK: i64 = 1_000_000;

#[test]
fn people_sign_up_log_in_and_order_what_operators_offer() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start(folder.path());
    let (status, tea) = put(&shop, "/offers/tea", &json!({ "cents": 450, "stock": 3 }));
    assert_eq!(status, 200);
    let token = customer(&shop, "ada@example.org");
    let path = format!("/products/{}", tea["id"]);
    assert_eq!(get(&shop, &path).1["stock"], 3);
    assert_eq!(get(&shop, "/products/999").0, 404);

    let (status, first) = order(&agent(), &shop.url(""), &token, "first", &tea["id"]).unwrap();
    assert_eq!((status, &first["cents"]), (201, &json!(450)));
    let (status, again) = order(&agent(), &shop.url(""), &token, "first", &tea["id"]).unwrap();
    assert_eq!(
        (status, again),
        (200, first),
        "the same reference is the same order"
    );
    wait_until(
        || get(&shop, &path).1["stock"] == 2,
        "the cache forgets the product",
    );
    for reference in ["second", "third"] {
        assert_eq!(
            order(&agent(), &shop.url(""), &token, reference, &tea["id"])
                .unwrap()
                .0,
            201
        );
    }
    let (status, refused) = order(&agent(), &shop.url(""), &token, "fourth", &tea["id"]).unwrap();
    assert_eq!((status, &refused["left"]), (409, &json!(0)));
    assert_eq!(
        order(&agent(), &shop.url(""), "wrong", "x", &tea["id"])
            .unwrap()
            .0,
        401
    );

    wait_until(
        || get(&shop, "/reports").1[0]["orders"] == 3,
        "a report counts the orders",
    );
    let metrics = get_text(&shop, "/metrics");
    assert!(metrics.contains("http_requests_total"), "{metrics}");
    assert_eq!(get(&shop, "/readyz").0, 200);
    shop.stop();
}

#[test]
fn a_new_customer_gets_a_mail_and_a_product_gets_a_thumbnail() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start_with(folder.path(), &[("SHOP_EXCHANGE__ENABLED", "true")]);
    customer(&shop, "ada@example.org");
    wait_until(
        || get(&shop, "/mails").1[0]["recipient"] == "ada@example.org",
        "a mail is sent",
    );
    let page = get_text(&shop, "/operations");
    assert!(page.contains("welcome"), "{page}");
    let (_, tea) = put(&shop, "/offers/tea", &json!({ "cents": 450, "stock": 3 }));
    let thumbnail = format!("/products/{}/thumbnail", tea["id"]);
    assert_eq!(get(&shop, &thumbnail).0, 404);
    if !python_is_there() {
        return;
    }
    let image = format!("/products/{}/image", tea["id"]);
    let upload = agent().put(shop.url(&image)).send(PNG).unwrap();
    assert_eq!(upload.status(), 202);
    wait_until(|| get(&shop, &thumbnail).0 == 200, "the thumbnail is made");
    wait_until(
        || !get(&shop, "/rates").1.as_array().unwrap().is_empty(),
        "rates come in",
    );
    shop.stop();
}

#[test]
fn a_foreign_name_of_this_host_is_refused_on_the_routes_for_operators() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start(folder.path());
    for path in ["/operations", "/reports", "/mails"] {
        let foreign = agent().get(shop.url(path)).header("host", "example.org");
        assert_eq!(foreign.call().unwrap().status(), 403, "{path}");
        assert_eq!(get(&shop, path).0, 200, "{path}");
    }
    for path in ["/offers/tea", "/orders/1/shipped", "/products/1/image"] {
        let foreign = agent().put(shop.url(path)).header("host", "example.org");
        let offer = json!({ "cents": 450, "stock": 3 });
        assert_eq!(foreign.send_json(offer).unwrap().status(), 403, "{path}");
    }
    shop.stop();
}

#[test]
fn people_sign_up_only_so_often() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start_with(folder.path(), &[("SHOP_LIMITS__LOGIN__RATE", "1/m")]);
    for round in 0..5 {
        sign_up(&shop, &format!("customer-{round}@example.org"));
    }
    let another = json!({ "email": "ada@example.org", "password": "correct horse battery" });
    let refused = agent().post(shop.url("/accounts")).send_json(another);
    assert_eq!(refused.unwrap().status(), 429);
    shop.stop();
}

#[test]
fn sessions_that_have_expired_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start(folder.path());
    customer(&shop, "ada@example.org");
    customer(&shop, "grace@example.org");
    let expire = "UPDATE sessions SET expires = 1 WHERE account = 1 RETURNING account";
    assert_eq!(count_of(folder.path(), expire), 1);
    let sessions = || count_of(folder.path(), "SELECT count(*) FROM sessions");
    wait_until(|| sessions() == 1, "the report forgets it");
    shop.stop();
}

/// A red pixel.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90, 0x77, 0x53,
    0xde, 0x00, 0x00, 0x00, 0x0c, 0x49, 0x44, 0x41, 0x54, 0x08, 0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0x00,
    0x00, 0x03, 0x01, 0x01, 0x00, 0x18, 0xdd, 0x8d, 0xb0, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e,
    0x44, 0xae, 0x42, 0x60, 0x82,
];

/// Without Python the shop has no thumbnails and no rates, and `BOOTSTRAP_TEST_INTERPRETERS` makes that a failure.
fn python_is_there() -> bool {
    let mut python = std::process::Command::new("python3");
    let is_there = python
        .arg("--version")
        .status()
        .is_ok_and(|status| status.success());
    let is_needed = std::env::var_os("BOOTSTRAP_TEST_INTERPRETERS").is_some();
    assert!(is_there || !is_needed, "`python3` is not installed");
    is_there
}

#[test]
fn an_order_is_paid_and_shipped_or_paid_back() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start(folder.path());
    let (_, tea) = put(&shop, "/offers/tea", &json!({ "cents": 450, "stock": 3 }));
    let token = customer(&shop, "ada@example.org");
    let ids = ["shipped", "cancelled"].map(|reference| {
        let placed = order(&agent(), &shop.url(""), &token, reference, &tea["id"]);
        let (status, order) = placed.unwrap();
        assert_eq!((status, &order["status"]), (201, &json!("placed")));
        order["id"].clone()
    });
    let status = |reference: &str| {
        let again = order(&agent(), &shop.url(""), &token, reference, &tea["id"]);
        again.unwrap().1["status"].clone()
    };
    for (id, end) in ids.iter().zip(["shipped", "cancelled"]) {
        wait_until(|| status(end) == "paid", "it is paid");
        let path = format!("/orders/{id}/{end}");
        assert_eq!(put(&shop, &path, &json!({})).0, 204);
        wait_until(|| status(end) == end, "it has ended");
    }
    assert_eq!(
        put(&shop, &format!("/orders/{}/cancelled", ids[0]), &json!({})).0,
        409
    );
    let path = format!("/products/{}", tea["id"]);
    wait_until(
        || get(&shop, &path).1["stock"] == 2,
        "one is back on the shelf",
    );
    shop.stop();
}

#[test]
fn a_password_can_be_guessed_only_so_often() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start_with(folder.path(), &[("SHOP_LIMITS__LOGIN__RATE", "1/m")]);
    let guess = json!({ "email": "ada@example.org", "password": "wrong wrong wrong" });
    let guess = || {
        agent()
            .post(shop.url("/sessions"))
            .send_json(&guess)
            .unwrap()
    };
    for _ in 0..5 {
        assert_eq!(guess().status(), 401);
    }
    let refused = guess();
    assert_eq!(refused.status(), 429);
    let seconds: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    shop.stop();
}

/// Kills the shop under load, twenty times.
#[test]
fn no_order_that_was_acknowledged_is_lost_and_no_report_is_made_twice() {
    let folder = tempfile::tempdir().unwrap();
    let acknowledged = Mutex::new(BTreeSet::new());
    let mut shop = Shop::start(folder.path());
    let (_, tea) = put(
        &shop,
        "/offers/tea",
        &json!({ "cents": 450, "stock": STOCK }),
    );
    let token = customer(&shop, "ada@example.org");
    let next = AtomicUsize::new(0);
    for round in 0..KILLS {
        let address = shop.url("");
        sign_up(&shop, &format!("customer-{round}@example.org"));
        let enough = acknowledged.lock().unwrap().len() + fastrand::usize(1..100);
        thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    let agent = agent();
                    loop {
                        let reference = next.fetch_add(1, Ordering::Relaxed).to_string();
                        let answer = order(&agent, &address, &token, &reference, &tea["id"]);
                        let Some((status, _)) = answer else { return };
                        assert_eq!(status, 201);
                        acknowledged.lock().unwrap().insert(reference);
                    }
                });
            }
            wait_until(
                || acknowledged.lock().unwrap().len() >= enough,
                "orders are taken",
            );
            // Three kills while one job or workflow runs look as if that kills the process, and it fails.
            wait_until(|| suspects(folder.path()) == 0, "no kill is its last one");
            shop.kill();
        });
        shop = Shop::start(folder.path());
    }
    // The occurrences go on after the last kill.
    let reports = |shop: &Shop| get(shop, "/reports").1.as_array().unwrap().len();
    let before = reports(&shop);
    wait_until(|| reports(&shop) > before, "reports are made");
    // One for each account, also for those whose mail was about to leave at a kill.
    // And each order is paid.
    let unpaid = || {
        count_of(
            folder.path(),
            "SELECT count(*) FROM orders WHERE status <> 'paid'",
        )
    };
    wait_until(|| unpaid() == 0, "each order is paid");
    let mails = || get(&shop, "/mails").1.as_array().unwrap().len();
    wait_until(|| mails() == KILLS + 1, "each customer gets a mail");
    shop.stop();
    check(folder.path(), &acknowledged.into_inner().unwrap());
}

/// How many workflows and jobs ran at a kill and have not gone on since.
fn suspects(folder: &Path) -> i64 {
    count_of(
        folder,
        "SELECT (SELECT count(*) FROM _flows WHERE state < 2 AND crashes > 1)
            + (SELECT count(*) FROM _jobs WHERE state < 3 AND crash > 1 AND resumes IS NULL)",
    )
}

#[tokio::main(flavor = "current_thread")]
async fn count_of(folder: &Path, select: &'static str) -> i64 {
    let mut database = open(folder).await;
    sqlx::query_scalar(select)
        .fetch_one(&mut database)
        .await
        .unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn check(folder: &Path, acknowledged: &BTreeSet<String>) {
    let mut database = open(folder).await;
    let kept: Vec<String> = sqlx::query_scalar("SELECT reference FROM orders")
        .fetch_all(&mut database)
        .await
        .unwrap();
    let unique: BTreeSet<_> = kept.iter().cloned().collect();
    assert_eq!(kept.len(), unique.len(), "an order was taken twice");
    let lost: Vec<_> = acknowledged.difference(&unique).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let count = i64::try_from(kept.len()).unwrap();
    for (left, right, what) in [
        ("SELECT stock FROM products", STOCK - count, "the stock"),
        (
            "SELECT count(*) FROM _audit WHERE action = 'order.place'",
            count,
            "the audit",
        ),
        (
            "SELECT count(*) FROM payments WHERE refunds > 0",
            0,
            "payments that were paid back",
        ),
        (
            "SELECT count(*) - count(DISTINCT until) FROM reports",
            0,
            "reports made twice",
        ),
    ] {
        let found: i64 = sqlx::query_scalar(left)
            .fetch_one(&mut database)
            .await
            .unwrap();
        assert_eq!(found, right, "{what}");
    }
}

async fn open(folder: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.join("shop.db"));
    options.connect().await.unwrap()
}

#[test]
fn two_instances_on_one_database_share_the_stock_and_the_reports() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (Shop::start(folder.path()), Shop::start(folder.path()));
    let (_, tea) = put(&one, "/offers/tea", &json!({ "cents": 450, "stock": 100 }));
    let token = customer(&one, "ada@example.org");
    let path = format!("/products/{}", tea["id"]);
    assert_eq!(
        get(&two, &path).1["stock"],
        100,
        "the cache of the second instance"
    );

    // Two hundred orders for a hundred pieces, at both instances.
    let sold = AtomicUsize::new(0);
    thread::scope(|scope| {
        for (number, shop) in [&one, &two, &one, &two].into_iter().enumerate() {
            let shop = shop.url("");
            let (tea, token, sold) = (&tea, &token, &sold);
            scope.spawn(move || {
                for n in 0..50 {
                    let reference = format!("{number}-{n}");
                    let answer = order(&agent(), &shop, token, &reference, &tea["id"]);
                    match answer.unwrap().0 {
                        201 => sold.fetch_add(1, Ordering::Relaxed),
                        status => usize::from(status) - 409,
                    };
                }
            });
        }
    });
    assert_eq!(sold.load(Ordering::Relaxed), 100);
    for shop in [&one, &two] {
        wait_until(
            || get(shop, &path).1["stock"] == 0,
            "a stale product expires",
        );
    }
    let reports = || get(&one, "/reports").1.as_array().unwrap().len();
    wait_until(|| reports() > 3, "reports are made");
    one.stop();
    two.stop();
    no_report_was_made_twice(folder.path());
}

#[tokio::main(flavor = "current_thread")]
async fn no_report_was_made_twice(folder: &Path) {
    let mut database = open(folder).await;
    let doubled = "SELECT count(*) - count(DISTINCT until) FROM reports";
    let doubled: i64 = sqlx::query_scalar(doubled)
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(doubled, 0);
}

fn wait_until(is_so: impl Fn() -> bool, what: &str) {
    wait_within(Duration::from_mins(1), is_so, what);
}

fn wait_within(limit: Duration, is_so: impl Fn() -> bool, what: &str) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < limit, "not so within {limit:?}: {what}");
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "this thread is that of a client")]
fn pause() {
    thread::sleep(Duration::from_millis(20));
}
