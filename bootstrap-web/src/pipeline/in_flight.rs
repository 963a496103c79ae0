//! How many requests of each route are being answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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

    /// Counts a request until all clones of the guard are dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::new(Entered(Arc::clone(self))))
    }
}

/// A request that is counted. A response carries it to the server in its extensions, which drops it
/// after the body.
#[derive(Clone, Debug)]
pub(crate) struct InFlight(#[allow(dead_code, reason = "held until it is dropped")] Arc<Entered>);

#[derive(Debug)]
struct Entered(Arc<RouteCount>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
