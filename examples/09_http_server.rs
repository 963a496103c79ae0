//! An HTTP server as a plugin, with axum.
//!
//! It binds in `load`, so that a port that is taken fails the boot. It serves in `run`. In `drain` it
//! first stays open while it reports that it is not ready, then accepts no further connections, and
//! then waits for the requests that have begun.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::routing::get;
use bootstrap::Handle;
use bootstrap::lifecycle::{ShutdownReason, Signal, Status};
use bootstrap::prelude::*;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

struct Greeting(&'static str);

#[plugin(states = [Greeting])]
struct Greeter;

impl Hooks for Greeter {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Greeting> {
        Ok(Greeting("hello"))
    }
}

/// The address that the server is bound to.
struct Listening(SocketAddr);

#[plugin(name = "http", states = [Listening], close_timeout = "20s")]
struct Http {
    greeting: State<Greeting>,
    /// With port 0 the system chooses one.
    #[option(default = SocketAddr::from(([127, 0, 0, 1], 0)))]
    listen: SocketAddr,
    /// How long the server stays open after SIGTERM, so that load balancers stop using it.
    #[option(default = Duration::from_secs(4))]
    drain_delay: Duration,
    /// How long the requests that have begun may take after that.
    #[option(default = Duration::from_secs(10))]
    grace: Duration,
    /// Bound by `load`, taken by `run`.
    #[local]
    listener: Mutex<Option<TcpListener>>,
    /// Cancelled by `drain`: accept no further connections.
    #[local]
    stopped: CancellationToken,
    /// Cancelled when the last connection has ended.
    #[local]
    finished: CancellationToken,
}

impl Hooks for Http {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Listening> {
        let listener = TcpListener::bind(self.listen).await;
        let listener = listener.with_context(|| format!("binding {}", self.listen))?;
        let address = listener.local_addr()?;
        self.listener = Mutex::new(Some(listener));
        Ok(Listening(address))
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let _finished = self.finished.clone().drop_guard();
        let listener = self.listener.lock().ok().and_then(|mut it| it.take());
        let listener = listener.context("the listener was taken before")?;
        let router = router(Api {
            greeting: self.greeting.clone(),
            app: cx.handle(),
        });
        let stopped = self.stopped.clone().cancelled_owned();
        let server = axum::serve(listener, router).with_graceful_shutdown(stopped);
        tokio::select! {
            ended = server.into_future() => ended.context("serving"),
            // `drain` has waited as long as it may.
            () = cx.stopped() => Ok(()),
        }
    }

    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        if let ShutdownReason::Signal(Signal::Terminate) = cx.reason() {
            sleep(self.drain_delay).await;
        }
        self.stopped.cancel();
        let finished = timeout(self.grace, self.finished.cancelled()).await;
        finished.context("a request took too long, and was cut off")
    }
}

/// What the handlers share.
#[derive(Clone)]
struct Api {
    greeting: State<Greeting>,
    app: Handle,
}

fn router(api: Api) -> Router {
    Router::new()
        .route("/", get(greet))
        .route("/live", get(async || StatusCode::OK))
        .route("/ready", get(ready))
        .with_state(api)
}

async fn greet(Extract(api): Extract<Api>) -> &'static str {
    api.greeting.0
}

/// Whether a load balancer should send requests: not before the app is ready, and not while it
/// drains.
async fn ready(Extract(api): Extract<Api>) -> StatusCode {
    match api.app.status() {
        Status::Ready => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn app() -> App {
    // More than the `close_timeout` of `http`, and less than the service manager grants.
    App::collect().shutdown_timeout(Duration::from_secs(25))
}

/// A service ends with `app().run().await`. This program sends itself two requests, and closes.
#[tokio::main]
async fn main() -> Result<()> {
    let running = app().boot().await?;
    let address = running.try_get::<State<Listening>>()?.0;
    for path in ["/", "/ready"] {
        let answer = request(address, path).await?;
        let status = answer.lines().next().unwrap_or_default();
        let body = answer.lines().last().unwrap_or_default();
        println!("{path}: {status} {body}");
    }
    running.close().await?;
    println!("closed");
    Ok(())
}

async fn request(address: SocketAddr, path: &str) -> Result<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
