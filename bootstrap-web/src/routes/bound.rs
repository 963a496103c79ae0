//! What a set is once the app has bound what its handlers and hooks require.

use std::any::{Any, TypeId};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::http::Method;
use bootstrap::extend::{Requirement, Requirements};
use bootstrap::plan::Location;

use crate::handle::{AnyBefore, AnyHandler, Needs, Reach, Taker, Unbound};
use crate::pipeline::{Hooks, Labelled};
use crate::routes::builder::{Kind, Step};
use crate::routes::info::name;
use crate::routes::path::check_path;
use crate::routes::set::RouteSet;

/// The routes of one plugin, with what they hold of the app: what a plugin with routes provides.
///
/// [`#[routes]`](macro@crate::routes) makes it. A plugin that has routes beside options, fields and a
/// `run` hook makes it by hand, from a function that returns its set.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use bootstrap::extend::Requirements;
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::{BoundRoutes, requirements_of};
///
/// #[supplied]
/// struct Rows(Vec<&'static str>);
///
/// fn routes(page: usize) -> impl RouteSet {
///     let list = move |rows: State<Rows>| async move { rows.0[..page.min(rows.0.len())].join(",") };
///     Routes::new().get("/rows", list)
/// }
///
/// #[plugin(name = "rows", ports = [BoundRoutes], requires = || requirements_of(routes(0)))]
/// struct RowsPlugin {
///     #[option(default = 20)]
///     page: usize,
///     arguments: Requirements,
/// }
///
/// impl Hooks for RowsPlugin {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<BoundRoutes>> {
///         BoundRoutes::new(routes(self.page), &self.arguments).map(Arc::new)
///     }
///
///     async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
///         // .. tidy up now and then ..
///         cx.stopped().await;
///         Ok(())
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// # let app = App::new().supply(Rows(vec!["a", "b"])).with(RowsPlugin::default().page(1));
/// # let running = app.with(WebPlugin::default()).boot().await?;
/// # let web = running.try_get::<State<Web>>()?;
/// # let response = web.handle(Request::get("/rows").body(Body::empty())?).await;
/// # let bytes = bootstrap_web::axum::body::to_bytes(response.into_body(), 100).await?;
/// # assert_eq!(&bytes[..], b"a");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct BoundRoutes {
    pub(crate) routes: Vec<BoundRoute>,
    pub(crate) on_request: Vec<Labelled<dyn AnyBefore>>,
    /// Routers of axum, with their prefixes.
    pub(crate) mounts: Vec<(String, Router, Location)>,
    /// The hooks at the end of the set, outside of its groups.
    pub(crate) hooks: Hooks,
    pub(crate) is_global: bool,
    /// Whether the hooks of global sets apply.
    pub(crate) is_independent: bool,
    pub(crate) reach: Reach,
    /// The plugin that it is, as other sets name it in [`Routes::behind`](crate::Routes::behind).
    pub(crate) set: Option<TypeId>,
    /// Sets that this one is behind.
    pub(crate) behind: Vec<TypeId>,
}

/// A route with what is around it.
pub(crate) struct BoundRoute {
    pub(crate) method: Option<Method>,
    pub(crate) path: String,
    pub(crate) function: String,
    pub(crate) requires: Vec<String>,
    pub(crate) at: Location,
    pub(crate) handler: Arc<dyn AnyHandler>,
    pub(crate) hooks: Hooks,
}

/// What the handlers and hooks of a set require of the app, for `#[plugin(requires = ..)]`.
pub fn requirements_of(set: impl RouteSet) -> Vec<Requirement> {
    let mut needs = Needs::default();
    require(&set.into_routes().steps, "", &mut needs);
    needs.into_list()
}

