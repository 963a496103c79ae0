//! What the shop does while its disk, its database or its log fail, and what its health reports.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use tokio::runtime::{Builder, Runtime};

use crate::process::{Shop, agent, customer, get, get_text, order, put, watch_stock};
use crate::{STOCK, WRITERS, check, open, wait_until, wait_within};

/// Within what time the health of the shop is that of its services.
const TRUTH: Duration = Duration::from_secs(2);

/// How long anything else may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A file system of its own, which is unmounted when it is dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    /// Returns `None` if this user can't mount.
    fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]);
        let mounted = mount.arg(folder.path()).output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("skipped: this user can't mount a file system");
        }
        mounted.then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{options}")]);
        assert!(mount.arg(self.path()).status().unwrap().success());
    }

    /// Takes all the room that is left. Returns the file.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Customers that order all the time.
#[derive(Default)]
struct Customers {
    token: String,
    tea: Value,
    next: AtomicUsize,
    acknowledged: Mutex<BTreeSet<String>>,
    refused: Mutex<BTreeSet<String>>,
    /// What the answers were, apart from 201 and 503.
    other: Mutex<Vec<(u16, Value)>>,
    go_home: AtomicBool,
}

impl Customers {
    fn of(shop: &Shop) -> Self {
        let (_, tea) = put(
            shop,
            "/offers/tea",
            &json!({ "cents": 450, "stock": STOCK }),
        );
        Self {
            token: customer(shop, "ada@example.org"),
            tea: tea["id"].clone(),
            ..Self::default()
        }
    }

    /// Orders until `work` ends, or the shop does.
    fn order_during<T>(&self, shop: &str, work: impl FnOnce() -> T) -> T {
        self.go_home.store(false, Ordering::Relaxed);
        thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    let agent = agent();
                    while !self.go_home.load(Ordering::Relaxed) {
                        let reference = self.next.fetch_add(1, Ordering::Relaxed).to_string();
                        let answer = order(&agent, shop, &self.token, &reference, &self.tea);
                        let Some(answer) = answer else { return };
                        self.note(reference, answer);
                    }
                });
            }
            let home = GoHome(&self.go_home);
            let done = work();
            drop(home);
            done
        })
    }

    fn note(&self, reference: String, (status, body): (u16, Value)) {
        match status {
            200 | 201 => self.acknowledged.lock().unwrap().insert(reference),
            503 => self.refused.lock().unwrap().insert(reference),
            _ => {
                self.other.lock().unwrap().push((status, body));
                true
            }
        };
    }

    fn order(&self, shop: &Shop, reference: &str) -> u16 {
        let answer = order(&agent(), &shop.url(""), &self.token, reference, &self.tea).unwrap();
        let status = answer.0;
        self.note(reference.to_owned(), answer);
        status
    }

    fn go_on(&self) {
        let enough = self.acknowledged() + 20;
        wait_until(|| self.acknowledged() > enough, "orders go on");
    }

    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    fn refused(&self) -> usize {
        self.refused.lock().unwrap().len()
    }

    /// Repeats what was refused; then nothing is missing, and nothing is there twice.
    fn settle(self, shop: Shop, folder: &Path) {
        let refused = std::mem::take(&mut *self.refused.lock().unwrap());
        for reference in &refused {
            assert!(matches!(self.order(&shop, reference), 200 | 201));
        }
        shop.stop();
        self.audit(folder);
    }

    fn audit(self, folder: &Path) {
        assert_eq!(self.other.into_inner().unwrap(), []);
        check(folder, &self.acknowledged.into_inner().unwrap());
    }
}

/// Lets the customers go, also if an assertion fails.
struct GoHome<'a>(&'a AtomicBool);

impl Drop for GoHome<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn becomes(shop: &Shop, status: u16) {
    let began = Instant::now();
    while get(shop, "/readyz").0 != status {
        assert!(
            began.elapsed() < TRUTH,
            "`/readyz` does not answer {status}: {}",
            get(shop, "/readyz?verbose").1
        );
    }
}

/// What readers get.
fn looking_works(shop: &Shop, customers: &Customers) {
    assert!(get_text(shop, "/metrics").contains("http_requests_total"));
    assert_eq!(get(shop, "/products").0, 200);
    assert_eq!(get(shop, &format!("/products/{}", customers.tea)).0, 200);
    assert_eq!(get(shop, "/livez").0, 200);
}

/// Whether a stream has an event that is newer than this call.
fn goes_on(stream: &Receiver<String>, shop: &Shop, customers: &Customers, reference: &str) {
    while stream.try_recv().is_ok() {}
    assert_eq!(customers.order(shop, reference), 201);
    let began = Instant::now();
    loop {
        let left = LIMIT.saturating_sub(began.elapsed());
        let line = stream.recv_timeout(left).unwrap();
        if line.starts_with("data:") && line.contains("\"stock\"") {
            return;
        }
    }
}

