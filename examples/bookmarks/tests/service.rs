//! The service as its users see it: a process, a port, a file.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

struct Service {
    child: Child,
    address: String,
    log: thread::JoinHandle<Vec<String>>,
}

impl Service {
    /// Starts the service on a free port, with its database in `folder`.
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bookmarks"))
            .current_dir(folder)
            .env("BOOKMARKS_LISTEN", "127.0.0.1:0")
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let mut log = Vec::new();
        let address = loop {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("no address: {log:#?}"));
            let address = line
                .split_once("listening on ")
                .map(|(_, address)| address.to_owned());
            log.push(line);
            if let Some(address) = address {
                break address;
            }
        };
        let log = thread::spawn(move || {
            log.extend(lines);
            log
        });
        Self {
            child,
            address,
            log,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Sends SIGTERM and waits for the end; returns the log.
    fn stop(self) -> Vec<String> {
        terminate(self.child.id());
        self.wait()
    }

    /// Waits for the end, which must be a good one.
    fn wait(mut self) -> Vec<String> {
        let status = self.child.wait().unwrap();
        let log = self.log.join().unwrap();
        assert_eq!(status.code(), Some(0), "{log:#?}");
        log
    }
}

fn terminate(process: u32) {
    let sent = Command::new("kill")
        .args(["-TERM", &process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Answers with an error code are answers; nothing waits longer than this.
fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

fn get(agent: &Agent, url: &str) -> (u16, Value) {
    let mut response = agent.get(url).call().unwrap();
    (
        response.status().as_u16(),
        response.body_mut().read_json().unwrap(),
    )
}

fn add(agent: &Agent, service: &Service, url: &str, tags: &[&str]) -> (u16, Value) {
    let body = json!({ "url": url, "title": "a title", "tags": tags });
    let mut response = agent
        .post(service.url("/bookmarks"))
        .send_json(body)
        .unwrap();
    (
        response.status().as_u16(),
        response.body_mut().read_json().unwrap(),
    )
}

#[test]
fn bookmarks_are_added_found_listed_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let agent = agent();
    assert_eq!(
        get(&agent, &service.url("/health")),
        (200, json!({ "status": "Ready" }))
    );

    let (code, rust) = add(
        &agent,
        &service,
        "https://rust-lang.org",
        &["rust", "lang", "rust", " "],
    );
    assert_eq!((code, &rust["tags"]), (201, &json!(["lang", "rust"])));
    let (code, _) = add(&agent, &service, "https://tokio.rs", &["rust"]);
    assert_eq!(code, 201);
    let (code, error) = add(&agent, &service, "https://tokio.rs", &[]);
    assert_eq!(code, 409);
    assert_eq!(
        error["error"],
        "there is a bookmark for `https://tokio.rs` already"
    );
    assert_eq!(add(&agent, &service, "tokio", &[]).0, 422);

    let urls = |list: &Value| {
        let of = |bookmark: &Value| bookmark["url"].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let (_, all) = get(&agent, &service.url("/bookmarks"));
    assert_eq!(urls(&all), ["https://tokio.rs", "https://rust-lang.org"]);
    let (_, lang) = get(&agent, &service.url("/bookmarks?tag=lang"));
    assert_eq!(urls(&lang), ["https://rust-lang.org"]);

    let one = service.url(&format!("/bookmarks/{}", rust["id"]));
    assert_eq!(agent.delete(&one).call().unwrap().status(), 204);
    assert_eq!(agent.delete(&one).call().unwrap().status(), 404);
    let (_, lang) = get(&agent, &service.url("/bookmarks?tag=lang"));
    assert_eq!(
        urls(&lang),
        Vec::<String>::new(),
        "the cache is never stale"
    );
    let log = service.stop().join("\n");
    let boot = log.find("└─┬ settings").unwrap();
    assert!(
        boot < log.find("└─┬ http").unwrap(),
        "boot and close are drawn: {log}"
    );
}

/// Loads bookmarks from several clients, stops the service in the middle, and starts it again.
#[test]
fn no_bookmark_that_was_acknowledged_is_lost() {
    const ALL: usize = 3_000;
    const STOP_AFTER: usize = 1_000;
    let folder = tempfile::tempdir().unwrap();
    let address = |n: usize| format!("https://example.org/{n}");
    let acknowledged = Mutex::new(BTreeSet::new());

    let service = Service::start(folder.path());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let agent = agent();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let body = json!({ "url": address(n), "title": "t", "tags": ["many"] });
                    // An error is a connection that was refused or closed: the service is gone.
                    match agent.post(service.url("/bookmarks")).send_json(body) {
                        Ok(response) if response.status() == 201 => {
                            acknowledged.lock().unwrap().insert(address(n));
                        }
                        Ok(response) => panic!("{response:?}"),
                        Err(_) => return,
                    }
                    if acknowledged.lock().unwrap().len() == STOP_AFTER {
                        terminate(service.child.id());
                    }
                }
            });
        }
    });
    service.wait();

    let service = Service::start(folder.path());
    let agent = agent();
    let urls = |list: &Value| -> BTreeSet<String> {
        let of = |bookmark: &Value| bookmark["url"].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(of).collect()
    };
    let (_, found) = get(&agent, &service.url("/bookmarks?tag=many"));
    let kept = urls(&found);
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= STOP_AFTER);
    let lost: Vec<_> = acknowledged.difference(&kept).collect();
    assert!(lost.is_empty(), "{lost:?}");

    for n in 0..ALL {
        if !kept.contains(&address(n)) {
            assert_eq!(add(&agent, &service, &address(n), &["many"]).0, 201);
        }
    }
    let (_, everything) = get(&agent, &service.url("/bookmarks"));
    assert_eq!(urls(&everything).len(), ALL);
    service.stop();
}

/// A port that is taken fails the boot: the diagnosis names the plugin and the address.
#[test]
fn a_port_that_is_taken_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_bookmarks"))
        .current_dir(folder.path())
        .env("BOOKMARKS_LISTEN", &address)
        .env("RUST_LOG", "error")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.starts_with(&format!(
            "error[BOOT010]: [http] Plugin load failed: binding {address}\n"
        )),
        "{text}"
    );
    assert!(text.contains("closed again: "), "{text}");
}

/// A mistake in the configuration is told with its name.
#[test]
fn a_mistake_in_the_configuration_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bookmarks.toml"), "listen = \"nowhere\"").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_bookmarks"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("[settings] Plugin load failed: reading the configuration"),
        "{text}"
    );
    assert!(text.contains("key `listen`"), "{text}");
}
