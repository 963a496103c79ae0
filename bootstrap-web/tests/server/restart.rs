//! Parts of the app restart, and the server keeps its socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use tokio::time::sleep;

use crate::support::{Client, SHORT, Seen, app, boot, close, get, server, within};

/// What is dead once its plugin has closed.
pub(crate) struct Database {
    generation: u32,
    is_closed: AtomicBool,
}

static GENERATIONS: AtomicU32 = AtomicU32::new(0);

#[plugin(name = "database", states = [Database])]
struct DatabasePlugin;

impl Hooks for DatabasePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Database> {
        // Long enough to be seen by clients.
        sleep(Duration::from_millis(5)).await;
        Ok(Database {
            generation: GENERATIONS.fetch_add(1, Ordering::SeqCst),
            is_closed: AtomicBool::new(false),
        })
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        cx.states().is_closed.store(true, Ordering::SeqCst);
        Ok(())
    }
}

async fn read(database: State<Database>) -> Result<String, Problem> {
    sleep(Duration::from_millis(2)).await;
    if database.is_closed.load(Ordering::SeqCst) {
        return Err(Problem::gone());
    }
    Ok(database.generation.to_string())
}

async fn hangs(database: State<Database>, seen: State<Seen>) {
    let _begun = (seen.begin(), database);
    std::future::pending::<()>().await;
}

async fn waits(draining: Draining) -> String {
    sleep(SHORT).await;
    draining.has_begun().to_string()
}

#[routes(name = "api")]
fn api() -> impl RouteSet {
    Routes::new()
        .get("/", read)
        .get("/hangs", hangs)
        .get("/waits", waits)
}

fn full(seen: &Seen) -> App {
    app(Api::default())
        .with(DatabasePlugin)
        .supply(seen.clone())
}

/// No connection is refused, and none is served with a state that has closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_restarts_under_eight_clients_refuse_no_connection_and_serve_no_dead_state() {
    let (running, address) = boot(full(&Seen::default()), server()).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (served, unavailable) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let clients = (0..8).map(|number| {
        let (is_over, served) = (Arc::clone(&is_over), Arc::clone(&served));
        let unavailable = Arc::clone(&unavailable);
        tokio::spawn(async move {
            let mut kept = Client::connect(address).await;
            while !is_over.load(Ordering::SeqCst) {
                // Half of them keep their connections.
                if number % 2 == 0 {
                    kept = Client::connect(address).await;
                }
                kept.get("/").await;
                let response = kept.response().await;
                if response.starts_with("HTTP/1.1 200 ") {
                    served.fetch_add(1, Ordering::SeqCst);
                } else {
                    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
                    assert!(response.contains("retry-after: 1\r\n"), "{response}");
                    unavailable.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    for _ in 0..30 {
        within(running.handle().restart("database")).await.unwrap();
        let before = served.load(Ordering::SeqCst);
        crate::support::until(|| served.load(Ordering::SeqCst) > before).await;
    }
    is_over.store(true, Ordering::SeqCst);
    for client in clients {
        within(client).await.unwrap();
    }
    assert!(unavailable.load(Ordering::SeqCst) > 0);
    close(running).await;
}

/// With the limit of a hook that closes.
#[tokio::test]
async fn a_request_that_outlasts_a_restart_is_answered_with_503() {
    let seen = Seen::default();
    let app = full(&seen).close_timeout(Duration::from_secs(2));
    let (running, address) = boot(app, server()).await;
    let mut client = Client::connect(address).await;
    client.get("/hangs").await;
    seen.have_begun(1).await;
    within(running.handle().restart("database")).await.unwrap();
    let response = client.response().await;
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    seen.have_dropped(1).await;
    // The connection is as good as any.
    client.get("/").await;
    assert!(client.response().await.starts_with("HTTP/1.1 200 "));
    let report = running.report().to_string();
    assert!(!report.contains("outlived"), "{report}");
    close(running).await;
}

/// A part that does not come back leaves the rest, and the server, as they are.
#[plugin(name = "fragile", states = [Fragile])]
struct FragilePlugin {
    #[option]
    loads: AtomicU32,
}

pub(crate) struct Fragile;

impl Hooks for FragilePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Fragile> {
        anyhow::ensure!(self.loads.fetch_add(1, Ordering::SeqCst) == 0, "as told");
        Ok(Fragile)
    }
}

#[allow(clippy::unused_async, reason = "a handler")]
async fn fragile(_: State<Fragile>) -> &'static str {
    "fine"
}

#[routes(name = "fragile-api")]
fn fragile_api() -> impl RouteSet {
    Routes::new().get("/fragile", fragile)
}

#[tokio::test]
async fn while_a_part_is_down_requests_are_answered_with_503() {
    let app = App::new()
        .with(FragileApi::default())
        .with(FragilePlugin::default())
        .with(WebPlugin::default())
        .tolerate_failed_restarts();
    let (running, address) = boot(app, server()).await;
    assert!(get(address, "/fragile").await.ends_with("fine"));
    within(running.handle().restart("fragile"))
        .await
        .unwrap_err();
    let response = get(address, "/fragile").await;
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    assert!(response.contains("retry-after: 1\r\n"), "{response}");
    close(running).await;
}

/// The server itself binds anew.
#[tokio::test]
async fn the_server_restarts_by_its_name() {
    let (running, address) = boot(full(&Seen::default()), server()).await;
    let mut idle = Client::connect(address).await;
    idle.get("/").await;
    idle.response().await;
    within(running.handle().restart("http")).await.unwrap();
    assert_eq!(idle.rest().await, "");
    let listening = running.try_get::<State<bootstrap_web::server::Listening>>();
    let address = listening.unwrap().address().unwrap();
    let response = get(address, "/").await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    close(running).await;
}

/// The routes have seen the end of a server, and go on with the next one.
#[tokio::test]
async fn a_server_that_has_restarted_is_ready_and_does_not_drain() {
    let seen = Seen::default();
    let (running, address) = boot(full(&seen), server().drain_timeout(SHORT)).await;
    let mut cut = Client::connect(address).await;
    cut.get("/hangs").await;
    seen.have_begun(1).await;
    within(running.handle().restart("http")).await.unwrap();
    assert!(cut.rest().await.starts_with("HTTP/1.1 503 "));
    let web = running.try_get::<State<Web>>().unwrap();
    assert!(web.readiness().is_ready());
    drop(web);
    let listening = running.try_get::<State<bootstrap_web::server::Listening>>();
    let address = listening.unwrap().address().unwrap();
    // It is neither cut nor told that the server drains.
    let mut waits = Client::connect(address).await;
    waits.get("/waits").await;
    assert!(waits.response().await.ends_with("false"));
    close(running).await;
}
