//! Signals, on a thread of their own.
//!
//! The thread has its own small runtime: when every thread of the user's runtime is blocked by a
//! hook, this one still hears the second Ctrl-C, and still knows when the time for closing is up.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use crate::app::exit::NOT_FINISHED;
use crate::base::text;
use crate::life::{Life, ShutdownReason, Signal};
use crate::report::{Outcome, Report};

/// How much longer than the limit a close may take before the process is ended: the stages end by
/// themselves before that, as long as the runtime has a thread left for them.
const MARGIN: Duration = Duration::from_secs(5);

/// How soon after the first one a signal counts as the same: `timeout`, and others who start
/// programs, send theirs to the process and then once more to its group.
const REPEATED: Duration = Duration::from_millis(250);

/// How long the process waits for somebody to read its last words.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// The number of the last app that went into [`App::run`](crate::App::run).
static LATEST: LazyLock<watch::Sender<u64>> = LazyLock::new(|| watch::Sender::new(0));

/// How many apps are in [`App::run`](crate::App::run).
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// An app that is in [`App::run`](crate::App::run), until it is dropped.
pub(super) struct InRun(());

impl InRun {
    fn new() -> Self {
        RUNNING.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for InRun {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Installs the handlers for SIGTERM and SIGINT.
///
/// From then on, for the rest of the process: the first signal asks the app to stop; the second
/// one ends the process, and so does any signal after the last app has closed. The process is also
/// ended when closing has not come to its end long after its limit.
///
/// # Errors
///
/// If the thread can't be spawned or the handlers can't be installed.
pub(super) async fn install(life: Arc<Life>, close_timeout: Duration) -> io::Result<InRun> {
    let (installed, ready) = oneshot::channel();
    let mut number = 0;
    LATEST.send_modify(|latest| {
        *latest += 1;
        number = *latest;
    });
    std::thread::Builder::new()
        .name("bootstrap-signals".into())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(installed.send(Err(error))),
            };
            runtime.block_on(async {
                match Signals::new() {
                    Ok(signals) => {
                        // `run` waits for this; if it was dropped, nobody has to be told.
                        let _ = installed.send(Ok(()));
                        tokio::select! {
                            () = obey(signals, &life) => {}
                            () = guard(&life, close_timeout) => {}
                            () = superseded(&life, number) => {}
                        }
                    }
                    Err(error) => drop(installed.send(Err(error))),
                }
            });
        })?;
    ready
        .await
        .unwrap_or_else(|_| Err(io::Error::other("the thread for signals has ended")))?;
    Ok(InRun::new())
}

async fn obey(mut signals: Signals, life: &Life) {
    let mut asked = None;
    loop {
        let signal = signals.next().await;
        let is_over = life.status().is_final();
        let others = RUNNING.load(Ordering::Relaxed) > 0;
        match Order::of(&mut asked, Instant::now(), is_over, others) {
            Order::Stop => life.request_stop(ShutdownReason::Signal(signal)),
            Order::Force => {
                let left = left_open(&life.report());
                let code = 128 + signal.number();
                let message = format!(
                    "error[STOP006]: forced stop, because {signal} was received again{left}; exit \
                     code {code}"
                );
                end_process(code, &message);
            }
            Order::Exit => end_process(128 + signal.number(), ""),
            Order::Nothing => {}
        }
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Stop,
    /// End the process, although the app has not closed.
    Force,
    /// End the process; the app has closed.
    Exit,
    Nothing,
}

impl Order {
    /// Pure. `asked` is when the app was first asked to stop; `others` whether an app is running.
    fn of(asked: &mut Option<Instant>, now: Instant, is_over: bool, others: bool) -> Self {
        match *asked {
            // The app that runs now has a thread like this one.
            _ if is_over && others => Order::Nothing,
            _ if is_over => Order::Exit,
            None => {
                *asked = Some(now);
                Order::Stop
            }
            Some(at) if now.saturating_duration_since(at) < REPEATED => Order::Nothing,
            Some(_) => Order::Force,
        }
    }
}

/// Waits until the app has closed and a later one is there, whose thread hears the signals as well:
/// a process has one thread for every app that runs, and one for the last of those that have.
async fn superseded(life: &Life, number: u64) {
    life.ended().await;
    let mut latest = LATEST.subscribe();
    // The sender is never dropped: waiting can't fail.
    let _ = latest.wait_for(|latest| *latest > number).await;
}

/// Ends the process if closing takes far longer than it may; else never ends.
async fn guard(life: &Life, close_timeout: Duration) {
    life.stop_token().cancelled().await;
    sleep(close_timeout.saturating_add(MARGIN)).await;
    if !life.status().is_final() {
        let limit = text::duration(close_timeout);
        let left = left_open(&life.report());
        end_process(
            NOT_FINISHED,
            &format!(
                "error[STOP004]: closing did not end within {limit}, because every thread is \
                 blocked: forced stop{left}; exit code {NOT_FINISHED}\n  help: a hook that blocks \
                 can't be cancelled: move what blocks into `tokio::task::spawn_blocking`"
            ),
        );
    }
    std::future::pending::<()>().await;
}

/// The plugins that have loaded and not closed, as the end of a sentence.
fn left_open(report: &Report) -> String {
    let open = report.plugins.iter().filter(|plugin| {
        plugin.load.outcome == Outcome::Done && plugin.close.outcome != Outcome::Done
    });
    let names: Vec<String> = open.map(|plugin| format!("`{}`", plugin.name)).collect();
    // All of them: nobody will be there to ask for the rest.
    if names.is_empty() {
        String::new()
    } else {
        format!("; not closed: {}", names.join(", "))
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place where a hook that does not let go of its thread can be left behind"
)]
pub(super) fn end_process(code: u8, message: &str) -> ! {
    say(message.to_owned());
    std::process::exit(i32::from(code))
}

/// Prints to the standard error on a thread of its own: whoever should read there or from the
/// standard output may have stopped, with a plugin waiting in the middle of a line for ever.
fn say(message: String) {
    let (said, done) = std::sync::mpsc::channel();
    let speaker = std::thread::Builder::new().spawn(move || {
        if !message.is_empty() {
            let _ = writeln!(io::stderr(), "{message}");
        }
        let _ = io::stdout().flush();
        let _ = said.send(());
    });
    if speaker.is_ok() {
        let _ = done.recv_timeout(LAST_WORDS);
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_stops_its_repetition_is_ignored_and_the_next_one_forces() {
        let start = Instant::now();
        let mut asked = None;
        let mut hear = |millis| {
            let now = start + Duration::from_millis(millis);
            Order::of(&mut asked, now, false, true)
        };
        assert_eq!(hear(0), Order::Stop);
        assert_eq!(hear(1), Order::Nothing);
        assert_eq!(hear(249), Order::Nothing);
        assert_eq!(hear(250), Order::Force);
    }

    #[test]
    fn after_the_end_a_signal_ends_the_process_unless_another_app_runs() {
        let now = Instant::now();
        for mut asked in [None, Some(now)] {
            assert_eq!(Order::of(&mut asked, now, true, true), Order::Nothing);
            assert_eq!(Order::of(&mut asked, now, true, false), Order::Exit);
        }
    }
}