fn ends(stream: &Receiver<String>) {
    loop {
        match stream.recv_timeout(LIMIT) {
            Ok(_) => {}
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => panic!("the stream is still open"),
        }
    }
}

#[test]
fn a_full_disk_refuses_orders_and_loses_none() {
    let Some(disk) = Disk::new("size=16m") else {
        return;
    };
    // Without a reserve, what is left to the log decides.
    let shop = Shop::start_with(disk.path(), &[("SHOP_DATABASE__MIN_FREE", "0")]);
    let customers = Customers::of(&shop);
    let stream = watch_stock(&shop);
    customers.order_during(&shop.url(""), || {
        wait_until(|| customers.acknowledged() > 20, "orders are taken");
        becomes(&shop, 200);
        let filler = disk.fill();
        becomes(&shop, 503);
        wait_until(|| customers.refused() > 20, "orders are refused");
        looking_works(&shop, &customers);
        becomes(&shop, 503);
        fs::remove_file(filler).unwrap();
        becomes(&shop, 200);
        customers.go_on();
    });
    goes_on(&stream, &shop, &customers, "afterwards");
    customers.settle(shop, disk.path());
}

#[test]
fn a_disk_with_too_little_left_is_reported_before_it_is_full() {
    let Some(disk) = Disk::new("size=16m") else {
        return;
    };
    let shop = Shop::start_with(disk.path(), &[("SHOP_DATABASE__MIN_FREE", "2MiB")]);
    let customers = Customers::of(&shop);
    becomes(&shop, 200);
    let filler = disk.path().join("filler");
    fs::write(&filler, vec![0; 28 << 19]).unwrap();
    becomes(&shop, 503);
    assert_eq!(customers.order(&shop, "there is room for it"), 201);
    fs::remove_file(filler).unwrap();
    becomes(&shop, 200);
    customers.settle(shop, disk.path());
}

#[test]
fn a_read_only_disk_is_an_error_of_the_boot_and_another_boot_succeeds_when_it_is_not() {
    let Some(disk) = Disk::new("size=16m") else {
        return;
    };
    let settings = [("SHOP_DATABASE__MIN_FREE", "0")];
    let shop = Shop::start_with(disk.path(), &settings);
    let customers = Customers::of(&shop);
    assert_eq!(customers.order(&shop, "before"), 201);
    shop.stop();
    disk.remount("ro");
    let log = Shop::spawn(disk.path(), &settings).failed();
    let first = "error[BOOT010]: [database] Plugin load failed: can't open the database `shop.db`: this user can't write to its folder: Read-only file system";
    assert!(log.contains(first), "{log}");
    disk.remount("rw");
    let shop = Shop::start_with(disk.path(), &settings);
    assert_eq!(customers.order(&shop, "after"), 201);
    customers.settle(shop, disk.path());
}

/// Makes a file immutable, as a disk that has become read-only does. Returns false if the file system can't.
fn set_immutable(file: &Path, immutable: bool) -> bool {
    let mut chattr = Command::new("chattr");
    chattr.arg(if immutable { "+i" } else { "-i" }).arg(file);
    let changed = chattr.output().is_ok_and(|output| output.status.success());
    if !changed {
        eprintln!("skipped: this user or this file system can't make a file immutable");
    }
    changed
}

#[test]
fn a_disk_that_becomes_read_only_refuses_orders_until_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start(folder.path());
    let customers = Customers::of(&shop);
    let log = folder.path().join("shop.db-wal");
    customers.order_during(&shop.url(""), || {
        wait_until(|| customers.acknowledged() > 20, "orders are taken");
        if !set_immutable(&log, true) {
            return;
        }
        becomes(&shop, 503);
        wait_until(|| customers.refused() > 20, "orders are refused");
        looking_works(&shop, &customers);
        set_immutable(&log, false);
        becomes(&shop, 200);
        customers.go_on();
    });
    customers.settle(shop, folder.path());
}

/// Seconds between the reports while the database is locked.
const REPORTS: i64 = 5;

