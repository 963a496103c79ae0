//! The guard: a watch over the end of the process, which nothing that was abandoned may hold up.
//!
//! It lives on the thread for signals, until the process has ended. It watches three stages: the
//! close of the app, the rest of [`App::run`](crate::App::run), and the shutdown of the tokio
//! runtime around it. Code of the program that runs between them, and after them, has no limit.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::app::logged;
use crate::app::sentinel::Sentinel;
use crate::app::threads::{Threads, Waiter};
use crate::base::diagnostic::{Code, Diagnostic};
use crate::base::lock::lock;
use crate::base::panic;
use crate::base::text::{self, HELP_WITH_BLOCKING};
use crate::life::{Life, Status};
use crate::report::{Outcome, Report};

/// The exit code of a process that could not close in time, or not end.
pub(super) const NOT_FINISHED: u8 = 75;

/// How much longer than its limit a close may take before the process is ended: the stages end by
/// themselves before that, as long as the runtime has a thread left for them. The rest of `run`,
/// and the shutdown of the runtime, may take as long each.
const MARGIN: Duration = Duration::from_secs(5);

/// How long the end of the process waits for its last words to be printed.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How often a shutdown that has begun is looked at.
const TICK: Duration = Duration::from_millis(50);

/// The longest time between two looks at a runtime that goes on after `run`.
const SLOWEST_TICK: Duration = Duration::from_secs(1);

/// How long a runtime may take to answer whether it is being shut down.
const ANSWER: Duration = Duration::from_millis(20);

/// How many apps are in [`App::run`](crate::App::run).
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Whether any app is in [`App::run`](crate::App::run).
pub(super) fn is_any_running() -> bool {
    RUNNING.load(Ordering::Relaxed) > 0
}

/// An app that is in [`App::run`](crate::App::run), until it is dropped.
pub(super) struct InRun(Option<oneshot::Sender<Returned>>);

impl InRun {
    pub(super) fn new(guard: oneshot::Sender<Returned>) -> Self {
        RUNNING.fetch_add(1, Ordering::Relaxed);
        Self(Some(guard))
    }

    /// `run` returns this.
    pub(super) fn returns(mut self, returned: Returned) {
        if let Some(guard) = self.0.take() {
            // Without a guard there is nothing to inform.
            let _ = guard.send(returned);
        }
    }
}

impl Drop for InRun {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the guard knows of the result of `run`.
pub(super) struct Returned {
    pub(super) code: u8,
    /// The hooks that were cut short: they may have left work behind that blocks.
    pub(super) cut: Vec<String>,
    /// Gone when the program has dropped the `Exit`.
    pub(super) diagnosis: Weak<Diagnosis>,
    /// The thread that ran `run` to its end.
    pub(super) thread: Option<Waiter>,
}

/// The text of an `Exit`, which is printed once.
pub(super) struct Diagnosis {
    pub(super) text: Option<String>,
    printed: AtomicBool,
}

impl Diagnosis {
    pub(super) fn new(text: Option<String>) -> Arc<Self> {
        let printed = AtomicBool::new(false);
        Arc::new(Self { text, printed })
    }

    /// The text, for the first caller.
    pub(super) fn take(&self) -> Option<&str> {
        let is_first = !self.printed.swap(true, Ordering::Relaxed);
        self.text.as_deref().filter(|_| is_first)
    }
}

/// What the guard watches.
pub(super) struct Guard {
    pub(super) life: Arc<Life>,
    pub(super) shutdown_timeout: Duration,
    /// The runtime around `run`.
    runtime: Option<(Handle, Sentinel)>,
}

impl Guard {
    pub(super) fn new(life: Arc<Life>, shutdown_timeout: Duration) -> Self {
        let runtime = Handle::try_current().ok().map(|runtime| {
            let sentinel = Sentinel::post(&runtime);
            (runtime, sentinel)
        });
        Self {
            life,
            shutdown_timeout,
            runtime,
        }
    }

    /// Asks the runtime for what the guard has to know when that is gone.
    pub(super) async fn ask_runtime(&self) {
        if let Some((runtime, sentinel)) = &self.runtime {
            sentinel.learn_name(runtime).await;
        }
    }

    /// Watches the close, and the rest of `run`, until that has returned or was dropped.
    pub(super) async fn watch_run(
        &self,
        returned: oneshot::Receiver<Returned>,
    ) -> Option<Returned> {
        let hangs = async {
            self.watch_close().await;
            sleep(MARGIN).await;
        };
        tokio::select! {
            biased;
            returned = returned => returned.ok(),
            () = hangs => {
                let title = format!(
                    "forced stop: the app has closed, and `App::run` did not return within {}, \
                     because a drop of a plugin or a state, or a subscriber of the log, blocks",
                    text::duration(MARGIN)
                );
                force_end(NOT_FINISHED, blocked(title))
            }
        }
    }

