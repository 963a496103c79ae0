//! The plugin `access-log`.

use std::sync::Arc;

use bootstrap::prelude::*;
use tower::layer::layer_fn;

use crate::builtin::access::layer::{Observed, Settings};
use crate::builtin::client::Proxies;
use crate::web::{WebLayer, WebService};

/// Observes every request: its id, a span, one event, and metrics.
///
/// - The id is a [`RequestId`](crate::RequestId).
/// - The span `http_request` is around everything that runs for the request. It has the fields `method`, `route` and
///   `request_id`; the route is its path as it is written, `/users/{id}`.
/// - The event, of the target `bootstrap_web::access`, is at the end of the response, also if the client has gone. Its fields are
///   `status`, `latency_ms` (to the head of the response), `duration_ms` (to the end of its body), `bytes`, `client`, and
///   `cancelled` or `broken` if the body was not sent to its end.
/// - With the feature `metrics`: the counter `http_requests_total` and the histogram
///   `http_request_duration_seconds` with the labels `method`, `route` and `status`, and the gauge
///   `http_requests_in_flight` with the label `method`. A request without a route has the route `none`, one that was cancelled the
///   status `cancelled`.
///
/// Requests without a route, panics, and answers of `on_request` hooks are observed too. The plugin is collected;
/// `access_log.enabled = false` disables it.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::{AccessLog, ProxiesPlugin};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(AccessLog::default()).with(ProxiesPlugin::default());
/// let running = app.with(WebPlugin::default()).boot().await?;
/// let web = running.try_get::<State<Web>>()?;
/// let response = web.handle(Request::get("/nowhere").body(Body::empty())?).await;
/// assert_eq!(response.headers()["x-request-id"].len(), 32);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(name = "access-log", ports = [WebLayer], enabled = "access_log.enabled")]
#[derive(Debug)]
pub struct AccessLog {
    proxies: State<Proxies>,
    /// Whether the query of a URL is logged. It may contain secrets, so it is not by default.
    #[option(config = "access_log.query", default = false)]
    pub query: bool,
    /// Routes whose requests are logged with the level `debug`: the health probes by default.
    #[option(
        config = "access_log.quiet",
        default = ["/livez", "/readyz", "/startupz"].map(str::to_owned).to_vec()
    )]
    pub quiet: Vec<String>,
}

impl Hooks for AccessLog {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<WebLayer>> {
        let settings = Arc::new(Settings {
            proxies: self.proxies.clone(),
            query: self.query,
            quiet: self.quiet.clone(),
        });
        let layer = layer_fn(move |inner: WebService| Observed {
            inner,
            settings: Arc::clone(&settings),
        });
        Ok(Arc::new(WebLayer::new(layer)))
    }

    /// Not in `load`: a plugin may install the recorder in its own.
    #[cfg(feature = "metrics")]
    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        super::metrics::describe();
        Ok(())
    }
}
