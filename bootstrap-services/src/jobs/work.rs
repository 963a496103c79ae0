//! What an engine gets to work with: the handlers of this process, and its limits.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use bootstrap::Handle;
use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::clock::Clock;
use crate::jobs::context::{JobContext, Notes};
use crate::jobs::error::{Again, JobFailure};
use crate::jobs::handler::{Handler, Handlers};
use crate::jobs::queue::QueueLimits;
use crate::jobs::{JobId, metrics};
use crate::{panic, random};

/// How long a handler may go on after it was told to end.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The most bytes of an error that are stored.
const LONGEST_ERROR: usize = 8 << 10;

tokio::task_local! {
    /// The trace of the job that this task runs.
    static TRACEPARENT: Option<Arc<str>>;
}

/// The trace of the job that this task runs, or of the request that it answers.
pub(crate) fn traceparent() -> Option<String> {
    let traceparent = TRACEPARENT.try_with(|it| it.as_deref().map(str::to_owned));
    traceparent.unwrap_or_else(|_| of_request())
}

#[cfg(feature = "web")]
fn of_request() -> Option<String> {
    // Without a scope there is no request, and an error would be made for nothing.
    bootstrap::RequestScope::current()?;
    let request = bootstrap_web::RequestContext::current().ok()?;
    let traceparent = request.header("traceparent")?;
    is_traceparent(traceparent).then(|| traceparent.to_owned())
}

#[cfg(not(feature = "web"))]
fn of_request() -> Option<String> {
    None
}

/// Whether a header is one of the version 00, or of a later one without more fields: clients may send anything.
#[cfg(feature = "web")]
fn is_traceparent(text: &str) -> bool {
    let fields: Vec<_> = text.split('-').collect();
    let is_hex = |field: &&str| {
        let mut bytes = field.bytes();
        bytes.all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |field: &str| field.bytes().all(|byte| byte == b'0');
    let lengths = fields.iter().map(|field| field.len());
    lengths.eq([2, 32, 16, 2])
        && fields.iter().all(is_hex)
        && fields[0] != "ff"
        && !is_zero(fields[1])
        && !is_zero(fields[2])
}

/// The handlers of this process and its limits, as an engine gets them. Clones are handles to the same.
#[derive(Clone)]
pub struct Work {
    inner: Arc<Inner>,
}

struct Inner {
    handlers: Handlers,
    concurrency: usize,
    queues: BTreeMap<String, QueueLimits>,
    clock: Clock,
    app: Handle,
    stops: Stops,
    /// When the engine last answered, in milliseconds of the clock.
    answered: AtomicU64,
    /// Why the engine does not.
    trouble: Mutex<Option<String>>,
}

/// How the work stops: it claims nothing more, then what runs is told to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stops {
    pub(crate) closing: CancellationToken,
    pub(crate) cancelled: CancellationToken,
}

/// A kind of jobs that this process handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Known<'a> {
    /// The name of the jobs.
    pub name: &'a str,
    /// The newest version of their payloads that this process can read.
    pub version: u16,
    /// The queue that they are in.
    pub queue: &'a str,
}

/// A job that an engine has claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its id.
    pub id: JobId,
    /// Its name, one of [`Work::known`].
    pub name: String,
    /// The version of its payload.
    pub version: u16,
    /// The payload.
    pub payload: String,
    /// How many attempts have failed.
    pub failures: u32,
    /// How many may fail.
    pub attempts: u32,
    /// The trace that it was enqueued in.
    pub traceparent: Option<String>,
}

/// How a run ended, and what an engine has to store. An engine that does not know an outcome would lose the job, so a new one is a breaking change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The job is done, with this result as JSON.
    Done(Option<String>),
    /// The attempt failed.
    Failed {
        /// Why, with all causes.
        error: String,
        /// When the next attempt begins; `None`: the job is a dead letter.
        again: Option<Duration>,
    },
    /// The job was cancelled while it ran.
    Cancelled,
    /// The app stops. The job is ready again, and no attempt counts.
    Released,
}

impl Outcome {
    const fn name(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Failed { again: Some(_), .. } => "failed",
            Self::Failed { again: None, .. } => "dead",
            Self::Cancelled => "cancelled",
            Self::Released => "released",
        }
    }
}

