//! What many clients do at once, while others are answered; and SIGTERM in the middle of it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use bootstrap_web::axum::body::Bytes;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::answers::{Answer, answers};
use crate::process::{Ended, LARGE, Process, connections};
use crate::support::{Client, SHORT, ask, within};

const SLOW: u64 = 2_000;

/// As slow as can be, and again and again: it sends nothing, or a head byte by byte.
async fn slow(address: SocketAddr, number: usize) {
    while let Ok(mut stream) = TcpStream::connect(address).await {
        if number.is_multiple_of(2) {
            let _ = stream.read_u8().await;
            continue;
        }
        let begin = stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx: ").await;
        let mut sent = begin;
        while sent.is_ok() {
            sleep(Duration::from_millis(250)).await;
            sent = stream.write_all(b"y").await;
        }
    }
}

/// Answers others while it lasts.
async fn answers_others(address: SocketAddr) {
    for number in 0..10 {
        let response = ask(address, &format!("/number/{number}")).await;
        assert!(
            response.ends_with(&format!("\r\n\r\n{number}")),
            "{response}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twice_as_many_slow_clients_as_connections_do_not_keep_others_from_being_answered() {
    let count = connections(SLOW);
    let process = Process::start(&[
        ("http.max_connections", &(count / 2).to_string()),
        ("http.first_byte_timeout", "1s"),
        ("http.header_timeout", "1s"),
        ("http.drain_timeout", "1s"),
    ])
    .await;
    let address = process.address;
    let mut clients = JoinSet::new();
    for number in 0..count {
        clients.spawn(slow(address, number));
    }
    // All that the server permits, for the first time.
    within(async {
        while process.lines("new connections wait").is_empty() {
            sleep(SHORT).await;
        }
    })
    .await;
    answers_others(address).await;
    assert!(
        process.peak_memory() < 192 << 20,
        "{}",
        process.peak_memory()
    );
    let ended = process.end().await;
    ended.assert_success();
    let warned = ended.lines("new connections wait").len();
    assert!(warned < 5, "once a minute: {warned}");
    clients.shutdown().await;
}

/// They ask for more than they take, and for more and more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_read_take_little_memory_and_keep_nobody_waiting() {
    const CLIENTS: usize = 100;
    let mut process = Process::start(&[("http.drain_timeout", "1s")]).await;
    let address = process.address;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Client::connect(address).await;
        client.get("/large").await;
        clients.push(client);
    }
    process.has_begun(CLIENTS).await;
    // As many requests as the buffers take.
    let more = b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    for client in &clients {
        while client.0.try_write(&more).is_ok() {}
    }
    answers_others(address).await;
    let memory = process.peak_memory();
    println!("at most {} MiB", memory >> 20);
    assert!(memory < 192 << 20, "{memory}");
    let ended = process.end().await;
    ended.assert_success();
    let named = format!("cutting what outlasts the drain: {CLIENTS} in GET /large");
    assert_eq!(ended.lines(&named).len(), 1, "{:#?}", ended.log);
    for client in &mut clients {
        let read = client.rest_bytes().await.len();
        assert!(read < LARGE, "{read}");
    }
}

/// Writes everything at once, and reads the answers meanwhile.
fn pipeline(address: SocketAddr, requests: String) -> JoinHandle<Vec<u8>> {
    let requests = Bytes::from(requests);
    tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let mut read = Vec::new();
        let write = async {
            // The server may close before it has read them all.
            let _ = writer.write_all(&requests).await;
        };
        // A reset is an end as well.
        let ((), _) = tokio::join!(write, within(reader.read_to_end(&mut read)));
        read
    })
}

