//! Why signals can't be handled.

use std::io;

use crate::base::io_help::{help_with_io, help_with_thread};

/// What failed before an app under `run` could boot.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotInstalled {
    #[error("the thread for signals can't be started: {0}")]
    Thread(io::Error),
    #[error("the signal handlers can't be installed: {0}")]
    Handlers(io::Error),
}

impl NotInstalled {
    pub(super) const CODE: &'static str = "BOOT024";

    /// What to do about the cause.
    pub(super) fn help(&self) -> &'static str {
        let by_cause = match self {
            Self::Thread(error) => help_with_thread(error),
            Self::Handlers(error) => help_with_io(error),
        };
        by_cause.unwrap_or("use `boot` and `close` where there are no signals")
    }
}
