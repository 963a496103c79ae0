//! Signals, on a thread of their own.
//!
//! The thread has its own small runtime: when every thread of the user's runtime is blocked by a
//! hook, this one still hears the second Ctrl-C, and still knows when the time for closing is up.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::app::exit::NOT_FINISHED;
use crate::base::text;
use crate::life::{Life, ShutdownReason, Signal};
use crate::report::{Outcome, Report};

/// How much longer than the limit a close may take before the process is ended: the stages end by
/// themselves before that, as long as the runtime has a thread left for them.
const MARGIN: Duration = Duration::from_secs(5);

/// Installs the handlers for SIGTERM and SIGINT.
///
/// From then on, for the rest of the process: the first signal asks the app to stop; the second
/// one ends the process, and so does any signal after the app has closed. The process is also
/// ended when closing has not come to its end long after its limit.
///
/// # Errors
///
/// If the thread can't be spawned or the handlers can't be installed.
pub(super) async fn install(life: Arc<Life>, close_timeout: Duration) -> io::Result<()> {
    let (installed, ready) = oneshot::channel();
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
                        tokio::join!(obey(signals, &life), guard(&life, close_timeout));
                    }
                    Err(error) => drop(installed.send(Err(error))),
                }
            });
        })?;
    ready
        .await
        .unwrap_or_else(|_| Err(io::Error::other("the thread for signals has ended")))
}

async fn obey(mut signals: Signals, life: &Life) {
    let first = signals.next().await;
    if life.status().is_final() {
        end_process(128 + first.number(), "");
    }
    life.request_stop(ShutdownReason::Signal(first));
    let second = signals.next().await;
    let left = left_open(&life.report());
    end_process(
        128 + second.number(),
        &format!("{second} received again: forced stop{left}"),
    );
}

/// Ends the process if closing takes far longer than it may.
async fn guard(life: &Life, close_timeout: Duration) {
    life.stop_token().cancelled().await;
    sleep(close_timeout.saturating_add(MARGIN)).await;
    if !life.status().is_final() {
        let limit = text::duration(close_timeout);
        let left = left_open(&life.report());
        end_process(
            NOT_FINISHED,
            &format!(
                "closing did not end within {limit}, because every thread is blocked: forced stop{left}"
            ),
        );
    }
}

/// The plugins that have loaded and not closed, as the end of a sentence.
fn left_open(report: &Report) -> String {
    let open = report.plugins.iter().filter(|plugin| {
        plugin.load.outcome == Outcome::Done && plugin.close.outcome != Outcome::Done
    });
    let names: Vec<String> = open.map(|plugin| format!("`{}`", plugin.name)).collect();
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
    if !message.is_empty() {
        let _ = writeln!(io::stderr(), "{message}");
    }
    let _ = io::stdout().flush();
    std::process::exit(i32::from(code))
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
