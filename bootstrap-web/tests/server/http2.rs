//! HTTP/2 by prior knowledge.

use std::net::SocketAddr;
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_web::axum::http::Version;
use bootstrap_web::prelude::*;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::support::{Client, LONG, Log, SHORT, Seen, app, boot, close, get, server, within};

async fn export(seen: State<Seen>, request: Request) -> String {
    let _begun = seen.begin();
    seen.release.notified().await;
    format!("{:?}", request.version())
}

#[routes(name = "api")]
fn api() -> impl RouteSet {
    Routes::new()
        .get("/", || "hello")
        .get("/export", export)
        .get("/large", || vec![b'x'; 4 << 20])
}

pub(crate) type Sender = SendRequest<Empty<Bytes>>;

/// The end of a connection.
pub(crate) type Connected = JoinHandle<hyper::Result<()>>;

/// The answer to a request: its body, or its status if that is not 200.
pub(crate) type Answered = JoinHandle<hyper::Result<String>>;

/// A client, and the end of its connection.
pub(crate) async fn connect(address: SocketAddr) -> (Sender, Connected) {
    let stream = TcpStream::connect(address).await.unwrap();
    let io = TokioIo::new(stream);
    let (sender, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
    (sender, tokio::spawn(connection))
}

fn request(address: SocketAddr, path: &str) -> Request<Empty<Bytes>> {
    let uri = format!("http://{address}{path}");
    let request = Request::get(uri).version(Version::HTTP_2);
    request.body(Empty::new()).unwrap()
}

async fn text(sender: &mut Sender, request: Request<Empty<Bytes>>) -> hyper::Result<String> {
    let response = within(sender.send_request(request)).await?;
    if response.status() != 200 {
        return Ok(response.status().to_string());
    }
    let bytes = within(response.into_body().collect()).await?.to_bytes();
    Ok(String::from_utf8(bytes.into()).unwrap())
}

/// Sends a request in a task of its own.
pub(crate) fn send(sender: &Sender, address: SocketAddr, path: &str) -> Answered {
    let (mut sender, request) = (sender.clone(), request(address, path));
    tokio::spawn(async move { text(&mut sender, request).await })
}

#[tokio::test]
async fn both_versions_are_spoken_on_one_port_if_wished() {
    let app = app(Api::default()).supply(Seen::default());
    let (running, address) = boot(app, server().h2c(true)).await;
    let (mut sender, _) = connect(address).await;
    for _ in 0..3 {
        let response = text(&mut sender, request(address, "/")).await;
        assert_eq!(response.unwrap(), "hello");
    }
    assert!(get(address, "/").await.ends_with("hello"));
    // A client that begins as HTTP/2 does, and goes on as HTTP/1.
    let mut client = Client::connect(address).await;
    client.send("P").await;
    client.send("RI / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let response = client.response().await;
    assert!(response.starts_with("HTTP/1.1 405 "), "{response}");
    close(running).await;
}

#[tokio::test]
async fn without_h2c_there_is_only_http_1() {
    let app = app(Api::default()).supply(Seen::default());
    let (running, address) = boot(app, server()).await;
    let mut client = Client::connect(address).await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    // No frame of HTTP/2.
    assert_eq!(client.rest().await, "");
    close(running).await;
}

#[tokio::test]
async fn requests_of_http_2_are_answered_while_the_server_drains() {
    let seen = Seen::default();
    let app = app(Api::default()).supply(seen.clone());
    let server = server().h2c(true).drain_timeout(LONG);
    let (running, address) = boot(app.shutdown_timeout(LONG), server).await;
    let (mut idle, idle_ended) = connect(address).await;
    text(&mut idle, request(address, "/")).await.unwrap();
    let (sender, ended) = connect(address).await;
    let answer = send(&sender, address, "/export");
    seen.have_begun(1).await;
    let closed = tokio::spawn(close(running));
    // It is told to go away, and does.
    within(idle_ended).await.unwrap().unwrap();
    seen.release.notify_one();
    assert_eq!(within(answer).await.unwrap().unwrap(), "HTTP/2.0");
    let _ = within(ended).await.unwrap();
    within(closed).await.unwrap();
}

#[tokio::test]
async fn requests_of_http_2_are_named_and_cut_when_the_time_is_up() {
    let log = Log::get();
    let seen = Seen::default();
    let app = app(Api::default()).supply(seen.clone());
    let server = server().h2c(true).drain_timeout(2 * SHORT);
    let (running, address) = boot(app, server).await;
    let (sender, _) = connect(address).await;
    let answers = [(); 3].map(|()| send(&sender, address, "/export"));
    seen.have_begun(3).await;
    close(running).await;
    for answer in answers {
        let status = within(answer).await.unwrap().unwrap();
        assert!(status.starts_with("503"), "{status}");
    }
    seen.have_dropped(3).await;
    assert!(log.has("cutting what outlasts the drain: 3 in GET /export"));
}

#[tokio::test]
async fn an_idle_connection_of_http_2_is_closed() {
    let app = app(Api::default()).supply(Seen::default());
    let server = server().h2c(true).idle_timeout(SHORT);
    let (running, address) = boot(app, server).await;
    let (mut sender, ended) = connect(address).await;
    text(&mut sender, request(address, "/")).await.unwrap();
    let _ = within(ended).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    close(running).await;
}

/// Its socket takes pings, and its streams take nothing.
#[tokio::test]
async fn a_client_of_http_2_that_takes_nothing_of_its_responses_is_cut_off() {
    let app = app(Api::default()).supply(Seen::default());
    let server = server().h2c(true).write_timeout(SHORT);
    let (running, address) = boot(app, server).await;
    let (mut sender, ended) = connect(address).await;
    // The body is never read, so the window of the stream stays shut.
    let response = within(sender.send_request(request(address, "/large"))).await;
    let _ = within(ended).await.unwrap();
    drop(response);
    // A client that reads is served whole, however slowly.
    let (mut sender, _) = connect(address).await;
    let response = within(sender.send_request(request(address, "/large"))).await;
    let mut body = response.unwrap().into_body();
    let mut read = 0;
    while let Some(frame) = within(body.frame()).await {
        read += frame.unwrap().into_data().unwrap().len();
        if read % (1 << 19) == 0 {
            tokio::time::sleep(SHORT / 3).await;
        }
    }
    assert_eq!(read, 4 << 20);
    close(running).await;
}

/// A frame: its kind, its flags, the number of its stream and its content.
fn frame(kind: u8, flags: u8, stream: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], content].concat()
}

