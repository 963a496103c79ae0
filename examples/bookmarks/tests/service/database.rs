//! The service and its database: full, locked, and used by others.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};
use tokio::runtime::{Builder, Runtime};

use crate::process::{Service, add, agent, command_after, failed_boot, get, probe, urls};

/// Another process that uses the database.
struct Other {
    runtime: Runtime,
    connection: SqliteConnection,
}

impl Other {
    fn open(folder: &Path) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let file = folder.join("bookmarks.db");
        let options = SqliteConnectOptions::new().filename(file);
        let connection = runtime.block_on(options.create_if_missing(true).connect());
        Self {
            connection: connection.unwrap(),
            runtime,
        }
    }

    fn execute(&mut self, sql: &'static str) {
        let done = sqlx::raw_sql(sql).execute(&mut self.connection);
        self.runtime.block_on(done).unwrap();
    }
}

fn delete(service: &Service, id: &Value) -> u16 {
    let one = service.url(&format!("/bookmarks/{id}"));
    agent().delete(&one).call().unwrap().status().as_u16()
}

/// A write that is refused because the database is locked is not made when the lock is gone.
#[test]
fn a_write_that_was_refused_is_not_made_later() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let agent = agent();
    let (_, kept) = add(&agent, &service, "https://example.org/kept", &["t"]);
    let mut other = Other::open(folder.path());
    other.execute("BEGIN IMMEDIATE");
    assert_eq!(
        add(&agent, &service, "https://example.org/late", &["t"]).0,
        503
    );
    assert_eq!(delete(&service, &kept["id"]), 503);
    assert_eq!(
        get(&agent, &service.url("/bookmarks")).0,
        200,
        "it can be read"
    );
    other.execute("ROLLBACK");
    // A write that waits for the lock comes before this one.
    assert_eq!(
        add(&agent, &service, "https://example.org/next", &["t"]).0,
        201
    );
    let (_, list) = get(&agent, &service.url("/bookmarks?tag=t"));
    let expected = ["https://example.org/next", "https://example.org/kept"];
    assert_eq!(urls(&list), expected);
    service.stop();
}

/// Many writers that wait for a lock do not keep readers from being served.
#[test]
fn readers_do_not_wait_for_writers_that_wait() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let mut other = Other::open(folder.path());
    other.execute("BEGIN IMMEDIATE");
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..16)
            .map(|n| {
                let service = &service;
                let url = format!("https://example.org/{n}");
                scope.spawn(move || add(&agent(), service, &url, &[]).0)
            })
            .collect();
        while !writers
            .iter()
            .all(std::thread::ScopedJoinHandle::is_finished)
        {
            assert_eq!(get(&agent(), &service.url("/bookmarks")), (200, json!([])));
            assert_eq!(
                get(&agent(), &service.url("/bookmarks?tag=t")),
                (200, json!([]))
            );
        }
        for writer in writers {
            assert_eq!(writer.join().unwrap(), 503);
        }
    });
    other.execute("ROLLBACK");
    assert_eq!(get(&agent(), &service.url("/bookmarks")), (200, json!([])));
    service.stop();
}

/// A service that can't write is not healthy, and is healthy again when it can.
#[test]
fn a_service_whose_database_is_locked_is_not_healthy() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let mut other = Other::open(folder.path());
    other.execute("BEGIN IMMEDIATE");
    let (code, health) = get(&agent(), &service.url("/readyz?verbose"));
    assert_eq!((code, &health["status"]), (503, &json!("not ready")));
    let check = &health["checks"][0];
    assert_eq!(
        (&check["name"], &check["ok"]),
        (&json!("storage"), &json!(false))
    );
    // The check waits for the lock for longer than its limit.
    assert_eq!(check["error"], "no result within 1s");
    other.execute("ROLLBACK");
    // Results are kept for half a second.
    while probe(&agent(), &service) != (200, "ready".into()) {}
    service.stop();
}

/// Adds bookmarks until the service refuses one; returns how many it took.
fn fill(service: &Service, tags: &[&str]) -> usize {
    for n in 0..10_000 {
        let url = format!("https://example.org/{n}/{}", "x".repeat(8_000));
        let (code, _) = add(&agent(), service, &url, tags);
        if code != 201 {
            assert_eq!(code, 503);
            return n;
        }
    }
    panic!("it does not get full");
}

