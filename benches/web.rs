//! What a request costs in the web layer, beside the same on bare axum, in one interleaved run.
//!
//! The figures are minima of many rounds, in nanoseconds a request: what other processes do makes them
//! no smaller.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bootstrap::prelude::*;
use bootstrap::{Current, RequestState};
use bootstrap_web::axum::extract::State as AxumState;
use bootstrap_web::axum::middleware::{self, Next};
use bootstrap_web::axum::routing::get;
use bootstrap_web::axum::{Extension, Router};
use bootstrap_web::prelude::*;
use bootstrap_web::{AccessLog, ProxiesPlugin};
use tower::Service;

#[supplied]
struct Greeting(u64);

struct User(u64);

static USER: RequestState<User> = RequestState::named("user");

async fn ok() -> &'static str {
    "ok"
}

async fn param(greeting: State<Greeting>, Path(id): Path<u64>) -> &'static str {
    black_box(greeting.0 + id);
    "ok"
}

async fn given(user: Given<User>) -> &'static str {
    black_box(user.0);
    "ok"
}

async fn reads() -> &'static str {
    black_box(USER.get().map(|user| user.0));
    "ok"
}

async fn reads_17_times() -> &'static str {
    for _ in 0..17 {
        black_box(USER.get().map(|user| user.0));
    }
    "ok"
}

#[routes(name = "api", collect = never)]
fn api() -> impl RouteSet {
    Routes::new()
        .get("/ok", ok)
        .get("/param/{id}", param)
        .before_handle(async || {})
        .get("/one", ok)
        .before_handle(async || None::<Response>)
        .get("/two", ok)
        .before_handle(async || Give(User(7)))
        .get("/given", given)
        .get("/reads", reads)
        .get("/reads17", reads_17_times)
}

async fn pass(request: Request, next: Next) -> Response {
    next.run(request).await
}

async fn identify(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Arc::new(User(7)));
    next.run(request).await
}

fn bare() -> Router {
    async fn param(
        AxumState(greeting): AxumState<Arc<Greeting>>,
        Path(id): Path<u64>,
    ) -> &'static str {
        black_box(greeting.0 + id);
        "ok"
    }
    async fn given(Extension(user): Extension<Arc<User>>) -> &'static str {
        black_box(user.0);
        "ok"
    }
    let hooked = Router::new()
        .route("/given", get(given))
        .route_layer(middleware::from_fn(identify))
        .route_layer(middleware::from_fn(pass))
        .route_layer(middleware::from_fn(pass));
    Router::new()
        .route("/ok", get(ok))
        .route("/param/{id}", get(param))
        .merge(hooked)
        .with_state(Arc::new(Greeting(1)))
}

/// The least that each thing took.
#[derive(Default)]
struct Table(BTreeMap<&'static str, Duration>);

impl Table {
    fn put(&mut self, name: &'static str, took: Duration) {
        let least = self.0.entry(name).or_insert(Duration::MAX);
        *least = took.min(*least);
    }

    fn nanos(&self, name: &str) -> i128 {
        i128::try_from(self.0[name].as_nanos()).unwrap_or(i128::MAX)
    }

    fn row(&self, what: &str, ours: &str, theirs: &str) {
        let (ours, theirs) = (self.nanos(ours), self.nanos(theirs));
        println!("{what:36} {theirs:>8} {ours:>8} {:>+8}", ours - theirs);
    }
}

async fn each<S>(service: &mut S, path: &'static str, times: u32) -> Duration
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let uri = Uri::from_static(path);
    let began = Instant::now();
    for _ in 0..times {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.clone();
        let Ok(response) = service.call(request).await;
        assert!(response.status().is_success());
        black_box(response);
    }
    began.elapsed() / times
}

fn scopes(current: &Current, times: u32) -> Duration {
    let began = Instant::now();
    for _ in 0..times {
        let scope = current.request_scope();
        black_box(scope.enter_sync(|| 7));
    }
    began.elapsed() / times
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let rounds = std::env::var("WEB_BENCH_ROUNDS")
        .ok()
        .and_then(|it| it.parse().ok());
    let (rounds, times) = if is_test {
        (1, 1)
    } else {
        (rounds.unwrap_or(2_000), 200)
    };
    let app = App::new().supply(Greeting(1)).with(Api::default());
    let running = app.with(WebPlugin::default()).boot().await?;
    let mut web = (*running.try_get::<State<Web>>()?).clone();
    let app = App::new().supply(Greeting(1)).with(Api::default());
    let app = app
        .with(AccessLog::default())
        .with(ProxiesPlugin::default());
    let logging = app.with(WebPlugin::default()).boot().await?;
    let mut logged = (*logging.try_get::<State<Web>>()?).clone();
    let mut bare = bare();
    let current = running.current();
    let mut table = Table::default();
    for _ in 0..rounds {
        table.put("axum /ok", each(&mut bare, "/ok", times).await);
        table.put("/ok", each(&mut web, "/ok", times).await);
        table.put("logged /ok", each(&mut logged, "/ok", times).await);
        table.put("axum /param", each(&mut bare, "/param/7", times).await);
        table.put("/param", each(&mut web, "/param/7", times).await);
        table.put("/one", each(&mut web, "/one", times).await);
        table.put("/two", each(&mut web, "/two", times).await);
        table.put("axum /given", each(&mut bare, "/given", times).await);
        table.put("/given", each(&mut web, "/given", times).await);
        table.put("/reads", each(&mut web, "/reads", times).await);
        table.put("/reads17", each(&mut web, "/reads17", times).await);
        table.put("scope", scopes(&current, times));
    }
    println!(
        "{:36} {:>8} {:>8} {:>8}",
        "ns a request", "axum", "web", "more"
    );
    table.row("empty pipeline", "/ok", "axum /ok");
    table.row("State + Path", "/param", "axum /param");
    table.row("3 hooks + a value of the request", "/given", "axum /given");
    table.row("a hook (2 of them, 1 of them)", "/two", "/one");
    table.row("the access log, not listened to", "logged /ok", "/ok");
    let read = (table.nanos("/reads17") - table.nanos("/reads")) / 16;
    println!("{:36} {:>8} {read:>8}", "a read of RequestState", "");
    println!(
        "{:36} {:>8} {:>8}",
        "open and enter a scope",
        "",
        table.nanos("scope")
    );
    running.close().await?;
    logging.close().await?;
    Ok(())
}
