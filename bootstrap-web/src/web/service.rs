//! `Web`: a request in, a response out, and no socket.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use axum::routing::future::RouteFuture;
use bootstrap::extend::Entered;
use bootstrap::{Current, RequestScope};
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower::{Service, ServiceExt};

use crate::handle::{AnyBefore, ByServer, Exchange};
use crate::pipeline::{Hooks, Labelled, Origin, fail, guarded};
use crate::problem::{Format, Problem, carried};
use crate::routes::RouteTable;
use crate::web::layer::{WebLayer, WebService};
use crate::web::readiness::Readiness;
use crate::web::traffic::Traffic;

/// All routes of an app as one service: the logic of the web, without a socket.
///
/// The state of [`WebPlugin`](crate::WebPlugin). It is a cheap handle, and a [`tower::Service`]: hand a clone to
/// `axum::serve`, to any other server, or to a test.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().get("/", || async { "hello" })
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> bootstrap::Result<()> {
/// let running = App::new().with(Api::default()).with(WebPlugin::default()).boot().await?;
/// let web = running.try_get::<State<Web>>()?;
/// let response = web.handle(Request::get("/").body(Body::empty())?).await;
/// assert_eq!(response.status(), 200);
/// print!("{}", web.routes());
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Web {
    dispatch: Dispatch,
    shared: Arc<Shared>,
}

struct Shared {
    current: Current,
    table: RouteTable,
    /// How problems are rendered.
    #[cfg(feature = "openapi")]
    format: Format,
    /// The dispatch within all layers, if there are any.
    layered: Option<WebService>,
    readiness: Readiness,
    traffic: Arc<Traffic>,
}

/// The `on_request` hooks and the routing.
#[derive(Clone)]
struct Dispatch {
    router: Router,
    /// `None` without `on_request` hooks.
    front: Option<Arc<Front>>,
}

/// What is in front of the routing.
struct Front {
    on_request: Vec<Labelled<dyn AnyBefore>>,
    without_route: WithoutRoute,
}

/// How problems of requests are answered that have no route.
#[derive(Clone)]
pub(super) struct WithoutRoute {
    pub(super) hooks: Hooks,
    pub(super) origin: Origin,
    pub(super) format: Format,
}

impl WithoutRoute {
    /// Answers every request with a problem, within the layers for all sets.
    pub(super) fn service(&self, problem: fn() -> Problem) -> MethodRouter {
        let this = self.clone();
        let answer = async move |request: Request<Body>| {
            // For `RequestContext` in the hooks.
            let scope = RequestScope::current();
            if let Some(exchange) = scope.as_ref().and_then(|it| Exchange::of(it).ok()) {
                exchange.fill(request, None);
            }
            this.fail(problem()).await
        };
        self.hooks.wrap(axum::routing::any(answer))
    }

    pub(super) async fn fail(&self, problem: Problem) -> Response {
        fail(&self.hooks, &self.origin, self.format, problem).await
    }
}

impl Web {
    pub(super) fn new(
        router: Router,
        current: Current,
        table: RouteTable,
        on_request: Vec<Labelled<dyn AnyBefore>>,
        without_route: WithoutRoute,
        traffic: Traffic,
    ) -> Self {
        let shared = Shared {
            current,
            table,
            #[cfg(feature = "openapi")]
            format: without_route.format,
            layered: None,
            readiness: Readiness::default(),
            traffic: Arc::new(traffic),
        };
        let front = (!on_request.is_empty()).then(|| {
            Arc::new(Front {
                on_request,
                without_route,
            })
        });
        Self {
            dispatch: Dispatch { router, front },
            shared: Arc::new(shared),
        }
    }

    /// Puts the service into layers, of which the first is the outermost.
    pub(super) fn within(mut self, layers: &[&WebLayer]) -> Self {
        let inwards = layers.iter().rev();
        let layered = inwards.fold(None, |inner: Option<WebService>, layer| {
            let inner = inner.unwrap_or_else(|| WebService::new(self.dispatch.clone()));
            Some(layer.wrap(inner))
        });
        // It is not shared yet.
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.layered = layered;
        }
        self
    }

    /// Answers a request.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the hook or handler where it waits, as a client does that disconnects.
    pub async fn handle(&self, request: Request<Body>) -> Response {
        let Ok(response) = self.clone().call(request).await;
        response
    }

    /// All routes, but for those of routers of axum that were mounted.
    pub fn routes(&self) -> &RouteTable {
        &self.shared.table
    }

    /// How problems are rendered.
    #[cfg(feature = "openapi")]
    pub(crate) fn format(&self) -> Format {
        self.shared.format
    }

    /// Whether requests should be sent to this process, for probes. A restart of the routes begins with
    /// a new one, which is ready.
    pub fn readiness(&self) -> &Readiness {
        &self.shared.readiness
    }

    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.shared.traffic
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web")
            .field("routes", &self.shared.table.routes().len())
            .finish_non_exhaustive()
    }
}

