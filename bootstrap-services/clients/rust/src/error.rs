//! What can go wrong.

use std::{fmt, io};

/// An error of a [`Process`](crate::Process) or a [`Channel`](crate::Channel).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A variable of the environment is not set, or is not what the service sets.
    NotSupervised(&'static str),
    /// The process was asked to end before it had a job.
    Stopped,
    /// So many messages are not acknowledged that no more are kept.
    Full,
    /// A message has more than 1 MiB.
    TooLarge(usize),
    /// Data can't be written as JSON, or is nested more than 100 times.
    NotJson(serde_json::Error),
    /// A thread or the handler of a signal can't be started.
    System(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSupervised(name) => {
                write!(f, "`{name}` is not set: let bootstrap start this process")
            }
            Self::Stopped => f.write_str("the process was asked to end before it had a job"),
            Self::Full => {
                f.write_str("too many messages are not acknowledged: emit more slowly, or flush")
            }
            Self::TooLarge(bytes) => write!(
                f,
                "a message has {bytes} bytes, more than 1048576: pass the path of a file instead"
            ),
            Self::NotJson(error) => write!(f, "data can't be written as JSON: {error}"),
            Self::System(error) => write!(f, "the client can't be started: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::NotJson(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}