/// Reads frames up to one of a kind that is no acknowledgement, and returns its content.
async fn read_to(client: &mut Client, kind: u8) -> Vec<u8> {
    loop {
        let mut head = [0; 9];
        within(client.0.read_exact(&mut head)).await.unwrap();
        let mut content = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        within(client.0.read_exact(&mut content)).await.unwrap();
        if head[3] == kind && (kind != PING || head[4] == 0) {
            return content;
        }
    }
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

/// `GET http://x/`, from the static table of RFC 7541, at the end of its stream.
fn get_frame(stream: u8) -> Vec<u8> {
    frame(HEADERS, 5, stream, b"\x82\x84\x86\x41\x01x")
}

/// The server asks a client whether it has seen that the connection ends, and a request may be on its way meanwhile.
#[tokio::test]
async fn a_connection_of_http_2_without_a_request_waits_for_its_client_when_the_server_drains() {
    let app = app(Api::default()).supply(Seen::default());
    let server = server().h2c(true).drain_timeout(LONG);
    let (running, address) = boot(app.shutdown_timeout(LONG), server).await;
    let mut client = Client::connect(address).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let begin = [preface, frame(SETTINGS, 0, 0, &[]), get_frame(1)].concat();
    within(client.0.write_all(&begin)).await.unwrap();
    assert_eq!(read_to(&mut client, DATA).await, b"hello");

    let closed = tokio::spawn(close(running));
    read_to(&mut client, GOAWAY).await;
    let asked = read_to(&mut client, PING).await;
    assert!(client.is_silent().await, "it waits for the answer");
    let late = [get_frame(3), frame(PING, 1, 0, &asked)].concat();
    within(client.0.write_all(&late)).await.unwrap();
    assert_eq!(read_to(&mut client, DATA).await, b"hello");
    client.rest().await;
    within(closed).await.unwrap();
}
