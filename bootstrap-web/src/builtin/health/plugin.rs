//! The plugin `health`.

use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use bootstrap::Current;
use bootstrap::extend::Requirements;
use bootstrap::health::{HealthCheck, HealthChecks};
use bootstrap::prelude::*;

use crate::builtin::health::probe::{Probe, Probes};
use crate::routes::{BoundRoutes, RouteSet, Routes, requirements_of};
use crate::web::Web;

/// Serves the health probes of an app.
///
/// | path | 200 if | otherwise |
/// |---|---|---|
/// | `/livez` | the process answers requests | |
/// | `/startupz` | the app has started | 503 |
/// | `/readyz` | the app has started, does not stop, [`Web::readiness`] has no reason against it, and every critical [`HealthCheck`] succeeds | 503 |
///
/// The plugin is collected; `health.enabled = false` disables it. Hooks of global sets do not apply to the probes. They are answered on
/// all listeners of a server, and while the routes load or restart, the server answers them itself.
/// The checks run at the same time. Their results are kept for [`Health::cached_for`], and probes that arrive
/// while they run share them.
///
/// With `?verbose` the answer is JSON, for those clients that [`Verbose`] permits:
///
/// ```json
/// {"status": "not ready", "checks": [{"name": "database", "ok": false, "error": "disk full", "milliseconds": 3}]}
/// ```
///
/// A check that is not critical has `"critical": false` as well.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::Health;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().with(Health::default()).with(WebPlugin::default()).boot().await?;
/// let web = running.try_get::<State<Web>>()?;
/// let response = web.handle(Request::get("/livez").body(Body::empty())?).await;
/// assert_eq!(response.status(), 200);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(
    name = "health",
    ports = [BoundRoutes],
    requires = || requirements_of(routes(None)),
    enabled = "health.enabled"
)]
#[derive(Debug)]
pub struct Health {
    checks: Ports<dyn HealthCheck>,
    requirements: Requirements,
    /// Which clients get details with `?verbose`.
    #[option(config = "health.verbose", default = Verbose::Loopback)]
    pub verbose: Verbose,
    /// The limit of each check that has none of its own; one that takes longer has failed. 1 second by default.
    #[option(default = Duration::from_secs(1))]
    pub check_timeout: Duration,
    /// How long results of checks are kept. 500 milliseconds by default.
    #[option(default = Duration::from_millis(500))]
    pub cached_for: Duration,
}

/// Which clients get details of a health probe with `?verbose`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verbose {
    /// Those of the listener for management; without one, those that connect from this host through its loopback interface,
    /// unless a header shows that a proxy has forwarded the request: `forwarded`, `x-forwarded-for`, `x-real-ip` or `via`.
    #[default]
    Loopback,
    /// All: for a listener that only operators reach.
    Always,
    /// None.
    Never,
}

impl Hooks for Health {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Arc<BoundRoutes>> {
        let checks = HealthChecks::new(&self.checks, Current::try_current()?);
        let probes = Probes {
            app: cx.handle(),
            checks: checks
                .check_timeout(self.check_timeout)
                .cached_for(self.cached_for),
            verbose: self.verbose,
        };
        let set = routes(Some(Arc::new(probes)));
        let set = BoundRoutes::new(set, &self.requirements)?;
        Ok(Arc::new(set.independent().everywhere()))
    }
}

/// The probes; without what answers them when an app is planned.
fn routes(probes: Option<Arc<Probes>>) -> impl RouteSet {
    let answer = move |probe: Probe| {
        let probes = probes.clone();
        move |parts: Parts, web: Lazy<State<Web>>| {
            let probes = probes.clone();
            async move {
                match probes {
                    Some(probes) => Ok(probes.answer(probe, parts, web.get()).await),
                    None => Err(crate::Problem::unavailable()),
                }
            }
        }
    };
    Routes::new()
        .get(Probe::Live.path(), answer(Probe::Live))
        .get(Probe::Ready.path(), answer(Probe::Ready))
        .get(Probe::Started.path(), answer(Probe::Started))
}
