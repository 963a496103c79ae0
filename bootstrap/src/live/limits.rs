//! The limits of an app.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

use crate::live::settings::Settings;

/// The limits of an app, as hooks ask for them.
#[derive(Default)]
pub(super) struct Limits {
    pub(super) load: Option<Duration>,
    pub(super) close: Duration,
    pub(super) boot: Option<Duration>,
    /// When closing the app has to be over.
    pub(super) closing_ends: OnceLock<Instant>,
}

impl Limits {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            load: settings.load_timeout,
            close: settings.close_timeout,
            boot: settings.boot_timeout,
            closing_ends: OnceLock::new(),
        }
    }
}
