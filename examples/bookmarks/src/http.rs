//! The server: binds while the app boots, serves while it runs, finishes while it drains.

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

/// How old a connection gets.
const AGE: Duration = Duration::from_mins(1);

/// Serves the API.
#[plugin(name = "http")]
struct Http {
    settings: State<Settings>,
    bookmarks: State<Bookmarks>,
    /// Bound by `load`, so that a port that is taken fails the boot; taken by `run`.
    #[local]
    listener: Mutex<Option<TcpListener>>,
    /// Cancelled when no more connections are to be accepted.
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
        // No load balancer looks elsewhere while a part restarts, or because of Ctrl-C.
        if let ShutdownReason::Signal(Signal::Terminate) = cx.reason() {
            self.stay_open(cx).await;
        }
        self.stopped.cancel();
        // The server cuts each connection when the longest request would have ended.
        for _ in 0..=self.settings.longest_request().as_secs() {
            let second = Duration::from_secs(1);
            if timeout(second, self.finished.cancelled()).await.is_ok() {
                break;
            }
            cx.progress("waits for requests that are under way");
        }
        Ok(())
    }
}

impl Http {
    /// Gives load balancers the time to find out that the service is not ready any more, before it
    /// refuses connections.
    async fn stay_open(&self, cx: &DrainContext<Self>) {
        for left in (0..self.settings.drain_delay.as_secs()).rev() {
            sleep(Duration::from_secs(1)).await;
            // The limit of this hook begins anew, so what is set decides, and not that limit.
            cx.progress(format!("stays open for {left} s more"));
        }
    }
}
