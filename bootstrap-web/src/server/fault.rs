//! What is wrong with a key of the configuration.

use std::fmt;

/// A value that the server can't work with.
#[derive(Debug)]
pub(super) struct KeyFault {
    pub(super) key: &'static str,
    pub(super) wrong: String,
    /// What to do about it.
    pub(super) help: String,
}

impl KeyFault {
    pub(super) fn new(
        key: &'static str,
        wrong: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            key,
            wrong: wrong.into(),
            help: help.into(),
        }
    }
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wrong, help, .. } = self;
        write!(f, "{wrong}: {help}")
    }
}

impl std::error::Error for KeyFault {}
