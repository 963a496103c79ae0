//! The plugin `logger`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;
use tokio::task::spawn_blocking;

use crate::logger::api::Logger;
use crate::logger::error::{HELP, LoggerError};
use crate::logger::file::Rotation;
use crate::logger::format::LogFormat;
use crate::logger::metrics;
use crate::logger::process::{Configured, ProcessLog, install};
use crate::logger::settings::Settings;
use crate::logger::{level, output::Target};

/// Applies the configuration to the log of this process, and provides [`Logger`].
///
/// [`start`](crate::logger::start) in `main` starts the log; without it this plugin does, and what was logged before is
/// lost. An app that collects contains it if a plugin requires `State<Logger>`; so an app that has only keys registers
/// it.
///
/// A process has one log. While another app of the process runs that has configured it differently, the settings of
/// this app are ignored, with a warning. So are they if the process has a subscriber of its own.
///
/// # Errors
///
/// The boot fails if `log.level` is not a level, or if the file of `log.file` can't be opened.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::logger::{LogFormat, LoggerPlugin};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let logger = LoggerPlugin::default().level("warn".into()).format(LogFormat::Json);
/// let running = App::new().with(logger).boot().await?;
/// tracing::warn!(free_mb = 12, "the disk is almost full");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(
    name = "logger",
    states = [Logger],
    ports = [self as dyn HealthCheck],
    collect = needed
)]
#[derive(Debug)]
pub struct LoggerPlugin {
    /// What is logged: a level, `warn`, or directives, `info,sqlx=warn`. `info` by default. The variable `RUST_LOG`
    /// outranks it.
    #[option(config = "log.level", default = "info".to_owned())]
    pub level: String,
    /// How a line looks. `pretty` by default.
    #[option(config = "log.format", default = LogFormat::Pretty)]
    pub format: LogFormat,
    /// The file that lines are appended to, in a folder that exists. Empty, the default, is stderr.
    #[option(config = "log.file", default = PathBuf::new())]
    pub file: PathBuf,
    /// When a new file begins. `never` by default.
    #[option(config = "log.rotation", default = Rotation::Never)]
    pub rotation: Rotation,
    /// How many files are kept when they rotate, the newest included. 7 by default.
    #[option(config = "log.keep", default = SEVEN)]
    pub keep: NonZeroUsize,
    #[local]
    configured: Option<Arc<ProcessLog>>,
}

const SEVEN: NonZeroUsize = match NonZeroUsize::new(7) {
    Some(seven) => seven,
    None => NonZeroUsize::MIN,
};

impl Hooks for LoggerPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Logger> {
        let settings = self.settings();
        let filter = level::parse(settings.level.trim()).map_err(|error| wrong_level(cx, error))?;
        let target = self.open(settings.clone(), cx).await?;
        let Some(log) = install() else {
            warn_of("this process has another subscriber of `tracing`");
            return Ok(Logger::new(None));
        };
        let configured = Arc::clone(&log);
        let configured = spawn_blocking(move || configured.configure(&settings, filter, target));
        match configured.await?? {
            Configured::ByThisApp => self.configured = Some(Arc::clone(&log)),
            Configured::ByAnother => warn_of("another app of this process has configured the log"),
        }
        Ok(Logger::new(Some(log)))
    }

    /// Not in `load`: a plugin may install the recorder in its own.
    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        metrics::describe();
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        if let Some(log) = self.configured.clone() {
            log.release();
            spawn_blocking(move || log.flush()).await?;
        }
        Ok(())
    }
}

impl LoggerPlugin {
    fn settings(&self) -> Settings {
        Settings {
            level: self.level.clone(),
            format: self.format,
            file: self.file.clone(),
            rotation: self.rotation,
            keep: self.keep,
        }
    }

    /// Opens the file on a thread that may block: a folder may be on a network.
    async fn open(&self, settings: Settings, cx: &LoadContext) -> Result<Target> {
        let opened = spawn_blocking(move || settings.open());
        let opened = opened.await.context("the file of the log is not opened")?;
        Ok(opened.map_err(|error| {
            let wrong = format!("can't open the log file `{}`: {error}", self.file.display());
            cx.config_error(
                "log.file",
                wrong,
                "correct `log.file`, or remove it to log to stderr",
            )
        })?)
    }

    /// Why the file of the log can't be written now.
    pub(super) async fn fault(&self) -> Result<Option<String>> {
        let Some(log) = self.configured.clone() else {
            return Ok(None);
        };
        let retried = spawn_blocking(move || {
            log.written.retry();
            log.written.fault()
        });
        Ok(retried.await?)
    }
}

fn wrong_level(cx: &LoadContext, error: LoggerError) -> anyhow::Error {
    match error {
        LoggerError::Level { directive, problem } => {
            let wrong = format!("`{directive}` is not a level of the log: {problem}");
            cx.config_error("log.level", wrong, HELP).into()
        }
        other => other.into(),
    }
}

fn warn_of(reason: &str) {
    tracing::warn!("the keys `log.*` of this app have no effect: {reason}");
}
