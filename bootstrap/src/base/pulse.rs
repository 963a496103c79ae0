//! Wakes up a runtime at regular intervals, from a thread outside of it.
//!
//! Of the workers of a multi-thread runtime one waits for timers and sockets, and the others wait
//! for work. If the first one is woken by a single task, and that task blocks, then no worker looks
//! at the timers any more: not one of the others is woken before a task is scheduled. So a limit
//! would depend on the very thread that is blocked. A task that is spawned from outside of the runtime
//! wakes a worker that is free. That worker steals what waits in the queues of the others, and
//! looks at the timers when it has nothing else to do.
//!
//! A runtime with one thread gets no pulse. Nothing can help it while that thread is blocked; and
//! only such a runtime can have a paused clock, which a pulse would disturb.

use std::collections::HashMap;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::base::lock::lock;
use crate::base::panic::guard;

/// How late a limit may be noticed if the timers of a runtime stand still. Most boots are over
/// before the first beat.
const BEAT: Duration = Duration::from_millis(50);

/// One thread for all runtimes of the process.
static HEART: LazyLock<Heart> = LazyLock::new(Heart::default);

#[derive(Default)]
struct Heart {
    beats: Mutex<Beats>,
    /// Notified when the first runtime is there.
    begins: Condvar,
}

#[derive(Default)]
struct Beats {
    runtimes: HashMap<u64, Handle>,
    /// How many pulses there have been.
    count: u64,
    has_thread: bool,
}

/// Wakes up a runtime at regular intervals until it is dropped.
pub(crate) struct Pulse(Option<u64>);

impl Pulse {
    /// The pulse of the runtime around the call.
    pub(crate) fn begin() -> Self {
        let runtime = Handle::current();
        if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Self(None);
        }
        let mut beats = HEART.beats();
        beats.count += 1;
        let number = beats.count;
        beats.runtimes.insert(number, runtime);
        if !beats.has_thread {
            let thread = thread::Builder::new().name("bootstrap-pulse".into());
            // Without the thread everything works, unless a job blocks.
            beats.has_thread = thread.spawn(|| HEART.beat()).is_ok();
        }
        let is_first = beats.runtimes.len() == 1;
        drop(beats);
        if is_first {
            HEART.begins.notify_one();
        }
        Self(Some(number))
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        if let Some(number) = self.0 {
            let runtime = HEART.beats().runtimes.remove(&number);
            // Not under the lock.
            drop(runtime);
        }
    }
}

impl Heart {
    fn beats(&self) -> MutexGuard<'_, Beats> {
        lock(&self.beats)
    }

    fn beat(&self) {
        loop {
            for runtime in self.wait() {
                let _ = guard(|| drop(runtime.spawn(async {})));
            }
        }
    }

    /// Waits for the next beat, and returns the runtimes to wake up.
    fn wait(&self) -> Vec<Handle> {
        let is_empty = |beats: &mut Beats| beats.runtimes.is_empty();
        let beats = self.begins.wait_while(self.beats(), is_empty);
        drop(beats.unwrap_or_else(PoisonError::into_inner));
        thread::park_timeout(BEAT);
        self.beats().runtimes.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// The task that blocks is the only one that the worker at the timers has been woken for.
    #[test]
    fn a_timer_fires_although_the_worker_that_waited_for_timers_is_blocked() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap();
        let (release, blocked) = channel::<()>();
        let (fired, timer) = channel();
        runtime.spawn(async move {
            let _pulse = Pulse::begin();
            tokio::time::sleep(Duration::from_millis(100)).await;
            let _ = fired.send(());
        });
        runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = blocked.recv();
        });
        let in_time = timer.recv_timeout(Duration::from_secs(20));
        drop(release);
        assert_eq!(in_time, Ok(()));
    }

    #[test]
    fn a_runtime_with_one_thread_has_no_pulse() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        assert!(runtime.block_on(async { Pulse::begin().0.is_none() }));
    }
}
