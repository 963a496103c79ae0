//! The end of the server: the matrix of what a connection may be doing, with and without a delay, in time and
//! too late.

use std::net::SocketAddr;
use std::time::Duration;

use bootstrap::Running;
use bootstrap::prelude::*;
use bootstrap_web::axum;
use bootstrap_web::prelude::*;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::support::{Client, LONG, Log, SHORT, Seen, app, boot, close, get, server, within};

/// Answers when the test says so.
async fn export(seen: State<Seen>) -> &'static str {
    let _begun = seen.begin();
    seen.release.notified().await;
    "exported"
}

async fn upload(seen: State<Seen>, request: Request) -> Result<String, Problem> {
    let _begun = seen.begin();
    let bytes = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    Ok(bytes?.len().to_string())
}

/// More than the buffers of the system hold.
async fn large(seen: State<Seen>) -> Vec<u8> {
    let _begun = seen.begin();
    vec![b'x'; 64 << 20]
}

#[routes(name = "api")]
fn api() -> impl RouteSet {
    Routes::new()
        .get("/", || "hello")
        .get("/export", export)
        .post("/upload", upload)
        .get("/large", large)
}

const HALF_A_HEAD: &str = "GET /export HTTP/1.1\r\nhost:";
const HALF_A_BODY: &str = "POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nhalf";

/// A server that drains, and what its handlers do.
struct Drains {
    seen: Seen,
    address: SocketAddr,
    running: Option<Running>,
    closed: Option<tokio::task::JoinHandle<Duration>>,
}

impl Drains {
    async fn new(delay: Duration, limit: Duration) -> Self {
        let seen = Seen::default();
        let app = app(Api::default()).supply(seen.clone());
        let app = app.shutdown_timeout(LONG);
        let server = server().drain_delay(delay).drain_timeout(limit);
        let (running, address) = boot(app, server).await;
        Self {
            seen,
            address,
            running: Some(running),
            closed: None,
        }
    }