    /// Returns when the app has ended. Ends the process if that takes far longer than it may.
    async fn watch_close(&self) {
        let mut status = self.life.subscribe();
        tokio::select! {
            () = self.life.stop_token().cancelled() => {}
            // A boot that failed is rolled back without a request.
            _ = status.wait_for(|status| *status > Status::Ready) => {}
        }
        let limit = self.shutdown_timeout.saturating_add(MARGIN);
        let closed = status.wait_for(|status| status.is_final());
        if timeout(limit, closed).await.is_err() {
            let title = format!(
                "forced stop: closing did not end within {}, because every thread is blocked",
                text::duration(self.shutdown_timeout)
            );
            force_end(NOT_FINISHED, left_open(&self.life.report(), blocked(title)));
        }
    }

    /// Watches the shutdown of the runtime: ends the process if something holds it up. Returns when
    /// nothing does any more.
    pub(super) async fn watch_end(self, returned: Option<Returned>) {
        let close = async {
            // The future of `run` was dropped, and the app closes in the background.
            if returned.is_none() {
                self.watch_close().await;
            }
        };
        let shutdown = async {
            if let Some((runtime, sentinel)) = &self.runtime {
                let held_up = shutdown_held_up(runtime, sentinel, returned.as_ref()).await;
                if let Some(by) = held_up {
                    end_held_up(&by, returned.as_ref());
                }
            }
        };
        tokio::join!(close, shutdown);
    }
}

/// How far the shutdown of a runtime is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shutdown {
    NotBegun,
    /// The thread that shuts down a current-thread runtime drops the tasks of it.
    DropsTasks,
    /// It waits for the threads of the runtime, or is over: tokio does not say which.
    WaitsForThreads,
}

impl Shutdown {
    /// A runtime that is being shut down refuses tasks.
    async fn of(runtime: &Handle) -> Self {
        if is_refused(|| runtime.spawn_blocking(|| ())).await {
            return Self::WaitsForThreads;
        }
        // The threads of the other kind drop the tasks while the shutdown waits for those threads.
        let is_one_thread = runtime.runtime_flavor() == RuntimeFlavor::CurrentThread;
        if is_one_thread && is_refused(|| runtime.spawn(async {})).await {
            return Self::DropsTasks;
        }
        Self::NotBegun
    }
}

async fn is_refused(spawn: impl FnOnce() -> JoinHandle<()>) -> bool {
    // It panics where no thread can be spawned.
    let Ok(task) = panic::guard(spawn) else {
        return false;
    };
    let answer = timeout(ANSWER, task).await;
    matches!(answer, Ok(Err(error)) if error.is_cancelled())
}

/// Waits for the shutdown of a runtime. Returns what holds it up, or nothing if it is over.
async fn shutdown_held_up(
    runtime: &Handle,
    sentinel: &Sentinel,
    returned: Option<&Returned>,
) -> Option<String> {
    let mut tick = TICK;
    let mut how_far = Shutdown::of(runtime).await;
    while how_far == Shutdown::NotBegun {
        sleep(tick).await;
        tick = (tick * 2).min(SLOWEST_TICK);
        how_far = Shutdown::of(runtime).await;
    }
    let began = Instant::now();
    while how_far == Shutdown::DropsTasks {
        if began.elapsed() >= MARGIN && !is_any_running() {
            return Some("a task of it blocks in a drop".to_owned());
        }
        sleep(TICK).await;
        how_far = Shutdown::of(runtime).await;
    }
    let began = Instant::now();
    while !sentinel.is_dropped() && began.elapsed() < SLOWEST_TICK {
        sleep(TICK).await;
    }
    if let (Some(name), Some(threads)) = (sentinel.name(), sentinel.threads()) {
        let run = returned.and_then(|it| it.thread.as_ref());
        let run = run.filter(|it| !it.is_named(name));
        return threads_that_hold_up(threads, run).await;
    }
    // Without a list of threads only the program knows: one that holds the `Exit` has not gone on to
    // something else.
    sleep(MARGIN).await;
    let is_held = returned.is_some_and(|it| it.diagnosis.strong_count() > 0);
    (is_held && !is_any_running()).then(|| "a thread of it is blocked".to_owned())
}

