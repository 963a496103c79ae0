//! The listener for management, and what answers while there are no routes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bootstrap::Running;
use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::server::{Bound, Listening, Server};
use bootstrap_web::{Health, axum};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use crate::support::{Client, app, boot, close, get, server, until, within};

/// Halts each hook of a plugin until it is let on.
#[supplied]
#[derive(Clone)]
struct Gates {
    load: Arc<Semaphore>,
    drain: Arc<Semaphore>,
    close: Arc<Semaphore>,
    reached: Arc<Semaphore>,
}

impl Gates {
    fn new() -> Self {
        let shut = || Arc::new(Semaphore::new(0));
        Self {
            load: shut(),
            drain: shut(),
            close: shut(),
            reached: shut(),
        }
    }

    async fn wait(&self, gate: &Semaphore) {
        self.reached.add_permits(1);
        gate.acquire().await.unwrap().forget();
    }

    /// Waits until a hook waits.
    async fn reached(&self) {
        within(self.reached.acquire()).await.unwrap().forget();
    }
}

pub(crate) struct Database;

#[plugin(name = "database", states = [Database])]
struct DatabasePlugin {
    gates: State<Gates>,
}

impl Hooks for DatabasePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Database> {
        self.gates.wait(&self.gates.load).await;
        Ok(Database)
    }

    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        self.gates.wait(&self.gates.drain).await;
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        self.gates.wait(&self.gates.close).await;
        Ok(())
    }
}

#[allow(clippy::unused_async, reason = "a handler")]
async fn hello(_: State<Database>) -> &'static str {
    "hello"
}

#[routes(name = "api")]
fn api() -> impl RouteSet {
    Routes::new().get("/", hello)
}

#[routes(name = "inside", management)]
fn inside() -> impl RouteSet {
    let mounted = axum::Router::new().route("/heap", axum::routing::get(|| async { "a heap" }));
    Routes::new().get("/inside", || "a secret").mount(mounted)
}

#[routes(name = "guard", global)]
fn guard() -> impl RouteSet {
    Routes::new().before_handle(async || Err::<(), _>(Problem::unauthorized()))
}

fn full(gates: &Gates) -> App {
    app(Api::default())
        .with(Inside::default())
        .with(Health::default())
        .with(DatabasePlugin::default())
        .supply(gates.clone())
}

async fn try_unix(path: &Path, target: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path).await?;
    let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

/// What the listener answers: the code and the body.
async fn ask(path: &Path, target: &str) -> (u16, String) {
    let response = within(try_unix(path, target)).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, body.to_owned())
}

fn of(code: u16, text: &str) -> (u16, String) {
    (code, text.to_owned())
}

fn socket(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("management.sock")
}

fn managed(path: &Path) -> Server {
    server().management(format!("unix:{}", path.display()))
}

async fn starts_to_boot(app: App) -> tokio::task::JoinHandle<Running> {
    tokio::spawn(async move { within(app.boot()).await.unwrap() })
}

#[tokio::test]
async fn probes_are_answered_from_the_beginning_of_the_boot_to_the_end_of_the_close() {
    let (folder, gates) = (tempfile::tempdir().unwrap(), Gates::new());
    let path = socket(&folder);
    let booted = starts_to_boot(full(&gates).with(managed(&path))).await;
    gates.reached().await;
    // Plugins load at the same time.
    until(|| std::os::unix::net::UnixStream::connect(&path).is_ok()).await;
    assert_eq!(ask(&path, "/livez").await, of(200, "live"));
    assert_eq!(ask(&path, "/startupz").await, of(503, "not started"));
    assert_eq!(ask(&path, "/readyz").await, of(503, "not ready"));
    let (code, details) = ask(&path, "/readyz?verbose").await;
    assert_eq!(code, 503);
    assert!(details.contains("the app has not started"), "{details}");
    assert_eq!(ask(&path, "/inside").await.0, 503);

    gates.load.add_permits(1);
    let running = booted.await.unwrap();
    assert_eq!(ask(&path, "/startupz").await, of(200, "started"));
    assert_eq!(ask(&path, "/readyz").await, of(200, "ready"));
    let (_, details) = ask(&path, "/readyz?verbose").await;
    assert!(details.starts_with("{\"checks\":"), "{details}");

    let closed = tokio::spawn(close(running));
    gates.reached().await;
    assert_eq!(ask(&path, "/readyz").await, of(503, "not ready"));
    assert_eq!(ask(&path, "/livez").await, of(200, "live"));
    gates.drain.add_permits(1);
    gates.reached().await;
    // The routes have closed.
    assert_eq!(ask(&path, "/readyz").await, of(503, "not ready"));
    assert_eq!(ask(&path, "/livez").await, of(200, "live"));
    assert_eq!(ask(&path, "/inside").await.0, 503);
    gates.close.add_permits(1);
    within(closed).await.unwrap();
    is_gone(&path).await;
}

/// Waits until a socket is closed, which removes its file.
async fn is_gone(path: &Path) {
    until(|| !path.exists()).await;
}

