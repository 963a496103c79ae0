//! One request, from its head to the end of its response.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use bootstrap::RequestScope;
use tracing::{Level, Span, field};

use crate::builtin::access::body::Counted;
use crate::builtin::access::id::RequestId;
use crate::builtin::access::layer::Settings;
use crate::builtin::client::peer;
use crate::handle::Exchange;

/// The longest body that is taken by the server at once, in bytes: its end is not waited for.
const AT_ONCE: u64 = 64 * 1024;

/// The target of the event.
const EVENT: &str = "bootstrap_web::access";

/// What is known of a request. It is reported when it is dropped, which is the end of the request in any case.
pub(super) struct Record {
    /// Whether anything may be interested in the event.
    is_logged: bool,
    settings: Arc<Settings>,
    method: Method,
    uri: Uri,
    client: Option<IpAddr>,
    /// Until there is a response: the route is in it.
    scope: Option<RequestScope>,
    span: Span,
    began: Instant,
    response: Option<Answered>,
    bytes: Option<u64>,
    end: End,
    #[cfg(feature = "metrics")]
    in_flight: super::metrics::InFlight,
}

/// The head of a response.
struct Answered {
    status: StatusCode,
    after: Duration,
    route: Option<Arc<str>>,
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Its future or its body was dropped: the client has gone.
    Cancelled,
    /// The body has failed.
    Broken,
    Complete,
}

impl Record {
    /// The span of a request, and the record, unless nothing is interested in it.
    pub(super) fn start(
        settings: &Arc<Settings>,
        request: &Request,
        id: &RequestId,
    ) -> (Option<Self>, Span) {
        let method = request.method();
        let span = tracing::info_span!(
            target: "bootstrap_web::request",
            "http_request",
            %method,
            route = field::Empty,
            request_id = %id,
        );
        let scope = RequestScope::current();
        if let Some(exchange) = scope.as_ref().and_then(|it| Exchange::of(it).ok()) {
            exchange.within(&span);
            exchange.identify(id.as_header());
        }
        // A filter may let the event pass within the span alone.
        let is_logged = !span.is_disabled()
            || tracing::enabled!(target: EVENT, Level::INFO)
            || tracing::enabled!(target: EVENT, Level::DEBUG);
        let record = (is_logged || cfg!(feature = "metrics")).then(|| Self {
            is_logged,
            #[cfg(feature = "metrics")]
            in_flight: super::metrics::InFlight::of(method),
            method: method.clone(),
            uri: request.uri().clone(),
            client: settings
                .proxies
                .client(peer(request.extensions()), request.headers()),
            settings: Arc::clone(settings),
            scope,
            span: span.clone(),
            began: Instant::now(),
            response: None,
            bytes: None,
            end: End::Cancelled,
        });
        (record, span)
    }

    /// Goes on to the end of the body.
    pub(super) fn follow(mut self, response: Response) -> Response {
        let (status, route) = (response.status(), self.route());
        self.response = Some(Answered {
            status,
            after: self.began.elapsed(),
            route,
        });
        self.scope = None;
        let body = response.body();
        let length = body.size_hint().exact();
        let has_none = self.method == Method::HEAD
            || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
            || status.is_informational();
        if has_none || body.is_end_stream() || length.is_some_and(|bytes| bytes <= AT_ONCE) {
            self.bytes = if has_none {
                Some(0)
            } else {
                length.or(Some(0))
            };
            self.end = End::Complete;
            return response;
        }
        response.map(|body| Body::new(Counted::new(body, self)))
    }

    /// Sets what was sent of the body, and how it ended.
    pub(super) fn sent(&mut self, bytes: u64, end: End) {
        self.bytes = Some(bytes);
        self.end = end;
    }

    fn route(&self) -> Option<Arc<str>> {
        let exchange = Exchange::of(self.scope.as_ref()?).ok()?;
        exchange.route().cloned()
    }

    /// The path, with its query if that is logged.
    fn path(&self) -> &str {
        let whole = self
            .uri
            .path_and_query()
            .map(axum::http::uri::PathAndQuery::as_str);
        whole
            .filter(|_| self.settings.query)
            .unwrap_or(self.uri.path())
    }

    fn log(&self, route: Option<&str>) {
        let answered = self.response.as_ref();
        let status = answered.map(|it| it.status.as_u16());
        let latency = answered.map_or_else(|| self.began.elapsed(), |it| it.after);
        let (method, path) = (&self.method, self.path());
        macro_rules! event {
            ($level:ident) => {
                tracing::$level!(
                    target: EVENT,
                    parent: &self.span,
                    status,
                    latency_ms = milliseconds(latency),
                    duration_ms = milliseconds(self.began.elapsed()),
                    bytes = self.bytes,
                    client = self.client.map(field::display),
                    cancelled = (self.end == End::Cancelled).then_some(true),
                    broken = (self.end == End::Broken).then_some(true),
                    "{method} {path}",
                )
            };
        }
        let is_quiet = route.is_some_and(|route| self.settings.quiet.iter().any(|it| it == route));
        if is_quiet {
            event!(debug);
        } else {
            event!(info);
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    // Microseconds are exact enough, and short.
    let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / 1000.0
}

impl Drop for Record {
    fn drop(&mut self) {
        let route = match &self.response {
            Some(response) => response.route.clone(),
            None => self.route(),
        };
        if self.is_logged {
            self.log(route.as_deref());
        }
        #[cfg(feature = "metrics")]
        {
            let answered = self.response.as_ref();
            let after = answered.map_or_else(|| self.began.elapsed(), |it| it.after);
            let status = answered.map(|it| it.status);
            self.in_flight.finish(route, status, after);
        }
    }
}
