//! Code that may block, on a thread that can be left behind.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::dispatcher;

use crate::base::lock::lock;
use crate::base::panic::{Payload, guard};

/// What such code does at the moment, for messages about a thread that blocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doing(Arc<Mutex<Option<String>>>);

impl Doing {
    /// Notes what begins now, as in "a thread that ..".
    pub(crate) fn now(&self, what: String) {
        *lock(&self.0) = Some(what);
    }

    /// What was noted last.
    pub(crate) fn text(&self) -> Option<String> {
        lock(&self.0).clone()
    }
}

/// The result of code that runs on a thread of its own. Dropping it leaves the thread behind.
pub(crate) struct Apart<T>(JoinHandle<Option<Result<T, Payload>>>);

impl<T: Send + 'static> Apart<T> {
    /// Runs code on a thread of its own, with the log and the runtime of the caller.
    ///
    /// The thread belongs to no runtime, so neither the end of one nor that of the process waits for
    /// it. If there is no thread left, the code runs on this one.
    pub(crate) fn run<F: FnOnce() -> T + Send + 'static>(code: F) -> Self {
        let runtime = Handle::current();
        let log = dispatcher::get_default(Clone::clone);
        let (sender, answer) = oneshot::channel();
        // A thread that can't be started does not give its closure back.
        let job = Arc::new(Mutex::new(Some((code, sender))));
        let taken = Arc::clone(&job);
        let entered = runtime.clone();
        let started = thread::Builder::new()
            .name("bootstrap-plan".into())
            .spawn(move || {
                let _entered = entered.enter();
                let _log = dispatcher::set_default(&log);
                do_it(&taken);
            });
        if started.is_err() {
            do_it(&job);
        }
        let clock = stop_clock(&runtime);
        // A task, because the end of the runtime drops it, and lets the clock go on with that.
        Self(runtime.spawn(async move {
            let answer = answer.await;
            drop(clock);
            answer.ok()
        }))
    }

    /// Waits for the result; none if the runtime is shut down.
    ///
    /// # Panics
    ///
    /// If the code does.
    pub(crate) async fn result(&mut self) -> Option<T> {
        match (&mut self.0).await.ok().flatten()? {
            Ok(value) => Some(value),
            Err(payload) => resume_unwind(payload),
        }
    }
}

impl<T> Drop for Apart<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

type Job<F, T> = Mutex<Option<(F, oneshot::Sender<Result<T, Payload>>)>>;

fn do_it<T, F: FnOnce() -> T>(job: &Job<F, T>) {
    let taken = job.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((code, sender)) = taken {
        // Dropped on this thread if there is no receiver any more.
        let _ = sender.send(catch_unwind(AssertUnwindSafe(code)));
    }
}

/// Keeps a paused clock where it is until this is dropped.
///
/// tokio moves such a clock on when its runtime has nothing to do, as if the thread did nothing. A
/// `spawn_blocking` that runs keeps it from that.
fn stop_clock(runtime: &Handle) -> mpsc::Sender<()> {
    let (held, dropped) = mpsc::channel::<()>();
    // It panics if there is no thread left.
    let _ = guard(|| {
        drop(runtime.spawn_blocking(move || {
            let _ = dropped.recv();
        }));
    });
    held
}
