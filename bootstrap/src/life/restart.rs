//! Asking a running app to restart a part of itself.

use std::error::Error;
use std::fmt;

use tokio::sync::oneshot;

use crate::base::name::PluginName;
use crate::base::text;
use crate::life::status::{ShutdownReason, Status};
use crate::report::HookError;
#[cfg(feature = "config")]
use crate::values::ConfigFault;

/// Why a part of an app was not restarted.
///
/// `Display` is one line, `Debug` the whole story.
#[non_exhaustive]
pub enum RestartError {
    /// The app is not running: it has not booted, or it is closing. Nothing has been done.
    NotRunning {
        /// How far it is.
        status: Status,
    },
    /// The app was asked to stop, and is about to close. Nothing has been done.
    Stopping {
        /// Why it stops.
        reason: ShutdownReason,
    },
    /// The plugin is not part of the app that runs. Nothing has been done.
    Absent {
        /// The plugin.
        plugin: PluginName,
        /// Why: "it is switched off because `mail.enabled` is false".
        because: String,
    },
    /// No plugin of the app is called so. Nothing has been done.
    Unknown {
        /// The name.
        plugin: String,
    },
    /// A plugin that would have to be loaded again is a closure, which can be called only once.
    /// Nothing has been done.
    Once {
        /// The plugin.
        plugin: PluginName,
    },
    /// A plugin that would have to be loaded again is not there any more: its `load` panicked or was
    /// cut short, and took it along. Nothing has been done.
    Lost {
        /// The plugin.
        plugin: PluginName,
    },
    /// The part was closed, and did not load again. What of it had loaded has been closed.
    Failed {
        /// The hooks that went wrong, in the order in which they did.
        failures: Vec<HookError>,
        /// What went wrong while closing what had loaded.
        rollback: Vec<HookError>,
    },
    /// The configuration was read anew, all of it, and something in it is wrong. Nothing has been
    /// done.
    ///
    /// The fault need not be in what the part reads: a configuration is taken over as a whole, or
    /// not at all, so that no two plugins of an app hold different ones because of a mistake.
    /// [`ConfigFault::plugin`] says whose each of them is.
    #[cfg(feature = "config")]
    Configuration {
        /// What is wrong.
        faults: Vec<ConfigFault>,
    },
    /// The app was asked to stop meanwhile. The part has been closed, or is closed with the app.
    Interrupted,
    /// Who asked is a hook, or a task of the part: the restart would wait for it, and it for the
    /// restart. Nothing has been done.
    WaitsForItself,
}

impl fmt::Display for RestartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestartError::NotRunning { status } => {
                write!(f, "the app is not running: its status is {status:?}")
            }
            RestartError::Stopping { reason } => write!(f, "the app is stopping: {reason}"),
            RestartError::Absent { plugin, because } => {
                write!(f, "[{plugin}] is not part of the app that runs: {because}")
            }
            RestartError::Unknown { plugin } => {
                let plugin = text::line(plugin);
                write!(f, "no plugin of this app is called `{plugin}`")
            }
            RestartError::Once { plugin } => write!(
                f,
                "[{plugin}] can't be loaded again: a closure can be called only once"
            ),
            RestartError::Lost { plugin } => write!(
                f,
                "[{plugin}] can't be loaded again: its `load` panicked or was cut short, and took it along"
            ),
            RestartError::Failed { failures, .. } => match failures.as_slice() {
                [] => f.write_str("the part did not load again"),
                [only] => only.fmt(f),
                [first, rest @ ..] => {
                    write!(f, "{first} (and {} more)", text::count(rest.len(), "error"))
                }
            },
            #[cfg(feature = "config")]
            RestartError::Configuration { faults } => {
                f.write_str("the configuration of the app is wrong")?;
                match faults.as_slice() {
                    [] => Ok(()),
                    [only] => write!(f, ": {only}"),
                    [first, rest @ ..] => {
                        let more = text::count(rest.len(), "fault");
                        write!(f, ": {first} (and {more} more)")
                    }
                }
            }
            RestartError::Interrupted => {
                f.write_str("the app was asked to stop while a part of it restarted")
            }
            RestartError::WaitsForItself => f.write_str(
                "a hook, or a task of the part that restarts, would wait for itself if it waited \
                 for the restart",
            ),
        }
    }
}

impl fmt::Debug for RestartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let help = match self {
            RestartError::Failed { failures, rollback } => {
                writeln!(f, "error[RUN001]: a part of the app did not load again")?;
                for error in failures {
                    error.write(f, "  ")?;
                }
                for (number, error) in (1..).zip(rollback) {
                    writeln!(f, "  while closing, {number}:")?;
                    error.write(f, "    ")?;
                }
                return f.write_str("  help: fix the first error above, and restart it again");
            }
            #[cfg(feature = "config")]
            RestartError::Configuration { faults } => {
                writeln!(
                    f,
                    "error[RUN001]: a part of the app did not restart: the configuration of the \
                     app is wrong{}",
                    whose(faults)
                )?;
                for fault in faults {
                    writeln!(f, "{fault:?}")?;
                }
                return f.write_str(
                    "  help: correct the configuration, and restart the part again; the app \
                     runs on as it was",
                );
            }
            RestartError::NotRunning { .. }
            | RestartError::Stopping { .. }
            | RestartError::Interrupted => "only an app that is ready can be restarted in part",
            RestartError::Unknown { .. } => "`Running::plan` lists the names",
            RestartError::Absent { .. } => "only plugins of the app that runs can be restarted",
            RestartError::WaitsForItself => {
                "wait for it elsewhere: `tokio::spawn(async move { handle.restart(..).await })`"
            }
            RestartError::Lost { .. } => {
                "restart the process; plugins that are collected are built anew"
            }
            RestartError::Once { .. } => {
                "make a type of the closure, and implement `Plugin` for it"
            }
        };
        write!(f, "error[RUN001]: {self}\n  help: {help}")
    }
}

impl Error for RestartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RestartError::Failed { failures, .. } => failures.first().and_then(Error::source),
            _ => None,
        }
    }
}

/// Who reads what is wrong: ", for `database` and `cache`".
#[cfg(feature = "config")]
fn whose(faults: &[ConfigFault]) -> String {
    let mut readers: Vec<&PluginName> = Vec::new();
    for reader in faults.iter().filter_map(ConfigFault::plugin) {
        if !readers.contains(&reader) {
            readers.push(reader);
        }
    }
    match readers.as_slice() {
        [] => String::new(),
        readers => format!(", for {}", text::names(readers)),
    }
}

/// Which plugin to restart.
pub(crate) enum Target {
    Node(u32),
    Name(String),
    /// What a registration of this app is called that became no node.
    NoNode(PluginName),
    /// A registration of another app.
    Foreign,
}

/// A wish, and who waits for what becomes of it.
pub(crate) struct RestartRequest {
    pub(crate) target: Target,
    /// The node whose task asks, if it is one.
    pub(crate) asker: Option<u32>,
    pub(crate) answer: oneshot::Sender<Result<(), RestartError>>,
}
