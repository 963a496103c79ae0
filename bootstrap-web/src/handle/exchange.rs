//! The request while it is answered, where code that is far away finds it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use bootstrap::RequestScope;
use tracing::Span;

use crate::handle::in_flight::ByServer;
use crate::handle::listener::Listener;
use crate::problem::{Problem, path_params};

/// What there is of a request. Every request scope is opened with one, which the route fills.
///
/// Extractors need the head whole, and [`RequestContext`](crate::RequestContext) wants to read it while
/// the user's code runs. So it is moved: to an extractor and back. It is copied only if it is read
/// from far away, or if an extractor takes it with the body.
#[derive(Debug, Default)]
pub struct Exchange {
    content: Mutex<Content>,
    /// `None` without a server.
    server: Option<Arc<ByServer>>,
    /// `None` if no layer is around the routes.
    observed: Option<Box<Observed>>,
}

/// What layers around the routes know of a request, and what they ask for.
#[derive(Debug, Default)]
struct Observed {
    /// The path of the route, with the names of its parameters, once there is one.
    route: OnceLock<Arc<str>>,
    /// The span of the request, which names the route.
    span: OnceLock<Span>,
    id: OnceLock<HeaderValue>,
}

#[derive(Debug, Default)]
struct Content {
    parts: Option<Parts>,
    body: Option<Body>,
    /// The body, once it was read.
    bytes: Option<Bytes>,
    head: Option<Arc<Head>>,
    /// Of the route, if it sets one.
    limit: Option<DefaultBodyLimit>,
}

/// A copy of the head.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    /// `None` if the route has none, or one of them is not text.
    pub(crate) params: Option<RawPathParams>,
}

impl Exchange {
    /// Without a request, which the route puts in. `is_observed` says whether there is a layer around the routes.
    pub(crate) fn open(server: Option<Arc<ByServer>>, is_observed: bool) -> Self {
        Self {
            server,
            observed: is_observed.then(Box::default),
            ..Self::default()
        }
    }

    pub(crate) fn new(request: Request<Body>, limit: Option<DefaultBodyLimit>) -> Self {
        let exchange = Self::default();
        exchange.fill(request, limit);
        exchange
    }

    pub(crate) fn server(&self) -> Option<&ByServer> {
        self.server.as_deref()
    }

    /// The listener of the request, if there is a server.
    pub(crate) fn listener(&self) -> Option<Listener> {
        Some(self.server.as_ref()?.limits.listener)
    }

    /// Puts in a request, which may be read from now on.
    pub(crate) fn fill(&self, request: Request<Body>, limit: Option<DefaultBodyLimit>) {
        let (parts, body) = request.into_parts();
        let mut content = self.content();
        content.parts = Some(parts);
        content.body = Some(body);
        content.limit = limit;
    }

    /// The exchange of the caller's request scope.
    pub(crate) fn of(scope: &RequestScope) -> Result<&Self, Problem> {
        let exchange = scope.content();
        exchange.ok_or_else(|| anyhow::anyhow!("the request did not come through the web").into())
    }

    /// Records the route that answers the request, if anything may ask for it.
    pub(crate) fn matched(&self, route: &Arc<str>) {
        if let Some(observed) = &self.observed
            && observed.route.set(Arc::clone(route)).is_ok()
            && let Some(span) = observed.span.get()
        {
            span.record("route", &**route);
        }
    }

    /// The route that answers the request: `/users/{id}`.
    pub(crate) fn route(&self) -> Option<&Arc<str>> {
        self.observed.as_ref()?.route.get()
    }

    /// Sets the span of the request, which has a field `route`.
    pub(crate) fn within(&self, span: &Span) {
        if let Some(observed) = &self.observed
            && !span.is_disabled()
        {
            observed.span.get_or_init(|| span.clone());
        }
    }

    /// Sets the id of the request, unless it has one.
    pub(crate) fn identify(&self, id: &HeaderValue) {
        if let Some(observed) = &self.observed {
            observed.id.get_or_init(|| id.clone());
        }
    }

    pub(crate) fn id(&self) -> Option<&HeaderValue> {
        self.observed.as_ref()?.id.get()
    }

    pub(crate) fn body_limit(&self) -> Option<DefaultBodyLimit> {
        self.content().limit
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head, for arguments.
    pub(crate) fn lend(&self) -> Lent<'_> {
        Lent {
            exchange: self,
            parts: None,
        }
    }

    /// The request, unless a part of it is missing.
    pub(crate) fn into_request(self) -> Option<Request<Body>> {
        let content = self.content.into_inner();
        let content = content.unwrap_or_else(PoisonError::into_inner);
        let parts = content.parts?;
        Some(Request::from_parts(parts, content.body.unwrap_or_default()))
    }

    /// The head, copied when it is asked for the first time.
    pub(crate) fn head(&self) -> Option<Arc<Head>> {
        let mut content = self.content();
        let Content { parts, head, .. } = &mut *content;
        if let Some(head) = head {
            return Some(Arc::clone(head));
        }
        let copied = Arc::new(Head::of(parts.as_mut()?));
        *head = Some(Arc::clone(&copied));
        Some(copied)
    }

    /// The body, if nothing has taken it.
    pub(crate) fn take_body(&self) -> Option<Result<Bytes, Body>> {
        let mut content = self.content();
        match content.bytes.clone() {
            Some(bytes) => Some(Ok(bytes)),
            None => content.body.take().map(Err),
        }
    }

    pub(crate) fn keep_bytes(&self, bytes: &Bytes) {
        self.content().bytes = Some(bytes.clone());
    }
}

/// The head of a request while arguments are made of it. The first argument that reads it takes it out, and it is put
/// back in the end, also by an extractor that panics or is dropped.
#[derive(Debug)]
pub struct Lent<'a> {
    exchange: &'a Exchange,
    parts: Option<Parts>,
}

impl Lent<'_> {
    /// The head.
    ///
    /// # Errors
    ///
    /// If an extractor has taken the whole request.
    pub(crate) fn parts(&mut self) -> Result<&mut Parts, Problem> {
        if self.parts.is_none() {
            self.parts = self.exchange.content().parts.take();
        }
        self.parts.as_mut().ok_or_else(lost)
    }

    /// The whole request, for an extractor that takes the body. Its head can be read on.
    pub(crate) fn into_request(mut self) -> Result<Request<Body>, Problem> {
        let mut content = self.exchange.content();
        let parts = self.parts.take().or_else(|| content.parts.take());
        let mut parts = parts.ok_or_else(lost)?;
        if content.head.is_none() {
            content.head = Some(Arc::new(Head::of(&mut parts)));
        }
        let body = content.body.take();
        let read = || content.bytes.clone().map(Body::from);
        let body = body.or_else(read).unwrap_or_default();
        Ok(Request::from_parts(parts, body))
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            self.exchange.content().parts = Some(parts);
        }
    }
}

#[cold]
fn lost() -> Problem {
    anyhow::anyhow!("an extractor has lost the request").into()
}

impl Head {
    fn of(parts: &mut Parts) -> Self {
        Self {
            params: path_params(parts),
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            version: parts.version,
            headers: parts.headers.clone(),
        }
    }
}
