//! Runtimes for tests: one thread, and a clock that stands still.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::base::text;
use crate::testing::idle::Guards;

/// How long a test may take in real time.
const DEADLINE: Duration = Duration::from_mins(2);

/// Runs a test on one thread with a clock that stands still: waiting takes no time.
///
/// Whenever nothing else can go on, the clock jumps to the next timer, so that limits pass and hooks
/// sleep in no time, and in the same order every time. That is right as long as everything that the
/// test waits for happens on this runtime. For sockets, files and threads of others there is
/// [`paused_with_io`].
///
/// A test that takes longer than two minutes of real time hangs, and may hold the thread; so it ends
/// the process, after saying so.
///
/// # Panics
///
/// If the test does, or the runtime can't be built.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap::testing;
/// use tokio::time::{Instant, sleep};
///
/// testing::paused(async {
///     let began = Instant::now();
///     sleep(Duration::from_secs(3600)).await;
///     assert_eq!(began.elapsed(), Duration::from_secs(3600));
/// });
/// ```
pub fn paused<T>(test: impl Future<Output = T>) -> T {
    Paused::new(None).run(test)
}

/// The same for tests that wait for something outside of the runtime: sockets, files, threads of a
/// database driver.
///
/// The clock moves on when the runtime has had nothing to do for `idle` of real time
/// (`Duration::from_millis(10)` is enough for most tests), and on Linux, when no other thread of the process runs or waits for a disk; for
/// that, it waits fifty times as long at most. An answer from outside that comes later than this is too
/// late: what waits for it with a timeout sees that pass. Each sleep costs `idle`.
///
/// # Panics
///
/// As [`paused`] does.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap::testing;
/// use tokio::time::timeout;
///
/// // A thread that works for a while. With `paused` the timeout would pass at once.
/// testing::paused_with_io(Duration::from_millis(50), async {
///     let (sender, receiver) = tokio::sync::oneshot::channel();
///     std::thread::spawn(move || {
///         std::thread::sleep(Duration::from_millis(3));
///         sender.send("done")
///     });
///     let answer = timeout(Duration::from_secs(10), receiver).await;
///     assert_eq!(answer.unwrap().unwrap(), "done");
/// });
/// ```
pub fn paused_with_io<T>(idle: Duration, test: impl Future<Output = T>) -> T {
    Paused::new(Some(idle)).run(test)
}

/// A runtime with a clock that stands still.
pub(super) struct Paused {
    runtime: Runtime,
    guards: Option<Arc<Guards>>,
    waits: Waits,
}

/// Whether a runtime waits for a clock that nothing but a blocking task keeps from moving.
pub(super) type Waits = Arc<dyn Fn() -> bool + Send + Sync>;

impl Paused {
    /// # Panics
    ///
    /// If the runtime can't be built.
    pub(super) fn new(idle: Option<Duration>) -> Self {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().start_paused(true);
        let (guards, waits): (_, Waits) = match idle {
            // Here it waits for others as well.
            Some(idle) => (
                Some(Guards::install(&mut builder, idle)),
                Arc::new(|| false),
            ),
            None => (None, watch_waits(&mut builder)),
        };
        let runtime = builder.build().expect("a runtime can be built");
        Self {
            runtime,
            guards,
            waits,
        }
    }

    pub(super) fn waits(&self) -> Waits {
        Arc::clone(&self.waits)
    }

    fn run<T>(self, test: impl Future<Output = T>) -> T {
        let _deadline = Deadline::start(DEADLINE);
        self.block_on(test)
    }

    /// Leaves behind what still runs on other threads.
    pub(super) fn block_on<T>(self, test: impl Future<Output = T>) -> T {
        let Self {
            runtime, guards, ..
        } = self;
        let done = runtime.block_on(async {
            let _end = guards.map(|guards| {
                guards.begin();
                End(guards)
            });
            test.await
        });
        runtime.shutdown_background();
        done
    }
}

fn watch_waits(builder: &mut Builder) -> Waits {
    let flag = Arc::new(AtomicBool::new(false));
    let (parks, unparks) = (Arc::clone(&flag), Arc::clone(&flag));
    builder
        .on_thread_park(move || parks.store(true, Ordering::Relaxed))
        .on_thread_unpark(move || unparks.store(false, Ordering::Relaxed));
    Arc::new(move || flag.load(Ordering::Relaxed))
}

struct End(Arc<Guards>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Ends the process if it is not dropped in time.
struct Deadline(#[expect(dead_code, reason = "its drop is the signal")] Sender<()>);

impl Deadline {
    fn start(after: Duration) -> Self {
        let (alive, dropped) = channel();
        let test = thread::current().name().unwrap_or("a test").to_owned();
        thread::spawn(move || {
            if dropped.recv_timeout(after) == Err(RecvTimeoutError::Timeout) {
                let after = text::duration(after);
                eprintln!("{test} has not ended after {after}: it hangs");
                std::process::abort();
            }
        });
        Self(alive)
    }
}