#[tokio::test]
async fn the_listener_for_management_ends_with_a_boot_that_fails_and_with_an_app_that_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = socket(&folder);
    let found = path.clone();
    let app = full(&open_gates()).on_ready(async move |_| {
        assert_eq!(ask(&found, "/startupz").await, of(503, "not started"));
        anyhow::bail!("as told")
    });
    within(app.with(managed(&path)).boot()).await.unwrap_err();
    is_gone(&path).await;

    let (running, _) = boot(full(&open_gates()), managed(&path)).await;
    assert_eq!(ask(&path, "/readyz").await, of(200, "ready"));
    drop(running);
    is_gone(&path).await;
}

fn open_gates() -> Gates {
    let gates = Gates::new();
    for gate in [&gates.load, &gates.drain, &gates.close] {
        gate.add_permits(100);
    }
    gates
}

#[tokio::test]
async fn sets_for_management_are_served_there_and_the_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = socket(&folder);
    let app = full(&open_gates()).with(Guard::default());
    let (running, address) = boot(app, managed(&path)).await;
    // Hooks of global sets do not apply.
    assert_eq!(ask(&path, "/inside").await, of(200, "a secret"));
    assert_eq!(ask(&path, "/heap").await, of(200, "a heap"));
    for target in ["/", "/nowhere"] {
        let (code, body) = ask(&path, target).await;
        assert_eq!(code, 404, "{body}");
        assert!(body.contains("\"status\":404"), "{body}");
    }
    for target in ["/inside", "/heap"] {
        let response = get(address, target).await;
        assert!(response.starts_with("HTTP/1.1 404 "), "{response}");
    }
    // Probes are for all.
    assert!(get(address, "/readyz").await.ends_with("ready"));
    let listening = running.try_get::<State<Listening>>().unwrap();
    assert_eq!(listening.management(), [Bound::Unix(path)]);
    assert!(!listening.to_string().contains("unix:"));
    close(running).await;
}

#[tokio::test]
async fn without_a_listener_for_management_its_sets_are_for_clients_on_this_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = socket(&folder);
    let server = server().listen(["127.0.0.1:0".to_owned(), format!("unix:{}", path.display())]);
    let (running, address) = boot(full(&open_gates()), server).await;
    for target in ["/inside", "/heap"] {
        let response = get(address, target).await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        // A proxy on this host forwards requests of others.
        let mut client = Client::connect(address).await;
        let proxied =
            format!("GET {target} HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 1.2.3.4\r\n\r\n");
        client.send(&proxied).await;
        let response = client.response().await;
        assert!(response.starts_with("HTTP/1.1 404 "), "{response}");
        assert_eq!(ask(&path, target).await.0, 404);
    }
    close(running).await;
}

#[tokio::test]
async fn a_server_that_restarts_binds_its_listener_for_management_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = socket(&folder);
    let (running, _) = boot(full(&open_gates()), managed(&path)).await;
    for _ in 0..3 {
        within(running.handle().restart("http")).await.unwrap();
        assert_eq!(ask(&path, "/readyz").await, of(200, "ready"));
    }
    close(running).await;
}

/// An orchestrator would restart the process otherwise.
#[tokio::test]
async fn while_the_routes_restart_the_process_is_live_and_not_ready() {
    let gates = Gates::new();
    gates.load.add_permits(1);
    let (running, address) = boot(full(&gates), server()).await;
    gates.reached().await;
    for gate in [&gates.drain, &gates.close] {
        gate.add_permits(100);
    }
    let handle = running.handle();
    let restarted = tokio::spawn(async move { within(handle.restart("database")).await });
    // In its drain, in its close, and in its second load, where it waits.
    for _ in 0..3 {
        gates.reached().await;
    }
    assert!(get(address, "/livez").await.ends_with("\r\n\r\nlive"));
    assert!(get(address, "/startupz").await.ends_with("\r\n\r\nstarted"));
    assert!(get(address, "/readyz").await.ends_with("\r\n\r\nnot ready"));
    let details = get(address, "/readyz?verbose").await;
    assert!(
        details.contains("a part of the service restarts"),
        "{details}"
    );
    let response = get(address, "/").await;
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    let mut client = Client::connect(address).await;
    client
        .send("POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
        .await;
    assert!(client.response().await.starts_with("HTTP/1.1 503 "));
    gates.load.add_permits(1);
    restarted.await.unwrap().unwrap();
    assert!(get(address, "/readyz").await.ends_with("\r\n\r\nready"));
    assert!(get(address, "/").await.ends_with("hello"));
    for gate in [&gates.drain, &gates.close] {
        gate.add_permits(100);
    }
    close(running).await;
}

/// Probes are answered while clients are as many as there may be.
#[tokio::test]
async fn the_listener_for_management_has_connections_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = socket(&folder);
    let (running, address) = boot(full(&open_gates()), managed(&path).max_connections(1)).await;
    let mut only = Client::connect(address).await;
    only.get("/").await;
    only.response().await;
    let mut waits = Client::connect(address).await;
    waits.get("/").await;
    assert!(waits.is_silent().await);
    assert_eq!(ask(&path, "/readyz").await, of(200, "ready"));
    drop(only);
    assert!(waits.response().await.ends_with("hello"));
    close(running).await;
}

#[tokio::test]
async fn an_address_for_management_that_is_taken_fails_the_boot() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let app = full(&open_gates()).with(server().management(address));
    let text = within(app.boot()).await.unwrap_err().render();
    assert!(
        text.contains("another address in `management.listen`"),
        "{text}"
    );
}