fn require(steps: &[Step], prefix: &str, needs: &mut Needs) {
    for step in steps {
        let taker = |place: String| Taker {
            function: step.function.clone(),
            place,
            at: step.at,
        };
        match &step.kind {
            Kind::Route(method, path, handler) => {
                let place = name(method.as_ref(), &format!("{prefix}{path}"));
                handler.require(needs.of(taker(place)));
            }
            Kind::OnRequest(hook) => hook.require(needs.of(taker("on_request".into()))),
            Kind::Before(hook) => hook.require(needs.of(taker("before_handle".into()))),
            Kind::After(hook) => hook.require(needs.of(taker("before_response".into()))),
            Kind::Error(hook) => hook.require(needs.of(taker("on_error".into()))),
            Kind::Behind(hooks) => hooks.require(needs.of(taker("Routes::behind".into()))),
            Kind::Group(inner, steps) => require(steps, &format!("{prefix}{inner}"), needs),
            Kind::BodyLimit(_) | Kind::Timeout(_) | Kind::Layer(_) | Kind::Mount(_) => {}
        }
    }
}

impl BoundRoutes {
    /// Binds a set to what its plugin was given.
    ///
    /// # Errors
    ///
    /// For a path that is malformed, and if the set requires what the plugin does not: the function that
    /// makes it must require the same whenever it is called.
    pub fn new(set: impl RouteSet, requirements: &Requirements) -> anyhow::Result<Self> {
        let mut bound = Self {
            routes: Vec::new(),
            on_request: Vec::new(),
            mounts: Vec::new(),
            hooks: Hooks::default(),
            is_global: false,
            is_independent: false,
            reach: Reach::default(),
            set: None,
            behind: Vec::new(),
        };
        let mut position = Position::default();
        let routes = set.into_routes();
        bound.bind(routes.steps, &mut position, requirements)?;
        bound.hooks = position.hooks;
        Ok(bound)
    }

    /// Applies the hooks of this set to the routes of all others, and its `on_request` hooks to all
    /// requests: `#[routes(global)]`.
    #[must_use]
    pub fn global(mut self) -> Self {
        self.is_global = true;
        self
    }

    /// Keeps the hooks, limits and layers of global sets from these routes, so that an authentication
    /// for all sets does not reject health probes, for example. `on_request` hooks run for them too.
    #[must_use]
    pub fn independent(mut self) -> Self {
        self.is_independent = true;
        self
    }

    /// Serves this set to operators alone, as metrics and pages about the inside: `#[routes(management)]`.
    ///
    /// It is answered on the listener of `management.listen`, and only there. Without that, it is answered on the
    /// listeners of the server, for clients that connect from this host, unless a header shows that a proxy has forwarded
    /// their request: `forwarded`, `x-forwarded-for`, `x-real-ip` or `via`. Any other request gets a 404, or 405
    /// for a method that the path does not have. The set is [independent](Self::independent) of global sets.
    #[must_use]
    pub fn management(mut self) -> Self {
        self.reach = Reach::Management;
        self.independent()
    }

    /// Serves this set on all listeners, also on that for management.
    pub(crate) fn everywhere(mut self) -> Self {
        self.reach = Reach::Everywhere;
        self
    }

    /// Says which plugin this set is.
    #[doc(hidden)]
    #[must_use]
    pub fn of<P: Any>(mut self) -> Self {
        self.set = Some(TypeId::of::<P>());
        self
    }

    /// The hooks of this set, for others that are behind them.
    #[doc(hidden)]
    pub fn hooks_of<P>(&self) -> HooksOf<P> {
        HooksOf(self.hooks.clone(), PhantomData)
    }

