//! Nothing that a client does takes without an end.

use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_web::axum::{self, Router, routing};
use bootstrap_web::prelude::*;
use futures_util::stream;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{sleep, timeout};

use crate::support::{Client, DEADLINE, SHORT, Seen, app, boot, close, faults, get, server};

async fn hangs(seen: State<Seen>) {
    let _begun = seen.begin();
    std::future::pending::<()>().await;
}

/// Takes longer than `SHORT`, and sends its head at once.
async fn slow_stream() -> Body {
    let parts = stream::unfold(0, |part| async move {
        sleep(SHORT).await;
        (part < 3).then(|| (Ok::<_, std::io::Error>(format!("part {part}")), part + 1))
    });
    Body::from_stream(parts)
}

async fn large() -> Vec<u8> {
    vec![b'x'; 64 << 20]
}

async fn length(body: String) -> String {
    body.len().to_string()
}

/// Without an extractor that has a limit.
async fn raw_length(request: Request) -> Result<String, Problem> {
    let bytes = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    let bytes = bytes.map_err(|_| Problem::payload_too_large())?;
    Ok(bytes.len().to_string())
}

/// Answers before it has read the body.
async fn echo(request: Request) -> Body {
    request.into_body()
}

#[routes(name = "api")]
fn api() -> impl RouteSet {
    let mounted = Router::new()
        .route("/mounted/hangs", routing::get(std::future::pending::<()>))
        .route("/mounted/length", routing::post(length));
    Routes::new()
        .get("/", || "hello")
        .get("/hangs", hangs)
        .get("/slow-stream", slow_stream)
        .get("/large", large)
        .post("/length", length)
        .post("/raw-length", raw_length)
        .post("/echo", echo)
        .mount(mounted)
        .group(|group| group.body_limit(1000).post("/more", length))
        .group(|group| {
            group.timeout(DEADLINE).get("/patient", || async {
                sleep(2 * SHORT).await;
                "patient"
            })
        })
}

fn full() -> App {
    app(Api::default()).supply(Seen::default())
}

#[tokio::test]
async fn a_connection_that_sends_nothing_is_closed() {
    let (running, address) = boot(full(), server().first_byte_timeout(SHORT)).await;
    assert_eq!(Client::connect(address).await.rest().await, "");
    close(running).await;
}

/// F6: before the first byte of a head is another limit.
#[tokio::test]
async fn a_head_that_comes_too_slowly_is_cut_off() {
    let (running, address) = boot(full(), server().header_timeout(SHORT)).await;
    let mut client = Client::connect(address).await;
    client.send("GET / HTTP/1.1\r\nhost:").await;
    assert_eq!(client.rest().await, "");
    // Also byte by byte, and in the second request of a connection.
    let mut slow = Client::connect(address).await;
    slow.get("/").await;
    slow.response().await;
    slow.send("GET / HTTP/1.1\r\nx: ").await;
    let trickle = async {
        while slow.0.write_all(b"a").await.is_ok() {
            sleep(SHORT / 4).await;
        }
    };
    timeout(DEADLINE, trickle).await.unwrap();
    close(running).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let (running, address) = boot(full(), server().idle_timeout(SHORT)).await;
    let mut client = Client::connect(address).await;
    client.get("/").await;
    client.response().await;
    assert_eq!(client.rest().await, "");
    // A request that takes longer than that is not idle.
    let mut busy = Client::connect(address).await;
    busy.get("/patient").await;
    assert!(busy.response().await.ends_with("patient"));
    close(running).await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_with_503() {
    let seen = Seen::default();
    let app = app(Api::default()).supply(seen.clone());
    let (running, address) = boot(app, server().request_timeout(SHORT)).await;
    for path in ["/hangs", "/mounted/hangs"] {
        let response = get(address, path).await;
        assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    }
    seen.have_dropped(1).await;
    // A body that never comes.
    let mut client = Client::connect(address).await;
    client
        .send("POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf")
        .await;
    // That is the fault of the client.
    let response = client.response().await;
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    close(running).await;
}

#[tokio::test]
async fn the_limit_of_a_route_wins_and_streams_have_none() {
    let (running, address) = boot(full(), server().request_timeout(SHORT)).await;
    assert!(get(address, "/patient").await.ends_with("patient"));
    let mut client = Client::connect(address).await;
    client.get("/slow-stream").await;
    assert!(client.read_until("part 2").await.contains("part 0"));
    close(running).await;
}

/// There is no limit of the request any more once the answer has begun.
#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_a_body_is_cut_off() {
    let (running, address) = boot(full(), server().idle_timeout(2 * SHORT)).await;
    let mut client = Client::connect(address).await;
    client
        .send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n")
        .await;
    for part in ["a", "b"] {
        client.send(part).await;
        client.read_until(part).await;
        sleep(SHORT).await;
    }
    client.rest().await;
    close(running).await;
}

async fn post(address: std::net::SocketAddr, path: &str, length: usize) -> String {
    let mut client = Client::connect(address).await;
    let body = "x".repeat(length);
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    client.send(&(head + &body)).await;
    client.response().await
}

