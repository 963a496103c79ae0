//! The server: binds while the app boots, serves while it runs, finishes while it drains.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context as _;
use bookmarks_store::{Bookmarks, Settings};
use bootstrap::ShutdownReason;
use bootstrap::prelude::*;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::api::{self, Api};

/// Serves the API.
#[plugin(name = "http", close_timeout = "8s")]
struct Http {
    settings: State<Settings>,
    bookmarks: State<Bookmarks>,
    /// How long closing waits for clients. Longer than a request may take, so that all requests
    /// have been answered then; shorter than the limit of the hook, so that nothing is cut short.
    #[option(default = api::REQUEST_LIMIT + Duration::from_secs(1))]
    patience: Duration,
    /// Bound by `load`, so that a port that is taken fails the boot; taken by `run`.
    #[local]
    listener: Mutex<Option<TcpListener>>,
    /// Cancelled when no more connections are to be accepted.
    #[local]
    enough: CancellationToken,
    /// Cancelled when the last client has gone.
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
        let serving = axum::serve(listener, api::router(api))
            .with_graceful_shutdown(self.enough.clone().cancelled_owned());
        tokio::select! {
            served = serving => Ok(served?),
            // Clients are left that hang: `drain` has given up on them.
            () = cx.stopped() => Ok(()),
        }
    }

    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        // A service that restarts a part of itself stays ready: nobody would look elsewhere.
        if !matches!(cx.reason(), ShutdownReason::Restart(_)) {
            self.stay_open(cx).await;
        }
        self.enough.cancel();
        let finished = timeout(self.patience, self.finished.cancelled()).await;
        // A client that hangs is no error of ours: it must not spoil a clean stop.
        if finished.is_err() {
            let waited = self.patience;
            tracing::warn!("clients that still hang after {waited:?} are given up on");
        }
        Ok(())
    }
}

impl Http {
    /// Gives load balancers the time to hear that the service is not ready any more, before it
    /// refuses what they send.
    async fn stay_open(&self, cx: &DrainContext<Self>) {
        for left in (0..self.settings.drain_delay).rev() {
            sleep(Duration::from_secs(1)).await;
            // The limit of this hook is for clients that hang: it begins when the delay is over.
            cx.progress(format!("stays open for {left} s more"));
        }
    }
}
