//! One request through the hooks and the handler of its route.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::Request;
use axum::response::Response;
use bootstrap::{Handle, RequestScope};

use crate::handle::{AnyHandler, Exchange, Reach, RouteCount};
use crate::pipeline::guard::{guarded, guarded_response};
use crate::pipeline::hooks::Hooks;
use crate::pipeline::limits::{TimeLimit, Waits, in_time, limit_body};
use crate::pipeline::refused::Refused;
use crate::problem::{Format, Problem, carried, render};

/// A route that can be called.
pub(crate) struct Endpoint {
    pub(crate) handler: Arc<dyn AnyHandler>,
    pub(crate) pipeline: Pipeline,
    /// The path, with the names of its parameters.
    pub(crate) path: Arc<str>,
    pub(crate) count: Arc<RouteCount>,
    pub(crate) reach: Reach,
}

/// A request in its scope.
pub(crate) struct Accepted {
    scope: RequestScope,
    time: Option<TimeLimit>,
    waits: Option<Waits>,
    refused: Option<Refused>,
}

/// What surrounds a handler.
pub(crate) struct Pipeline {
    pub(crate) hooks: Hooks,
    pub(crate) origin: Origin,
    pub(crate) format: Format,
}

/// Where an error comes from, for the log and the app's own `on_error` hooks.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) app: Handle,
    /// `` `GET /rows` of `api` ``.
    pub(crate) route: Arc<str>,
}

impl Endpoint {
    /// Puts a request into its scope, which is the one that the caller has entered.
    pub(crate) fn accept(&self, mut request: Request<Body>) -> Option<Accepted> {
        let scope = RequestScope::current()?;
        let exchange = Exchange::of(&scope).ok()?;
        let refused = Refused::find(exchange, self.reach, &request);
        let server = exchange.server();
        if let Some(server) = server {
            server.count(&self.count);
        }
        let server = server.map(|it| &it.limits);
        let hooks = &self.pipeline.hooks;
        let limit = hooks.body_limit.or(server.map(|it| it.body));
        let own = hooks.timeout.map(|limit| (limit, "route"));
        let time = own.or(server.map(|it| (it.request, "server")));
        let waits = if limit.is_some() || time.is_some() {
            limit_body(&mut request, limit)
        } else {
            None
        };
        exchange.matched(&self.path);
        exchange.fill(request, limit.map(DefaultBodyLimit::max));
        Some(Accepted {
            scope,
            time,
            waits,
            refused,
        })
    }

    /// Answers the request of a scope.
    pub(crate) async fn answer(
        self: Arc<Self>,
        accepted: Option<Accepted>,
    ) -> Result<Response, Infallible> {
        let Some(Accepted {
            scope,
            time,
            waits,
            refused,
        }) = accepted
        else {
            let error = anyhow::anyhow!("a route was called outside of `Web`");
            return Ok(self.pipeline.fail(error.into()).await);
        };
        let exchange = match Exchange::of(&scope) {
            Ok(exchange) => exchange,
            Err(problem) => return Ok(self.pipeline.fail(problem).await),
        };
        if let Some(refused) = refused {
            return Ok(self.pipeline.fail(refused.problem()).await);
        }
        let handled = guarded_response("the handler", self.handle(exchange));
        let mut response = in_time(time, waits, handled).await;
        Ok(match carried(&mut response) {
            Some(problem) => self.pipeline.fail(problem).await,
            None if self.pipeline.hooks.after.is_empty() => response,
            None => self.pipeline.finish(response).await,
        })
    }

    async fn handle(&self, exchange: &Exchange) -> Response {
        for hook in &self.pipeline.hooks.before {
            if let Some(response) = hook.hook.run(exchange).await {
                return response;
            }
        }
        self.handler.answer(exchange).await
    }
}

impl Pipeline {
    /// Shows a response to the hooks behind the handler, up to the first problem.
    async fn finish(&self, mut response: Response) -> Response {
        for hook in &self.hooks.after {
            let name = &*hook.name;
            response = guarded_response(name, async { hook.hook.run(response).await }).await;
            if let Some(problem) = carried(&mut response) {
                return self.fail(problem).await;
            }
        }
        response
    }

    async fn fail(&self, problem: Problem) -> Response {
        fail(&self.hooks, &self.origin, self.format, problem).await
    }
}

/// Shows a problem to the hooks; the first response is the answer.
pub(crate) async fn fail(
    hooks: &Hooks,
    origin: &Origin,
    format: Format,
    problem: Problem,
) -> Response {
    let problem = Arc::new(problem);
    for hook in &hooks.error {
        let shown = Arc::clone(&problem);
        match guarded(&hook.name, async { hook.hook.run(shown).await }).await {
            Ok(None) => {}
            // A hook may answer with another problem.
            Ok(Some(mut response)) => match carried(&mut response) {
                None => return response,
                Some(other) => {
                    origin.report(&other);
                    return render(&Arc::new(other), format);
                }
            },
            Err(panic) => origin.report(&panic),
        }
    }
    origin.report(&problem);
    render(&problem, format)
}

impl Origin {
    /// Reports an error of the service. Errors of clients are theirs.
    fn report(&self, problem: &Problem) {
        if !problem.status().is_server_error() {
            return;
        }
        let source = format!("web: {}", self.route);
        self.app.report_error(source, problem.as_error());
    }
}
