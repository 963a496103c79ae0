//! Why signals can't be handled.

use std::fmt;
use std::io;

use crate::base::diagnostic::{Code, Diagnostic};
use crate::base::io_help::{help_with_io, help_with_thread};

/// What failed before an app under `run` could boot.
#[derive(Debug)]
pub(super) enum NotInstalled {
    Thread(io::Error),
    Handlers(io::Error),
}

impl fmt::Display for NotInstalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(error) => write!(f, "the thread for signals can't be started: {error}"),
            Self::Handlers(error) => write!(f, "the signal handlers can't be installed: {error}"),
        }
    }
}

impl NotInstalled {
    pub(super) fn diagnostic(&self) -> Diagnostic {
        let by_cause = match self {
            Self::Thread(error) => help_with_thread(error),
            Self::Handlers(error) => help_with_io(error),
        };
        let help = by_cause.unwrap_or("use `boot` and `close` where there are no signals");
        Diagnostic::new(Code::SignalsNotHandled, self.to_string(), help)
    }
}
