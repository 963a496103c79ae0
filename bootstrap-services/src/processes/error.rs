//! What can go wrong with a process.

use std::io;

use crate::database::DatabaseError;
use crate::processes::ProcessId;

/// An error of [`Processes`](crate::processes::Processes).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The name has other characters, or is too long.
    #[error(
        "`{}` can't be the name of a process: use 1 to 100 letters, digits, `-`, `_` and `.`", name.escape_debug()
    )]
    InvalidName {
        /// The name.
        name: String,
    },
    /// A value of the definition is out of its range.
    #[error("the process `{name}` can't be defined: {wrong}: correct its `Definition`")]
    InvalidDefinition {
        /// The name.
        name: String,
        /// What is wrong.
        wrong: &'static str,
    },
    /// There is a definition with this name.
    #[error(
        "the process `{name}` is defined already: use another name, or call `undefine` in the `close` of the plugin that defined it"
    )]
    Defined {
        /// The name.
        name: String,
    },
    /// There is no definition with this name.
    #[error("no process `{name}` is defined: call `define` in the `load` of a plugin")]
    Undefined {
        /// The name.
        name: String,
    },
    /// There is no such process.
    #[error("there is no process {id}: it has ended, or it was never spawned")]
    NotFound {
        /// Its number.
        id: ProcessId,
    },
    /// The program can't be started.
    #[error("can't start the process `{name}`: {what}: {source}: {help}")]
    Start {
        /// The name.
        name: String,
        /// What failed.
        what: String,
        /// What to do about it.
        help: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// The process has not connected, or has lost its connection.
    #[error(
        "process {id} is not connected: send the command after its event `Connected`, or again later"
    )]
    NotConnected {
        /// Its number.
        id: ProcessId,
    },
    /// 64 commands wait to be read by the process.
    #[error("process {id} does not read its commands: send fewer, or restart it")]
    NotReading {
        /// Its number.
        id: ProcessId,
    },
    /// Data can't be written as JSON.
    #[error("{what} can't be written as JSON: {source}: correct its type")]
    NotJson {
        /// What it is.
        what: &'static str,
        /// The error of serde.
        source: serde_json::Error,
    },
    /// Data is too large.
    #[error("{what} has {bytes} bytes, more than {most}: pass the path of a file instead")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        most: usize,
    },
    /// The app has not booted its processes yet, or closes.
    #[error("no process can be spawned {when}: spawn it from `ready` until `drain`")]
    Closed {
        /// When it was attempted.
        when: &'static str,
    },
    /// The table of processes can't be read or written.
    #[error("the table of processes failed: {0}")]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for ProcessError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Refuses what is too large.
pub(super) fn check_size(
    what: &'static str,
    bytes: usize,
    most: usize,
) -> Result<(), ProcessError> {
    if bytes > most {
        return Err(ProcessError::TooLarge { what, bytes, most });
    }
    Ok(())
}
