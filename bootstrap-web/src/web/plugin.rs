//! The plugin that puts the sets of an app together.

use std::time::Duration;

use axum::extract::Request;
use bootstrap::Current;
use bootstrap::lifecycle::ShutdownReason;
use bootstrap::prelude::*;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::pipeline::Origin;
use crate::problem::{Format, Problem};
use crate::routes::BoundRoutes;
use crate::web::layer::WebLayer;
use crate::web::merge::{Merged, Owned, Settings, merge};
use crate::web::service::{Web, WithoutRoute};
use crate::web::traffic::Traffic;

/// How long requests may go on in a restart, if its hooks have no limit.
const LIMIT: Duration = Duration::from_secs(10);

/// What is left of that for requests that are cut.
const MARGIN: Duration = Duration::from_secs(1);

/// How long streams may go on in a restart.
const STREAM_GRACE: Duration = Duration::from_secs(1);

/// Provides [`Web`]: the routes of all plugins with [`#[routes]`](macro@crate::routes).
///
/// An app that collects contains it if something requires `State<Web>`.
///
/// # Errors
///
/// The boot fails for two routes that a router can't distinguish, and for what else is wrong with a set, with the
/// names of the plugins.
#[plugin(name = "web", states = [Web], collect = needed)]
#[derive(Debug)]
pub struct WebPlugin {
    sets: Ports<BoundRoutes>,
    layers: Ports<WebLayer>,
    /// How problems are rendered: RFC 9457, or `{"message": ".."}`.
    #[option]
    pub errors: Format,
    /// Whether a path that has no route for the method is answered with 405 and `Allow`, or, if not, with 404.
    #[option(default = true)]
    pub method_not_allowed: bool,
}

impl Hooks for WebPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Web> {
        let settings = Settings {
            app: cx.handle(),
            format: self.errors,
        };
        let sets: Vec<_> = self.sets.iter().collect();
        let names: Vec<String> = sets.iter().map(|(name, _)| name.to_string()).collect();
        let owned = names.iter().zip(&sets);
        let sets: Vec<Owned<'_>> = owned.map(|(name, (_, set))| (&**name, &***set)).collect();
        let Merged {
            router,
            table,
            on_request,
            hooks,
            counts,
        } = merge(&sets, &settings)?;
        let without_route = WithoutRoute {
            hooks,
            format: self.errors,
            origin: Origin {
                app: cx.handle(),
                route: "a request without a route".into(),
            },
        };
        let wrong_method = if self.method_not_allowed {
            Problem::method_not_allowed
        } else {
            Problem::not_found
        };
        let on_method = without_route.service(wrong_method);
        let on_path = without_route.service(Problem::not_found);
        let router = router
            .method_not_allowed_fallback(move |request: Request| on_method.clone().oneshot(request))
            .fallback_service(on_path);
        let current = Current::try_current()?;
        let layers: Vec<&WebLayer> = self.layers.iter().map(|(_, layer)| &**layer).collect();
        let traffic = Traffic::new(counts);
        let web = Web::new(router, current, table, on_request, without_route, traffic);
        Ok(web.within(&layers))
    }

    /// Everything that the handlers require is ready.
    async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
        cx.states().traffic().open();
        Ok(())
    }

    /// In a restart, ends what a server has handed to this `Web`; the server lives on. If the app stops, the server has
    /// drained before.
    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        let ShutdownReason::Restart(_) = cx.reason() else {
            return Ok(());
        };
        let web = cx.states();
        let traffic = web.traffic();
        traffic.shut();
        traffic.draining().begin();
        let limit = cx.remaining().unwrap_or(LIMIT).saturating_sub(MARGIN);
        if timeout(limit.min(STREAM_GRACE), traffic.is_idle())
            .await
            .is_ok()
        {
            return Ok(());
        }
        traffic.draining().end_grace();
        if timeout(limit.saturating_sub(STREAM_GRACE), traffic.is_idle())
            .await
            .is_err()
        {
            let in_flight = traffic.in_flight().unwrap_or_default();
            tracing::warn!("cutting requests that outlast a restart: {in_flight}");
            traffic.cut();
            let _ = timeout(MARGIN / 2, traffic.is_idle()).await;
        }
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        let web = cx.states();
        web.traffic().shut();
        web.traffic().cut();
        Ok(())
    }
}