impl Work {
    pub(crate) fn new(
        handlers: Handlers,
        (concurrency, queues): (usize, BTreeMap<String, QueueLimits>),
        clock: Clock,
        app: Handle,
        stops: Stops,
    ) -> Self {
        let work = Inner {
            handlers,
            concurrency,
            queues,
            clock,
            app,
            stops,
            answered: AtomicU64::new(0),
            trouble: Mutex::default(),
        };
        let work = Self {
            inner: Arc::new(work),
        };
        work.answered();
        work
    }

    /// The work as long as its plugin lives: handlers may hold what has this, as `Jobs`.
    #[cfg(feature = "testing")]
    pub(crate) fn downgrade(&self) -> WeakWork {
        WeakWork(Arc::downgrade(&self.inner))
    }

    /// The same work, with an end of its own.
    #[cfg(feature = "testing")]
    pub(crate) fn with(&self, stops: Stops) -> Self {
        let Inner {
            handlers,
            concurrency,
            queues,
            clock,
            app,
            ..
        } = &*self.inner;
        let limits = (*concurrency, queues.clone());
        Self::new(handlers.clone(), limits, clock.clone(), app.clone(), stops)
    }

    /// What this process handles, by name.
    pub fn known(&self) -> impl Iterator<Item = Known<'_>> {
        self.inner.handlers.values().map(|handler| Known {
            name: handler.name,
            version: handler.version,
            queue: &handler.policy.queue,
        })
    }

    /// How many jobs run at the same time, at least 1.
    pub fn concurrency(&self) -> usize {
        self.inner.concurrency
    }

    /// The limits of a queue.
    pub fn queue(&self, name: &str) -> QueueLimits {
        self.inner.queues.get(name).copied().unwrap_or_default()
    }

    /// The clock of the app.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Waits until nothing more is to be claimed. What runs ends by itself, at most as long afterwards as `jobs.grace` and one second.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub async fn stopped(&self) {
        self.inner.stops.closing.cancelled().await;
    }

    /// Whether nothing more is to be claimed.
    pub fn is_stopped(&self) -> bool {
        self.inner.stops.closing.is_cancelled()
    }

    /// Runs a job that was claimed: the outcome is to be stored. Panics of the handler, its timeout and its end when the app stops are part of it, and errors
    /// are reported.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the handler is as well, and nothing is reported.
    pub async fn run(&self, job: Claimed, notes: Notes) -> Outcome {
        let Some(handler) = self.inner.handlers.get(&*job.name) else {
            // An engine claims what is known.
            return Outcome::Released;
        };
        let began = self.inner.clock.elapsed();
        let running = (metrics::Running::new(handler.name), handler.begin());
        let ended = self.call(handler, &job, &notes).await;
        drop(running);
        let outcome = self.outcome(handler, &job, &notes, ended);
        let took = self.inner.clock.elapsed().saturating_sub(began);
        metrics::ended(handler.name, outcome.name(), took);
        outcome
    }

    async fn call(&self, handler: &Handler, job: &Claimed, notes: &Notes) -> Ended {
        let attempt = job.failures.saturating_add(1);
        let traceparent: Option<Arc<str>> = job.traceparent.as_deref().map(Into::into);
        let span = tracing::info_span!(
            "job", name = handler.name, id = %job.id, attempt, traceparent = traceparent.as_deref()
        );
        let cx = JobContext {
            id: job.id.clone(),
            name: handler.name,
            attempt,
            attempts: job.attempts,
            traceparent: traceparent.clone(),
            notes: notes.clone(),
        };
        let (clock, stops) = (&self.inner.clock, &self.inner.stops);
        // The call itself may panic before there is a future.
        let call = async { handler.call(job.version, job.payload.clone(), cx).await };
        let call = AssertUnwindSafe(call).catch_unwind().instrument(span);
        let told = async {
            tokio::select! {
                () = notes.cancelled.cancelled() => {}
                () = stops.cancelled.cancelled() => notes.cancel(),
            }
            clock.limit(LAST_WORDS).await;
        };
        tokio::select! {
            biased;
            result = TRACEPARENT.scope(traceparent, call) => match result {
                Ok(Ok(())) => Ended::Succeeded,
                Ok(Err(error)) => Ended::Failed(error),
                Err(panic) => Ended::Failed(panicked(&*panic)),
            },
            () = told => Ended::Dropped,
            () = clock.limit(handler.policy.timeout) => {
                let timeout = handler.policy.timeout;
                Ended::Failed(anyhow!("it did not end within its timeout of {timeout:?}"))
            }
        }
    }

    fn outcome(&self, handler: &Handler, job: &Claimed, notes: &Notes, ended: Ended) -> Outcome {
        let error = match ended {
            Ended::Succeeded => return Outcome::Done(notes.take_result()),
            Ended::Failed(error) if !notes.cancelled.is_cancelled() => error,
            // What a handler returns because it was told to end is no failure.
            _ if self.inner.stops.cancelled.is_cancelled() => return Outcome::Released,
            _ => return Outcome::Cancelled,
        };
        let failures = job.failures.saturating_add(1);
        let again = match JobFailure::of(&error) {
            _ if failures >= job.attempts => None,
            Again::Never => None,
            Again::After(time) => Some(time),
            Again::ByPolicy => Some(handler.policy.backoff_after(failures, random::fraction())),
        };
        let text = stored(&error);
        self.report_failure(handler, job, failures, again, error);
        Outcome::Failed { error: text, again }
    }

    fn report_failure(
        &self,
        handler: &Handler,
        job: &Claimed,
        failures: u32,
        again: Option<Duration>,
        error: anyhow::Error,
    ) {
        let (id, attempts) = (&job.id, job.attempts);
        let next = match again {
            Some(again) => format!("the next begins in {again:.1?}"),
            None => "it is a dead letter now".to_owned(),
        };
        let context = format!("attempt {failures} of {attempts} of the job {id} failed: {next}");
        self.report(handler.name, error.context(context));
    }

    /// Notes that the engine answers, for the health check.
    pub fn answered(&self) {
        let now = self.inner.clock.elapsed().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        self.inner.answered.store(now, Ordering::Relaxed);
        if self.trouble().take().is_some() {
            tracing::info!("the engine of the jobs answers again");
        }
    }

    /// Notes that the engine has failed. The first of several failures is reported.
    pub fn failed(&self, error: anyhow::Error) {
        let text = format!("{error:#}");
        if self.trouble().replace(text).is_none() {
            let error = error
                .context("the engine of the jobs failed: no job begins until it answers again");
            self.report("job-worker", error);
        }
    }

    /// Reports an error that concerns a job or its worker, as one of the plugin of that name.
    pub fn report(&self, source: &str, error: anyhow::Error) {
        self.inner.app.report_error(source, error);
    }

    /// How long ago the engine answered, and why it does not.
    pub(crate) fn silence(&self) -> (Duration, Option<String>) {
        let answered = Duration::from_millis(self.inner.answered.load(Ordering::Relaxed));
        let silent = self.inner.clock.elapsed().saturating_sub(answered);
        (silent, self.trouble().clone())
    }

    fn trouble(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.inner
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("handlers", &self.inner.handlers.values())
            .field("concurrency", &self.inner.concurrency)
            .finish_non_exhaustive()
    }
}

/// Work that does not keep the handlers.
#[cfg(feature = "testing")]
pub(crate) struct WeakWork(std::sync::Weak<Inner>);

#[cfg(feature = "testing")]
impl WeakWork {
    pub(crate) fn upgrade(&self) -> Option<Work> {
        self.0.upgrade().map(|inner| Work { inner })
    }
}

/// An error with its causes, as it is stored.
pub(crate) fn stored(error: &anyhow::Error) -> String {
    let mut text = format!("{error:#}");
    text.truncate(text.floor_char_boundary(LONGEST_ERROR));
    text
}

/// How the future of a handler ended.
enum Ended {
    Succeeded,
    Failed(anyhow::Error),
    /// It did not end when it was told to.
    Dropped,
}

/// What a handler panicked with, as an error.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> anyhow::Error {
    match panic::message(panic) {
        Some(text) => anyhow!("it panicked: {text}"),
        None => anyhow!("it panicked"),
    }
}
