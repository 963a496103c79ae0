//! The state `Logger`.

use std::sync::Arc;

use crate::logger::error::LoggerError;
use crate::logger::process::ProcessLog;

/// The log of this process, as far as it changes at run time: a state of [`LoggerPlugin`](crate::logger::LoggerPlugin).
///
/// Lines are written with the macros of `tracing`. A process has one log, which its apps share.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::logger::{Logger, LoggerPlugin};
///
/// #[plugin]
/// struct Support {
///     logger: State<Logger>,
/// }
///
/// impl Hooks for Support {
///     async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
///         self.logger.set_level("info,sqlx=debug")?;
///         assert_eq!(self.logger.level().as_deref(), Some("info,sqlx=debug"));
///         assert!(self.logger.set_level("inof").is_err());
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(LoggerPlugin::default().level("warn".into())).with(Support::default());
/// app.boot().await?.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Logger {
    log: Option<Arc<ProcessLog>>,
}

impl Logger {
    pub(super) fn new(log: Option<Arc<ProcessLog>>) -> Self {
        Self { log }
    }

    /// Returns the level, as it was written; `None` if the process has another subscriber.
    pub fn level(&self) -> Option<String> {
        Some(self.log.as_ref()?.level())
    }

    /// Sets what is logged from now on: a level, `debug`, or directives, `info,sqlx=warn`.
    ///
    /// It is in force until the next call, or until the plugin `logger` loads again.
    ///
    /// # Errors
    ///
    /// If the text is not a level, or the process has another subscriber. The level stays what it was.
    pub fn set_level(&self, level: &str) -> Result<(), LoggerError> {
        let log = self.log.as_ref().ok_or(LoggerError::NotInstalled)?;
        log.set_level(level)
    }

    /// Returns how many lines of this process were not written, because they came faster than they could be, or
    /// because neither the file nor stderr took them.
    pub fn dropped_lines(&self) -> u64 {
        let log = self.log.as_ref();
        log.map_or(0, |log| log.written.dropped())
    }
}