fn number(number: usize) -> String {
    format!("GET /number/{number} HTTP/1.1\r\nhost: x\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_requests_in_one_write_are_answered_in_their_order() {
    const REQUESTS: usize = 2000;
    let process = Process::start(&[]).await;
    let mut requests = String::new();
    let mut expected = Vec::new();
    for place in 0..REQUESTS {
        // Some that routes refuse, which is no reason to close.
        let (request, status, body) = match place % 8 {
            0 => (
                "GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
                404,
                None,
            ),
            1 => ("DELETE / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 405, None),
            2 => (
                "GET /number/x HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
                400,
                None,
            ),
            3 => {
                let request = format!(
                    "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\n{place:08}"
                );
                (request, 200, Some(format!("{place:08}")))
            }
            4 => {
                let request =
                    "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
                (
                    format!("{request}8\r\n{place:08}\r\n0\r\n\r\n"),
                    200,
                    Some(format!("{place:08}")),
                )
            }
            5 => (
                "POST /sum HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
                415,
                None,
            ),
            _ => (number(place), 200, Some(place.to_string())),
        };
        requests += &request;
        expected.push((status, body));
    }
    // The end of it: what comes behind is not looked at.
    let _ = write!(requests, "no request\r\n\r\n{}", number(0).repeat(REQUESTS));
    expected.push((400, None));
    let clients = (0..4).map(|_| pipeline(process.address, requests.clone()));
    let clients: Vec<_> = clients.collect();
    answers_others(process.address).await;
    for client in clients {
        let answers = answers(&client.await.unwrap(), false).unwrap();
        assert_eq!(answers.len(), expected.len());
        for (answer, (status, body)) in answers.iter().zip(&expected) {
            assert_eq!(answer.status, *status, "{}", answer.text());
            assert!(body.as_ref().is_none_or(|body| answer.text() == *body));
        }
    }
    process.end().await.assert_success();
}

/// Those that have begun are answered whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answers_to_requests_in_one_write_are_whole_when_the_server_stops_in_the_middle() {
    const REQUESTS: usize = 300_000;
    let mut process = Process::start(&[]).await;
    let requests: String = (0..REQUESTS).map(number).collect();
    // This client reads late: what is written to it has to stay until then.
    let mut late = Client::connect(process.address).await;
    let _ = late.0.try_write(requests.as_bytes()).unwrap();
    let clients = (0..3).map(|_| pipeline(process.address, requests.clone()));
    let clients: Vec<_> = clients.collect();
    answers_others(process.address).await;
    let mut bytes = late.read_until("\r\n\r\n0").await.into_bytes();
    process.terminate();
    process.ended().await.assert_success();
    let mut all = Vec::new();
    for client in clients {
        all.push(client.await.unwrap());
    }
    bytes.extend(late.rest_bytes().await);
    all.push(bytes);
    for bytes in all {
        let answers = answers(&bytes, false).unwrap();
        assert!(answers.len() < REQUESTS);
        // The server may have stopped between two requests.
        let last = answers.iter().position(Answer::is_last);
        assert!(last.is_none_or(|last| last + 1 == answers.len()));
        for (place, answer) in answers.iter().enumerate() {
            assert_eq!(answer.text(), place.to_string());
        }
    }
}

/// Connects, makes one request, and keeps the connection.
async fn idle(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut read = Vec::with_capacity(1024);
    while !read.ends_with(b"hello") {
        let some = stream.read_buf(&mut read).await.unwrap();
        assert_ne!(some, 0, "the connection ends");
    }
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_are_held_and_closed_in_time() {
    let count = connections(10_000);
    // Nothing but the drain can end them.
    let process = Process::start(&[
        ("http.max_connections", "12000"),
        ("http.drain_timeout", "10m"),
    ])
    .await;
    let address = process.address;
    let before = process.peak_memory();
    let connect = (0..8).map(|part| {
        tokio::spawn(async move {
            let mut streams = Vec::new();
            for _ in (part..count).step_by(8) {
                streams.push(within(idle(address)).await);
            }
            streams
        })
    });
    let streams: Vec<TcpStream> = join_all(connect)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    assert_eq!(streams.len(), count);
    answers_others(address).await;
    let memory = process.peak_memory() - before;
    println!("{} bytes for each", memory / count as u64);
    assert!(memory < 400 << 20, "{memory}");
    let ended: Ended = process.end().await;
    ended.assert_success();
    println!("closed in {:?}", ended.took);
    assert_eq!(ended.lines("cutting"), [""; 0]);
    for mut stream in streams {
        let mut byte = [0];
        assert_eq!(within(stream.read(&mut byte)).await.unwrap(), 0);
    }
}
