//! How the service stops while it has clients.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::process::{
    HALF_A_BODY, Service, agent, answer, command, get, probe, send, wait_until_accepted,
};

/// D17: half a body, half a head, and nothing at all: no client turns a shutdown into an error.
#[test]
fn clients_that_hang_do_not_spoil_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let service =
        Service::start_with(command(folder.path()).env("BOOKMARKS_HTTP__REQUEST_TIMEOUT", "2s"));
    let half_a_body = service.send(HALF_A_BODY);
    let half_a_head = service.send("GET /bookmarks HTTP/1.1\r\nhost:");
    let nothing = service.send("");
    wait_until_accepted(&service);
    service.stop();
    assert_eq!(answer(half_a_body).0, "HTTP/1.1 408 Request Timeout");
    assert_eq!(rest_of(&half_a_head), "");
    assert_eq!(rest_of(&nothing), "");
}

/// Reads what the service sends on a connection until it closes that.
fn rest_of(mut connection: &TcpStream) -> String {
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    text
}

/// Waits until connections are refused.
fn wait_until_refused(service: &Service) {
    let address = service.address.strip_prefix("http://").unwrap();
    loop {
        match TcpStream::connect(address) {
            Ok(_) => thread::park_timeout(Duration::from_millis(5)),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return,
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

/// Asks on a connection that is kept alive; returns the first line of the answer.
fn ask(mut connection: &TcpStream) -> String {
    connection
        .write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    while !text.ends_with("\r\n\r\nready") && !text.ends_with("\r\n\r\nnot ready") {
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        text.push(char::from(byte[0]));
    }
    text.lines().next().unwrap().to_owned()
}

/// S64, D16, D17: new connections are refused, and idle ones are closed. A request that has begun is
/// answered first, and its connection does not delay the shutdown afterwards.
#[test]
fn a_request_under_way_is_finished_while_the_service_stops() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let idle = service.send("");
    assert_eq!(ask(&idle), "HTTP/1.1 200 OK");
    let body = json!({ "url": "https://example.org", "title": "t", "tags": [] }).to_string();
    let (begin, end) = body.split_at(9);
    let mut under_way = service.send(&format!(
        "POST /bookmarks HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{begin}",
        body.len()
    ));
    wait_until_accepted(&service);

    service.terminate();
    assert_eq!(rest_of(&idle), "", "it is closed");
    wait_until_refused(&service);
    under_way.write_all(end.as_bytes()).unwrap();
    // Also read: that the service closes the connection, which the client keeps.
    let client = under_way.try_clone().unwrap();
    let (line, _) = answer(under_way);
    assert_eq!(line, "HTTP/1.1 201 Created");

    let log = service.wait().join("\n");
    assert!(!log.contains("was cut"), "{log}");
    drop((idle, client));
    let service = Service::start(folder.path());
    let (_, list) = get(&agent(), &service.url("/bookmarks"));
    assert_eq!(list[0]["url"], "https://example.org", "it was kept");
    service.stop();
}

/// The limits of the hooks follow from the settings: none of them is shorter than a request may take.
#[test]
fn a_long_request_is_finished_while_the_service_stops() {
    let folder = tempfile::tempdir().unwrap();
    let service =
        Service::start_with(command(folder.path()).env("BOOKMARKS_HTTP__REQUEST_TIMEOUT", "20s"));
    let mut under_way = service.send(HALF_A_BODY);
    wait_until_accepted(&service);
    service.terminate();
    wait_until_refused(&service);
    // Longer than the limit that a hook has by itself.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(12) {
        thread::park_timeout(Duration::from_secs(1));
    }
    let rest = r#": "https://example.org", "title": "t", "tags": ["a", "b"]"#;
    write!(under_way, "{rest:93}}}").unwrap();
    assert_eq!(answer(under_way).0, "HTTP/1.1 201 Created");
    let log = service.wait().join("\n");
    assert!(!log.contains("cut"), "{log}");
}

/// S65: a load balancer has some seconds to notice, without any setting.
#[test]
fn a_service_is_open_for_some_seconds_after_sigterm_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let service =
        Service::start_with(command(folder.path()).env_remove("BOOKMARKS_HTTP__DRAIN_DELAY"));
    let began = Instant::now();
    service.terminate();
    while probe(&agent(), &service).0 == 200 {}
    assert_eq!(probe(&agent(), &service), (503, "not ready".into()));
    assert_eq!(get(&agent(), &service.url("/bookmarks")).0, 200);
    wait_until_refused(&service);
    assert!(
        began.elapsed() >= Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    let log = service.wait().join("\n");
    assert!(!log.contains("STOP003"), "the delay is intended: {log}");
}

/// No load balancer sends requests to a service that is stopped by hand.
#[test]
fn a_service_that_is_interrupted_stays_open_for_no_delay() {
    let folder = tempfile::tempdir().unwrap();
    let mut start = command(folder.path());
    start
        .env("BOOKMARKS_HTTP__DRAIN_DELAY", "20s")
        .env("RUST_LOG", "debug");
    let service = Service::start_with(&mut start);
    send("-INT", service.process.child.id());
    let log = service.wait().join("\n");
    assert!(!log.contains("stays open"), "{log}");
}

/// S65, S64: during the delay the service reports that it is not ready, and still accepts connections.
#[test]
fn a_drain_delay_keeps_the_service_open_while_it_is_not_ready_any_more() {
    const DELAY: Duration = Duration::from_secs(3);
    let folder = tempfile::tempdir().unwrap();
    let delay = format!("{}s", DELAY.as_secs());
    let service =
        Service::start_with(command(folder.path()).env("BOOKMARKS_HTTP__DRAIN_DELAY", delay));
    let kept_alive = service.send("");
    assert_eq!(ask(&kept_alive), "HTTP/1.1 200 OK");

    let began = Instant::now();
    service.terminate();
    while ask(&kept_alive) == "HTTP/1.1 200 OK" {}
    // Each of these is a connection of its own.
    assert_eq!(probe(&agent(), &service), (503, "not ready".into()));
    assert_eq!(get(&agent(), &service.url("/bookmarks")), (200, json!([])));
    wait_until_refused(&service);
    assert!(began.elapsed() >= DELAY, "{:?}", began.elapsed());
    assert_eq!(rest_of(&kept_alive), "");
    service.wait();
}
