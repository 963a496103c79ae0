//! The accept loop.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::oneshot::{Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::handle::Listener as Kind;
use crate::server::bind::{Listener, Reserved};
use crate::server::connection;
use crate::server::shared::Shared;

/// How long accepting pauses after a failure.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a failure is remembered if no further one follows and no client connects.
const MEMORY: Duration = Duration::from_secs(1);

/// How long connections are accepted that were made before the server closes.
const LAST_LOOK: Duration = Duration::from_millis(50);

/// The time between two warnings of one kind.
const BETWEEN_WARNINGS: Duration = Duration::from_mins(1);

/// What probes are told while connections can't be accepted.
const EXHAUSTED: &str = "out of file descriptors";

/// Opens sockets, when it is asked to, and returns whether that went well.
pub(super) async fn open(
    reserved: Vec<Reserved>,
    asked: Receiver<Sender<io::Result<()>>>,
) -> Vec<Listener> {
    let Ok(answer) = asked.await else {
        // The boot has failed.
        return Vec::new();
    };
    let opened: io::Result<Vec<Listener>> = reserved.into_iter().map(Reserved::open).collect();
    let (listeners, result) = match opened {
        Ok(listeners) => (listeners, Ok(())),
        Err(error) => (Vec::new(), Err(error)),
    };
    let _ = answer.send(result);
    listeners
}

/// Accepts connections until the server closes, and waits for their ends.
///
/// # Cancel safety
///
/// All connections end at once if the future is dropped.
pub(super) async fn run(shared: Arc<Shared>, listeners: Vec<Listener>) {
    let all = listeners.into_iter().map(|listener| {
        let accept = Accept {
            shared: Arc::clone(&shared),
            connections: JoinSet::new(),
            exhausted: None,
            warned: [None; 2],
        };
        accept.run(listener)
    });
    join_all(all).await;
}

struct Accept {
    shared: Arc<Shared>,
    connections: JoinSet<()>,
    /// When accepting failed last, unless it has worked since.
    exhausted: Option<Instant>,
    /// When was warned last: of failures, and of too many connections.
    warned: [Option<Instant>; 2],
}

impl Accept {
    async fn run(mut self, listener: Listener) {
        let shared = Arc::clone(&self.shared);
        // The server has not drained before the last connection is accepted.
        let accepting = shared.connections.token();
        loop {
            tokio::select! {
                () = shared.closing.raised() => break,
                () = self.next(&listener) => {}
            }
        }
        self.take_waiting(&listener).await;
        drop((listener, accepting));
        while let Some(ended) = self.connections.join_next().await {
            report(ended);
        }
    }

    /// Accepts one connection, or waits until there may be one.
    async fn next(&mut self, listener: &Listener) {
        while let Some(ended) = self.connections.try_join_next() {
            report(ended);
        }
        let permit = self.permit().await;
        match timeout(MEMORY, listener.accept()).await {
            Ok(Ok((socket, peer))) => {
                self.recovered();
                let shared = Arc::clone(&self.shared);
                self.connections
                    .spawn(connection::serve(shared, socket, peer, permit));
            }
            Ok(Err(error)) => self.failed(&error).await,
            // No client connects.
            Err(_) => {
                if self.exhausted.is_some_and(|at| at.elapsed() >= MEMORY) {
                    self.recovered();
                }
            }
        }
    }

    /// Waits for room for a connection. Further ones wait in the queue of the system.
    async fn permit(&mut self) -> OwnedSemaphorePermit {
        let permits = Arc::clone(&self.shared.permits);
        if let Ok(permit) = Arc::clone(&permits).try_acquire_owned() {
            return permit;
        }
        if self.may_warn(1) {
            let most = self.shared.most;
            let whose = match self.shared.of_requests.listener {
                Kind::Management => "as many as there may be for management",
                Kind::Only | Kind::Public => "as many as `http.max_connections` allows",
            };
            tracing::warn!("new connections wait: there are {most} already, {whose}");
        }
        let permit = permits.acquire_owned().await;
        permit.expect("the semaphore is never closed")
    }

    /// Accepts what the system holds already, which would be reset with the listener.
    async fn take_waiting(&mut self, listener: &Listener) {
        let end = Instant::now() + LAST_LOOK;
        loop {
            let permits = Arc::clone(&self.shared.permits);
            let Ok(permit) = permits.try_acquire_owned() else {
                return;
            };
            let until = end.min(Instant::now() + LAST_LOOK / 10);
            let Ok(Ok((socket, peer))) = timeout_at(until, listener.accept()).await else {
                return;
            };
            let shared = Arc::clone(&self.shared);
            self.connections
                .spawn(connection::serve(shared, socket, peer, permit));
        }
    }

    async fn failed(&mut self, error: &io::Error) {
        let is_of_client = matches!(
            error.kind(),
            ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
        );
        if is_of_client {
            return;
        }
        self.exhausted = Some(Instant::now());
        if let Some(web) = self.shared.any_web() {
            web.readiness().set_not_ready(EXHAUSTED);
        }
        if self.may_warn(0) {
            tracing::warn!(
                "connections can't be accepted: {error}; raise the limit of file descriptors (`ulimit -n`, \
                 `LimitNOFILE`), or lower `http.max_connections`"
            );
        }
        sleep(PAUSE).await;
    }

    fn recovered(&mut self) {
        if self.exhausted.take().is_some()
            && let Some(web) = self.shared.any_web()
        {
            web.readiness().withdraw(EXHAUSTED);
        }
    }

    fn may_warn(&mut self, kind: usize) -> bool {
        let warned = &mut self.warned[kind];
        let may = warned.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS);
        if may {
            *warned = Some(Instant::now());
        }
        may
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection panicked: {error}");
    }
}
