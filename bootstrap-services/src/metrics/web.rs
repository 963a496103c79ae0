//! `GET /metrics`.

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

use crate::metrics::api::Metrics;

/// The version of the text format, without which Prometheus guesses.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves `GET /metrics` to operators: on the listener for management or, without one, to clients on this host.
///
/// The plugin is collected; `metrics.enabled = false` disables it.
#[routes(name = "metrics-routes", management, enabled = "metrics.enabled")]
pub fn metrics_routes() -> impl RouteSet {
    Routes::new().get("/metrics", async |metrics: State<Metrics>| {
        ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.render())
    })
}
