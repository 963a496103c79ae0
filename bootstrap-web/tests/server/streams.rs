//! Event streams and websockets: as long as the client likes, but not longer than the server.

use std::convert::Infallible;
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_web::axum::response::sse::{Event, Sse};
use bootstrap_web::prelude::*;
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::time::Instant;

use crate::support::{Client, LONG, SHORT, Seen, app, boot, close, server, within};

fn one_and_no_more() -> impl Stream<Item = Result<Event, Infallible>> {
    let first = stream::once(async { Ok(Event::default().data("first")) });
    first.chain(stream::pending())
}

/// Ends when the server drains.
async fn events(
    seen: State<Seen>,
    draining: Draining,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let begun = seen.begin();
    let last = stream::once(async { Ok(Event::default().data("last")) });
    let events = draining.until(one_and_no_more()).chain(last);
    Sse::new(events.map(move |event| {
        let _ = &begun;
        event
    }))
}

/// Does not care.
async fn endless(seen: State<Seen>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let begun = seen.begin();
    Sse::new(one_and_no_more().map(move |event| {
        let _ = &begun;
        event
    }))
}

#[routes(name = "api")]
fn api() -> impl RouteSet {
    let routes = Routes::new()
        .get("/events", events)
        .get("/endless", endless);
    #[cfg(feature = "ws")]
    let routes = routes.get("/echo", ws::echo).get("/deaf", ws::deaf);
    routes
}

/// D53, D54: a stream ends by itself when the server drains, and the client gets all of it.
#[tokio::test]
async fn an_event_stream_ends_with_the_server() {
    for delay in [Duration::ZERO, SHORT] {
        let app = app(Api::default()).supply(Seen::default());
        let server = server().stream_grace(LONG).drain_delay(delay);
        let (running, address) = boot(app, server).await;
        let mut client = Client::connect(address).await;
        client.get("/events").await;
        client.read_until("data: first\n\n").await;
        close(running).await;
        let rest = client.rest().await;
        assert!(rest.contains("data: last\n\n"), "{rest}");
        assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
    }
}

#[tokio::test]
async fn an_event_stream_that_does_not_end_is_cut_after_its_grace() {
    for delay in [Duration::ZERO, SHORT] {
        let seen = Seen::default();
        let app = app(Api::default()).supply(seen.clone());
        let server = server().stream_grace(SHORT).drain_delay(delay);
        let (running, address) = boot(app, server).await;
        let mut client = Client::connect(address).await;
        client.get("/endless").await;
        client.read_until("data: first\n\n").await;
        let began = Instant::now();
        close(running).await;
        // The limit of the drain is 20 s.
        let took = began.elapsed();
        assert!(
            took >= delay + SHORT && took < Duration::from_secs(15),
            "{took:?}"
        );
        client.rest().await;
        seen.have_dropped(1).await;
    }
}

#[tokio::test]
async fn a_stream_that_restarts_with_its_part_ends() {
    let seen = Seen::default();
    let app = app(Api::default()).supply(seen.clone());
    let (running, address) = boot(app, server()).await;
    let mut client = Client::connect(address).await;
    client.get("/events").await;
    client.read_until("data: first\n\n").await;
    within(running.handle().restart("api")).await.unwrap();
    client.read_until("data: last\n\n").await;
    seen.have_dropped(1).await;
    close(running).await;
}

#[tokio::test]
async fn without_a_server_draining_never_begins() {
    let app = app(Api::default()).supply(Seen::default());
    let running = app.boot().await.unwrap();
    let web = running.try_get::<State<Web>>().unwrap();
    let request = Request::get("/events").body(Body::empty()).unwrap();
    let response = web.handle(request).await;
    assert_eq!(response.status(), 200);
    assert!(!Draining::default().has_begun());
    drop((response, web));
    close(running).await;
}

