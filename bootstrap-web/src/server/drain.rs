//! The end of a server: in time, whatever clients do.

use std::time::Duration;

use bootstrap::DrainContext;
use bootstrap::extend::Contextual;
use bootstrap::lifecycle::{ShutdownReason, Signal};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::server::shared::{DRAINING, Shared};

/// How often the progress is reported.
const TICK: Duration = Duration::from_secs(1);

/// How much of the time for the whole shutdown is left to other plugins.
const MARGIN: Duration = Duration::from_millis(500);

/// How long connections have that are cut: it takes one poll of each.
const CUT: Duration = Duration::from_millis(100);

/// Ends a server: turns probes off, waits, stops accepting, waits for what has begun, and cuts the rest.
pub(super) async fn drain<P: Contextual>(shared: &Shared, cx: &DrainContext<P>) {
    if let Some(web) = shared.any_web() {
        web.readiness().set_not_ready(DRAINING);
    }
    if needs_delay(cx.reason()) {
        delay(shared, cx).await;
    }
    shared.closing.raise();
    if let Some(web) = shared.any_web() {
        web.traffic().draining().begin();
    }
    let began = Instant::now();
    let end = end(shared, cx, began);
    let streams_end = end.min(began + shared.limits.stream_grace);
    if wait(shared, cx, streams_end).await {
        return;
    }
    if let Some(web) = shared.any_web() {
        web.traffic().draining().end_grace();
    }
    while Instant::now() < end {
        let tick = Instant::now() + TICK;
        if wait(shared, cx, end.min(tick)).await {
            return;
        }
    }
    tracing::warn!("cutting what outlasts the drain: {}", shared.left());
    cut(shared).await;
}

/// After Ctrl-C, and in a restart, nothing outside has to notice.
fn needs_delay(reason: &ShutdownReason) -> bool {
    !matches!(
        reason,
        ShutdownReason::Signal(Signal::Interrupt) | ShutdownReason::Restart(_)
    )
}

/// Stays open for a while: load balancers still send requests.
async fn delay<P: Contextual>(shared: &Shared, cx: &DrainContext<P>) {
    let end = Instant::now() + shared.limits.drain_delay;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        if left.is_zero() || has_no_time(cx) {
            return;
        }
        cx.progress(format!("open for {:.0} s more", left.as_secs_f32().ceil()));
        sleep(left.min(TICK)).await;
    }
}

fn has_no_time<P: Contextual>(cx: &DrainContext<P>) -> bool {
    cx.remaining().is_some_and(|left| left <= MARGIN)
}

/// When what is left has to be cut: by its own limit, or by that of the whole shutdown.
fn end<P: Contextual>(shared: &Shared, cx: &DrainContext<P>, began: Instant) -> Instant {
    let own = began + shared.limits.drain;
    match cx.remaining() {
        Some(left) => own.min(Instant::now() + left.saturating_sub(MARGIN)),
        None => own,
    }
}

/// Waits for the ends of all connections. Returns whether they came in time.
async fn wait<P: Contextual>(shared: &Shared, cx: &DrainContext<P>, until: Instant) -> bool {
    let ended = timeout_at(until, shared.connections.wait()).await.is_ok();
    if !ended {
        cx.progress(format!("waiting for {}", shared.left()));
    }
    ended
}

/// Drops the handlers that have not answered, whose clients get a 503, and then all connections.
async fn cut(shared: &Shared) {
    if let Some(web) = shared.any_web() {
        web.traffic().cut();
    }
    let _ = timeout(CUT, shared.connections.wait()).await;
    shared.cut.raise();
    let _ = timeout(CUT, shared.connections.wait()).await;
}
