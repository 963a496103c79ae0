//! The sentinel: a task of the runtime around `run` that notes which threads are there when it is
//! dropped, because the runtime shuts down.
//!
//! That moment counts: the shutdown waits for the thread that drops the tasks, so the program has
//! made no other runtime yet, whose threads might have the same name.

use std::future::pending;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::app::threads::Threads;
use crate::base::lock::lock;
use crate::base::panic;

/// How long a runtime may take to say what its threads are called.
const PATIENCE: Duration = Duration::from_secs(1);

/// The threads of a runtime, while it lives and when it shuts down.
pub(super) struct Sentinel {
    noted: Arc<Noted>,
    task: AbortHandle,
}

#[derive(Default)]
struct Noted {
    /// The name of the threads.
    name: OnceLock<String>,
    threads: Mutex<Option<Threads>>,
}

/// What the task holds.
struct Watch(Arc<Noted>);

impl Drop for Watch {
    fn drop(&mut self) {
        let threads = self.0.name.get().and_then(|name| Threads::named(name));
        *lock(&self.0.threads) = threads;
    }
}

impl Sentinel {
    pub(super) fn post(runtime: &Handle) -> Self {
        let noted = Arc::<Noted>::default();
        let watch = Watch(Arc::clone(&noted));
        let task = runtime.spawn(async move {
            let _watch = watch;
            pending::<()>().await;
        });
        let task = task.abort_handle();
        Self { noted, task }
    }

    /// Asks the runtime for the name of its threads. The thread that answers notes the name: it counts
    /// although this is not polled before the runtime shuts down.
    pub(super) async fn learn_name(&self, runtime: &Handle) {
        let noted = Arc::clone(&self.noted);
        let note = move || {
            if let Some(name) = std::thread::current().name() {
                let _ = noted.name.set(name.to_owned());
            }
        };
        // It panics where no thread can be spawned.
        if let Ok(asked) = panic::guard(|| runtime.spawn_blocking(note)) {
            let _ = timeout(PATIENCE, asked).await;
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.noted.name.get().map(String::as_str)
    }

    /// The threads that were there when the runtime began to drop its tasks. If no thread of it was
    /// free to do that, those that are there now.
    pub(super) fn threads(&self) -> Option<Threads> {
        let noted = lock(&self.noted.threads).take();
        noted.or_else(|| Threads::named(self.name()?))
    }

    /// Whether the runtime has begun to drop its tasks.
    pub(super) fn is_dropped(&self) -> bool {
        self.task.is_finished()
    }
}

/// A runtime that goes on has nothing left of it.
impl Drop for Sentinel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    /// The thread of the guard may get no time between the question and the shutdown.
    #[test]
    fn a_runtime_notes_its_name_although_nothing_waits_for_the_answer() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .thread_name("one-name")
            .build()
            .unwrap();
        let sentinel = Sentinel::post(runtime.handle());
        {
            let _inside = runtime.enter();
            let mut asks = pin!(sentinel.learn_name(runtime.handle()));
            let _ = asks.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        // It waits for the thread.
        drop(runtime);
        assert_eq!(sentinel.name(), Some("one-name"));
    }
}