#[cfg(feature = "ws")]
mod ws {
    use bootstrap_web::axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn session(mut socket: WebSocket, draining: Draining, seen: State<Seen>) {
        let _begun = seen.begin();
        loop {
            tokio::select! {
                message = socket.recv() => {
                    let Some(Ok(message)) = message else { return };
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
                () = draining.began() => {
                    let _ = socket.send(Message::Close(None)).await;
                    return;
                }
            }
        }
    }

    pub(super) async fn echo(
        upgrade: WebSocketUpgrade,
        draining: Draining,
        seen: State<Seen>,
    ) -> Response {
        let until = draining.clone();
        draining.upgrade(upgrade, |socket| session(socket, until, seen))
    }

    /// Without `Draining`.
    pub(super) async fn deaf(upgrade: WebSocketUpgrade, seen: State<Seen>) -> Response {
        upgrade.on_upgrade(|mut socket| async move {
            let _begun = seen.begin();
            while let Some(Ok(_)) = socket.recv().await {}
        })
    }

    async fn connect(address: std::net::SocketAddr, path: &str) -> Client {
        let mut client = Client::connect(address).await;
        client.upgrade(path).await;
        client
    }

    /// The head of the answer to a page, and its body.
    async fn ask_from(address: std::net::SocketAddr, path: &str, origin: &str) -> String {
        let mut client = Client::connect(address).await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        client.send(&request).await;
        client.response().await
    }

    #[tokio::test]
    async fn pages_of_other_origins_may_not_open_a_websocket() {
        let seen = Seen::default();
        let app = app(Api::default()).supply(seen.clone());
        let server = server().websocket_origins(vec!["https://app.example".into()]);
        let (running, address) = boot(app, server).await;
        // Whether the handler takes `Draining` or not.
        for path in ["/echo", "/deaf"] {
            for origin in ["https://evil.example", "null", "http://x:8080"] {
                let answer = ask_from(address, path, origin).await;
                assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
                assert!(answer.contains("\"status\":403"), "{answer}");
            }
        }
        assert_eq!(seen.begun.load(std::sync::atomic::Ordering::SeqCst), 0);
        for origin in ["http://x", "https://app.example"] {
            let answer = ask_from(address, "/echo", origin).await;
            assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        }
        // Other requests may have any origin.
        let mut client = Client::connect(address).await;
        client
            .send("GET /events HTTP/1.1\r\nhost: x\r\norigin: https://evil.example\r\n\r\n")
            .await;
        let head = client.read_until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        close(running).await;
    }

    /// A masked frame of so many bytes, whose content is zeros.
    fn frame(first: u8, len: u16) -> Vec<u8> {
        let mut bytes = vec![first, 0xfe];
        bytes.extend(len.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.resize(8 + usize::from(len), 0);
        bytes
    }

    #[tokio::test]
    async fn a_message_or_a_frame_that_is_too_large_ends_a_websocket() {
        let seen = Seen::default();
        let app = app(Api::default()).supply(seen.clone());
        let server = server().max_message_bytes(3000).max_frame_bytes(2000);
        let (running, address) = boot(app, server).await;
        let text = 0x81;
        let (begins, goes_on) = (0x01, 0x00);
        // In one frame, and in two.
        for frames in [
            vec![frame(text, 2001)],
            vec![frame(begins, 2000), frame(goes_on, 1001)],
        ] {
            let mut client = connect(address, "/echo").await;
            for bytes in &frames {
                within(client.0.write_all(bytes)).await.unwrap();
            }
            // No echo.
            assert!(client.rest_bytes().await.len() < 100);
        }
        let mut client = connect(address, "/echo").await;
        within(client.0.write_all(&frame(text, 2000)))
            .await
            .unwrap();
        let mut echo = vec![0; 4 + 2000];
        within(client.0.read_exact(&mut echo)).await.unwrap();
        drop(client);
        seen.have_dropped(3).await;
        close(running).await;
    }

    /// D53: with a close frame.
    #[tokio::test]
    async fn a_websocket_ends_with_the_server() {
        let seen = Seen::default();
        let app = app(Api::default()).supply(seen.clone());
        let (running, address) = boot(app, server().stream_grace(LONG)).await;
        let mut client = connect(address, "/echo").await;
        // A masked text frame, and its echo.
        let frame = [0x81, 0x81, 0, 0, 0, 0, b'a'];
        within(client.0.write_all(&frame)).await.unwrap();
        let mut echo = [0; 3];
        within(client.0.read_exact(&mut echo)).await.unwrap();
        assert_eq!(echo, [0x81, 1, b'a']);
        close(running).await;
        let rest = client.rest_bytes().await;
        assert_eq!(rest, [0x88, 0], "a close frame");
    }

    #[tokio::test]
    async fn a_websocket_that_does_not_end_is_cut_after_its_grace() {
        let seen = Seen::default();
        let app = app(Api::default()).supply(seen.clone());
        let (running, address) = boot(app, server().stream_grace(SHORT)).await;
        let mut client = connect(address, "/deaf").await;
        seen.have_begun(1).await;
        let began = Instant::now();
        close(running).await;
        let took = began.elapsed();
        assert!(took >= SHORT && took < Duration::from_secs(15), "{took:?}");
        client.rest().await;
        seen.have_dropped(1).await;
    }
    /// It has always something to read.
    #[tokio::test]
    async fn a_websocket_whose_client_never_stops_sending_is_cut_after_its_grace() {
        let seen = Seen::default();
        let app = app(Api::default()).supply(seen.clone());
        let server = server().stream_grace(SHORT).drain_timeout(LONG);
        let (running, address) = boot(app.shutdown_timeout(LONG), server).await;
        let mut client = Client::connect(address).await;
        client.upgrade("/deaf").await;
        seen.have_begun(1).await;
        let sends = tokio::spawn(async move {
            let frames = [0x82, 0x81, 0, 0, 0, 0, b'a'].repeat(10_000);
            while client.0.write_all(&frames).await.is_ok() {}
        });
        close(running).await;
        seen.have_dropped(1).await;
        within(sends).await.unwrap();
    }
}
