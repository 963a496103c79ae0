//! The service as its users see it: a process, a port, a file.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

/// No service lives longer than this, so that one that hangs fails its test.
const DEADLINE: Duration = Duration::from_mins(2);

/// A process that does not outlive its test.
struct Process {
    child: Child,
    _ended: mpsc::Sender<()>,
}

impl Process {
    fn spawn(command: &mut Command) -> Self {
        let child = command.spawn().unwrap();
        let id = child.id();
        let (ended, end) = mpsc::channel::<()>();
        thread::spawn(move || {
            if end.recv_timeout(DEADLINE) == Err(mpsc::RecvTimeoutError::Timeout) {
                send("-KILL", id);
            }
        });
        Self {
            child,
            _ended: ended,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both do nothing if it has ended, and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Service {
    process: Process,
    address: String,
    /// What it says, read by a thread of its own, so that it never waits for somebody to listen.
    lines: Mutex<mpsc::Receiver<String>>,
    log: Vec<String>,
}

impl Service {
    /// Starts the service on a free port, with its database in `folder`.
    fn start(folder: &Path) -> Self {
        Self::start_with(&mut command(folder))
    }

    fn start_with(command: &mut Command) -> Self {
        let mut process = Process::spawn(
            command
                .env("BOOKMARKS_LISTEN", "127.0.0.1:0")
                .stderr(Stdio::piped()),
        );
        let stderr = BufReader::new(process.child.stderr.take().unwrap());
        let (line, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut read = stderr.lines().map_while(Result::ok);
            while read.next().is_some_and(|next| line.send(next).is_ok()) {}
        });
        let mut service = Self {
            process,
            address: String::new(),
            lines: Mutex::new(lines),
            log: Vec::new(),
        };
        service.address = service.wait_for("listening on ");
        service
    }

    /// Waits until it says something; returns the rest of that line.
    fn wait_for(&mut self, words: &str) -> String {
        loop {
            let line = self.lines.get_mut().unwrap().recv();
            let line = line.unwrap_or_else(|_| panic!("no `{words}`: {:#?}", self.log));
            let rest = line.split_once(words).map(|(_, rest)| rest.to_owned());
            self.log.push(line);
            if let Some(rest) = rest {
                return rest;
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    fn terminate(&self) {
        send("-TERM", self.process.child.id());
    }

    /// Sends `text` on a connection of its own, which stays open.
    fn send(&self, text: &str) -> TcpStream {
        let address = self.address.strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(DEADLINE)).unwrap();
        connection.write_all(text.as_bytes()).unwrap();
        connection
    }

    /// Sends SIGTERM and waits for the end; returns the log.
    fn stop(self) -> Vec<String> {
        self.terminate();
        self.wait()
    }

    /// Waits for the end, which must be a good one.
    fn wait(mut self) -> Vec<String> {
        let status = self.process.child.wait().unwrap();
        let mut log = std::mem::take(&mut self.log);
        log.extend(self.lines.get_mut().unwrap().iter());
        assert_eq!(status.code(), Some(0), "{log:#?}");
        log
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookmarks"));
    command.current_dir(folder).env_remove("RUST_LOG");
    command
}

fn send(signal: &str, process: u32) {
    let sent = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// What a service says that does not boot.
fn failed_boot(command: &mut Command) -> String {
    let mut process = Process::spawn(command.stderr(Stdio::piped()));
    let mut text = String::new();
    let stderr = process.child.stderr.take();
    stderr.unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(process.child.wait().unwrap().code(), Some(1), "{text}");
    text
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

fn urls(list: &Value) -> Vec<String> {
    let of = |bookmark: &Value| bookmark["url"].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(of).collect()
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
    let boot = log.find("─┬ settings").unwrap();
    assert!(
        boot < log.find("─┬ http").unwrap(),
        "boot and close are drawn: {log}"
    );
}

/// Loads bookmarks from many clients, stops the service while they write, and starts it again.
#[test]
fn no_bookmark_that_was_acknowledged_is_lost() {
    const WRITERS: usize = 16;
    const STOP_AFTER: usize = 3_000;
    let folder = tempfile::tempdir().unwrap();
    let acknowledged = Mutex::new(BTreeSet::new());

    let service = Service::start(folder.path());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let agent = agent();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let address = format!("https://example.org/{n}");
                    let body = json!({ "url": address, "title": "t", "tags": ["many"] });
                    // An error is a connection that was refused or closed: the service is gone.
                    match agent.post(service.url("/bookmarks")).send_json(body) {
                        Ok(response) => assert_eq!(response.status(), 201),
                        Err(_) => return,
                    }
                    // Counted under the lock: exactly one writer sees the number.
                    let mut acknowledged = acknowledged.lock().unwrap();
                    acknowledged.insert(address);
                    if acknowledged.len() == STOP_AFTER {
                        service.terminate();
                    }
                }
            });
        }
    });
    service.wait();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= STOP_AFTER);

