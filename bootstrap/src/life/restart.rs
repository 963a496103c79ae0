//! Asking a running app to restart a part of itself.

use std::error::Error;
use std::fmt;

use tokio::sync::oneshot;

use crate::base::diagnostic::{Code, Diagnose, Diagnostic, diagnosed};
use crate::base::name::PluginName;
use crate::base::text;
use crate::life::status::{ShutdownReason, Status};
use crate::report::HookError;
#[cfg(feature = "config")]
use crate::values::ConfigFault;

/// Why a part of an app was not restarted.
///
/// `Display` is one line, `Debug` the whole diagnosis.
#[non_exhaustive]
pub enum RestartError {
    /// The part was closed, and did not load again. The plugins of it that had loaded have been closed.
    #[non_exhaustive]
    Failed {
        /// The hooks that went wrong, in the order in which they did.
        failures: Vec<HookError>,
        /// What went wrong while the plugins that had loaded were closed.
        rollback: Vec<HookError>,
    },
    /// The restart was refused. Nothing has been done.
    #[non_exhaustive]
    Refused {
        /// Why.
        why: RestartRefusal,
    },
    /// The app was asked to stop meanwhile. The part has been closed, or is closed with the app.
    Interrupted,
}

/// Why a restart was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestartRefusal {
    /// The app is not running: it has not booted, or it is closing.
    #[non_exhaustive]
    NotRunning {
        /// How far it is.
        status: Status,
    },
    /// The app was asked to stop, and is about to close.
    #[non_exhaustive]
    Stopping {
        /// Why it stops.
        reason: ShutdownReason,
    },
    /// The plugin is not part of the app that runs.
    #[non_exhaustive]
    Absent {
        /// The plugin.
        plugin: PluginName,
        /// Why: "it is disabled because `mail.enabled` is false".
        because: String,
    },
    /// No plugin of the app has this name.
    #[non_exhaustive]
    Unknown {
        /// The name.
        plugin: String,
    },
    /// A plugin that would have to be loaded again is a closure, which can be called only once.
    #[non_exhaustive]
    Once {
        /// The plugin.
        plugin: PluginName,
    },
    /// A plugin that would have to be loaded again does not exist any more: its `load` panicked or was
    /// cut short, and dropped it.
    #[non_exhaustive]
    Lost {
        /// The plugin.
        plugin: PluginName,
    },
    /// The whole configuration was read anew, and a value in it is wrong.
    ///
    /// The part need not read that value: a configuration is taken over as a whole, or not at all, so
    /// that no two plugins of an app hold different ones because of a mistake. [`ConfigFault::plugin`]
    /// names the plugin that reads it.
    #[cfg(feature = "config")]
    #[non_exhaustive]
    Configuration {
        /// What is wrong.
        faults: Vec<ConfigFault>,
    },
    /// A hook, or a task of the part, asked: the restart would wait for it, and it for the restart.
    WaitsForItself,
}

impl From<RestartRefusal> for RestartError {
    fn from(why: RestartRefusal) -> Self {
        Self::Refused { why }
    }
}

impl RestartError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            RestartError::Failed { .. } => Code::RestartFailed,
            RestartError::Refused { .. } => Code::RestartRefused,
            RestartError::Interrupted => Code::RestartInterrupted,
        }
    }

    /// The whole diagnosis, on several lines.
    pub fn render(&self) -> String {
        Diagnose::render(self)
    }

    /// Why it was refused, if it was.
    pub fn refusal(&self) -> Option<&RestartRefusal> {
        match self {
            RestartError::Refused { why } => Some(why),
            RestartError::Failed { .. } | RestartError::Interrupted => None,
        }
    }
}

impl fmt::Display for RestartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestartError::Failed { failures, .. } => match failures.as_slice() {
                [] => f.write_str("the part did not load again"),
                [only] => only.fmt(f),
                [first, rest @ ..] => {
                    write!(f, "{first} (and {} more)", text::count(rest.len(), "error"))
                }
            },
            RestartError::Refused { why } => why.fmt(f),
            RestartError::Interrupted => {
                f.write_str("the app was asked to stop while a part of it restarted")
            }
        }
    }
}