    fn bind(
        &mut self,
        steps: Vec<Step>,
        position: &mut Position,
        requirements: &Requirements,
    ) -> anyhow::Result<()> {
        for Step { kind, function, at } in steps {
            let name = &*function;
            let hooks = &mut position.hooks;
            match kind {
                Kind::Route(method, path, handler) => {
                    self.route(
                        method,
                        &path,
                        handler,
                        &function,
                        at,
                        position,
                        requirements,
                    )?;
                }
                Kind::OnRequest(hook) => {
                    self.on_request
                        .push(labelled(name, at, hook, requirements)?);
                }
                Kind::Before(hook) => hooks.before.push(labelled(name, at, hook, requirements)?),
                Kind::After(hook) => hooks.after.push(labelled(name, at, hook, requirements)?),
                Kind::Error(hook) => hooks.error.push(labelled(name, at, hook, requirements)?),
                Kind::BodyLimit(bytes) => hooks.body_limit = Some(bytes),
                Kind::Timeout(limit) => hooks.timeout = Some(limit),
                Kind::Layer(wrap) => hooks.layers.push(wrap),
                Kind::Mount(router) => self.mounts.push((position.prefix.clone(), router, at)),
                Kind::Behind(others) => {
                    let others = labelled(name, at, others, requirements)?.hook;
                    position.hooks = position.hooks.around(others.hooks());
                    self.behind.push(others.set());
                }
                Kind::Group(prefix, steps) => {
                    if !prefix.is_empty() {
                        check_path(&prefix).map_err(|error| mistake(&error, at))?;
                    }
                    let mut inner = position.clone();
                    inner.prefix.push_str(prefix.trim_end_matches('/'));
                    self.bind(steps, &mut inner, requirements)?;
                }
            }
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one step")]
    fn route(
        &mut self,
        method: Option<Method>,
        path: &str,
        handler: Box<dyn Unbound<dyn AnyHandler>>,
        function: &str,
        at: Location,
        position: &Position,
        requirements: &Requirements,
    ) -> anyhow::Result<()> {
        let path = position.path(path);
        check_path(&path).map_err(|error| mistake(&error, at))?;
        let mut needs = Needs::default();
        handler.require(&mut needs);
        let Labelled { hook, .. } = labelled(function, at, handler, requirements)?;
        self.routes.push(BoundRoute {
            method,
            path,
            function: function.to_owned(),
            requires: needs.argument_types(),
            at,
            handler: hook,
            hooks: position.hooks.clone(),
        });
        Ok(())
    }
}

/// Where a route is written: what is in front of it.
#[derive(Clone, Default)]
struct Position {
    prefix: String,
    hooks: Hooks,
}

impl Position {
    /// `/` below a prefix is the prefix.
    fn path(&self, path: &str) -> String {
        match path {
            "/" if !self.prefix.is_empty() => self.prefix.clone(),
            _ => format!("{}{path}", self.prefix),
        }
    }
}

fn mistake(error: &str, at: Location) -> anyhow::Error {
    anyhow::anyhow!("{error} ({at})")
}

fn labelled<B: ?Sized>(
    name: &str,
    at: Location,
    unbound: Box<dyn Unbound<B>>,
    requirements: &Requirements,
) -> anyhow::Result<Labelled<B>> {
    let hook = unbound.bind(requirements).with_context(|| {
        format!(
            "`{name}` ({at}) requires what the set did not when the app was planned: the function \
             that makes the set must list the same handlers and hooks whenever it is called"
        )
    })?;
    Ok(Labelled {
        name: name.into(),
        hook,
    })
}

impl fmt::Debug for BoundRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundRoutes")
            .field("routes", &self.routes.len())
            .field("mounts", &self.mounts.len())
            .finish_non_exhaustive()
    }
}

/// The hooks of the set of a plugin, for sets that are behind them. Provided at a port.
pub struct HooksOf<P>(Hooks, PhantomData<fn() -> P>);

impl<P> HooksOf<P> {
    pub(super) fn hooks(&self) -> &Hooks {
        &self.0
    }
}

impl<P> fmt::Debug for HooksOf<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HooksOf").field(&self.0.names()).finish()
    }
}

/// Refuses hooks that are for all sets in a set that is not.
pub(crate) fn check_on_request(plugin: &str, set: &BoundRoutes) -> anyhow::Result<()> {
    if let (Some(hook), false) = (set.on_request.first(), set.is_global) {
        bail!(
            "the set `{plugin}` has the `on_request` hook `{}`, which runs for the requests of all \
             sets: write `#[routes(global)]`",
            hook.name
        );
    }
    Ok(())
}
