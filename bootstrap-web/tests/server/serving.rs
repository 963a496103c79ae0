//! What a server serves, and from when on.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};

use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap_web::axum::extract::ConnectInfo;
use bootstrap_web::axum::{Router, routing};
use bootstrap_web::prelude::*;
use bootstrap_web::server::{Listening, Server};
use tokio::time::sleep;

use crate::support::{Client, SHORT, Seen, app, boot, close, get, server, within};

async fn hangs(seen: State<Seen>) {
    let _begun = seen.begin();
    std::future::pending::<()>().await;
}

async fn peer(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> String {
    peer.to_string()
}

#[routes(name = "api")]
fn api() -> impl RouteSet {
    let mounted = Router::new()
        .route("/mounted", routing::get(|| async { "mounted" }))
        .route("/mounted-panics", routing::get(panics));
    Routes::new()
        .get("/", || "hello")
        .get("/peer", peer)
        .get("/panics", panics)
        .get("/hangs", hangs)
        .mount(mounted)
}

#[allow(clippy::unused_async, reason = "a handler")]
async fn panics() -> &'static str {
    panic!("as told")
}

fn full() -> App {
    app(Api::default()).supply(Seen::default())
}

/// D4: what is ready is reachable.
#[tokio::test]
async fn a_connection_that_an_on_ready_hook_makes_is_answered() {
    let app = full().on_ready(async |cx| {
        let address = cx.try_get::<State<Listening>>()?.address().unwrap();
        assert!(get(address, "/").await.ends_with("hello"));
        Ok(())
    });
    let (running, _) = boot(app, server()).await;
    close(running).await;
}

static PORT: AtomicU16 = AtomicU16::new(0);
static EARLY: OnceLock<tokio::sync::Mutex<Client>> = OnceLock::new();

/// Knows the port, and connects before it is ready.
#[plugin]
struct Slow {
    listening: State<Listening>,
}

impl Hooks for Slow {
    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        let address = self.listening.address().unwrap();
        PORT.store(address.port(), Ordering::SeqCst);
        let mut client = Client::connect(address).await;
        client.get("/").await;
        assert!(client.is_silent().await);
        let _ = EARLY.set(tokio::sync::Mutex::new(client));
        Ok(())
    }
}

/// D4, D67: the queue of the system keeps it.
#[tokio::test]
async fn a_request_is_answered_once_all_plugins_are_ready_and_not_before() {
    let (running, address) = boot(full().with(Slow::default()), server()).await;
    assert_eq!(PORT.load(Ordering::SeqCst), address.port());
    let mut client = EARLY.get().unwrap().lock().await;
    assert!(client.response().await.ends_with("hello"));
    close(running).await;
}

#[tokio::test]
async fn a_connection_is_kept_for_several_requests() {
    let (running, address) = boot(full(), server()).await;
    let mut client = Client::connect(address).await;
    for _ in 0..3 {
        client.get("/").await;
        assert!(client.response().await.ends_with("hello"));
    }
    // Two at once, in one write.
    let one = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    client.send(&one.repeat(2)).await;
    for _ in 0..2 {
        assert!(client.response().await.ends_with("hello"));
    }
    close(running).await;
}

#[tokio::test]
async fn handlers_get_the_address_of_the_client() {
    let (running, address) = boot(full(), server()).await;
    let mut client = Client::connect(address).await;
    let own = client.0.local_addr().unwrap().to_string();
    client.get("/peer").await;
    assert!(client.response().await.ends_with(&own));
    close(running).await;
}

#[tokio::test]
async fn a_response_does_not_name_the_server() {
    let (running, address) = boot(full(), server()).await;
    let response = get(address, "/").await;
    assert!(response.contains("date: "), "{response}");
    assert!(!response.contains("server: "), "{response}");
    close(running).await;
}

