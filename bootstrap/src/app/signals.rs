//! Signals, on a thread of their own.
//!
//! The thread has its own small runtime: when every thread of the user's runtime is blocked by a
//! hook, this one still gets the second Ctrl-C, and still knows when the time for closing is up.

use std::io;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::app::guard::{Guard, InRun, end_process, force_end, is_any_running, left_open};
use crate::app::not_installed::NotInstalled;
use crate::base::diagnostic::{Code, Diagnostic};
use crate::base::log::log;
use crate::base::panic;
use crate::life::{Life, ShutdownReason, Signal};

/// How soon after the first one a signal counts as the same: `timeout`, and other programs that start
/// programs, send theirs to the process and then once more to its group.
const REPEATED: Duration = Duration::from_millis(250);

/// The number of the last app that went into [`App::run`](crate::App::run).
static LATEST: LazyLock<watch::Sender<u64>> = LazyLock::new(|| watch::Sender::new(0));

/// Installs the handlers for SIGTERM and SIGINT, except for one that is ignored.
///
/// From then on, for the rest of the process: the first signal asks the app to stop; the second
/// one ends the process, and so does any signal after the last app has closed. The process is also
/// ended when closing has not come to its end long after its limit.
///
/// # Errors
///
/// If the thread can't be spawned or the handlers can't be installed, with what to do about it.
pub(super) async fn install(
    life: Arc<Life>,
    shutdown_timeout: Duration,
) -> Result<InRun, NotInstalled> {
    let (installed, ready) = oneshot::channel();
    let (in_run, returned) = oneshot::channel();
    let (asked, has_asked) = oneshot::channel();
    let mut number = 0;
    LATEST.send_modify(|latest| {
        *latest += 1;
        number = *latest;
    });
    let guard = Guard::new(Arc::clone(&life), shutdown_timeout);
    let ignored = Ignored::read();
    for signal in [Signal::Terminate, Signal::Interrupt] {
        if ignored.has(signal) {
            log(|| {
                tracing::info!(
                    target: "bootstrap",
                    "{signal} was ignored when the process began, and stays ignored"
                );
            });
        }
    }
    let watch = async move {
        let ask = async {
            guard.ask_runtime().await;
            let _ = asked.send(());
        };
        let ((), returned) = tokio::join!(ask, guard.watch_run(returned));
        let life = Arc::clone(&guard.life);
        tokio::select! {
            () = superseded(&life, number) => {}
            // Signals go on to be handled when nothing holds up the end any more.
            () = guard.watch_end(returned) => superseded(&life, number).await,
        }
    };
    std::thread::Builder::new()
        .name("bootstrap-signals".into())
        .spawn(move || {
            // tokio panics where it can't make its pipe for signals.
            let made = panic::guard(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                let signals = {
                    let _inside = runtime.enter();
                    Signals::new(&ignored)?
                };
                io::Result::Ok((runtime, signals))
            });
            let (runtime, signals) = match made.unwrap_or_else(|words| Err(out_of(&words))) {
                Ok(made) => made,
                Err(error) => return drop(installed.send(Err(error))),
            };
            // `run` waits for this; if it was dropped, nothing needs the answer.
            let _ = installed.send(Ok(()));
            runtime.block_on(async {
                tokio::select! {
                    () = obey(signals, &life) => {}
                    () = watch => {}
                }
            });
        })
        .map_err(NotInstalled::Thread)?;
    let ready = ready.await;
    let ended = || Err(io::Error::other("the thread has ended"));
    let ready = ready.unwrap_or_else(|_| ended());
    ready.map_err(NotInstalled::Handlers)?;
    let in_run = InRun::new(in_run);
    // An app may end at once; what the guard asks can't be learned after that.
    let _ = has_asked.await;
    Ok(in_run)
}

async fn obey(mut signals: Signals, life: &Life) {
    let mut asked = None;
    loop {
        let signal = signals.next().await;
        let is_over = life.status().is_final();
        let others = is_any_running();
        match Order::of(&mut asked, Instant::now(), is_over, others) {
            Order::Stop => life.request_stop(ShutdownReason::Signal(signal)),
            Order::Force => {
                let title = format!("forced stop: {signal} was received again");
                let help =
                    "send one signal, and wait for the close; `App::shutdown_timeout` limits it";
                let diagnostic = Diagnostic::new(Code::ForcedStop, title, help);
                let diagnostic = left_open(&life.report(), diagnostic);
                force_end(128 + signal.number(), diagnostic);
            }
            Order::Exit => end_process(128 + signal.number(), ""),
            Order::Nothing => {}
        }
    }
}

/// The error behind a panic of tokio, which has none but that of the system: the first one of opening
/// as many descriptors as it does.
#[cfg(unix)]
fn out_of(words: &str) -> io::Error {
    let pairs = (0..4).map(|_| std::os::unix::net::UnixStream::pair());
    let opened: io::Result<Vec<_>> = pairs.collect();
    opened
        .err()
        .unwrap_or_else(|| io::Error::other(words.to_owned()))
}

#[cfg(not(unix))]
fn out_of(words: &str) -> io::Error {
    io::Error::other(words.to_owned())
}

/// The signals that are ignored: by the parent process, because no code of a service ignores one
/// before it runs. A shell without job control does that to what it starts with `&`.
struct Ignored(u64);

impl Ignored {
    /// Asks the system. To ask by `sigaction` is unsafe, so this reads what Linux shows in `/proc`;
    /// elsewhere no signal counts as ignored.
    fn read() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self::shown_by(&status)
    }

    fn shown_by(status: &str) -> Self {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        Self(mask.unwrap_or(0))
    }

    fn has(&self, signal: Signal) -> bool {
        self.0 >> (signal.number() - 1) & 1 == 1
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

#[cfg(unix)]
struct Signals {
    terminate: Option<tokio::signal::unix::Signal>,
    interrupt: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new(ignored: &Ignored) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let handle = |which, kind| {
            let is_handled = !ignored.has(which);
            is_handled.then(|| signal(kind)).transpose()
        };
        Ok(Self {
            terminate: handle(Signal::Terminate, SignalKind::terminate())?,
            interrupt: handle(Signal::Interrupt, SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Signal {
        async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = received(&mut self.terminate) => Signal::Terminate,
            () = received(&mut self.interrupt) => Signal::Interrupt,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new(_: &Ignored) -> io::Result<Self> {
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
    fn what_is_ignored_is_read_from_the_status_of_the_process() {
        let ignored = |mask: &str| {
            let status = format!("Name:\ta\nSigBlk:\tffff\nSigIgn:\t{mask}\nSigCgt:\tffff\n");
            let ignored = Ignored::shown_by(&status);
            [Signal::Interrupt, Signal::Terminate].map(|signal| ignored.has(signal))
        };
        assert_eq!(ignored("0000000000000000"), [false, false]);
        // Rust ignores SIGPIPE.
        assert_eq!(ignored("0000000000001000"), [false, false]);
        assert_eq!(ignored("0000000000000002"), [true, false]);
        assert_eq!(ignored("0000000000004002"), [true, true]);
        assert_eq!(ignored("ffffffffffffffff"), [true, true]);
        assert_eq!(ignored("no number"), [false, false]);
        let nothing = Ignored::shown_by("");
        assert!(!nothing.has(Signal::Interrupt));
    }

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
