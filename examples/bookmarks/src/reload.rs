//! Reads the configuration again on SIGHUP.

use std::time::Duration;

use bootstrap::error::{RestartError, RestartRefusal};
use bootstrap::prelude::*;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

/// How long a part that could not be restarted is down before the next attempt.
const AGAIN: Duration = Duration::from_secs(1);

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
        let mut is_down = false;
        loop {
            tokio::select! {
                _ = hangup.recv() => {}
                () = sleep(AGAIN), if is_down => {}
                () = cx.stopped() => return Ok(()),
            }
            is_down = reload(&cx.handle(), is_down).await?;
        }
    }
}

/// Restarts what depends on the configuration, and returns whether it is down.
///
/// A mistake in the configuration changes nothing: it is checked before anything is closed. If the new settings
/// do not load, because the database is locked for example, requests are answered with 503 until an attempt
/// succeeds.
///
/// # Errors
///
/// Fails if no further attempt is possible, which stops the service.
async fn reload(app: &bootstrap::Handle, was_down: bool) -> Result<bool> {
    match app.restart("config").await {
        Ok(()) => Ok(false),
        Err(error @ RestartError::Failed { .. }) => {
            tracing::error!("{error:?}");
            Ok(true)
        }
        Err(RestartError::Refused {
            why: why @ RestartRefusal::Configuration { .. },
            ..
        }) => {
            tracing::error!("the configuration is unchanged: {why}");
            Ok(was_down)
        }
        Err(error) if was_down => Err(error.into()),
        Err(error) => {
            tracing::error!("{error:?}");
            Ok(false)
        }
    }
}

/// Returns whether the process ignores a signal, which Linux shows.
fn is_ignored(signal: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal.as_raw_value() - 1) & 1 == 1)
}
