//! Layers of `tower` around all of `Web`.

use std::convert::Infallible;
use std::fmt;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

/// What a [`WebLayer`] wraps: the web, or the next layer.
pub type WebService = BoxCloneSyncService<Request, Response, Infallible>;

/// A layer of `tower` around the whole web, which plugins provide at a port.
///
/// It sees every request before the routing, and every response: also those of `on_request` hooks, of
/// mounted routers, of requests without a route, and of panics. It may change the path of a request. It runs in the
/// request scope. [`Routes::layer`](crate::Routes::layer) is for the routes of a set.
///
/// Several layers are in the order of the plan, the first one outermost; `after` sets the order.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use bootstrap::prelude::*;
/// use bootstrap_web::axum::middleware::map_response;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::WebLayer;
///
/// async fn stamp(mut response: Response) -> Response {
///     response.headers_mut().insert("x-served-by", HeaderValue::from_static("web-1"));
///     response
/// }
///
/// #[plugin(ports = [WebLayer])]
/// struct Stamp;
///
/// impl Hooks for Stamp {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<WebLayer>> {
///         Ok(Arc::new(WebLayer::new(map_response(stamp))))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().with(Stamp).with(WebPlugin::default()).boot().await?;
/// let web = running.try_get::<State<Web>>()?;
/// let response = web.handle(Request::get("/nowhere").body(Body::empty())?).await;
/// assert_eq!(response.headers()["x-served-by"], "web-1");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct WebLayer(Box<dyn Fn(WebService) -> WebService + Send + Sync>);

impl WebLayer {
    /// A layer of `tower`.
    pub fn new<L>(layer: L) -> Self
    where
        L: Layer<WebService> + Send + Sync + 'static,
        L::Service: Service<Request, Error: Into<Infallible>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        Self(Box::new(move |inner| {
            let service = layer.layer(inner);
            let service = service.map_response(IntoResponse::into_response);
            WebService::new(service.map_err(Into::into))
        }))
    }

    pub(super) fn wrap(&self, inner: WebService) -> WebService {
        (self.0)(inner)
    }
}

impl fmt::Debug for WebLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebLayer").finish_non_exhaustive()
    }
}
