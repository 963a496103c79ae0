//! The limits of an app.

use std::time::Duration;

use crate::live::events::Observers;
#[cfg(feature = "testing")]
use crate::live::rig::Rig;

/// How much at a time, and how long.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How many hooks may run at a time.
    pub(crate) max_concurrency: usize,
    /// For the boot as a whole.
    pub(crate) boot_timeout: Option<Duration>,
    /// For each `load`, each `ready` and each hook of a boot that has no limit of its own.
    pub(crate) load_timeout: Option<Duration>,
    /// For draining and closing as a whole.
    pub(crate) shutdown_timeout: Duration,
    /// For each `drain`, each end of a `run` and each `close` that has no limit of its own.
    pub(crate) close_timeout: Duration,
    /// Whether a part that did not load again stays down, instead of stopping the app.
    pub(crate) tolerates_failed_restarts: bool,
    /// The observers of every event.
    pub(crate) observers: Observers,
    #[cfg(feature = "testing")]
    pub(crate) rig: Rig,
}

/// How long a hook of a boot may take before the log says so.
pub(crate) const SLOW_BOOT: Duration = Duration::from_secs(10);

/// The same while the app closes.
pub(crate) const SLOW_CLOSE: Duration = Duration::from_secs(5);

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_concurrency: usize::MAX,
            boot_timeout: None,
            load_timeout: None,
            shutdown_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(10),
            tolerates_failed_restarts: false,
            observers: Observers::default(),
            #[cfg(feature = "testing")]
            rig: Rig::default(),
        }
    }
}