    let service = Service::start(folder.path());
    let agent = agent();
    for list in ["/bookmarks", "/bookmarks?tag=many"] {
        let (_, found) = get(&agent, &service.url(list));
        let kept = urls(&found).into_iter().collect();
        let lost: Vec<_> = acknowledged.difference(&kept).collect();
        assert!(lost.is_empty(), "{list}: {lost:?}");
    }
    service.stop();
}

/// Half a request: its body never comes.
const HALF_A_BODY: &str = "POST /bookmarks HTTP/1.1\r\nhost: x\r\n\
    content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"url\"";

/// Waits until the service has accepted what was connected before: it accepts in order.
fn wait_until_accepted(service: &Service) {
    assert_eq!(get(&agent(), &service.url("/health")).0, 200);
}

/// Reads an answer after which the service closes the connection: its first line, and its body.
fn answer(mut connection: TcpStream) -> (String, String) {
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn a_request_that_never_ends_is_answered_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let (line, _) = answer(service.send(HALF_A_BODY));
    assert_eq!(line, "HTTP/1.1 408 Request Timeout");
    service.stop();
}

/// Half a body, half a head, and nothing at all: no client can turn a stop into an error.
#[test]
fn clients_that_hang_do_not_spoil_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let half_a_body = service.send(HALF_A_BODY);
    let half_a_head = service.send("GET /bookmarks HTTP/1.1\r\nhost:");
    let nothing = service.send("");
    wait_until_accepted(&service);
    let log = service.stop().join("\n");
    assert!(log.contains("given up on"), "{log}");
    drop((half_a_body, half_a_head, nothing));
}

/// One byte too many, so that the service has read all of it when it refuses.
#[test]
fn a_body_that_is_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let length = 64 * 1024 + 1;
    let (line, _) = answer(service.send(&format!(
        "POST /bookmarks HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{}",
        " ".repeat(length)
    )));
    assert_eq!(line, "HTTP/1.1 413 Payload Too Large");
    service.stop();
}

/// Tags come back as they were sent, whatever is in them.
#[test]
fn tags_keep_their_characters() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let agent = agent();
    let tags = ["a\0b", "a\nb", "a,b", "\"a\"", "ä"];
    let (code, added) = add(&agent, &service, "https://example.org", &tags);
    assert_eq!((code, &added["tags"].as_array().unwrap().len()), (201, &5));
    let (_, all) = get(&agent, &service.url("/bookmarks"));
    assert_eq!(all, json!([added]));
    let (_, found) = get(&agent, &service.url("/bookmarks?tag=a%0Ab"));
    assert_eq!(found, json!([added]));
    add(&agent, &service, "https://example.org/none", &[]);
    let (_, all) = get(&agent, &service.url("/bookmarks"));
    assert_eq!(all[0]["tags"], json!([]), "no tags are no tags");
    service.stop();
}

#[test]
fn addresses_that_lead_nowhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let agent = agent();
    for address in [
        "",
        "http://",
        "https://?",
        "http://:80",
        "http://a b",
        "https://exa\nmple.org",
        " https://example.org",
        "http:example.org",
        "http://example.org:99999",
        "ftp://example.org",
        "javascript:alert(1)",
    ] {
        let (code, error) = add(&agent, &service, address, &[]);
        assert_eq!(code, 422, "{address:?}: {error}");
        assert!(error["error"].as_str().unwrap().contains(address));
    }
    for address in [
        "http://localhost:8080/a?b#c",
        "https://[::1]/",
        "https://ä.example",
    ] {
        let (code, added) = add(&agent, &service, address, &[]);
        assert_eq!((code, &added["url"]), (201, &json!(address)));
    }
    service.stop();
}

