//! The server: binds while the app boots, serves while it runs, finishes while it drains.

use std::sync::Mutex;

use anyhow::Context as _;
use bookmarks_store::{Bookmarks, Settings};
use bootstrap::prelude::*;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::{self, Api};

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
    enough: CancellationToken,
    /// Cancelled when the last request has been answered.
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
        axum::serve(listener, api::router(api))
            .with_graceful_shutdown(self.enough.clone().cancelled_owned())
            .await?;
        Ok(())
    }

    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        self.enough.cancel();
        self.finished.cancelled().await;
        Ok(())
    }
}
