//! The server: binds in `load`, serves in `run`, finishes requests in `drain`.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context as _;
use bookmarks_store::{Bookmarks, Settings};
use bootstrap::lifecycle::{ShutdownReason, Signal};
use bootstrap::prelude::*;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::api::{self, Api};
use crate::server::{self, Limits};

/// The age after which a connection takes no further request.
const AGE: Duration = Duration::from_mins(1);

/// Serves the API.
#[plugin(name = "http")]
struct Http {
    settings: State<Settings>,
    bookmarks: State<Bookmarks>,
    /// Bound by `load`, so that a port that is taken fails the boot. Taken by `run`.
    #[local]
    listener: Mutex<Option<TcpListener>>,
    /// Cancelled by `drain`: accept no further connections.
    #[local]
    stopped: CancellationToken,
    /// Cancelled when the last connection has ended.
    #[local]
    finished: CancellationToken,
}

impl Hooks for Http {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let address = self.settings.listen;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("binding {address}"))?;
        self.listener = Mutex::new(Some(listener));
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let _finished = self.finished.clone().drop_guard();
        let listener = self.listener.lock().ok().and_then(|mut it| it.take());
        let listener = listener.context("the listener has been taken")?;
        tracing::info!("listening on http://{}", listener.local_addr()?);
        let api = Api {
            bookmarks: self.bookmarks.clone(),
            app: cx.handle(),
        };
        let router = api::router(api, self.settings.request_limit);
        let limits = Limits {
            connections: self.settings.connections.get(),
            head: self.settings.request_limit,
            age: AGE,
            rest: self.settings.longest_request(),
        };
        tokio::select! {
            () = server::serve(listener, router, limits, &self.stopped) => {}
            // The time for closing is up.
            () = cx.stopped() => tracing::warn!("all connections are cut"),
        }
        Ok(())
    }

    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        // Only after SIGTERM does a load balancer need time to notice.
        if let ShutdownReason::Signal(Signal::Terminate) = cx.reason() {
            self.stay_open(cx).await;
        }
        self.stopped.cancel();
        // The server cuts each connection after the time of the longest request.
        for _ in 0..=self.settings.longest_request().as_secs() {
            let second = Duration::from_secs(1);
            if timeout(second, self.finished.cancelled()).await.is_ok() {
                break;
            }
            cx.progress("waits for requests that have begun");
        }
        Ok(())
    }
}

impl Http {
    /// Keeps the server open while `/health` answers 503, so that load balancers stop using it before
    /// it refuses connections.
    async fn stay_open(&self, cx: &DrainContext<Self>) {
        for left in (0..self.settings.drain_delay.as_secs()).rev() {
            sleep(Duration::from_secs(1)).await;
            // Progress starts the limit of this hook again, so that only the setting limits it.
            cx.progress(format!("stays open for {left} s more"));
        }
    }
}
