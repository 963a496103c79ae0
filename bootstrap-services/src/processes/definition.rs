//! What a process is.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bootstrap::Result;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::database::Tx;
use crate::processes::{ChildEvent, ProcessError};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// The longest name.
const LONGEST_NAME: usize = 100;

/// When a process is restarted that ended without being stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestartPolicy {
    /// Never.
    Never,
    /// If it failed: it returned another code than 0, a signal ended it, or the service killed it because it sent no heartbeat or used too
    /// much.
    #[default]
    OnFailure,
    /// In any case.
    Always,
}

/// What happens to a process when the app closes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnClose {
    /// It is stopped.
    #[default]
    Stop,
    /// It goes on, and the next instance of the app adopts it. It keeps its standard output and error, which it has from the app.
    Keep,
}

/// A program, and how it is supervised.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap_services::processes::{Definition, RestartPolicy};
///
/// let definition = Definition::new("python3")
///     .args(["worker.py", "--fast"])
///     .env("WORKER_LEVEL", "debug")
///     .env_remove("DATABASE_PASSWORD")
///     .restart(RestartPolicy::Always)
///     .heartbeat(Duration::from_secs(30))
///     .max_rss(512 << 20);
/// ```
#[derive(Clone)]
#[must_use = "pass it to `Processes::define`"]
pub struct Definition {
    pub(super) command: OsString,
    pub(super) args: Vec<OsString>,
    /// `None` removes a variable.
    pub(super) env: Vec<(OsString, Option<OsString>)>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) restart: RestartPolicy,
    pub(super) max_restarts: u32,
    pub(super) window: Duration,
    pub(super) first_delay: Duration,
    pub(super) longest_delay: Duration,
    pub(super) heartbeat: Option<Duration>,
    pub(super) patience: Duration,
    pub(super) on_close: OnClose,
    pub(super) max_runtime: Option<Duration>,
    pub(super) max_rss: Option<u64>,
    pub(super) max_cpu: Option<(f64, Duration)>,
    pub(super) handler: Option<Handler>,
}

/// What handles the events of a process.
#[derive(Clone)]
pub(super) enum Handler {
    Alone(Arc<dyn Fn(ChildEvent) -> Handled + Send + Sync>),
    InTransaction(Arc<dyn Fn(ChildEvent, Tx) -> Handled + Send + Sync>),
}

type Handled = BoxFuture<'static, Result<()>>;

impl Definition {
    /// Creates the definition of a program: a name that is looked for in `PATH`, or a path.
    pub fn new(command: impl Into<OsString>) -> Self {
        Self {
            command: command.into(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: None,
            restart: RestartPolicy::default(),
            max_restarts: 10,
            window: 10 * MINUTE,
            first_delay: SECOND,
            longest_delay: 30 * SECOND,
            heartbeat: None,
            patience: 5 * SECOND,
            on_close: OnClose::default(),
            max_runtime: None,
            max_rss: None,
            max_cpu: None,
            handler: None,
        }
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment. The process inherits the others of this one.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let value = Some(value.as_ref().to_owned());
        self.env.push((name.as_ref().to_owned(), value));
        self
    }

    /// Removes a variable of the environment, as a secret that the process needs not.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), None));
        self
    }

    /// Sets the folder in which the process starts: by default that of this process.
    pub fn cwd(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cwd = Some(folder.into());
        self
    }

