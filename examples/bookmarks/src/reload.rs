//! Reads the configuration again when it is told to, with SIGHUP.

use std::path::Path;

use bookmarks_store::{FILE, Settings};
use bootstrap::prelude::*;
use tokio::signal::unix::{SignalKind, signal};

/// Restarts the settings, and with them everything that depends on them; itself it needs nothing,
/// so that it is not a part of that.
#[plugin(name = "reload")]
struct Reload;

impl Hooks for Reload {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        loop {
            tokio::select! {
                _ = hangup.recv() => reload(&cx.handle()).await,
                () = cx.stopped() => return Ok(()),
            }
        }
    }
}

/// A mistake in the configuration must not end a service that runs: it is looked for before.
async fn reload(app: &bootstrap::Handle) {
    if let Err(error) = Settings::current(Path::new(FILE)) {
        tracing::error!("the configuration stays as it is: {error:#}");
    } else if let Err(error) = app.restart("settings").await {
        tracing::error!("{error:?}");
    }
}
