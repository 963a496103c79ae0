//! The answers to probes.

use std::sync::Arc;

use axum::Json;
#[cfg(feature = "server")]
use axum::http::Method;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bootstrap::health::{CheckOutcome, HealthChecks};
use bootstrap::lifecycle::Status;
use bootstrap::{Handle, RequestScope, State};
use serde_json::json;

use crate::builtin::health::plugin::Verbose;
use crate::handle::{Exchange, Listener, Reach};
use crate::web::Web;

/// What answers probes.
pub(super) struct Probes {
    pub(super) app: Handle,
    pub(super) checks: HealthChecks,
    pub(super) verbose: Verbose,
}

/// What a probe asks.
#[derive(Clone, Copy)]
pub(super) enum Probe {
    Live,
    Ready,
    Started,
}

impl Probes {
    pub(super) async fn answer(
        self: Arc<Self>,
        probe: Probe,
        parts: Parts,
        web: Option<State<Web>>,
    ) -> Response {
        let refused = probe.refusal(self.app.status(), web);
        let outcomes = match (probe, &refused) {
            (Probe::Ready, None) => self.checks.outcomes().await,
            _ => Arc::default(),
        };
        let is_verbose = asks_for_details(&parts) && self.verbose.permits(&parts);
        probe.response(refused.as_deref(), &outcomes, is_verbose)
    }
}

/// The answer to a probe while there are no routes: while they load or restart, and once they have closed.
#[cfg(feature = "server")]
pub(crate) fn answer_without_routes(
    app: &Handle,
    listener: Listener,
    parts: &Parts,
) -> Option<Response> {
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    let mut probes = [Probe::Live, Probe::Ready, Probe::Started].into_iter();
    let probe = probes.find(|probe| is_read && probe.path() == parts.uri.path())?;
    let refused = probe.refusal(app.status(), None);
    let is_verbose = asks_for_details(parts) && is_of_operator(Some(listener), parts);
    Some(probe.response(refused.as_deref(), &[], is_verbose))
}

impl Probe {
    pub(super) fn path(self) -> &'static str {
        match self {
            Probe::Live => "/livez",
            Probe::Ready => "/readyz",
            Probe::Started => "/startupz",
        }
    }

    /// Why the answer is no, apart from checks.
    fn refusal(self, status: Status, web: Option<State<Web>>) -> Option<String> {
        match self {
            Probe::Live => None,
            Probe::Started => not_started(status),
            Probe::Ready => not_ready(status, web),
        }
    }

    fn response(
        self,
        refused: Option<&str>,
        checks: &[CheckOutcome],
        is_verbose: bool,
    ) -> Response {
        let is_ok = refused.is_none() && checks.iter().all(|it| it.ok || !it.critical);
        let word = self.word(is_ok);
        let mut response = if is_verbose {
            verbose(word, refused, checks)
        } else {
            word.into_response()
        };
        if !is_ok {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        let no_store = HeaderValue::from_static("no-store");
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, no_store);
        response
    }

    fn word(self, is_ok: bool) -> &'static str {
        match (self, is_ok) {
            (Probe::Live, _) => "live",
            (Probe::Ready, true) => "ready",
            (Probe::Ready, false) => "not ready",
            (Probe::Started, true) => "started",
            (Probe::Started, false) => "not started",
        }
    }
}

fn not_started(status: Status) -> Option<String> {
    let is_starting = matches!(status, Status::Configured | Status::Booting);
    is_starting.then(|| "the app has not started".to_owned())
}

/// Why no requests should be sent here, apart from checks.
fn not_ready(status: Status, web: Option<State<Web>>) -> Option<String> {
    match status {
        Status::Ready => match web {
            Some(web) => web.readiness().reason(),
            None => Some("a part of the service restarts".to_owned()),
        },
        Status::Configured | Status::Booting => not_started(status),
        _ => Some("the app stops".to_owned()),
    }
}

fn verbose(word: &str, reason: Option<&str>, checks: &[CheckOutcome]) -> Response {
    let mut body = json!({ "status": word, "checks": checks });
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    Json(body).into_response()
}

/// `?verbose`, `?verbose=`, `?a=b&verbose=true`.
fn asks_for_details(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.any(|(name, value)| name == "verbose" && value != "false" && value != "0")
}

impl Verbose {
    fn permits(self, parts: &Parts) -> bool {
        match self {
            Verbose::Always => true,
            Verbose::Never => false,
            Verbose::Loopback => {
                let scope = RequestScope::current();
                let exchange = scope.as_ref().and_then(|scope| Exchange::of(scope).ok());
                is_of_operator(exchange.and_then(Exchange::listener), parts)
            }
        }
    }
}

/// Whether sets for management would be served to a request as well.
fn is_of_operator(listener: Option<Listener>, parts: &Parts) -> bool {
    Reach::Management.permits(listener, &parts.headers, &parts.extensions)
}
