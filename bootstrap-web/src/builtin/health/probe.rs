//! The answers to probes.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bootstrap::lifecycle::Status;
use bootstrap::{Handle, State};
use serde_json::json;

use crate::builtin::health::check::{Checks, Outcome};
use crate::builtin::health::plugin::Verbose;
use crate::web::Web;

/// What answers probes.
pub(super) struct Probes {
    pub(super) app: Handle,
    pub(super) checks: Checks,
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
        let status = self.app.status();
        let (refused, outcomes) = match probe {
            Probe::Live => (None, Arc::default()),
            Probe::Started => (not_started(status), Arc::default()),
            Probe::Ready => match not_ready(status, web) {
                None => (None, self.checks.outcomes().await),
                reason => (reason, Arc::default()),
            },
        };
        let is_ok = refused.is_none() && outcomes.iter().all(|it| it.ok);
        let mut response = if asks_for_details(&parts) && self.verbose.permits(&parts) {
            verbose(probe.word(is_ok), refused.as_deref(), &outcomes)
        } else {
            probe.word(is_ok).into_response()
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
}

impl Probe {
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
        Status::Ready => web?.readiness().reason(),
        Status::Configured | Status::Booting => not_started(status),
        _ => Some("the app stops".to_owned()),
    }
}

fn verbose(word: &str, reason: Option<&str>, checks: &[Outcome]) -> Response {
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
            Verbose::Loopback => is_from_here(parts),
        }
    }
}

/// Whether a request comes from this host: not through a proxy that runs on it.
fn is_from_here(parts: &Parts) -> bool {
    const OF_PROXIES: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let peer: Option<&ConnectInfo<SocketAddr>> = parts.extensions.get();
    let is_loopback = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
    is_loopback
        && !OF_PROXIES
            .iter()
            .any(|name| parts.headers.contains_key(*name))
}
