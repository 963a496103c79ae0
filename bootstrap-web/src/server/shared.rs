//! What the connections of a server have in common.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bootstrap::{Handle, Lazy, State};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::handle::{Listener, ServerLimits};
use crate::server::limits::Limits;
use crate::web::{Ticket, Web};

/// What probes are told while the server drains.
pub(super) const DRAINING: &str = "draining";

/// Makes connections of TLS.
#[cfg(feature = "tls")]
#[derive(Clone)]
pub(super) struct Acceptor(pub(super) tokio_rustls::TlsAcceptor);

#[cfg(feature = "tls")]
impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

/// What the connections of the public listeners have in common, or those of the listeners for management.
#[derive(Debug)]
pub(super) struct Shared {
    web: Lazy<State<Web>>,
    pub(super) app: Handle,
    pub(super) limits: Arc<Limits>,
    /// Of TCP connections.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Acceptor>,
    pub(super) of_requests: ServerLimits,
    /// The most connections at a time.
    pub(super) most: usize,
    /// One for each connection.
    pub(super) permits: Arc<Semaphore>,
    /// Also those that were upgraded.
    pub(super) connections: TaskTracker,
    /// The connections that answer requests.
    pub(super) busy: Arc<AtomicUsize>,
    /// Raised when the server accepts no further connections and requests.
    pub(super) closing: Arc<Flag>,
    /// Raised when what is left is cut.
    pub(super) cut: Flag,
}

/// A token that is cheap to look at: each connection does for each request.
#[derive(Debug, Default)]
pub(super) struct Flag {
    is_raised: AtomicBool,
    token: CancellationToken,
}

impl Flag {
    pub(super) fn raise(&self) {
        self.is_raised.store(true, Ordering::SeqCst);
        self.token.cancel();
    }

    pub(super) fn is_raised(&self) -> bool {
        self.is_raised.load(Ordering::SeqCst)
    }

    pub(super) async fn raised(&self) {
        self.token.cancelled().await;
    }
}

impl Shared {
    pub(super) fn new(
        web: Lazy<State<Web>>,
        app: Handle,
        limits: Arc<Limits>,
        listener: Listener,
    ) -> Self {
        let connections = TaskTracker::new();
        // It waits only for what is there when the server drains.
        connections.close();
        let most = limits.connections.min(match listener {
            Listener::Management => MANAGEMENT,
            Listener::Only | Listener::Public => Semaphore::MAX_PERMITS,
        });
        Self {
            web,
            app,
            of_requests: ServerLimits {
                listener,
                body: limits.body,
                request: limits.request,
                #[cfg(feature = "ws")]
                websocket: limits.websocket,
            },
            most,
            permits: Arc::new(Semaphore::new(most)),
            connections,
            busy: Arc::default(),
            closing: Arc::default(),
            cut: Flag::default(),
            limits,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Begins to accept connections. If this server is a restarted one, the routes have seen the end of the one before.
    pub(super) fn begin(&self) {
        if let Some(web) = self.any_web() {
            web.traffic().renew();
            web.readiness().withdraw(DRAINING);
        }
    }

    /// The present `Web`, if it takes requests: not while it restarts.
    pub(super) fn web(&self) -> Option<(State<Web>, Ticket)> {
        let web = self.any_web()?;
        let ticket = web.traffic().enter()?;
        Some((web, ticket))
    }

    /// The same, whether it takes requests or not.
    pub(super) fn any_web(&self) -> Option<State<Web>> {
        self.web.get()
    }

    /// What keeps the server from ending: `2 in GET /export, 1 connection without a request`.
    pub(super) fn left(&self) -> String {
        let mut text = self
            .any_web()
            .and_then(|web| web.traffic().in_flight())
            .unwrap_or_default();
        let busy = self.busy.load(Ordering::Relaxed);
        let others = self.connections.len().saturating_sub(busy);
        if others > 0 {
            let comma = if text.is_empty() { "" } else { ", " };
            let plural = if others == 1 { "" } else { "s" };
            let _ = write!(text, "{comma}{others} connection{plural} without a request");
        }
        text
    }
}

/// The most connections at a time of the listeners for management: enough for probes, scrapers and an operator.
pub(super) const MANAGEMENT: usize = 100;
