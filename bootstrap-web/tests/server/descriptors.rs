//! A process that is out of file descriptors.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

use crate::support::{Log, Seen, app, boot, close, server, until};

async fn last(seen: State<Seen>) -> &'static str {
    let _begun = seen.begin();
    "last"
}

#[routes(name = "api")]
fn api() -> impl RouteSet {
    Routes::new().get("/last", last)
}

/// The clients are in this process, and the server in one that may open few files.
#[test]
fn a_server_without_descriptors_recovers_when_it_has_some_again() {
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 40; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "descriptors::runs_out_of_descriptors"])
        .args(["--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = |word: &str| {
        loop {
            let line = lines.next().expect("the server goes on").unwrap();
            if let Some((_, rest)) = line.split_once(word) {
                return rest.trim().to_owned();
            }
        }
    };
    let address = next("listening:");
    let clients: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    next("exhausted");
    drop(clients);
    next("recovered");
    let mut client = TcpStream::connect(&address).unwrap();
    client
        .write_all(b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    assert!(response.ends_with("last"), "{response}");
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
#[ignore = "runs in a process of its own, with few descriptors"]
async fn runs_out_of_descriptors() {
    let log = Log::get();
    let seen = Seen::default();
    let app = app(Api::default()).supply(seen.clone());
    let (running, address) = boot(app, server()).await;
    assert!(log.has("this process may open 40 files"));
    println!("listening: {address}");
    let web = running.try_get::<State<Web>>().unwrap();
    until(|| web.readiness().reason().as_deref() == Some("out of file descriptors")).await;
    println!("exhausted");
    until(|| web.readiness().is_ready()).await;
    println!("recovered");
    seen.have_dropped(1).await;
    drop(web);
    close(running).await;
    assert_eq!(log.count("connections can't be accepted"), 1);
}