impl Service<Request<Body>> for Web {
    type Response = Response;
    type Error = Infallible;
    type Future = WebFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> WebFuture {
        self.shared.serve(&mut self.dispatch, request, None)
    }
}

impl Web {
    /// Answers a request of a server.
    #[cfg(feature = "server")]
    pub(crate) fn serve(&self, request: Request<Body>, server: Arc<ByServer>) -> WebFuture {
        let mut dispatch = self.dispatch.clone();
        self.shared.serve(&mut dispatch, request, Some(server))
    }
}

impl Shared {
    fn serve(
        &self,
        dispatch: &mut Dispatch,
        request: Request<Body>,
        server: Option<Arc<ByServer>>,
    ) -> WebFuture {
        let exchange = Exchange::open(server, self.layered.is_some());
        let answer = match &self.layered {
            None => Answer::Direct {
                future: self
                    .current
                    .enter_request_scope(exchange, dispatch.call(request)),
            },
            Some(layered) => Answer::Layered {
                future: self
                    .current
                    .enter_request_scope(exchange, layered.clone().oneshot(request)),
            },
        };
        WebFuture { answer }
    }
}

impl Service<Request<Body>> for Dispatch {
    type Response = Response;
    type Error = Infallible;
    type Future = Dispatched;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Dispatched {
        match &self.front {
            None => Dispatched::Routed {
                future: self.router.call(request),
            },
            Some(front) => Dispatched::Hooked {
                future: Box::pin(hooked(self.router.clone(), Arc::clone(front), request)),
            },
        }
    }
}

/// A request through the `on_request` hooks, and then to its route.
async fn hooked(mut router: Router, front: Arc<Front>, request: Request<Body>) -> Response {
    let exchange = Exchange::new(request, None);
    for hook in &front.on_request {
        let run = guarded(&hook.name, hook.hook.run(&exchange)).await;
        let answer = run.unwrap_or_else(|panic| Some(panic.into_response()));
        if let Some(mut response) = answer {
            return match carried(&mut response) {
                Some(problem) => front.without_route.fail(problem).await,
                None => response,
            };
        }
    }
    let Some(request) = exchange.into_request() else {
        let problem = Problem::from(anyhow::anyhow!("an extractor has lost the request"));
        return front.without_route.fail(problem).await;
    };
    let Ok(response) = router.call(request).await;
    response
}

pin_project! {
    /// The answer of the `on_request` hooks and the routing.
    #[project = DispatchedProject]
    enum Dispatched {
        Routed { #[pin] future: RouteFuture<Infallible> },
        Hooked { future: Pin<Box<dyn Future<Output = Response> + Send>> },
    }
}

impl Future for Dispatched {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            DispatchedProject::Routed { future } => future.poll(cx),
            DispatchedProject::Hooked { future } => future.as_mut().poll(cx).map(Ok),
        }
    }
}

pin_project! {
    /// The answer of [`Web`] to a request.
    #[must_use = "futures do nothing unless polled"]
    pub struct WebFuture {
        #[pin]
        answer: Answer,
    }
}

pin_project! {
    #[project = AnswerProject]
    enum Answer {
        Direct { #[pin] future: Entered<Dispatched> },
        Layered { #[pin] future: Entered<Oneshot<WebService, Request<Body>>> },
    }
}

impl Future for WebFuture {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().answer.project() {
            AnswerProject::Direct { future } => future.poll(cx),
            AnswerProject::Layered { future } => future.poll(cx),
        }
    }
}

impl fmt::Debug for WebFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebFuture").finish_non_exhaustive()
    }
}
