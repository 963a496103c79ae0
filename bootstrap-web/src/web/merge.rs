//! Sets become one router: global hooks around all, conflicts named by their plugins.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anyhow::{anyhow, bail};
use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::http::{Method, Request};
use axum::middleware::{from_fn, map_request};
use axum::routing::{MethodFilter, MethodRouter};
use bootstrap::{Handle, RequestScope};
use tower::service_fn;

use crate::handle::{AnyBefore, Exchange, Reach, RouteCount};
use crate::pipeline::{Endpoint, Hooks, Labelled, Origin, Pipeline, mounted};
use crate::problem::Format;
use crate::routes::{
    BoundRoute, BoundRoutes, RouteInfo, RouteTable, Shapes, check_on_request, name,
};

/// What all requests need.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) app: Handle,
    pub(super) format: Format,
}

/// A set and the plugin that provides it.
pub(super) type Owned<'a> = (&'a str, &'a BoundRoutes);

/// All sets in one.
pub(super) struct Merged {
    pub(super) router: Router,
    pub(super) table: RouteTable,
    pub(super) on_request: Vec<Labelled<dyn AnyBefore>>,
    /// Of the global sets, for requests without a route.
    pub(super) hooks: Hooks,
    /// Of each route, and of each router of axum.
    pub(super) counts: Vec<Arc<RouteCount>>,
}

