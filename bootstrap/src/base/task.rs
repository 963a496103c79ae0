//! What may block its thread, away from what must go on.
//!
//! See also `pulse`, for timers.
//!
//! A tokio worker keeps the task that it spawned or woke last to itself, as the next one to poll,
//! and no other worker can steal it from there. If the code that woke it then blocks, that task waits; and
//! if that task blocks, no worker may be left to serve the timers. Another task that is
//! spawned pushes it out to where it can be stolen, and wakes a worker that does so.

use std::future::Future;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Spawns a task that may block its thread.
pub(crate) fn spawn_apart<F>(runtime: &Handle, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let task = runtime.spawn(future);
    make_way(runtime);
    task
}

/// Lets others have what this thread has just woken, in case that it blocks from now on.
pub(crate) fn make_way(runtime: &Handle) {
    drop(runtime.spawn(async {}));
}

/// The same on the runtime around the call, if there is one.
pub(crate) fn make_way_here() {
    if let Ok(runtime) = Handle::try_current() {
        make_way(&runtime);
    }
}