/// When the disk is full, all writes fail, and the service reports that it is not healthy. When there
/// is room again, it recovers by itself.
#[test]
#[cfg(target_os = "linux")]
fn the_service_recovers_from_a_disk_that_was_full() {
    let folder = tempfile::tempdir().unwrap();
    // Blocks of 512 or 1024 bytes; without the signal, a write that is too large is an error.
    let limited = "trap '' XFSZ; ulimit -S -f 4096";
    let service = Service::start_with(&mut command_after(folder.path(), limited));
    let agent = agent();
    let mut taken = fill(&service, &["t"]);
    assert!(taken > 0);
    for _ in 0..8 {
        // The shorter ones may find some room.
        taken += usize::from(add(&agent, &service, "https://example.org/a", &[]).0 == 201);
        assert_eq!(delete(&service, &json!(1_000_000)), 404);
    }
    while probe(&agent, &service).0 == 200 {}
    assert_eq!(
        urls(&get(&agent, &service.url("/bookmarks")).1).len(),
        taken
    );

    let pid = service.process.child.id().to_string();
    let mut raise = Command::new("prlimit");
    raise.args(["--pid", &pid, "--fsize=unlimited"]);
    assert!(raise.status().unwrap().success());
    for n in 0..8 {
        let url = format!("https://example.org/again/{n}");
        assert_eq!(add(&agent, &service, &url, &["t"]).0, 201);
    }
    while probe(&agent, &service).0 != 200 {}
    let (_, list) = get(&agent, &service.url("/bookmarks"));
    assert_eq!(urls(&list).len(), taken + 8);
    let log = service.stop().join("\n");
    assert!(!log.contains("transaction depth"), "{log}");
}

/// Two services on one file see the writes of the other at once, whatever they have cached.
#[test]
fn two_services_on_one_file_are_never_stale() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (Service::start(folder.path()), Service::start(folder.path()));
    let agent = agent();
    let tagged = |service: &Service| urls(&get(&agent, &service.url("/bookmarks?tag=t")).1);
    for round in 0..20 {
        for (writer, reader) in [(&one, &two), (&two, &one)] {
            assert!(tagged(reader).is_empty());
            let url = format!("https://example.org/{round}");
            let (code, added) = add(&agent, writer, &url, &["t"]);
            assert_eq!(code, 201);
            assert_eq!(tagged(reader), [url]);
            assert_eq!(delete(writer, &added["id"]), 204);
        }
    }
    let mut other = Other::open(folder.path());
    other.execute("INSERT INTO bookmarks VALUES (1000, 'https://example.org', 't')");
    other.execute("INSERT INTO tags VALUES (1000, 't')");
    assert_eq!(tagged(&one), ["https://example.org"]);
    other.execute("UPDATE bookmarks SET url = 'https://example.com'");
    assert_eq!(tagged(&one), ["https://example.com"]);
    other.execute("UPDATE tags SET tag = 'u'");
    assert!(tagged(&one).is_empty());
    one.stop();
    two.stop();
}

/// Both create the tables of a new file, and one waits for the other.
#[test]
fn services_can_start_on_one_new_file_at_a_time() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| Service::start(folder.path()).stop());
            }
        });
    }
}

/// If the process has no file descriptors left, the error says that, and does not blame permissions.
#[test]
#[cfg(target_os = "linux")]
fn a_database_without_file_descriptors_is_reported() {
    for limit in 16..=20 {
        let folder = tempfile::tempdir().unwrap();
        let boot = || {
            let mut start = command_after(folder.path(), &format!("ulimit -n {limit}"));
            failed_boot(start.env("RUST_BACKTRACE", "0"))
        };
        // What listens is loaded at the same time, and now and then is the one that gets none.
        let mut logs = std::iter::repeat_with(boot).take(10);
        let log = logs.find(|log| log.contains("opening the database"));
        let log = log.unwrap_or_else(|| panic!("{limit}: another plugin got none each time"));
        assert!(log.contains("ulimit -n"), "{limit}: {log}");
        assert!(!log.contains("let this user"), "{limit}: {log}");
    }
}

/// The id of a bookmark that is deleted is not given to another one.
#[test]
fn ids_are_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = 0;
    for _ in 0..3 {
        let service = Service::start(folder.path());
        for _ in 0..3 {
            let (_, added) = add(&agent(), &service, "https://example.org", &[]);
            let id = added["id"].as_i64().unwrap();
            assert!(id > last, "{id} after {last}");
            last = id;
            assert_eq!(delete(&service, &added["id"]), 204);
        }
        service.stop();
    }
}
