//! What a server gives to a request, and how many requests of each route are being answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::handle::draining::Draining;
use crate::handle::listener::Listener;

/// The requests of one route that are being answered.
#[derive(Debug)]
pub(crate) struct RouteCount {
    /// `GET /rows`.
    route: Box<str>,
    in_flight: AtomicUsize,
}

impl RouteCount {
    pub(crate) fn new(route: impl Into<Box<str>>) -> Arc<Self> {
        Arc::new(Self {
            route: route.into(),
            in_flight: AtomicUsize::new(0),
        })
    }

    pub(crate) fn route(&self) -> &str {
        &self.route
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }
}

/// What a server gives to a request, and holds to the end of the response: its route counts it until then.
#[derive(Debug)]
pub(crate) struct ByServer {
    pub(crate) draining: Draining,
    pub(crate) limits: ServerLimits,
    /// Whether a page of another origin asks for a websocket.
    pub(crate) is_foreign: bool,
    route: OnceLock<Arc<RouteCount>>,
}

/// What holds for all requests of a listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerLimits {
    pub(crate) listener: Listener,
    /// The most bytes of a body, if the route has no limit of its own.
    pub(crate) body: usize,
    /// The time for an answer, if the route has no limit of its own.
    pub(crate) request: Duration,
    /// The most bytes of a message and of a frame of a websocket.
    #[cfg(feature = "ws")]
    pub(crate) websocket: (usize, usize),
}

impl ByServer {
    #[cfg(feature = "server")]
    pub(crate) fn new(draining: Draining, limits: ServerLimits, is_foreign: bool) -> Arc<Self> {
        Arc::new(Self {
            draining,
            limits,
            is_foreign,
            route: OnceLock::new(),
        })
    }

    /// Notes which route answers the request.
    pub(crate) fn count(&self, route: &Arc<RouteCount>) {
        if self.route.set(Arc::clone(route)).is_ok() {
            route.in_flight.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for ByServer {
    fn drop(&mut self) {
        if let Some(route) = self.route.get() {
            route.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
