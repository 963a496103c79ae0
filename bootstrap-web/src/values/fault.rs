//! What is wrong with a key of the configuration.

use std::fmt;

use bootstrap::LoadContext;
use bootstrap::error::ConfigFault;

/// A value that a plugin can't work with.
#[derive(Debug)]
pub(crate) struct KeyFault {
    pub(crate) key: &'static str,
    pub(crate) wrong: String,
    /// What to do about it.
    pub(crate) help: String,
}

impl KeyFault {
    pub(crate) fn new(
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

    /// Adds the place of the key.
    pub(crate) fn placed(self, cx: &LoadContext) -> ConfigFault {
        cx.config_error(self.key, self.wrong, self.help)
    }
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wrong, help, .. } = self;
        write!(f, "{wrong}: {help}")
    }
}

impl std::error::Error for KeyFault {}
