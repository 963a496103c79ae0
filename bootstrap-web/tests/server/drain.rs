//! The end of the server: the matrix of what a connection may be doing, with and without a delay, in time and
//! too late.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_web::axum;
use bootstrap_web::prelude::*;
use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::http2::{self, Sender};
use crate::process::{Ended, LARGE, Process};
use crate::support::{Client, LONG, Log, SHORT, Seen, app, boot, close, get, server, within};

/// What a client is doing when the server has to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Between two requests, and before the first one.
    Idle,
    InFlight,
    HalfAHead,
    HalfABody,
    Sse,
    Websocket,
    Http2,
    NeverReads,
}

use Doing::{HalfABody, HalfAHead, Http2, Idle, InFlight, NeverReads, Sse, Websocket};

const ALL: [Doing; 8] = [
    Idle, InFlight, HalfAHead, HalfABody, Sse, Websocket, Http2, NeverReads,
];

/// The limit that passes if a client is too late: of the drain, or of streams.
const LIMIT: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
struct Cell {
    doing: Doing,
    delay: Duration,
    is_in_time: bool,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.is_in_time {
            "in time"
        } else {
            "too late"
        };
        write!(f, "{:?}, delay {:?}, {end}", self.doing, self.delay)
    }
}

impl Cell {
    fn all() -> impl Iterator<Item = Self> {
        let delays = [Duration::ZERO, Duration::from_secs(2)];
        ALL.into_iter().flat_map(move |doing| {
            delays.into_iter().flat_map(move |delay| {
                [true, false].map(|is_in_time| Self {
                    doing,
                    delay,
                    is_in_time,
                })
            })
        })
    }

    /// The keys: only the limit that has to pass does within the time of a test.
    fn keys(self) -> [(&'static str, &'static str); 4] {
        let is_stream = matches!(self.doing, Sse | Websocket);
        let limit = |is_short| if is_short { "1s" } else { "10m" };
        [
            (
                "http.drain_delay",
                if self.delay.is_zero() { "0s" } else { "2s" },
            ),
            ("http.drain_timeout", limit(!self.is_in_time && !is_stream)),
            ("http.stream_grace", limit(!self.is_in_time && is_stream)),
            (
                "http.h2c",
                if self.doing == Http2 { "true" } else { "false" },
            ),
        ]
    }

    /// The least time from the signal to the end of the process.
    fn least(self) -> Duration {
        match self.doing {
            Idle => self.delay,
            _ if self.is_in_time => self.delay,
            _ => self.delay + LIMIT,
        }
    }

    /// How the log names what is cut.
    fn cut(self) -> Option<&'static str> {
        match self.doing {
            _ if self.is_in_time => None,
            // Idle connections are closed at once, and streams after their grace.
            Idle | Sse | Websocket => None,
            InFlight | Http2 => Some("1 in GET /export"),
            HalfAHead => Some("1 connection without a request"),
            HalfABody => Some("1 in POST /upload"),
            NeverReads => Some("1 in GET /large"),
        }
    }

    /// Plays the cell, and looks at everything that is to be seen of it from outside.
    async fn play(self) {
        let mut process = Process::start(&self.keys()).await;
        let clients = Clients::begin(self, &mut process).await;
        process.terminate();
        if self.is_in_time {
            closes(process.address).await;
            assert!(process.since_terminated() >= self.delay);
        }
        if self.is_in_time {
            clients.go_on(self, &mut process).await;
            self.check(&process.ended().await);
        } else {
            self.check(&process.ended().await);
            clients.were_cut(self).await;
        }
    }

    fn check(self, ended: &Ended) {
        ended.assert_success();
        assert!(ended.took >= self.least(), "{:?}", ended.took);
        let cut = ended.lines("cutting what outlasts the drain: ");
        match self.cut() {
            None => assert_eq!(cut, [""; 0]),
            Some(named) => assert!(cut.len() == 1 && cut[0].ends_with(named), "{cut:?}"),
        }
    }
}

