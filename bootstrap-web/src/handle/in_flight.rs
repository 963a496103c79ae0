//! How many requests of each route are being answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

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

/// A request of a server, which its route counts until this is dropped: the server holds it to the end of
/// the response.
#[derive(Debug, Default)]
pub(crate) struct InFlight(OnceLock<Arc<RouteCount>>);

impl InFlight {
    /// Notes which route answers the request.
    pub(crate) fn count(&self, route: &Arc<RouteCount>) {
        if self.0.set(Arc::clone(route)).is_ok() {
            route.in_flight.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(route) = self.0.get() {
            route.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