impl fmt::Display for RestartRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestartRefusal::NotRunning { status } => {
                write!(f, "the app is not running: its status is {status:?}")
            }
            RestartRefusal::Stopping { reason } => write!(f, "the app is stopping: {reason}"),
            RestartRefusal::Absent { plugin, because } => {
                write!(f, "[{plugin}] is not part of the app that runs: {because}")
            }
            RestartRefusal::Unknown { plugin } => {
                let plugin = text::line(plugin);
                write!(f, "no plugin of this app is called `{plugin}`")
            }
            RestartRefusal::Once { plugin } => write!(
                f,
                "[{plugin}] can't be loaded again: a closure can be called only once"
            ),
            RestartRefusal::Lost { plugin } => write!(
                f,
                "[{plugin}] can't be loaded again: its `load` panicked or was cut short, and took it along"
            ),
            #[cfg(feature = "config")]
            RestartRefusal::Configuration { faults } => {
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
            RestartRefusal::WaitsForItself => f.write_str(
                "a hook, or a task of the part that restarts, would wait for itself if it waited \
                 for the restart",
            ),
        }
    }
}

diagnosed!(RestartError);

impl Diagnose for RestartError {
    fn diagnostic(&self) -> Diagnostic {
        match self {
            RestartError::Failed { failures, rollback } => {
                let help = failures.first().map(HookError::help);
                let help = help.map_or_else(String::new, |help| format!("{help}; "));
                let mut told = Diagnostic::new(
                    self.code(),
                    "a part of the app did not load again",
                    format!("{help}restart it again"),
                );
                for error in failures {
                    error.add_to(&mut told, 1);
                }
                for (number, error) in (1..).zip(rollback) {
                    told.add_note(1, format!("while closing, {number}"), "");
                    error.add_to(&mut told, 2);
                }
                told
            }
            RestartError::Refused { why } => why.describe(),
            RestartError::Interrupted => {
                Diagnostic::new(self.code(), self.to_string(), ONLY_WHEN_READY)
            }
        }
    }
}

const ONLY_WHEN_READY: &str = "only an app that is ready can be restarted in part";

impl RestartRefusal {
    fn describe(&self) -> Diagnostic {
        let new = |help: &str| Diagnostic::new(Code::RestartRefused, self.to_string(), help);
        match self {
            #[cfg(feature = "config")]
            RestartRefusal::Configuration { faults } => {
                let title = format!(
                    "a part of the app did not restart: the configuration of the app is wrong{}",
                    whose(faults)
                );
                let help = "correct the configuration, and restart the part again; the app runs on \
                            as it was";
                let mut told = Diagnostic::new(Code::RestartRefused, title, help);
                for fault in faults {
                    told.add_note(1, format!("error[{}]", fault.code()), fault.to_string());
                    told.add_details(2, fault.diagnostic());
                }
                told
            }
            RestartRefusal::NotRunning { .. } | RestartRefusal::Stopping { .. } => {
                new(ONLY_WHEN_READY)
            }
            RestartRefusal::Unknown { .. } => new("`Running::plan` lists the names"),
            RestartRefusal::Absent { .. } => {
                new("only plugins of the app that runs can be restarted")
            }
            RestartRefusal::WaitsForItself => new(
                "wait for it elsewhere: `tokio::spawn(async move { handle.restart(..).await })`",
            ),
            RestartRefusal::Lost { .. } => {
                new("restart the process; plugins that are collected are built anew")
            }
            RestartRefusal::Once { .. } => {
                new("make a type of the closure, and implement `Plugin` for it")
            }
        }
    }
}

impl Error for RestartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RestartError::Failed { failures, .. } => failures.first().and_then(Error::source),
            RestartError::Refused { .. } | RestartError::Interrupted => None,
        }
    }
}

/// The readers of what is wrong: ", for `database` and `cache`".
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

/// A request, and where its result goes.
pub(crate) struct RestartRequest {
    pub(crate) target: Target,
    /// The node whose task asks, if it is one.
    pub(crate) asker: Option<u32>,
    pub(crate) answer: oneshot::Sender<Result<(), RestartError>>,
}