/// F9: the limit of a route wins.
#[tokio::test]
async fn a_body_that_is_too_large_is_refused_with_and_without_an_extractor() {
    let (running, address) = boot(full(), server().body_limit(100)).await;
    for path in ["/length", "/raw-length", "/mounted/length"] {
        let response = post(address, path, 100).await;
        assert!(response.ends_with("100"), "{path}: {response}");
        let response = post(address, path, 101).await;
        assert!(response.starts_with("HTTP/1.1 413 "), "{path}: {response}");
    }
    assert!(post(address, "/more", 1000).await.ends_with("1000"));
    let response = post(address, "/more", 1001).await;
    assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
    close(running).await;
}

/// The request has no limit of time here: it is not waited for the body.
#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_not_asked_for() {
    let (running, address) = boot(full(), server().body_limit(100)).await;
    for path in ["/length", "/raw-length", "/mounted/length"] {
        let mut client = Client::connect(address).await;
        let head = "HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 101\r\n\r\n";
        client.send(&format!("POST {path} {head}")).await;
        let response = client.response().await;
        assert!(response.starts_with("HTTP/1.1 413 "), "{path}: {response}");
    }
    close(running).await;
}

/// A body without a length is counted as it comes.
#[tokio::test]
async fn a_body_in_chunks_is_limited_as_well() {
    let (running, address) = boot(full(), server().body_limit(100)).await;
    let mut client = Client::connect(address).await;
    let chunk = format!("32\r\n{}\r\n", "x".repeat(50));
    let head = "POST /raw-length HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    client
        .send(&format!("{head}{}0\r\n\r\n", chunk.repeat(3)))
        .await;
    let response = client.response().await;
    assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
    close(running).await;
}

/// F7: by its bytes, and by the number of its headers.
#[tokio::test]
async fn a_head_that_is_too_large_is_answered_with_431() {
    let server = server().max_header_bytes(2000).max_headers(20);
    let (running, address) = boot(full(), server).await;
    let large = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}", "y".repeat(3000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(21));
    for head in [large, many] {
        let mut client = Client::connect(address).await;
        client.send(&head).await;
        let response = client.rest().await;
        assert!(response.starts_with("HTTP/1.1 431 "), "{response}");
    }
    close(running).await;
}

/// F8: others are answered as before.
#[tokio::test]
async fn what_is_no_request_is_answered_with_400() {
    let (running, address) = boot(full(), server()).await;
    for bytes in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n",
        "\u{16}\u{3}\u{1}\r\n\r\n",
    ] {
        let mut client = Client::connect(address).await;
        client.send(bytes).await;
        let response = client.rest().await;
        assert!(
            response.starts_with("HTTP/1.1 400 "),
            "{bytes:?}: {response}"
        );
    }
    assert!(get(address, "/").await.ends_with("hello"));
    close(running).await;
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_off() {
    let (running, address) = boot(full(), server().write_timeout(SHORT)).await;
    let mut client = Client::connect(address).await;
    client.get("/large").await;
    // The client reads nothing until the server has stopped waiting.
    sleep(6 * SHORT).await;
    let read = client.rest().await.len();
    assert!(read < 64 << 20, "{read}");
    close(running).await;
}

/// Neither for a limit of writing, nor as an idle one.
#[tokio::test]
async fn a_client_that_reads_slowly_is_not_cut_off() {
    let server = server().write_timeout(2 * SHORT).idle_timeout(2 * SHORT);
    let (running, address) = boot(full(), server).await;
    let mut slow = Client::connect(address).await;
    slow.get("/large").await;
    slow.read_until("\r\n\r\n").await;
    let mut read = 0;
    let mut buffer = vec![0; 2 << 20];
    while read < 64 << 20 {
        use tokio::io::AsyncReadExt as _;
        sleep(Duration::from_millis(50)).await;
        let some = timeout(DEADLINE, slow.0.read(&mut buffer)).await;
        let some = some.unwrap().unwrap();
        assert_ne!(some, 0);
        read += some;
    }
    close(running).await;
}

#[tokio::test]
async fn further_connections_wait_for_room() {
    let (running, address) = boot(full(), server().max_connections(2)).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(address).await;
        client.get("/").await;
        client.response().await;
        clients.push(client);
    }
    let mut waits = Client::connect(address).await;
    waits.get("/").await;
    assert!(waits.is_silent().await);
    clients.pop();
    assert!(waits.response().await.ends_with("hello"));
    close(running).await;
}

/// With what they have done wrong.
#[cfg(feature = "metrics")]
#[test]
fn connections_that_end_by_the_fault_of_their_clients_are_counted() {
    let test = async {
        let limited = server().header_timeout(SHORT).first_byte_timeout(2 * SHORT);
        let limited = limited.write_timeout(SHORT).max_header_bytes(2000);
        let (running, address) = boot(full(), limited).await;
        // One that asks and one that leaves are not at fault.
        assert!(get(address, "/").await.ends_with("hello"));
        drop(Client::connect(address).await);
        let large = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(3000));
        for bytes in ["GET\r\n\r\n", &large, &large, "GET / HTTP/1.1\r\nho", ""] {
            let mut client = Client::connect(address).await;
            client.send(bytes).await;
            client.rest().await;
        }
        let mut deaf = Client::connect(address).await;
        deaf.get("/large").await;
        sleep(6 * SHORT).await;
        deaf.rest().await;
        close(running).await;
    };
    assert_eq!(
        faults(test),
        [
            "first_byte_timeout 1",
            "head_too_large 2",
            "header_timeout 1",
            "malformed 1",
            "write_timeout 1"
        ]
    );
}
