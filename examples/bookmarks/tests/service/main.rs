//! The service from the outside: a process, a port, a file.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod clients;
mod database;
mod drain;
mod log;
mod process;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::process::{
    HALF_A_BODY, Service, add, agent, answer, command, failed_boot, get, misconfigured, probe,
    send, urls,
};

#[test]
fn bookmarks_are_added_found_listed_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let agent = agent();
    assert_eq!(probe(&agent, &service), (200, "ready".into()));

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
        error["detail"],
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
    let boot = log.find("─┬ config").unwrap();
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

#[test]
fn a_request_that_never_ends_is_answered_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let (line, _) = answer(service.send(HALF_A_BODY));
    assert_eq!(line, "HTTP/1.1 408 Request Timeout");
    service.stop();
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
        assert_eq!(error["issues"][0]["path"], "url", "{address:?}: {error}");
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

/// Errors are problem details, also those that are found before any handler runs.
#[test]
fn every_error_is_a_problem() {
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
        assert_eq!(error["status"], expected, "{line}: {error}");
        assert!(error["title"].is_string(), "{line}: {error}");
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
    for variable in [
        "BOOKMARKS_HTTP__LISTEN",
        "BOOKMARKS_CACHED_TAGS",
        "BOOKMARKS_HTTP__DRAIN_DELAY",
        "BOOKMARKS_HTTP__REQUEST_TIMEOUT",
        "BOOKMARKS_HTTP__MAX_CONNECTIONS",
    ] {
        let text = misconfigured(command(folder.path()).env(variable, "nonsense"));
        let found = format!("found: the environment variable `{variable}`");
        assert!(text.contains(&found), "{text}");
        assert!(!text.contains("nonsense"), "it may be a secret: {text}");
    }
}

/// A variable may contain any bytes.
#[test]
fn a_variable_that_is_not_text_is_reported() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let folder = tempfile::tempdir().unwrap();
    let bytes = OsStr::from_bytes(b"\xff");
    let text = misconfigured(command(folder.path()).env("BOOKMARKS_DATABASE", bytes));
    let wrong = "can't read `database`: the variable is not valid Unicode";
    assert!(text.contains(wrong), "{text}");
}

/// A misspelled key of the file is reported, with the probable key.
#[test]
fn an_unknown_key_of_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bookmarks.toml"), "databse = 1").unwrap();
    let text = misconfigured(&mut command(folder.path()));
    assert!(text.contains("does not know `databse`"), "{text}");
    assert!(text.contains("found: bookmarks.toml:1:1"), "{text}");
    assert!(text.contains("did you mean `database`?"), "{text}");
}

/// An unusable database is reported with its path and the remedy.
#[test]
fn a_database_that_cannot_be_opened_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("garbage.db"), "garbage, ".repeat(1_000)).unwrap();
    for (database, advice) in [
        (
            "missing/bookmarks.db",
            "the folder `missing` does not exist",
        ),
        (".", "it is a folder"),
        ("/dev/null", "it is not a regular file"),
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

/// A path that is not a file is a mistake in the configuration.
#[test]
fn a_database_that_is_no_file_is_a_mistake_of_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    for database in ["", " ", ":memory:", "file::memory:", "sqlite:bookmarks.db"] {
        let text = misconfigured(command(folder.path()).env("BOOKMARKS_DATABASE", database));
        for words in [
            "can't read `database`",
            "the path of a file, like `bookmarks.db`",
            "the environment variable `BOOKMARKS_DATABASE`",
        ] {
            assert!(text.contains(words), "{database:?}: {text}");
        }
    }
}

/// The same for a read-only file.
#[test]
fn a_read_only_database_is_reported() {
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
fn a_port_that_is_taken_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = failed_boot(
        command(folder.path())
            .env("BOOKMARKS_HTTP__LISTEN", &address)
            .env("RUST_LOG", "error"),
    );
    assert!(
        text.contains(&format!(
            "\nerror[BOOT010]: [http] Plugin load failed: can't listen on `{address}`: "
        )),
        "{text}"
    );
}

/// A mistake in the configuration is reported with its key.
#[test]
fn a_mistake_in_the_configuration_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("bookmarks.toml"),
        "[http]\nlisten = \"nowhere\"",
    )
    .unwrap();
    let text = misconfigured(command(folder.path()).env_remove("BOOKMARKS_HTTP__LISTEN"));
    assert!(
        text.contains("\nerror[BOOT017]: plugin `http` can't read `http.listen`"),
        "{text}"
    );
    assert!(text.contains("found: bookmarks.toml:2:1"), "{text}");
}

/// As under `nohup`: if the parent ignores SIGHUP, the process continues when its terminal is closed.
#[test]
fn sighup_stays_ignored_where_the_parent_process_ignores_it() {
    let folder = tempfile::tempdir().unwrap();
    let service = command(folder.path());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' HUP; exec \"$0\""])
        .arg(env!("CARGO_BIN_EXE_bookmarks"))
        .current_dir(folder.path())
        .envs(
            service
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        );
    let service = Service::start_with(&mut shell);
    send("-HUP", service.process.child.id());
    assert_eq!(probe(&agent(), &service).0, 200);
    let log = service.stop().join("\n");
    assert_eq!(log.matches("listening on ").count(), 1, "{log}");
}

/// SIGHUP reads the configuration again, and restarts what depends on it.
#[test]
fn a_changed_configuration_is_taken_over_without_a_new_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bookmarks.toml");
    let agent = agent();
    let mut service = Service::start(folder.path());
    add(&agent, &service, "https://example.org/", &[]);

    // A mistake in it changes nothing: the service keeps its settings.
    std::fs::write(&file, "databse = 'other.db'").unwrap();
    send("-HUP", service.process.child.id());
    service.wait_for("the configuration is unchanged");
    std::fs::write(&file, "database = ':memory:'").unwrap();
    send("-HUP", service.process.child.id());
    service.wait_for("the configuration is unchanged");
    assert_eq!(urls(&get(&agent, &service.url("/bookmarks")).1).len(), 1);

    std::fs::write(&file, "database = 'other.db'").unwrap();
    send("-HUP", service.process.child.id());
    // No connection is refused meanwhile.
    while get(&agent, &service.url("/bookmarks")) != (200, json!([])) {}
    assert!(folder.path().join("other.db").exists());
    service.stop();
}

/// What the new settings need may be missing for a moment.
#[test]
fn settings_that_do_not_load_are_tried_again_while_the_service_answers_503() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent();
    let mut service = Service::start(folder.path());
    let settings = "database = 'later/other.db'";
    std::fs::write(folder.path().join("bookmarks.toml"), settings).unwrap();
    send("-HUP", service.process.child.id());
    service.wait_for("the folder `later` does not exist");
    while get(&agent, &service.url("/bookmarks")).0 != 503 {}

    std::fs::create_dir(folder.path().join("later")).unwrap();
    while get(&agent, &service.url("/bookmarks")) != (200, json!([])) {}
    service.stop();
}
