//! A server in a process of its own: with an exit code, a log, and a memory of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::{Stdio, Termination as _};
use std::sync::{Arc, Mutex};

use bootstrap::prelude::*;
use bootstrap::{Configuration, Exit};
use bootstrap_web::axum;
use bootstrap_web::axum::body::Bytes;
use bootstrap_web::axum::extract::ws::WebSocketUpgrade;
use bootstrap_web::axum::response::sse::{Event, Sse};
use bootstrap_web::prelude::*;
use bootstrap_web::server::Listening;
use bootstrap_web::{AccessLog, Health, ProxiesPlugin};
use futures_util::stream::{self, Stream, StreamExt as _};
use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process, setrlimit};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::support::{LONG, SHORT, app, ask, server, within};

/// The size of `/large`: more than the buffers of the system hold.
pub(crate) const LARGE: usize = 64 << 20;

/// Set when the standard input of the process ends.
#[supplied]
#[derive(Clone, Default)]
struct Release(CancellationToken);

/// Waits until the test releases it.
async fn export(release: State<Release>) -> &'static str {
    println!("begun");
    release.0.cancelled().await;
    "exported"
}

/// Without an extractor, so that it runs before the body has arrived.
async fn upload(request: Request) -> Result<String, Problem> {
    println!("begun");
    let bytes = axum::body::to_bytes(request.into_body(), usize::MAX).await?;
    Ok(bytes.len().to_string())
}

/// In parts that share one buffer, so that many such responses take no memory.
async fn large() -> Body {
    println!("begun");
    let part = Bytes::from(vec![b'x'; 64 << 10]);
    let parts = stream::repeat(part).take(LARGE >> 16);
    Body::from_stream(parts.map(Ok::<_, Infallible>))
}

fn first() -> impl Stream<Item = Result<Event, Infallible>> {
    let first = stream::once(async { Ok(Event::default().data("first")) });
    first.chain(stream::pending())
}

/// Ends when the server drains.
async fn events(draining: Draining) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(draining.until(first()))
}

/// Does not.
async fn endless() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(first())
}

/// Has always more.
async fn flood() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    println!("begun");
    let event = Event::default().data("x".repeat(1000));
    Sse::new(stream::repeat(event).map(Ok))
}

/// Ends when the server drains.
async fn socket(upgrade: WebSocketUpgrade, draining: Draining) -> Response {
    let until = draining.clone();
    draining.upgrade(upgrade, |_socket| async move {
        println!("begun");
        until.began().await;
    })
}

/// Does not.
async fn endless_socket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        println!("begun");
        while let Some(Ok(_)) = socket.recv().await {}
    })
}

#[derive(Deserialize)]
struct Sum {
    numbers: Vec<u32>,
}

async fn sum(Json(sum): Json<Sum>) -> String {
    let numbers = sum.numbers.into_iter().map(u64::from);
    numbers.sum::<u64>().to_string()
}

#[derive(Deserialize)]
struct Page {
    page: u32,
}

async fn page(Query(page): Query<Page>) -> String {
    page.page.to_string()
}

#[routes(name = "api")]
fn api() -> impl RouteSet {
    Routes::new()
        .get("/", || "hello")
        .get("/export", export)
        .post("/upload", upload)
        .get("/large", large)
        .get("/events", events)
        .get("/endless", endless)
        .get("/flood", flood)
        .get("/socket", socket)
        .get("/endless-socket", endless_socket)
        .get("/number/{number}", async |Path(number): Path<u32>| {
            number.to_string()
        })
        .get("/page", page)
        .get("/panics", async || -> &'static str { panic!("as told") })
        .post("/echo", async |body: String| body)
        .post("/sum", sum)
}

/// The program: as a user would write it, with the limits of the tests unless variables set others.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn run() -> Exit {
    let _log = bootstrap::log_to_stderr("info");
    let release = Release::default();
    let released = release.0.clone();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        released.cancel();
    });
    app(Api::default())
        .with(AccessLog::default())
        .with(ProxiesPlugin::default())
        .with(Health::default())
        .with(server())
        .supply(release)
        .configure(Configuration::new().environment("APP"))
        .shutdown_timeout(LONG)
        .on_ready(async |cx| {
            let address = cx.try_get::<State<Listening>>()?.address().unwrap();
            println!("listening {address}");
            Ok(())
        })
        .run()
        .await
}

#[test]
#[ignore = "the process that other tests start"]
#[expect(
    clippy::disallowed_methods,
    reason = "its exit code is what `main` would return"
)]
fn serves() {
    let exit = run();
    let code = exit.code();
    let _ = exit.report();
    std::process::exit(code.into());
}

/// A running server.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    child: Child,
    input: Option<ChildStdin>,
    output: UnboundedReceiver<String>,
    log: Arc<Mutex<Vec<String>>>,
    log_ends: JoinHandle<()>,
    terminated: Option<Instant>,
}

/// How a server ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// Since it was asked to.
    pub(crate) took: Duration,
    pub(crate) log: Vec<String>,
}