/// Merges sets, which come in the order of the plan.
pub(super) fn merge(sets: &[Owned<'_>], settings: &Settings) -> anyhow::Result<Merged> {
    let mut places = Places::default();
    for (plugin, set) in sets {
        check_on_request(plugin, set)?;
        let around = if set.is_independent {
            Hooks::default()
        } else {
            global_hooks(sets, Some(set))
        };
        for route in &set.routes {
            places.add(plugin, route, set.reach, &around, settings)?;
        }
    }
    let Places {
        router,
        infos,
        mut counts,
        ..
    } = places.finish();
    let global = sets.iter().filter(|(_, set)| set.is_global);
    let on_request = global.flat_map(|(_, set)| set.on_request.iter().cloned());
    let router = mount_all(router, sets, &mut counts)?;
    Ok(Merged {
        router,
        counts,
        table: RouteTable(infos.into()),
        on_request: on_request.collect(),
        hooks: global_hooks(sets, None),
    })
}

/// The hooks of all global sets, but for those that a set has already: its own, and what it is behind.
fn global_hooks(sets: &[Owned<'_>], around: Option<&BoundRoutes>) -> Hooks {
    let has_already = |set: &BoundRoutes| {
        around.is_some_and(|around| {
            let is_behind = set.set.is_some_and(|it| around.behind.contains(&it));
            std::ptr::eq(set, around) || is_behind
        })
    };
    let global = sets
        .iter()
        .filter(|(_, set)| set.is_global && !has_already(set));
    global.fold(Hooks::default(), |hooks, (_, set)| hooks.around(&set.hooks))
}

/// The routes by their paths.
#[derive(Default)]
struct Places {
    shapes: Shapes,
    paths: HashMap<String, usize>,
    routers: Vec<(String, MethodRouter)>,
    infos: Vec<RouteInfo>,
    counts: Vec<Arc<RouteCount>>,
    router: Router,
}

impl Places {
    fn add(
        &mut self,
        plugin: &str,
        route: &BoundRoute,
        reach: Reach,
        around: &Hooks,
        settings: &Settings,
    ) -> anyhow::Result<()> {
        self.check(plugin, route)?;
        let hooks = around.around(&route.hooks);
        let BoundRoute { method, path, .. } = route;
        self.infos.push(RouteInfo {
            plugin: plugin.to_owned(),
            method: method.clone(),
            path: path.clone(),
            handler: route.function.clone(),
            requires: route.requires.clone(),
            hooks: hooks.names(),
            at: route.at,
            reach,
            #[cfg(feature = "openapi")]
            operation: route.handler.operation().cloned(),
        });
        let layers = hooks.clone();
        let pipeline = Pipeline {
            hooks,
            format: settings.format,
            origin: Origin {
                app: settings.app.clone(),
                route: format!("{} of `{plugin}`", name(method.as_ref(), path)).into(),
            },
        };
        let count = RouteCount::new(name(method.as_ref(), path));
        self.counts.push(Arc::clone(&count));
        let endpoint = Endpoint {
            handler: Arc::clone(&route.handler),
            pipeline,
            path: path.as_str().into(),
            count,
            reach,
        };
        let served = layers.wrap(serve(method.as_ref(), endpoint)?);
        let routers = &mut self.routers;
        let place = *self.paths.entry(path.clone()).or_insert_with(|| {
            routers.push((path.clone(), MethodRouter::new()));
            routers.len() - 1
        });
        let before = std::mem::take(&mut routers[place].1);
        routers[place].1 = before.merge(served);
        Ok(())
    }

    /// Finds another route that can't be told from this one.
    fn check(&mut self, plugin: &str, route: &BoundRoute) -> anyhow::Result<()> {
        let BoundRoute {
            method, path, at, ..
        } = route;
        let same = |it: &&RouteInfo| it.path == *path && it.method == *method;
        if let Some(other) = self.infos.iter().find(same) {
            let (name, first) = (other.name(), &other.plugin);
            if first == plugin {
                bail!(
                    "`{plugin}` serves `{name}` twice: remove one ({}, {at})",
                    other.at
                );
            }
            bail!(
                "`{first}` and `{plugin}` both serve `{name}`: remove one, or put it below a prefix \
                 of its own ({}, {at})",
                other.at
            );
        }
        if self.paths.contains_key(path) {
            return Ok(());
        }
        self.shapes.add(path).map_err(|with| {
            let other = self.infos.iter().find(|it| it.path == with);
            let (first, there) = other.map_or(("another set", String::new()), |it| {
                (&*it.plugin, format!("{}, ", it.at))
            });
            anyhow!(
                "`{with}` of `{first}` and `{path}` of `{plugin}` are the same paths to a router: \
                 name the parameters alike ({there}{at})"
            )
        })
    }

    fn finish(mut self) -> Self {
        let routers = std::mem::take(&mut self.routers);
        for (path, methods) in routers {
            self.router = self.router.route(&path, methods);
        }
        self
    }
}

/// A route of axum around an endpoint.
fn serve(method: Option<&Method>, endpoint: Endpoint) -> anyhow::Result<MethodRouter> {
    let endpoint = Arc::new(endpoint);
    let service = service_fn(move |request: Request<Body>| {
        let endpoint = Arc::clone(&endpoint);
        // What the future need not hold, it need not move: a request is large.
        let accepted = endpoint.accept(request);
        endpoint.answer(accepted)
    });
    Ok(match method {
        None => axum::routing::any_service(service),
        Some(method) => {
            let filter = MethodFilter::try_from(method.clone()).map_err(|_| {
                anyhow!("the method `{method}` can't be routed: serve it with `.any(..)`")
            })?;
            MethodRouter::new().on_service(filter, service)
        }
    })
}

/// Records the route of a request to a router of axum.
async fn record_route(request: Request<Body>) -> Request<Body> {
    let scope = RequestScope::current();
    let exchange = scope.as_ref().and_then(|scope| Exchange::of(scope).ok());
    if let (Some(exchange), Some(path)) = (exchange, request.extensions().get::<MatchedPath>()) {
        exchange.matched(&path.as_str().into());
    }
    request
}

/// Adds the routers of axum. It panics if one has a path that is taken, and does not show the paths
/// before.
fn mount_all(
    mut router: Router,
    sets: &[Owned<'_>],
    counts: &mut Vec<Arc<RouteCount>>,
) -> anyhow::Result<Router> {
    for (plugin, set) in sets {
        for (prefix, router_of_set, at) in &set.mounts {
            let count = RouteCount::new(format!("a router of `{plugin}`"));
            counts.push(Arc::clone(&count));
            let reach = set.reach;
            let limited = move |request, next| mounted(Arc::clone(&count), reach, request, next);
            let before = router.clone();
            let recorded = router_of_set.clone().layer(map_request(record_route));
            let within = recorded.layer(from_fn(limited));
            let merged = catch_unwind(AssertUnwindSafe(|| match &**prefix {
                "" => before.merge(within),
                prefix => before.nest(prefix, within),
            }));
            router = merged.map_err(|panic| {
                let text = panic.downcast_ref::<String>().map_or("a conflict", |it| it);
                anyhow!("the router that `{plugin}` mounts ({at}) can't be added: {text}")
            })?;
        }
    }
    Ok(router)
}
