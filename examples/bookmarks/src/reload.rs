//! Reads the configuration again when it is told to, with SIGHUP.

use bootstrap::prelude::*;
use bootstrap::{RestartError, RestartRefusal};
use tokio::signal::unix::{SignalKind, signal};

/// Restarts the settings, and with them everything that depends on them; itself it needs nothing,
/// so that it is not a part of that.
#[plugin(name = "reload")]
struct Reload;

impl Hooks for Reload {
    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        // A handler would end that `nohup` ignores it.
        if is_ignored(SignalKind::hangup()) {
            cx.stopped().await;
            return Ok(());
        }
        let mut hangup = signal(SignalKind::hangup())?;
        loop {
            tokio::select! {
                _ = hangup.recv() => reload(&cx.handle()).await,
                () = cx.stopped() => return Ok(()),
            }
        }
    }
}

/// A mistake in the configuration does not end a service that runs: it is looked for before
/// anything is closed.
async fn reload(app: &bootstrap::Handle) {
    match app.restart("section Settings").await {
        Ok(()) => {}
        Err(
            error @ RestartError::Refused {
                why: RestartRefusal::Configuration { .. },
                ..
            },
        ) => {
            tracing::error!("the configuration stays as it is: {error:?}");
        }
        Err(error) => tracing::error!("{error:?}"),
    }
}

/// Whether the parent process ignores a signal, as Linux shows it.
fn is_ignored(signal: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal.as_raw_value() - 1) & 1 == 1)
}