#[test]
fn a_locked_database_refuses_orders_and_its_report_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("SHOP_DATABASE__BUSY_TIMEOUT", "500ms"),
        ("SHOP_CRON__REPORT__PATTERN", "*/5 * * * * *"),
    ];
    let mut shop = Shop::start_with(folder.path(), &settings);
    let customers = Customers::of(&shop);
    let stream = watch_stock(&shop);
    wait_until(|| !reports(&shop).is_empty(), "a report is made");
    let due = reports(&shop)[0] + REPORTS;

    let (runtime, mut other) = another_process(folder.path());
    let lock = runtime.block_on(other.begin_with("BEGIN IMMEDIATE"));
    let lock = lock.unwrap();
    becomes(&shop, 503);
    assert_eq!(customers.order(&shop, "refused"), 503);
    looking_works(&shop, &customers);
    wait_until(|| now() > due, "another report is due");
    // Its first claim has failed by then.
    assert_eq!(customers.order(&shop, "refused as well"), 503);
    becomes(&shop, 503);
    assert!(!reports(&shop).contains(&due));
    runtime.block_on(lock.rollback()).unwrap();
    becomes(&shop, 200);
    shop.wait_for("Service Unavailable: the database `database` is locked by another process");
    goes_on(&stream, &shop, &customers, "afterwards");
    wait_until(|| reports(&shop).contains(&due), "the report is made");
    drop(other);
    customers.settle(shop, folder.path());
}

/// Opens the database as another process would.
fn another_process(folder: &Path) -> (Runtime, SqliteConnection) {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap();
    let connection = runtime.block_on(open(folder));
    (runtime, connection)
}

/// Returns the times of the reports, the newest first.
fn reports(shop: &Shop) -> Vec<i64> {
    let (status, reports) = get(shop, "/reports");
    assert_eq!(status, 200);
    let reports = reports.as_array().unwrap().iter();
    reports.map(|it| it["until"].as_i64().unwrap()).collect()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

#[test]
fn a_log_that_can_t_be_written_is_reported_and_hurts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start_with(folder.path(), &[("SHOP_LOG__FILE", "/dev/full")]);
    let customers = Customers::of(&shop);
    assert_eq!(customers.order(&shop, "one"), 201);
    wait_within(
        TRUTH,
        || !logger(&shop)["ok"].as_bool().unwrap(),
        "its check fails",
    );
    assert_eq!(logger(&shop)["critical"], false);
    becomes(&shop, 200);
    customers.settle(shop, folder.path());
}

fn logger(shop: &Shop) -> Value {
    let health = get(shop, "/readyz?verbose").1;
    let mut checks = health["checks"].as_array().unwrap().iter();
    checks.find(|it| it["name"] == "logger").unwrap().clone()
}

#[test]
fn a_stop_ends_streams_and_loses_no_order_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start(folder.path());
    let customers = Customers::of(&shop);
    let stream = watch_stock(&shop);
    let began = customers.order_during(&shop.url(""), || {
        wait_until(|| customers.acknowledged() > 20, "orders are taken");
        let began = Instant::now();
        shop.stop();
        began
    });
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    ends(&stream);
    customers.audit(folder.path());
}

#[test]
fn a_shop_on_a_full_disk_stops() {
    let Some(disk) = Disk::new("size=16m") else {
        return;
    };
    let shop = Shop::start_with(disk.path(), &[("SHOP_DATABASE__MIN_FREE", "0")]);
    let customers = Customers::of(&shop);
    customers.order_during(&shop.url(""), || {
        wait_until(|| customers.acknowledged() > 20, "orders are taken");
        let filler = disk.fill();
        wait_until(|| customers.refused() > 0, "orders are refused");
        shop.stop();
        fs::remove_file(filler).unwrap();
    });
    customers.audit(disk.path());
}

#[test]
fn a_shop_whose_database_is_locked_stops() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start_with(folder.path(), &[("SHOP_DATABASE__BUSY_TIMEOUT", "2s")]);
    let customers = Customers::of(&shop);
    let (runtime, mut other) = another_process(folder.path());
    customers.order_during(&shop.url(""), || {
        wait_until(|| customers.acknowledged() > 20, "orders are taken");
        let lock = runtime.block_on(other.begin_with("BEGIN IMMEDIATE"));
        let lock = lock.unwrap();
        // Orders are in flight, and a claim of cron.
        shop.stop();
        runtime.block_on(lock.rollback()).unwrap();
    });
    drop(other);
    customers.audit(folder.path());
}

/// How many pairs of instances start at the same time.
const ROUNDS: usize = 20;

#[test]
fn two_instances_that_start_at_once_on_a_new_file_migrate_it_once() {
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let pair = [(); 2].map(|()| Shop::spawn(folder.path(), &[]));
        let mut pair = pair.map(Shop::listening);
        for shop in &mut pair {
            wait_until(|| get(shop, "/readyz").0 == 200, "both are ready");
        }
        let [one, two] = pair;
        assert_eq!(
            put(&one, "/offers/tea", &json!({ "cents": 450, "stock": 3 })).0,
            200
        );
        assert_eq!(get(&two, "/products").1[0]["stock"], 3);
        drop((one, two));
        assert_eq!(migrated(folder.path()), 3);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn migrated(folder: &Path) -> i64 {
    let mut database = open(folder).await;
    let count = sqlx::query_scalar("SELECT count(*) FROM _migrations_shop");
    count.fetch_one(&mut database).await.unwrap()
}
