//! A server, and clients without a library.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bootstrap::Running;
use bootstrap::extend::IntoPlugin;
use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::server::{Listening, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Nothing in a test takes this long.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// For a limit that has to pass.
pub(crate) const SHORT: Duration = Duration::from_millis(150);

pub(crate) const LONG: Duration = Duration::from_mins(10);

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("in time")
}

/// A server on a port of its own, with limits that do not pass.
pub(crate) fn server() -> Server {
    Server::default()
        .listen("127.0.0.1:0")
        .first_byte_timeout(LONG)
        .header_timeout(LONG)
        .idle_timeout(LONG)
        .request_timeout(LONG)
        .write_timeout(LONG)
}

pub(crate) fn app(set: impl IntoPlugin) -> App {
    App::new().with(set).with(WebPlugin::default())
}

pub(crate) async fn boot(app: App, server: Server) -> (Running, SocketAddr) {
    let running = within(app.with(server).boot()).await.unwrap();
    let listening = running.try_get::<State<Listening>>().unwrap();
    let address = listening.address().unwrap();
    (running, address)
}

pub(crate) async fn close(running: Running) {
    within(running.close()).await.unwrap();
}

/// What follows the path of a request for a websocket.
const UPGRADE: &str = "HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A client that sees bytes.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(within(TcpStream::connect(address)).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: &str) {
        within(self.0.write_all(bytes.as_bytes())).await.unwrap();
    }

    pub(crate) async fn get(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await;
    }

    /// Makes the connection one of a websocket.
    pub(crate) async fn upgrade(&mut self, path: &str) {
        self.send(&format!("GET {path} {UPGRADE}")).await;
        let head = self.read_until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    }

    /// Reads until a text ends with this.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            let mut byte = [0];
            let read = within(self.0.read(&mut byte)).await.unwrap();
            let so_far = String::from_utf8_lossy(&text);
            assert_ne!(read, 0, "the connection ends: {so_far}");
            text.push(byte[0]);
        }
        String::from_utf8(text).unwrap()
    }

    /// The head of a response and a body with a length.
    pub(crate) async fn response(&mut self) -> String {
        let head = self.read_until("\r\n\r\n").await;
        let length = head
            .lines()
            .find_map(|it| it.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        within(self.0.read_exact(&mut body)).await.unwrap();
        head + &String::from_utf8_lossy(&body)
    }

    /// Asks for something until the answer has this status, and returns that.
    pub(crate) async fn is_answered(&mut self, path: &str, status: u16) -> String {
        within(async {
            loop {
                self.get(path).await;
                let response = self.response().await;
                if response.starts_with(&format!("HTTP/1.1 {status} ")) {
                    return response;
                }
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }

    /// What comes until the server closes the connection. A reset is an end as well.
    pub(crate) async fn rest(&mut self) -> String {
        String::from_utf8_lossy(&self.rest_bytes().await).into_owned()
    }

    pub(crate) async fn rest_bytes(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = within(self.0.read_to_end(&mut bytes)).await;
        bytes
    }

    /// Whether nothing comes for a moment.
    pub(crate) async fn is_silent(&mut self) -> bool {
        let mut byte = [0];
        timeout(SHORT, self.0.read(&mut byte)).await.is_err()
    }
}

/// One request on a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    let mut client = Client::connect(address).await;
    client.get(path).await;
    client.response().await
}

/// The same, if the server may close a connection whose request comes too late, because this machine stalls: it is
/// asked again.
pub(crate) async fn ask(address: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    within(async {
        loop {
            let mut client = Client::connect(address).await;
            if client.0.write_all(request.as_bytes()).await.is_ok() {
                let response = client.rest().await;
                if !response.is_empty() {
                    return response;
                }
            }
        }
    })
    .await
}

/// Waits until a condition holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    within(async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// What is supplied to the handlers of a test, to see what they do.
#[supplied]
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) begun: Arc<AtomicUsize>,
    pub(crate) dropped: Arc<AtomicUsize>,
    pub(crate) release: Arc<tokio::sync::Notify>,
}

impl Seen {
    pub(crate) fn begin(&self) -> Begun {
        self.begun.fetch_add(1, Ordering::SeqCst);
        Begun(Arc::clone(&self.dropped))
    }

    pub(crate) async fn have_begun(&self, count: usize) {
        until(|| self.begun.load(Ordering::SeqCst) >= count).await;
    }

    pub(crate) async fn have_dropped(&self, count: usize) {
        until(|| self.dropped.load(Ordering::SeqCst) >= count).await;
    }
}

pub(crate) struct Begun(Arc<AtomicUsize>);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The lines of the log of this process.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Collects what is logged from now on by all threads.
    pub(crate) fn get() -> Self {
        static LOG: std::sync::OnceLock<Log> = std::sync::OnceLock::new();
        let log = LOG.get_or_init(|| {
            let log = Log::default();
            let subscriber = Collect(log.clone());
            tracing::subscriber::set_global_default(subscriber).unwrap();
            log
        });
        log.clone()
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.0.lock().unwrap().iter().any(|it| it.contains(text))
    }
}

struct Collect(Log);

impl tracing::Subscriber for Collect {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::INFO
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

struct Line(String);

impl tracing::field::Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write as _;
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

/// The faults of clients that are counted while a test runs, each with its number.
#[cfg(feature = "metrics")]
pub(crate) fn faults(test: impl Future) -> Vec<String> {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(test));
    let all = snapshotter.snapshot().into_vec().into_iter();
    let mut counts: Vec<String> = all
        .map(|(key, _, _, value)| {
            let labels = key.key().labels().map(|it| it.value().to_owned());
            let labels: Vec<String> = labels.collect();
            let DebugValue::Counter(count) = value else {
                panic!("{value:?}");
            };
            format!("{} {count}", labels.join(" "))
        })
        .collect();
    counts.sort();
    counts
}
