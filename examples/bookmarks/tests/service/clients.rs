//! Clients that hold connections and send nothing.

use std::io::Read as _;
use std::net::TcpStream;

use crate::process::{
    HALF_A_BODY, Service, add, agent, answer, command, command_after, get, probe,
};

/// Limits of one second.
const HASTY: [(&str, &str); 3] = [
    ("BOOKMARKS_HTTP__FIRST_BYTE_TIMEOUT", "1s"),
    ("BOOKMARKS_HTTP__HEADER_TIMEOUT", "1s"),
    ("BOOKMARKS_HTTP__REQUEST_TIMEOUT", "1s"),
];

/// Connections that send nothing, or half a head.
fn hang(service: &Service, count: usize) -> Vec<TcpStream> {
    let texts = ["", "GET /bookmarks HTTP/1.1\r\nhost:"];
    (0..count).map(|n| service.send(texts[n % 2])).collect()
}

fn waits(log: &[String]) -> Vec<&String> {
    let waits = |line: &&String| {
        line.contains("connections can't be accepted") || line.contains("new connections wait")
    };
    log.iter().filter(waits).collect()
}

#[test]
fn a_connection_without_a_request_is_closed_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start_with(command(folder.path()).envs(HASTY));
    for mut connection in hang(&service, 2) {
        let mut text = String::new();
        connection.read_to_string(&mut text).unwrap();
        assert_eq!(text, "");
    }
    let (line, _) = answer(service.send(HALF_A_BODY));
    assert_eq!(line, "HTTP/1.1 408 Request Timeout");
    service.stop();
}

/// More connections than the process can have files: later clients wait, but not forever, and the log
/// reports why. The database has opened its files before.
#[test]
fn a_service_without_file_descriptors_serves_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut limited = command_after(folder.path(), "ulimit -n 64");
    let service = Service::start_with(limited.envs(HASTY));
    let hanging = hang(&service, 100);
    let (code, _) = add(&agent(), &service, "https://example.org", &["t"]);
    assert_eq!(code, 201);
    assert_eq!(get(&agent(), &service.url("/bookmarks?tag=t")).0, 200);
    drop(hanging);
    let log = service.stop();
    let waits = waits(&log);
    assert!((1..4).contains(&waits.len()), "{log:#?}");
    assert!(waits[0].contains("Too many open files"), "{log:#?}");
}

#[test]
fn no_more_connections_are_served_at_a_time_than_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut limited = command(folder.path());
    limited
        .env("BOOKMARKS_HTTP__MAX_CONNECTIONS", "2")
        .envs(HASTY);
    let service = Service::start_with(&mut limited);
    let hanging = hang(&service, 8);
    assert_eq!(probe(&agent(), &service).0, 200);
    drop(hanging);
    let log = service.stop();
    let waits = waits(&log);
    assert!((1..4).contains(&waits.len()), "{log:#?}");
    assert!(waits[0].contains("there are 2 already"), "{log:#?}");
}