/// Errors are `{"error": ".."}`, also those that are found before any handler runs.
#[test]
fn every_error_is_json() {
    const JSON: &str = "content-type: application/json\r\n";
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let long = " ".repeat(64 * 1024 + 1);
    let id = "DELETE /bookmarks/7";
    for (request, header, body, expected) in [
        ("GET /nothing", "", "", 404),
        ("PUT /bookmarks", "", "", 405),
        ("DELETE /bookmarks/seven", "", "", 400),
        (id, "", "", 404),
        ("GET /bookmarks?tag=a&tag=b", "", "", 400),
        ("POST /bookmarks", "", "{}", 415),
        ("POST /bookmarks", JSON, "{", 400),
        ("POST /bookmarks", JSON, "{}", 422),
        ("POST /bookmarks", JSON, &long, 413),
    ] {
        let length = body.len();
        let (line, body) = answer(service.send(&format!(
            "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\
             content-length: {length}\r\n\r\n{body}"
        )));
        assert!(line.starts_with(&format!("HTTP/1.1 {expected} ")), "{line}");
        let error: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{line}: {body}"));
        let text = error["error"].as_str().unwrap();
        assert!(!text.is_empty(), "{line}");
    }
    service.stop();
}

/// Kubernetes sets `BOOKMARKS_SERVICE_HOST` for a service of this name.
#[test]
fn variables_of_others_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut start = command(folder.path());
    start.env("BOOKMARKS_SERVICE_HOST", "10.0.0.1");
    start.env("BOOKMARKS_PORT", "tcp://10.0.0.1:80");
    Service::start_with(&mut start).stop();
}

#[test]
fn a_mistake_in_the_environment_names_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    for variable in ["BOOKMARKS_LISTEN", "BOOKMARKS_CACHED_TAGS"] {
        let text = failed_boot(command(folder.path()).env(variable, "nonsense"));
        assert!(
            text.contains(&format!(
                "the environment variable {variable} is `nonsense`"
            )),
            "{text}"
        );
    }
}

/// A key that is misspelled in the file is told, with those that exist.
#[test]
fn an_unknown_key_of_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bookmarks.toml"), "listn = 1").unwrap();
    let text = failed_boot(&mut command(folder.path()));
    assert!(text.contains("unknown field `listn`"), "{text}");
    assert!(text.contains("bookmarks.toml"), "{text}");
}

/// A database that can't be used is told with its path, and with what to do.
#[test]
fn a_database_that_cannot_be_opened_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("garbage.db"), "garbage, ".repeat(1_000)).unwrap();
    for (database, advice) in [
        (
            "missing/bookmarks.db",
            "the folder `missing` does not exist",
        ),
        (".", "it is a folder"),
        ("garbage.db", "it is not an SQLite database"),
    ] {
        let text = failed_boot(command(folder.path()).env("BOOKMARKS_DATABASE", database));
        assert!(
            text.contains(&format!("the database `{database}`")),
            "{text}"
        );
        assert!(text.contains(advice), "{text}");
    }
}

/// The same for a file that may only be read.
#[test]
fn a_database_that_is_read_only_is_told() {
    let folder = tempfile::tempdir().unwrap();
    Service::start(folder.path()).stop();
    let file = folder.path().join("bookmarks.db");
    let mut permissions = std::fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&file, permissions).unwrap();
    let text = failed_boot(&mut command(folder.path()));
    assert!(text.contains("the database `bookmarks.db`"), "{text}");
    assert!(text.contains("it is read-only"), "{text}");
}

/// A port that is taken fails the boot: the diagnosis names the plugin and the address.
#[test]
fn a_port_that_is_taken_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = failed_boot(
        command(folder.path())
            .env("BOOKMARKS_LISTEN", &address)
            .env("RUST_LOG", "error"),
    );
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
    let text = failed_boot(&mut command(folder.path()));
    assert!(
        text.contains("[settings] Plugin load failed: reading the configuration"),
        "{text}"
    );
    assert!(text.contains("key `listen`"), "{text}");
}

/// SIGHUP reads the configuration again, and restarts what depends on it.
#[test]
fn a_changed_configuration_is_taken_over_without_a_new_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bookmarks.toml");
    let agent = agent();
    let mut service = Service::start(folder.path());
    add(&agent, &service, "https://example.org/", &[]);

    // A mistake in it changes nothing: the service goes on with what it has.
    std::fs::write(&file, "databse = 'other.db'").unwrap();
    send("-HUP", service.process.child.id());
    service.wait_for("the configuration stays as it is");
    assert_eq!(urls(&get(&agent, &service.url("/bookmarks")).1).len(), 1);

    std::fs::write(&file, "database = 'other.db'").unwrap();
    send("-HUP", service.process.child.id());
    service.address = service.wait_for("listening on ");
    assert_eq!(get(&agent, &service.url("/health")).0, 200);
    assert!(urls(&get(&agent, &service.url("/bookmarks")).1).is_empty());
    assert!(folder.path().join("other.db").exists());
    service.stop();
}