/// Waits until connections are refused.
async fn closes(address: SocketAddr) {
    within(async {
        while TcpStream::connect(address).await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// The clients of a cell.
enum Clients {
    One(Client),
    /// One that has made a request, and one that has not.
    Two(Client, Client),
    Http2(Sender, http2::Connected, http2::Answered),
}

const HALF_A_HEAD: &str = "GET /number/1 HTTP/1.1\r\nhost:";
const HALF_A_BODY: &str = "POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nhalf";

impl Clients {
    /// Connects, and waits until the server knows what the client is doing.
    async fn begin(cell: Cell, process: &mut Process) -> Self {
        let address = process.address;
        let stream = |in_time, too_late| if cell.is_in_time { in_time } else { too_late };
        if cell.doing == Http2 {
            let (sender, ended) = http2::connect(address).await;
            let answered = http2::send(&sender, address, "/export");
            process.has_begun(1).await;
            return Self::Http2(sender, ended, answered);
        }
        let mut client = Client::connect(address).await;
        match cell.doing {
            Idle => {
                client.get("/").await;
                client.response().await;
                let silent = Client::connect(address).await;
                // Connections are accepted in order.
                get(address, "/").await;
                return Self::Two(client, silent);
            }
            InFlight => client.get("/export").await,
            HalfAHead => {
                client.send(HALF_A_HEAD).await;
                get(address, "/").await;
                return Self::One(client);
            }
            HalfABody => client.send(HALF_A_BODY).await,
            NeverReads => client.get("/large").await,
            Sse => {
                client.get(stream("/events", "/endless")).await;
                client.read_until("data: first\n\n\r\n").await;
                return Self::One(client);
            }
            Websocket => {
                let path = stream("/socket", "/endless-socket");
                client.upgrade(path).await;
            }
            Http2 => unreachable!("see above"),
        }
        process.has_begun(1).await;
        Self::One(client)
    }

    /// Does what the server waits for, if it does.
    async fn go_on(self, cell: Cell, process: &mut Process) {
        let mut client = match self {
            Self::One(client) => client,
            Self::Two(mut idle, mut silent) => {
                assert_eq!(idle.rest().await, "");
                assert_eq!(silent.rest().await, "");
                return;
            }
            Self::Http2(sender, ended, answered) => {
                assert!(!process.has_ended());
                process.release();
                let answer = within(answered).await.unwrap().unwrap();
                assert_eq!(answer, "exported");
                // It is asked to go away, and does.
                within(ended).await.unwrap().unwrap();
                drop(sender);
                return;
            }
        };
        // Streams end by themselves.
        assert!(matches!(cell.doing, Sse | Websocket) || !process.has_ended());
        match cell.doing {
            InFlight => process.release(),
            HalfAHead => client.send(" x\r\n\r\n").await,
            HalfABody => client.send("more").await,
            _ => {}
        }
        let rest = client.rest().await;
        match cell.doing {
            InFlight => assert!(rest.ends_with("\r\n\r\nexported"), "{rest}"),
            HalfAHead => assert!(rest.ends_with("\r\n\r\n1"), "{rest}"),
            HalfABody => assert!(rest.ends_with("\r\n\r\n8"), "{rest}"),
            NeverReads => {
                assert!(rest.len() > LARGE, "{}", rest.len());
                assert!(rest.ends_with("\r\n0\r\n\r\n"));
            }
            Sse => assert_eq!(rest, "0\r\n\r\n"),
            Websocket => assert_eq!(rest, ""),
            Idle | Http2 => unreachable!("see above"),
        }
        if matches!(cell.doing, InFlight | HalfAHead | HalfABody) {
            assert!(rest.starts_with("HTTP/1.1 200 "), "{rest}");
            assert!(rest.contains("connection: close\r\n"), "{rest}");
        }
    }

    /// What they got from a server that has cut them.
    async fn were_cut(self, cell: Cell) {
        let mut client = match self {
            Self::One(client) => client,
            Self::Two(mut idle, mut silent) => {
                assert_eq!(idle.rest().await, "");
                assert_eq!(silent.rest().await, "");
                return;
            }
            Self::Http2(_, ended, answered) => {
                let answer = within(answered).await.unwrap().unwrap();
                assert!(answer.starts_with("503"), "{answer}");
                let _ = within(ended).await.unwrap();
                return;
            }
        };
        let rest = client.rest().await;
        match cell.doing {
            InFlight | HalfABody => assert!(rest.starts_with("HTTP/1.1 503 "), "{rest}"),
            HalfAHead | Websocket => assert_eq!(rest, ""),
            Sse => assert_eq!(rest, "0\r\n\r\n"),
            NeverReads => assert!(rest.len() < LARGE, "{}", rest.len()),
            Idle | Http2 => unreachable!("see above"),
        }
    }
}

/// S64, D16, D17: each cell in a process of its own, all of them at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cell_of_the_drain_matrix_ends_as_it_should() {
    let cells: Vec<Cell> = Cell::all().collect();
    assert_eq!(cells.len(), 8 * 2 * 2);
    let played = cells.iter().map(|cell| tokio::spawn(cell.play()));
    let played = join_all(played).await;
    let failed = cells.iter().zip(played).filter(|(_, it)| it.is_err());
    let failed: Vec<String> = failed.map(|(cell, _)| cell.to_string()).collect();
    assert!(failed.is_empty(), "see above: {failed:#?}");
}

/// Its end waits behind what the client has not taken.
#[tokio::test]
async fn an_event_stream_whose_client_never_reads_is_named_and_cut_when_the_time_is_up() {
    let mut process = Process::start(&[("http.drain_timeout", "1s")]).await;
    let mut client = Client::connect(process.address).await;
    client.get("/flood").await;
    process.has_begun(1).await;
    let ended = process.end().await;
    ended.assert_success();
    assert!(ended.took >= LIMIT, "{:?}", ended.took);
    let named = ended.lines("cutting what outlasts the drain: 1 in GET /flood");
    assert_eq!(named.len(), 1, "{:#?}", ended.log);
}

/// S65: probes are told at once, and nothing changes for requests.
#[tokio::test]
async fn the_server_answers_as_before_during_the_delay() {
    let mut process = Process::start(&[("http.drain_delay", "10m")]).await;
    let mut kept = Client::connect(process.address).await;
    kept.is_answered("/readyz", 200).await;
    process.terminate();
    kept.is_answered("/readyz", 503).await;
    // On a connection that is there, and on new ones.
    kept.get("/").await;
    let kept = kept.response().await;
    for response in [kept, get(process.address, "/").await] {
        assert!(response.ends_with("hello"), "{response}");
        assert!(!response.contains("connection: close"), "{response}");
    }
    assert!(!process.has_ended());
    // A second signal cuts the close short.
    assert_eq!(process.insist().await.code, Some(128 + 15));
}

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

#[routes(name = "api")]
fn api() -> impl RouteSet {
    Routes::new()
        .get("/", || "hello")
        .get("/export", export)
        .post("/upload", upload)
}

/// The log names what was cut by its routes, and closing goes on without an error.
#[tokio::test]
async fn requests_in_flight_are_named_and_cut_when_the_time_is_up() {
    let log = Log::get();
    let seen = Seen::default();
    let app = app(Api::default()).supply(seen.clone());
    let (running, address) = boot(app, server().drain_timeout(SHORT)).await;
    let mut clients = Vec::new();
    for request in [
        "GET /export HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /export HTTP/1.1\r\nhost: x\r\n\r\n",
        HALF_A_BODY,
    ] {
        let mut client = Client::connect(address).await;
        client.send(request).await;
        clients.push(client);
    }
    seen.have_begun(3).await;
    close(running).await;
    for client in &mut clients {
        let response = client.rest().await;
        assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    }
    seen.have_dropped(3).await;
    assert!(log.has("cutting what outlasts the drain: 2 in GET /export, 1 in POST /upload"));
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