/// The same for the threads that were there when the shutdown began. It is held up if some of them
/// stay, while the main thread, which ends the process, and the one that ran `run`, which shuts the
/// runtime down, wait and do nothing else.
async fn threads_that_hold_up(mut threads: Threads, run: Option<&Waiter>) -> Option<String> {
    let main = Waiter::main();
    let steps = || (main.switches(), run.and_then(Waiter::switches));
    let mut before = steps();
    let mut since = Instant::now();
    loop {
        sleep(TICK).await;
        if threads.remaining() == 0 || run.is_some_and(Waiter::has_ended) {
            return None;
        }
        // What they do is read before how often they did something: a thread that begins to wait
        // between the two has made a step.
        let may_wait = main.may_wait() && run.is_none_or(Waiter::may_wait);
        let now = steps();
        if now != before || !may_wait {
            (before, since) = (now, Instant::now());
        }
        if since.elapsed() >= MARGIN && !is_any_running() {
            let blocked = match threads.remaining() {
                1 => "1 thread of it is".to_owned(),
                more => format!("{more} threads of it are"),
            };
            return Some(format!("{blocked} blocked"));
        }
    }
}

/// Ends a process whose runtime does not end.
fn end_held_up(by: &str, returned: Option<&Returned>) -> ! {
    let code = match returned.map_or(0, |it| it.code) {
        0 => NOT_FINISHED,
        code => code,
    };
    let diagnosis = returned.and_then(|it| it.diagnosis.upgrade());
    if let Some(text) = diagnosis.as_ref().and_then(|it| it.take()) {
        print(text);
    }
    let diagnostic = blocked(format!(
        "forced stop: the app has closed, and the tokio runtime did not shut down within {}, \
         because {by}",
        text::duration(MARGIN)
    ));
    let diagnostic = match returned.map_or(&[][..], |it| &it.cut) {
        [] => diagnostic,
        cut => diagnostic.note("cut short before", cut.join(", ")),
    };
    force_end(code, diagnostic)
}

/// A forced stop, because something blocks.
fn blocked(title: String) -> Diagnostic {
    Diagnostic::new(Code::CloseTimedOut, title, HELP_WITH_BLOCKING)
}

/// Adds the plugins that have loaded and not closed.
pub(super) fn left_open(report: &Report, to: Diagnostic) -> Diagnostic {
    let open = report.plugins.iter().filter(|plugin| {
        plugin.load.outcome == Outcome::Done && plugin.close.outcome != Outcome::Done
    });
    let names: Vec<String> = open.map(|plugin| format!("`{}`", plugin.name)).collect();
    // All of them: the process will not be there to ask for the rest.
    if names.is_empty() {
        to
    } else {
        to.note("not closed", names.join(", "))
    }
}

/// Ends the process, and says so: it has not ended by itself.
pub(super) fn force_end(exit_code: u8, diagnostic: Diagnostic) -> ! {
    let diagnostic = diagnostic.note("exit code", exit_code.to_string());
    let printed = diagnostic.to_string();
    in_time([
        Box::new(move || print_now(&printed)),
        // Subscribers are the user's code, and may block.
        Box::new(move || logged::failure(diagnostic.code(), &diagnostic)),
    ]);
    exit(exit_code)
}

/// Ends a process whose outcome is logged.
pub(super) fn end_process(code: u8, message: &str) -> ! {
    print(message);
    exit(code)
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place where a thread that is blocked can be left behind"
)]
fn exit(code: u8) -> ! {
    std::process::exit(i32::from(code))
}

/// Prints to the standard error, and flushes the standard output. A failure to print changes nothing.
pub(super) fn print(message: &str) {
    let message = message.to_owned();
    in_time([Box::new(move || print_now(&message))]);
}

fn print_now(message: &str) {
    if !message.is_empty() {
        let _ = writeln!(io::stderr(), "{message}");
    }
    let _ = io::stdout().flush();
}

type Job = Box<dyn FnOnce() + Send>;

fn take(job: &Mutex<Option<Job>>) -> Option<Job> {
    lock(job).take()
}

/// Does each of these on a thread of its own. Waits for that, but not for long: the reader of the
/// standard error or output may have stopped, or another thread may hold the lock of one for ever.
fn in_time<const N: usize>(jobs: [Job; N]) {
    let (done, all_done) = mpsc::channel::<()>();
    for job in jobs {
        let (done, job) = (done.clone(), Arc::new(Mutex::new(Some(job))));
        let its_job = Arc::clone(&job);
        let spawned = std::thread::Builder::new().spawn(move || {
            if let Some(job) = take(&its_job) {
                job();
            }
            drop(done);
        });
        if spawned.is_err() {
            // Out of threads: the words are worth more than the risk that a reader has stopped.
            if let Some(job) = take(&job) {
                job();
            }
        }
    }
    drop(done);
    // Nothing is sent: it ends when all have dropped their ends.
    let _ = all_done.recv_timeout(LAST_WORDS);
}