    async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Begins to close, and waits until no connection is accepted any more.
    async fn stop(&mut self) {
        self.begin_to_stop().await;
        while TcpStream::connect(self.address).await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn begin_to_stop(&mut self) {
        let running = self.running.take().unwrap();
        let web = running.try_get::<State<Web>>().unwrap();
        let began = Instant::now();
        self.closed = Some(tokio::spawn(async move {
            close(running).await;
            began.elapsed()
        }));
        while web.readiness().is_ready() {
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(web.readiness().reason().as_deref(), Some("draining"));
    }

    /// How long closing took.
    async fn closed(self) -> Duration {
        within(self.closed.unwrap()).await.unwrap()
    }
}

/// Both with and without a delay, which only comes before everything else.
const DELAYS: [Duration; 2] = [Duration::ZERO, SHORT];

/// S65, D16: probes are told at once, and nothing changes for requests.
#[tokio::test]
async fn the_server_answers_as_before_during_the_delay() {
    let delay = Duration::from_secs(2);
    let mut drains = Drains::new(delay, LONG).await;
    let mut idle = drains.connect().await;
    idle.get("/").await;
    idle.response().await;
    drains.begin_to_stop().await;
    // On a connection that is there, and on new ones.
    idle.get("/").await;
    let response = idle.response().await;
    assert!(response.ends_with("hello"), "{response}");
    assert!(!response.contains("connection: close"), "{response}");
    assert!(get(drains.address, "/").await.ends_with("hello"));
    let address = drains.address;
    assert!(drains.closed().await >= delay);
    assert!(TcpStream::connect(address).await.is_err());
}

/// S64: also those that have not sent anything yet.
#[tokio::test]
async fn idle_connections_are_closed_at_once() {
    for delay in DELAYS {
        let mut drains = Drains::new(delay, LONG).await;
        let mut idle = drains.connect().await;
        idle.get("/").await;
        idle.response().await;
        let mut silent = drains.connect().await;
        // The server knows it: connections are accepted in order.
        get(drains.address, "/").await;
        drains.stop().await;
        assert_eq!(idle.rest().await, "");
        assert_eq!(silent.rest().await, "");
        drains.closed().await;
    }
}

/// D17: in time.
#[tokio::test]
async fn a_request_in_flight_is_answered_and_its_connection_closed() {
    for delay in DELAYS {
        let mut drains = Drains::new(delay, LONG).await;
        let mut client = drains.connect().await;
        client.get("/export").await;
        drains.seen.have_begun(1).await;
        drains.stop().await;
        assert!(client.is_silent().await);
        drains.seen.release.notify_one();
        let response = client.rest().await;
        assert!(response.ends_with("exported"), "{response}");
        assert!(response.contains("connection: close"), "{response}");
        drains.closed().await;
    }
}

/// D17: the log names what was cut, and closing goes on without an error.
#[tokio::test]
async fn requests_in_flight_are_named_and_cut_when_the_time_is_up() {
    let log = Log::get();
    for delay in DELAYS {
        let mut drains = Drains::new(delay, 3 * SHORT).await;
        let mut clients = Vec::new();
        for path in ["/export", "/export"] {
            let mut client = drains.connect().await;
            client.get(path).await;
            clients.push(client);
        }
        let mut half = drains.connect().await;
        half.send(HALF_A_BODY).await;
        clients.push(half);
        drains.seen.have_begun(3).await;
        drains.begin_to_stop().await;
        for client in &mut clients {
            let response = client.rest().await;
            assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
        }
        let seen = drains.seen.clone();
        assert!(drains.closed().await >= delay + 3 * SHORT);
        seen.have_dropped(3).await;
    }
    let cut = "cutting what outlasts the drain: 2 in GET /export, 1 in POST /upload";
    assert!(log.count(cut) >= 2);
}

#[tokio::test]
async fn half_a_head_may_still_become_a_request() {
    for delay in DELAYS {
        let mut drains = Drains::new(delay, LONG).await;
        let mut client = drains.connect().await;
        client.send(HALF_A_HEAD).await;
        // The server has read it: it reads what is there when it accepts.
        get(drains.address, "/").await;
        drains.stop().await;
        client.send(" x\r\n\r\n").await;
        drains.seen.have_begun(1).await;
        drains.seen.release.notify_one();
        let response = client.rest().await;
        assert!(response.ends_with("exported"), "{response}");
        drains.closed().await;
    }
}

#[tokio::test]
async fn half_a_head_is_cut_when_the_time_is_up() {
    let log = Log::get();
    for delay in DELAYS {
        let mut drains = Drains::new(delay, 2 * SHORT).await;
        let mut client = drains.connect().await;
        client.send(HALF_A_HEAD).await;
        get(drains.address, "/").await;
        drains.begin_to_stop().await;
        assert_eq!(client.rest().await, "");
        drains.closed().await;
    }
    assert!(log.has("cutting what outlasts the drain: 1 connection without a request"));
}

#[tokio::test]
async fn half_a_body_may_still_be_completed() {
    for delay in DELAYS {
        let mut drains = Drains::new(delay, LONG).await;
        let mut client = drains.connect().await;
        client.send(HALF_A_BODY).await;
        drains.seen.have_begun(1).await;
        drains.stop().await;
        client.send("more").await;
        let response = client.rest().await;
        assert!(response.ends_with('8'), "{response}");
        drains.closed().await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_may_still_read() {
    for delay in DELAYS {
        let mut drains = Drains::new(delay, LONG).await;
        let mut client = drains.connect().await;
        client.get("/large").await;
        drains.seen.have_begun(1).await;
        drains.stop().await;
        assert!(client.rest().await.len() > 64 << 20);
        drains.closed().await;
    }
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_when_the_time_is_up() {
    let log = Log::get();
    for delay in DELAYS {
        let mut drains = Drains::new(delay, 2 * SHORT).await;
        let mut client = drains.connect().await;
        client.get("/large").await;
        drains.seen.have_begun(1).await;
        drains.begin_to_stop().await;
        assert!(drains.closed().await >= delay + 2 * SHORT);
        assert!(client.rest().await.len() < 64 << 20);
    }
    assert!(log.has("cutting what outlasts the drain: 1 in GET /large"));
}

/// The keys decide, and not the limits of hooks; what is left for the whole shutdown does as well.
#[tokio::test]
async fn the_limit_of_the_whole_shutdown_is_kept() {
    let seen = Seen::default();
    let app = app(Api::default()).supply(seen.clone());
    let app = app
        .close_timeout(SHORT)
        .shutdown_timeout(Duration::from_secs(2));
    let (running, address) = boot(app, server().drain_timeout(LONG)).await;
    let mut client = Client::connect(address).await;
    client.get("/export").await;
    seen.have_begun(1).await;
    let began = Instant::now();
    // Without an error: it has cut the request before it was cut itself.
    close(running).await;
    assert!(began.elapsed() > Duration::from_secs(1));
    let response = client.rest().await;
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    seen.have_dropped(1).await;
}

/// What waits in the queue of the system would be reset with the listener.
#[tokio::test]
async fn a_request_that_was_not_accepted_yet_is_answered() {
    let seen = Seen::default();
    let app = app(Api::default()).supply(seen.clone());
    let (running, address) = boot(app, server()).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        // This task does not yield between the last connection and the close.
        let stream = std::net::TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut &stream, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        clients.push(stream);
    }
    close(running).await;
    for mut client in clients {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut client, &mut text).unwrap();
        assert!(text.ends_with("hello"), "{text}");
    }
}
