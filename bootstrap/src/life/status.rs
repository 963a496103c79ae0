//! Words for how far an app is, and why it stops.

use std::fmt;

use crate::base::name::PluginName;

/// How far an app is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Status {
    /// It has not been booted.
    Configured,
    /// Plugins are loading, or hooks run that come before the start. A request to
    /// stop interrupts the boot: what has loaded is closed, `boot` returns `BOOT012`, and the exit
    /// code of a signal is 130 or 143.
    Booting,
    /// Everything has loaded and is ready: the time to serve. A request to stop closes the app: it
    /// drains and closes, and the exit code is 0 if that goes well. This is the status from the first
    /// hook of [`App::on_start`](crate::App::on_start) on.
    Ready,
    /// Closing has begun; `drain` hooks run.
    Draining,
    /// `run` tasks end and `close` hooks run; also the rollback of a failed boot.
    Closing,
    /// It has closed. The end.
    Closed,
    /// The boot failed, and what had loaded has been closed. The end.
    Failed,
}

impl Status {
    /// Whether nothing will happen any more.
    pub fn is_final(self) -> bool {
        matches!(self, Status::Closed | Status::Failed)
    }
}

/// Why an app stops.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownReason {
    /// A call of [`Handle::shutdown`](crate::Handle::shutdown),
    /// [`Handle::close`](crate::Handle::close) or
    /// [`Running::close`](crate::Running::close).
    Requested,
    /// The operating system asked for it.
    Signal(Signal),
    /// A task failed or panicked: the `run` hook of this plugin, or `plugin/task`.
    TaskFailed(PluginName),
    /// A task ended whose end stops the app.
    TaskEnded(PluginName),
    /// The [`Running`](crate::Running) app, or the future of `boot`, was dropped.
    Dropped,
    /// The tokio runtime was shut down while the app lived.
    RuntimeShutDown,
    /// Not the app stops: this plugin is restarted, with everything that depends on it.
    Restart(PluginName),
    /// Not the app stops: this plugin did not load, and what it brought with it is closed.
    RolledBack(PluginName),
    /// This plugin was restarted, and did not load again, or one that depends on it.
    RestartFailed(PluginName),
}

impl fmt::Display for ShutdownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShutdownReason::Requested => f.write_str("shutdown was requested"),
            ShutdownReason::Signal(signal) => write!(f, "{signal} was received"),
            ShutdownReason::TaskFailed(plugin) => write!(f, "the task of `{plugin}` failed"),
            ShutdownReason::TaskEnded(plugin) => write!(f, "the task of `{plugin}` ended"),
            ShutdownReason::Dropped => f.write_str("the app was dropped"),
            ShutdownReason::Restart(plugin) => write!(f, "`{plugin}` is restarted"),
            ShutdownReason::RolledBack(plugin) => write!(f, "`{plugin}` did not load"),
            ShutdownReason::RestartFailed(plugin) => {
                write!(f, "the restart of `{plugin}` failed")
            }
            ShutdownReason::RuntimeShutDown => f.write_str("the tokio runtime was shut down"),
        }
    }
}

/// A signal that asks a process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// SIGINT, mostly Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    /// The number of the signal, from which shells make the exit code `128 + number`.
    pub fn number(self) -> u8 {
        match self {
            Signal::Interrupt => 2,
            Signal::Terminate => 15,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
        })
    }
}
