//! Every program of the tutorial runs, and prints what is expected.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::path::PathBuf;
use std::process::Command;

/// Runs an example; cargo has built it beside this test.
fn run(name: &str) -> String {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(|deps| deps.parent()).unwrap();
    let example: PathBuf = folder.join("examples").join(name);
    let output = Command::new(&example).output().unwrap_or_else(|error| {
        panic!(
            "{}: {error}; `cargo test` builds it, `cargo test --test` does not",
            example.display()
        )
    });
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A line without how long something took, which is there if it is worth a word.
fn without_duration(line: &str) -> &str {
    line.split_once(" (in ").map_or(line, |(line, _)| line)
}

#[test]
fn hello() {
    assert_eq!(run("01_hello"), "hello, world\ngoodbye, world\n");
}

#[test]
fn state() {
    assert_eq!(
        run("02_state"),
        "reading the configuration\nopening bookmarks.db\nusing bookmarks.db\nclosing bookmarks.db\n"
    );
}

#[test]
fn two_instances() {
    assert_eq!(
        run("03_two_instances"),
        "greeter#1 loads\ngreeter#2 loads\nhello! servus!\n"
    );
}

#[test]
fn parallel() {
    assert_eq!(
        run("04_parallel"),
        "5 plugins\nlevel 0\n  base\nlevel 1\n  cache <- base\n  mail <- base\n  metrics <- base\n  \
         search <- base\nfaster than one after the other: true\n"
    );
}

#[test]
fn failure_and_rollback() {
    let printed = run("05_failure_and_rollback");
    let lines: Vec<&str> = printed.lines().map(without_duration).collect();
    assert_eq!(
        lines[..4],
        [
            "database opens",
            "database closes",
            "in one line: [cache] Plugin load failed: connection refused",
            "error[BOOT010]: [cache] Plugin load failed: connection refused",
        ]
    );
    assert_eq!(
        lines[5..],
        [
            "  not started: `http` <- `cache`",
            "  closed again: `database`",
            "  help: everything that had loaded has been closed; remove the cause; if it is temporary, let `retry` try again",
        ]
    );
}

#[test]
fn children() {
    assert_eq!(
        run("07_children"),
        "[server/listener] Plugin load failed: port 80 is reserved\n\
         the server has loaded; its tenants load now\n\
         server/tenant serves apple on port 8080\n\
         server/tenant#2 serves pear on port 8080\n\
         server: done, child of None\n\
         server/listener: failed, child of Some(\"server\")\n\
         server/listener#2: done, child of Some(\"server\")\n\
         server/tenant: done, child of Some(\"server\")\n\
         server/tenant#2: done, child of Some(\"server\")\n\
         port 8080 closes\n"
    );
}

#[test]
fn boundaries() {
    let printed = run("08_boundaries");
    let hooks: Vec<&str> = printed.lines().rev().take(4).collect();
    assert_eq!(
        hooks,
        [
            "going on without it: [analytics/client] Plugin load failed: connection refused",
            "orders/client connects to orders.local",
            "client connects to app.local",
            "analytics/client connects to analytics.local",
        ]
    );
}

#[test]
fn http_server() {
    assert_eq!(
        run("09_http_server"),
        "/: HTTP/1.1 200 OK hello\n/ready: HTTP/1.1 200 OK \nclosed\n"
    );
}

#[test]
fn database() {
    assert_eq!(run("10_database"), "notes: 1\nthe pool is closed: true\n");
}

#[test]
fn from_main() {
    let printed = run("11_from_main");
    let mut steps = printed.split("step ").skip(1);
    for (number, step) in (1..=3).zip(&mut steps) {
        let mut lines: Vec<&str> = step.lines().skip(1).collect();
        // The database and the queue connect at the same time in the last step.
        lines[..3].sort_unstable();
        lines[3..].sort_unstable();
        assert_eq!(
            lines,
            [
                "  bound to port 3000",
                "  connected to db.example",
                "  connected to queue.example",
                "  closed the database",
                "  closed the queue",
            ],
            "step {number}: {printed}"
        );
    }
    assert_eq!(steps.next(), None);
}
