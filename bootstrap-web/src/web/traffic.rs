//! What a server has to know of a `Web`: whether it may be called, what is being answered, and when that has to
//! end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

use crate::handle::{Draining, RouteCount};

/// The requests that a server has handed to a [`Web`](crate::Web).
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    routes: Vec<Arc<RouteCount>>,
    /// Since its plugin is ready, until that restarts or closes.
    is_open: AtomicBool,
    active: AtomicUsize,
    idle: Notify,
    /// When what is being answered has to end. A server that restarts begins with a new one.
    draining: RwLock<Draining>,
}

impl Traffic {
    pub(super) fn new(routes: Vec<Arc<RouteCount>>) -> Self {
        Self {
            routes,
            ..Self::default()
        }
    }

    /// Lets requests in, once everything that they need is ready.
    pub(super) fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }

    /// Lets no further request in.
    pub(super) fn shut(&self) {
        self.is_open.store(false, Ordering::SeqCst);
    }

    pub(crate) fn draining(&self) -> Draining {
        let draining = self.draining.read();
        draining.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Cancels what is still being answered.
    pub(crate) fn cut(&self) {
        self.draining().end();
    }

    /// Lets another server begin, after one that has ended.
    #[cfg(feature = "server")]
    pub(crate) fn renew(&self) {
        *self
            .draining
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Draining::default();
    }

    /// Waits until nothing is being answered.
    pub(super) async fn is_idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.active.load(Ordering::SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }

    /// What is being answered: `2 in GET /export, 1 in POST /upload`. `None` if nothing is.
    pub(crate) fn in_flight(&self) -> Option<String> {
        let routes = self.routes.iter().map(|it| (it.in_flight(), it.route()));
        let routes: Vec<(usize, &str)> = routes.filter(|(count, _)| *count > 0).collect();
        let known: usize = routes.iter().map(|(count, _)| count).sum();
        let others = self.active.load(Ordering::SeqCst).saturating_sub(known);
        let mut parts: Vec<String> = routes
            .iter()
            .map(|(count, route)| format!("{count} in {route}"))
            .collect();
        if others > 0 {
            parts.push(format!("{others} without a route"));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

#[cfg(feature = "server")]
mod ticket {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::Traffic;

    /// A request that may be answered, until it is dropped.
    #[derive(Debug)]
    pub(crate) struct Ticket(Arc<Traffic>);

    impl Traffic {
        /// Lets a request in.
        pub(crate) fn enter(self: &Arc<Self>) -> Option<Ticket> {
            self.active.fetch_add(1, Ordering::SeqCst);
            let ticket = Ticket(Arc::clone(self));
            self.is_open.load(Ordering::SeqCst).then_some(ticket)
        }
    }

    impl Drop for Ticket {
        fn drop(&mut self) {
            if self.0.active.fetch_sub(1, Ordering::SeqCst) == 1 {
                self.0.idle.notify_waiters();
            }
        }
    }
}

#[cfg(feature = "server")]
pub(crate) use ticket::Ticket;