impl Ended {
    /// The lines of the log that contain a text.
    pub(crate) fn lines(&self, text: &str) -> Vec<&str> {
        let lines = self.log.iter().map(String::as_str);
        lines.filter(|line| line.contains(text)).collect()
    }

    /// The server has ended as it should, whatever its clients did.
    pub(crate) fn assert_success(&self) {
        assert_eq!(self.code, Some(0), "{:#?}", self.log);
        assert_eq!(self.lines("panicked"), [""; 0]);
    }
}

impl Process {
    /// Starts a server with keys of its configuration.
    pub(crate) async fn start(keys: &[(&str, &str)]) -> Self {
        Self::start_by(&mut command(), keys).await
    }

    /// The same, in a process that may open as many files as this.
    pub(crate) async fn start_with_descriptors(limit: u32, keys: &[(&str, &str)]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {limit}; exec \"$@\""), "sh"]);
        let command = command();
        shell.arg(command.as_std().get_program());
        shell.args(command.as_std().get_args());
        Self::start_by(&mut shell, keys).await
    }

    async fn start_by(command: &mut Command, keys: &[(&str, &str)]) -> Self {
        // A line for each request is only of use to those who read it.
        for (key, value) in [("access_log.enabled", "false")].iter().chain(keys) {
            let key = key.to_uppercase().replace('.', "__");
            command.env(format!("APP_{key}"), value);
        }
        let mut child = command
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        // Both are read all the time, so that the process never waits for the test.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (line, output) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(next)) = lines.next_line().await {
                let _ = line.send(next);
            }
        });
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let logged = Arc::clone(&log);
        let log_ends = tokio::spawn(async move {
            while let Ok(Some(next)) = errors.next_line().await {
                logged.lock().unwrap().push(next);
            }
        });
        let mut this = Self {
            address: ([0, 0, 0, 0], 0).into(),
            child,
            input,
            output,
            log,
            log_ends,
            terminated: None,
        };
        this.address = this.says("listening ").await.parse().unwrap();
        // A signal would interrupt the boot until the app has started.
        while !ask(this.address, "/readyz")
            .await
            .starts_with("HTTP/1.1 200 ")
        {
            sleep(Duration::from_millis(5)).await;
        }
        this
    }

    /// Waits until the process prints this, and returns the rest of the line.
    pub(crate) async fn says(&mut self, word: &str) -> String {
        loop {
            let Some(line) = within(self.output.recv()).await else {
                panic!("the process has ended: {:#?}", self.log.lock().unwrap());
            };
            // The test harness begins the line.
            if let Some((_, rest)) = line.split_once(word) {
                return rest.to_owned();
            }
        }
    }

    /// Waits until so many handlers have begun that say so.
    pub(crate) async fn has_begun(&mut self, count: usize) {
        for _ in 0..count {
            self.says("begun").await;
        }
    }

    /// Lets `/export` answer.
    pub(crate) fn release(&mut self) {
        self.input = None;
    }

    /// SIGTERM.
    pub(crate) fn terminate(&mut self) {
        let id = self.child.id().expect("it has not ended");
        let id = Pid::from_raw(id.try_into().unwrap()).unwrap();
        self.terminated = Some(Instant::now());
        kill_process(id, Signal::TERM).unwrap();
    }

    pub(crate) fn since_terminated(&self) -> Duration {
        self.terminated.expect("after SIGTERM").elapsed()
    }

    /// The lines of the log so far that contain a text.
    pub(crate) fn lines(&self, text: &str) -> Vec<String> {
        let log = self.log.lock().unwrap();
        log.iter().filter(|it| it.contains(text)).cloned().collect()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The most memory that it had at any time, in bytes. Zero where the system does not tell.
    pub(crate) fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let peak = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
        let kibibytes = peak.and_then(|it| it.trim().strip_suffix(" kB"));
        kibibytes.map_or(0, |it| it.parse::<u64>().unwrap() << 10)
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Ended {
        let status = within(self.child.wait()).await.unwrap();
        let took = self.since_terminated();
        within(&mut self.log_ends).await.unwrap();
        Ended {
            code: status.code(),
            took,
            log: std::mem::take(&mut self.log.lock().unwrap()),
        }
    }

    /// SIGTERM until it has ended: one right behind the first counts as the same.
    pub(crate) async fn insist(mut self) -> Ended {
        while !self.has_ended() {
            self.terminate();
            sleep(SHORT).await;
        }
        self.ended().await
    }

    /// SIGTERM, and the end.
    pub(crate) async fn end(mut self) -> Ended {
        self.terminate();
        self.ended().await
    }
}

fn command() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "process::serves", "--ignored", "--nocapture"]);
    command
}

/// Raises the limit of descriptors of this process, and returns how many connections a test may have: what it
/// wants, or a part of the limit if that is low.
pub(crate) fn connections(wanted: u64) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let most = limit.maximum.map_or(wanted, |most| most / 2);
    usize::try_from(wanted.min(most)).unwrap()
}