    /// Sets when the process is restarted: by default if it failed.
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.restart = policy;
        self
    }

    /// Sets how many restarts are made within a time: 10 within 10 minutes. If there would be more, the process has crashed for good.
    pub fn max_restarts(mut self, restarts: u32, window: Duration) -> Self {
        self.max_restarts = restarts;
        self.window = window;
        self
    }

    /// Sets the delay before the first restart, 1 s, and the longest one, 30 s. It doubles with each restart that counts, and a random
    /// part of up to a half is taken off.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.first_delay = first;
        self.longest_delay = longest;
        self
    }

    /// Requires a message of the process in each such time, at least 100 ms. The clients send heartbeats three times as often. The first time that it is missed
    /// is an [event](crate::processes::ProcessEvent::HeartbeatMissed); after twice the time the process is killed, which is a failure.
    pub fn heartbeat(mut self, time: Duration) -> Self {
        self.heartbeat = Some(time);
        self
    }

    /// Sets how long the process may take to end after `SIGTERM`: 5 s. Then its group is killed.
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// Sets what happens when the app closes: by default the process is stopped.
    pub fn on_close(mut self, on_close: OnClose) -> Self {
        self.on_close = on_close;
        self
    }

    /// Limits how long the process runs, counted from its start or its adoption. One that runs longer is stopped, which is a failure.
    pub fn max_runtime(mut self, time: Duration) -> Self {
        self.max_runtime = Some(time);
        self
    }

    /// Limits the resident memory of the process group, in bytes. It is measured each five seconds; a group that uses more is stopped, which
    /// is a failure. Linux only: elsewhere it is not measured.
    pub fn max_rss(mut self, bytes: u64) -> Self {
        self.max_rss = Some(bytes);
        self
    }

    /// Limits the processors that the process group uses, as their number on average over a time: `max_cpu(0.5, minute)` is half of one.
    /// It is measured each five seconds; a group that uses more is stopped, which is a failure. Linux only: elsewhere it is not measured.
    pub fn max_cpu(mut self, processors: f64, over: Duration) -> Self {
        self.max_cpu = Some((processors, over));
        self
    }

    /// Sets what handles the events of the process, in their order. An event is acknowledged after the handler has returned `Ok`. If it
    /// returns an error, it is called with the same event again. If the service dies before the acknowledgement is stored, it is called again with all events
    /// that were acknowledged together, up to 64.
    ///
    /// It replaces a handler that was set before.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_services::processes::Definition;
    ///
    /// let definition = Definition::new("python3").args(["worker.py"]).on_event(async |event| {
    ///     println!("{} of {}: {}", event.event, event.name, event.data);
    ///     Ok(())
    /// });
    /// ```
    pub fn on_event<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(ChildEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let handler = move |event| handler(event).boxed();
        self.handler = Some(Handler::Alone(Arc::new(handler)));
        self
    }

    /// Sets what handles the events of the process, in the transaction that acknowledges them: what the handler writes exists if, and only
    /// if, the event is acknowledged. So no event is lost, and none counts twice.
    ///
    /// The transaction holds the lock for writing, so the handler should write, and wait for nothing else. An error rolls it back, and the
    /// handler is called with the same event again. Up to 64 events that wait share a transaction.
    ///
    /// It replaces a handler that was set before.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_services::processes::Definition;
    ///
    /// let definition = Definition::new("python3").args(["worker.py"]).on_event_in(async |event, mut tx| {
    ///     let insert = sqlx::query("INSERT INTO results (result) VALUES (?)");
    ///     insert.bind(event.data.to_string()).execute(&mut *tx).await?;
    ///     Ok(())
    /// });
    /// ```
    pub fn on_event_in<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(ChildEvent, Tx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let handler = move |event, tx| handler(event, tx).boxed();
        self.handler = Some(Handler::InTransaction(Arc::new(handler)));
        self
    }

    pub(super) fn check(&self, name: &str) -> Result<(), ProcessError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_plain) {
            let name = name.to_owned();
            return Err(ProcessError::InvalidName { name });
        }
        let within = |time: Duration, least, most| (least..=most).contains(&time);
        let rules: [(bool, &'static str); 9] = [
            (!self.command.is_empty(), "the command is empty"),
            (
                within(self.window, SECOND, 24 * HOUR),
                "the window of `max_restarts` is not from 1 s to 24 h",
            ),
            (
                within(self.first_delay, SECOND / 1_000, self.longest_delay),
                "the first delay of `backoff` is not from 1 ms to the longest one",
            ),
            (
                self.longest_delay <= HOUR,
                "the longest delay of `backoff` is more than 1 h",
            ),
            (
                self.heartbeat
                    .is_none_or(|it| within(it, SECOND / 10, HOUR)),
                "`heartbeat` is not from 100 ms to 1 h",
            ),
            (
                self.patience <= 5 * MINUTE,
                "`patience` is more than 5 minutes",
            ),
            (
                self.max_runtime.is_none_or(|it| !it.is_zero()),
                "`max_runtime` is 0",
            ),
            (self.max_rss != Some(0), "`max_rss` is 0"),
            (
                self.max_cpu.is_none_or(|(most, over)| {
                    most.is_finite() && most > 0.0 && within(over, 5 * SECOND, HOUR)
                }),
                "`max_cpu` is not a positive number over 5 s to 1 h",
            ),
        ];
        match rules.iter().find(|(is_kept, _)| !is_kept) {
            Some((_, wrong)) => Err(ProcessError::InvalidDefinition {
                name: name.to_owned(),
                wrong,
            }),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Definition {
    /// Without the environment, which may have secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition")
            .field("command", &self.command)
            .field("args", &self.args)
            .field("restart", &self.restart)
            .field("on_close", &self.on_close)
            .finish_non_exhaustive()
    }
}
