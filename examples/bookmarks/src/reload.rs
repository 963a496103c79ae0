//! Reads the configuration again on SIGHUP.

use bootstrap::error::{RestartError, RestartRefusal};
use bootstrap::prelude::*;
use tokio::signal::unix::{SignalKind, signal};

/// Restarts the settings and everything that depends on them. It requires nothing, so it is not part
/// of what it restarts.
#[plugin(name = "reload")]
struct Reload;

impl Hooks for Reload {
    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        // Under `nohup` the signal is ignored, and a handler would change that.
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

/// A mistake in the configuration does not stop a running service: the configuration is checked
/// before anything is closed.
async fn reload(app: &bootstrap::Handle) {
    match app.restart("config").await {
        Ok(()) => {}
        Err(
            error @ RestartError::Refused {
                why: RestartRefusal::Configuration { .. },
                ..
            },
        ) => {
            tracing::error!("the configuration is unchanged: {error:?}");
        }
        Err(error) => tracing::error!("{error:?}"),
    }
}

/// Returns whether the process ignores a signal, which Linux shows.
fn is_ignored(signal: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal.as_raw_value() - 1) & 1 == 1)
}