#[tokio::test]
async fn the_connection_survives_a_panic() {
    let (running, address) = boot(full(), server()).await;
    let mut client = Client::connect(address).await;
    for path in ["/panics", "/mounted-panics"] {
        client.get(path).await;
        let response = client.response().await;
        assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
    }
    client.get("/mounted").await;
    assert!(client.response().await.ends_with("mounted"));
    close(running).await;
}

#[tokio::test]
async fn the_handler_is_dropped_when_the_client_goes() {
    let seen = Seen::default();
    let app = app(Api::default()).supply(seen.clone());
    let (running, address) = boot(app, server()).await;
    let mut client = Client::connect(address).await;
    client.get("/hangs").await;
    seen.have_begun(1).await;
    drop(client);
    seen.have_dropped(1).await;
    close(running).await;
}

#[tokio::test]
async fn the_keys_of_the_configuration_are_read() {
    let configuration = Configuration::new()
        .set("http.listen", "127.0.0.1:0")
        .set("http.header_timeout", "100ms")
        .set("http.body_limit", "1KiB");
    let app = full().configure(configuration);
    let (running, address) = boot(app, Server::default()).await;
    let mut client = Client::connect(address).await;
    client.send("GET / HT").await;
    assert_eq!(client.rest().await, "");
    close(running).await;
}

#[tokio::test]
async fn the_environment_sets_lists_and_durations() {
    let variables = [
        ("APP_HTTP__LISTEN", "127.0.0.1:0,localhost:0"),
        ("APP_HTTP__DRAIN_TIMEOUT", "1s"),
        ("APP_HTTP__BODY_LIMIT", "2048"),
        ("APP_HTTP__MAX_CONNECTIONS", "7"),
    ];
    let configuration = Configuration::new().environment_from("APP", variables);
    let app = full().configure(configuration);
    let (running, address) = boot(app, Server::default()).await;
    assert!(get(address, "/").await.ends_with("hello"));
    let listening = running.try_get::<State<Listening>>().unwrap();
    assert_eq!(listening.all().len(), 2);
    close(running).await;
}

#[test]
fn a_mistake_in_the_configuration_is_found_before_the_boot() {
    for (key, value) in [
        ("http.listen", "localhost"),
        ("http.drain_timeout", "5"),
        ("http.body_limit", "2MB"),
    ] {
        let configuration = Configuration::new().set(key, value);
        let app = full().with(Server::default()).configure(configuration);
        let errors = app.plan().unwrap_err().to_string();
        assert!(errors.contains(key), "{errors}");
    }
}

#[tokio::test]
async fn a_limit_that_makes_no_sense_fails_the_boot() {
    let servers = [
        (
            server().header_timeout(std::time::Duration::ZERO),
            "http.header_timeout",
        ),
        (server().max_connections(0), "http.max_connections"),
        (server().max_header_bytes(10), "http.max_header_bytes"),
    ];
    for (server, key) in servers {
        let error = within(full().with(server).boot()).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("[http] Plugin load failed: `http."),
            "{text}"
        );
        assert!(text.contains(key), "{text}");
    }
}

#[tokio::test]
async fn limits_as_long_as_can_be_are_no_mistake() {
    let most = std::time::Duration::MAX;
    let server = server()
        .first_byte_timeout(most)
        .header_timeout(most)
        .idle_timeout(most)
        .request_timeout(most)
        .write_timeout(most)
        .drain_timeout(most)
        .stream_grace(most)
        .max_connections(usize::MAX);
    let (running, address) = boot(full(), server).await;
    assert!(get(address, "/").await.ends_with("hello"));
    close(running).await;
}

/// A boot that fails elsewhere closes the socket.
#[tokio::test]
async fn a_boot_that_fails_leaves_no_socket_behind() {
    let address = Arc::new(OnceLock::new());
    let found = Arc::clone(&address);
    let app = full().on_ready(async move |cx| {
        let listening = cx.try_get::<State<Listening>>()?;
        let _ = found.set(listening.address().unwrap());
        anyhow::bail!("as told")
    });
    within(app.with(server()).boot()).await.unwrap_err();
    sleep(SHORT).await;
    let address = *address.get().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
