//! Requests that are on their way when the server closes.

use bootstrap_web::prelude::*;
use tokio::io::AsyncWriteExt as _;

use crate::support::{Client, app, boot, close, get, server, within};

async fn until_drain(draining: Draining) -> &'static str {
    draining.began().await;
    "drains"
}

#[routes(name = "api")]
fn api() -> impl RouteSet {
    Routes::new()
        .get("/", || "hello")
        .get("/until-drain", until_drain)
}

/// The server waits only for a moment, and a machine may stall for longer: then it is tried again.
#[tokio::test]
async fn a_request_that_is_on_its_way_when_the_server_closes_is_answered() {
    for is_new in [true, false] {
        within(async { while !is_answered(is_new).await {} }).await;
    }
}

/// Sends a request on a connection that is new, or that has answered another one, once the server has closed.
async fn is_answered(is_new: bool) -> bool {
    let (running, address) = boot(app(Api::default()), server()).await;
    let mut until_drain = Client::connect(address).await;
    until_drain.get("/until-drain").await;
    let mut client = Client::connect(address).await;
    if is_new {
        // Connections are accepted in their order.
        get(address, "/").await;
    } else {
        client.get("/").await;
        client.response().await;
    }
    let closing = tokio::spawn(close(running));
    until_drain.read_until("drains").await;
    let _ = client
        .0
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    let response = client.rest().await;
    within(closing).await.unwrap();
    if response.is_empty() {
        return false;
    }
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(response.contains("connection: close\r\n"), "{response}");
    true
}
