//! The log of this process: a process has one, however many apps it has.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::logger::error::LoggerError;
use crate::logger::format::{Chosen, Only, Text};
use crate::logger::level;
use crate::logger::output::{Output, Target, Written};
use crate::logger::queue::Queue;
use crate::logger::settings::Settings;

/// The level until another one is set.
const DEFAULT_LEVEL: &str = "info";

/// How long the end of a process waits until the log is written.
const FLUSH: Duration = Duration::from_secs(1);

/// Starts the log of this process, with lines on stderr: for the first line of `main`. Keep what it returns until the
/// end, so that the last lines are written.
///
/// The plan and the boot of the app are logged before its configuration is applied: as `pretty` lines of the level
/// `info`, or as the variable `RUST_LOG` says. [`LoggerPlugin`](crate::logger::LoggerPlugin) applies it.
///
/// This takes the place of `bootstrap::log_to_stderr`, which has no configuration. If the process has a subscriber
/// already, this does nothing but log a warning.
///
/// # Examples
///
/// ```no_run
/// use bootstrap::prelude::*;
/// use bootstrap_services::logger::{self, LoggerPlugin};
///
/// #[tokio::main]
/// async fn main() -> bootstrap::Exit {
///     let _log = logger::start();
///     App::collect().with(LoggerPlugin::default()).run().await
/// }
/// ```
pub fn start() -> Log {
    let log = install();
    if log.is_none() {
        tracing::warn!(
            "`logger::start` does nothing: this process has a subscriber of `tracing` already; remove one of them"
        );
    }
    Log { log }
}

/// Waits until the log is written, for at most a second, when it is dropped: from [`start`].
#[derive(Debug)]
#[must_use = "the last lines are written when this is dropped: keep it in a variable, `let _log = ..`"]
pub struct Log {
    log: Option<Arc<ProcessLog>>,
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(log) = &self.log {
            log.flush();
        }
    }
}

/// The subscriber of this process, as far as it can be changed.
#[derive(Debug)]
pub(super) struct ProcessLog {
    filter: reload::Handle<EnvFilter, Registry>,
    level: Mutex<String>,
    chosen: Chosen,
    queue: Queue,
    pub(super) written: Arc<Written>,
    owners: Mutex<Owners>,
    /// Never dropped: its drop ends the thread, and prints if it can't.
    _thread: WorkerGuard,
}

/// The apps whose plugin has configured the log.
#[derive(Debug, Default)]
struct Owners {
    settings: Option<Settings>,
    count: usize,
}

/// Whose settings the log has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Configured {
    ByThisApp,
    /// By another app, which has other settings.
    ByAnother,
}

/// Installs the log as the subscriber of this process, once; `None` if there is another one.
pub(super) fn install() -> Option<Arc<ProcessLog>> {
    static LOG: OnceLock<Option<Arc<ProcessLog>>> = OnceLock::new();
    let mut fault = None;
    let log = LOG.get_or_init(|| {
        let (level, filter) = match level::from_environment() {
            Some(Ok(found)) => found,
            other => {
                fault = other.and_then(Result::err);
                (DEFAULT_LEVEL.to_owned(), EnvFilter::new(DEFAULT_LEVEL))
            }
        };
        ProcessLog::install(level, filter).map(Arc::new)
    });
    if let Some(fault) = fault {
        tracing::warn!("the variable `RUST_LOG` is ignored: {fault}");
    }
    log.clone()
}

impl ProcessLog {
    fn install(level: String, filter: EnvFilter) -> Option<Self> {
        let (output, written) = Output::new();
        let (lines, thread) = NonBlockingBuilder::default()
            .thread_name("log")
            .finish(output);
        let _ = written.queue_full.set(lines.error_counter());
        let queue = Queue::new(lines);
        let chosen = Chosen::default();
        let (filter, handle) = reload::Layer::new(filter);
        // What a subscriber reports about itself is printed to stderr, which panics if that is closed.
        let text = fmt::layer()
            .with_ansi(has_colour())
            .event_format(Text::new(chosen.clone()))
            .with_writer(queue.clone())
            .log_internal_errors(false);
        let json = fmt::layer()
            .json()
            .with_writer(queue.clone())
            .log_internal_errors(false);
        let subscriber = tracing_subscriber::registry()
            .with(filter)
            .with(Only::text(text, &chosen))
            .with(Only::json(json, &chosen));
        subscriber.try_init().ok()?;
        Some(Self {
            filter: handle,
            level: Mutex::new(level),
            chosen,
            queue,
            written,
            owners: Mutex::default(),
            _thread: thread,
        })
    }

    pub(super) fn level(&self) -> String {
        lock(&self.level).clone()
    }

    pub(super) fn set_level(&self, text: &str) -> Result<(), LoggerError> {
        self.apply_level(text.trim(), level::parse(text.trim())?)
    }

    fn apply_level(&self, text: &str, filter: EnvFilter) -> Result<(), LoggerError> {
        // In this order under one lock, so that two callers leave the text of the filter that counts.
        let mut level = lock(&self.level);
        let applied = self.filter.reload(filter);
        applied.map_err(|_| LoggerError::NotInstalled)?;
        text.clone_into(&mut level);
        Ok(())
    }

    /// Applies the settings of an app, unless another app that runs has others. Blocks.
    pub(super) fn configure(
        &self,
        settings: &Settings,
        filter: EnvFilter,
        target: Target,
    ) -> Result<Configured, LoggerError> {
        let mut owners = lock(&self.owners);
        let is_same = owners.settings.as_ref() == Some(settings);
        if owners.count > 0 && !is_same {
            return Ok(Configured::ByAnother);
        }
        if owners.count == 0 {
            match level::from_environment() {
                Some(Ok((text, filter))) => self.apply_level(&text, filter)?,
                _ => self.apply_level(settings.level.trim(), filter)?,
            }
            // What was logged until now goes where it did until now.
            self.flush();
            self.chosen.choose(settings.format);
            self.written.set_target(target);
            owners.settings = Some(settings.clone());
        }
        owners.count += 1;
        Ok(Configured::ByThisApp)
    }

    /// Ends the claim of an app to its settings, which stay until another one is configured.
    pub(super) fn release(&self) {
        let mut owners = lock(&self.owners);
        owners.count = owners.count.saturating_sub(1);
    }

    /// Waits until what was logged is written, for at most a second.
    pub(super) fn flush(&self) {
        let began = Instant::now();
        self.written.wait_for(self.queue.accepted(), FLUSH);
        // The line about those that were dropped is itself one.
        let rest = FLUSH.saturating_sub(began.elapsed());
        self.written.wait_for(self.queue.accepted(), rest);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As <https://no-color.org> says: any value but an empty one turns colours off.
fn has_colour() -> bool {
    let is_off = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !is_off
}
