//! Metrics of requests, through the facade: without a recorder they cost next to nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

const REQUESTS: &str = "http_requests_total";
const SECONDS: &str = "http_request_duration_seconds";
const IN_FLIGHT: &str = "http_requests_in_flight";

/// Describes the metrics to the recorder.
pub(super) fn describe() {
    describe_counter!(REQUESTS, Unit::Count, "Requests that have ended.");
    describe_histogram!(
        SECONDS,
        Unit::Seconds,
        "The time until the head of the response."
    );
    describe_gauge!(IN_FLIGHT, Unit::Count, "Requests that are being answered.");
}

/// A request that is being answered.
pub(super) struct InFlight {
    method: &'static str,
}

impl InFlight {
    pub(super) fn of(method: &Method) -> Self {
        let method = label(method);
        gauge!(IN_FLIGHT, "method" => method).increment(1.0);
        Self { method }
    }

    /// Counts it, before it is dropped; without a status if it was cancelled.
    pub(super) fn finish(
        &self,
        route: Option<Arc<str>>,
        status: Option<StatusCode>,
        after: Duration,
    ) {
        let route = route.unwrap_or_else(|| "none".into());
        let status = status.map_or_else(|| "cancelled".to_owned(), |it| it.as_str().to_owned());
        let labels = [
            metrics::Label::from_static_parts("method", self.method),
            metrics::Label::new("route", route),
            metrics::Label::new("status", status),
        ];
        counter!(REQUESTS, labels.iter()).increment(1);
        histogram!(SECONDS, labels.iter()).record(after);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        gauge!(IN_FLIGHT, "method" => self.method).decrement(1.0);
    }
}

/// The method; a client may invent others, but no labels.
fn label(method: &Method) -> &'static str {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::HEAD,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    const NAMES: [&str; 9] = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT",
    ];
    let place = KNOWN.iter().position(|known| known == method);
    place.map_or("other", |place| NAMES[place])
}
