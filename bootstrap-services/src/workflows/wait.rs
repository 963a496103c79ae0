//! Steps that wait: for a time, a signal, a job or another workflow.

use std::fmt;
use std::future::pending;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;

use crate::database::Tx;
use crate::database::times::{length, millis};
use crate::jobs::{Job, JobId, JobPolicy, JobState, LATEST, NewJob};
use crate::workflows::api::New;
use crate::workflows::engine::Engine;
use crate::workflows::journal::Row;
use crate::workflows::pass::{Active, Reached, Shared, Stop, encode, ended};
use crate::workflows::{Flow, FlowError, FlowId, FlowState, StepKind, Workflow};

/// Waits for a time.
pub(crate) async fn sleep(shared: &Arc<Shared>, name: &str, duration: Duration) -> Result<()> {
    let (row, active) = match shared.reach(name, StepKind::Sleep).await {
        Reached::Open(row, active) => (row, active),
        Reached::Ended(_) => return Ok(()),
        Reached::Undo(..) => pending().await,
    };
    let row = if let Some(row) = row {
        row
    } else {
        let now = shared.engine.now();
        let mut row = Row::new(name, StepKind::Sleep, now);
        row.due_at = Some(now.saturating_add(duration_millis(duration)));
        shared.keep(row).await
    };
    let mut active = Some(active);
    if let Some(due) = row.due_at.filter(|due| *due > shared.engine.now()) {
        active = None;
        shared.wait_until(due).await;
    }
    active.get_or_insert_with(|| shared.active());
    let now = shared.engine.now();
    shared.keep(row.done("null".to_owned(), now)).await;
    Ok(())
}

fn duration_millis(duration: Duration) -> i64 {
    length(duration.min(LATEST))
}

/// A wait for a signal, which begins when this is awaited: see [`Flow::signal`].
#[must_use = "nothing is waited for until this is awaited"]
pub struct Signal<'a, T> {
    flow: &'a Flow,
    name: String,
    step: Option<String>,
    value: PhantomData<fn() -> T>,
}

impl<'a, T: DeserializeOwned> Signal<'a, T> {
    pub(crate) const fn new(flow: &'a Flow, name: String) -> Self {
        Self {
            flow,
            name,
            step: None,
            value: PhantomData,
        }
    }

    /// The name of the step, if a workflow waits for one signal several times. It is that of the signal otherwise.
    pub fn step(mut self, name: impl Into<String>) -> Self {
        self.step = Some(name.into());
        self
    }

    /// Waits no longer than this, from the first time that the workflow reaches the wait on. Then there is no value.
    pub const fn within(self, time: Duration) -> SignalWithin<'a, T> {
        SignalWithin { signal: self, time }
    }

    /// The value, if there is one.
    async fn wait(self, within: Option<Duration>) -> Result<Option<T>> {
        let step = self.step.as_deref().unwrap_or(&self.name);
        let row = signal(&self.flow.shared, step, &self.name, within).await;
        let mut values: Vec<T> = ended(row)?;
        Ok(values.pop())
    }
}

impl<'a, T: DeserializeOwned + 'a> IntoFuture for Signal<'a, T> {
    type Output = Result<T>;
    type IntoFuture = BoxFuture<'a, Result<T>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let value = self.wait(None).await?;
            value.ok_or_else(|| {
                anyhow!("the signal has no value: it was waited for with `within` before")
            })
        })
    }
}

impl<T> fmt::Debug for Signal<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A wait for a signal, with an end: see [`Signal::within`].
#[must_use = "nothing is waited for until this is awaited"]
#[derive(Debug)]
pub struct SignalWithin<'a, T> {
    signal: Signal<'a, T>,
    time: Duration,
}

impl<'a, T: DeserializeOwned + 'a> IntoFuture for SignalWithin<'a, T> {
    type Output = Result<Option<T>>;
    type IntoFuture = BoxFuture<'a, Result<Option<T>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.signal.wait(Some(self.time)))
    }
}

async fn signal(shared: &Arc<Shared>, step: &str, name: &str, within: Option<Duration>) -> Row {
    let (row, active) = match shared.reach(step, StepKind::Signal).await {
        Reached::Open(row, active) => (row, active),
        Reached::Ended(row) => return row,
        Reached::Undo(..) => pending().await,
    };
    let mut active = Some(active);
    let mut is_new = row.is_none();
    let mut row = row.unwrap_or_else(|| {
        let now = shared.engine.now();
        let mut row = Row::new(step, StepKind::Signal, now);
        row.awaited = Some(name.to_owned());
        row.due_at = within.map(|time| now.saturating_add(duration_millis(time)));
        row
    });
    let mut changes = shared.changes();
    loop {
        let is_over = row.due_at.is_some_and(|due| due <= shared.engine.now());
        if is_new || is_over || is_signalled(shared, name).await {
            row = shared
                .store(row, async |tx, row| take(shared, tx, row, name).await)
                .await;
            is_new = false;
        }
        if row.has_ended() {
            return row;
        }
        drop(active.take());
        shared.wait_for(&mut changes, row.due_at).await;
        active = Some(shared.active());
    }
}

async fn is_signalled(shared: &Shared, name: &str) -> bool {
    const LOOK: &str = "SELECT EXISTS (SELECT 1 FROM _flow_signals WHERE flow = ? AND name = ?)";
    let look = sqlx::query_scalar(LOOK)
        .bind(shared.of.head.number)
        .bind(name);
    match look.fetch_one(shared.engine.database.read()).await {
        Ok(is_signalled) => is_signalled,
        Err(error) => shared.halt(Stop::Engine(error.into())).await,
    }
}

/// Takes the oldest signal, or ends the wait if its time has passed.
async fn take(shared: &Shared, mut tx: Tx, row: Row, name: &str) -> Result<(Tx, Row)> {
    const TAKE: &str = "DELETE FROM _flow_signals WHERE number =
        (SELECT number FROM _flow_signals WHERE flow = ? AND name = ? ORDER BY number LIMIT 1) RETURNING value";
    let now = shared.engine.now();
    let take = sqlx::query_scalar(TAKE)
        .bind(shared.of.head.number)
        .bind(name);
    let value: Option<String> = take.fetch_optional(&mut *tx).await?;
    let row = match value {
        Some(value) => row.done(format!("[{value}]"), now),
        None if row.due_at.is_some_and(|due| due <= now) => row.done("[]".to_owned(), now),
        None => row,
    };
    Ok((tx, row))
}

/// A job of a workflow.
pub(crate) struct ChildJob {
    name: &'static str,
    version: u16,
    payload: String,
    policy: JobPolicy,
}

impl ChildJob {
    fn of<J: Job>(payload: String) -> Self {
        Self {
            name: J::NAME,
            version: J::VERSION,
            payload,
            policy: J::policy(),
        }
    }

    fn into_new(self, shared: &Shared, wakes: JobId) -> NewJob {
        NewJob {
            version: self.version,
            priority: self.policy.priority,
            attempts: self.policy.attempts.max(1),
            crashes: self.policy.crashes,
            traceparent: shared.of.head.traceparent.clone(),
            wakes: Some(wakes),
            ..NewJob::new(self.name, self.payload, shared.engine.clock.now())
        }
    }
}

/// Other work, which a step starts and waits for.
pub(crate) enum Other {
    Job(ChildJob),
    Workflow(New),
}

impl Other {
    pub(crate) fn job<J: Job>(job: &J) -> Result<Self, FlowError> {
        let payload = encode(job, || format!("a payload of the job `{}`", J::NAME))?;
        Ok(Self::Job(ChildJob::of::<J>(payload)))
    }

    pub(crate) fn workflow<W: Workflow>(input: &W) -> Result<Self, FlowError> {
        let input = encode(input, || format!("the input of the workflow `{}`", W::NAME))?;
        Ok(Self::Workflow(New::of::<W>(input)))
    }

    pub(crate) const fn kind(&self) -> StepKind {
        match self {
            Self::Job(_) => StepKind::Job,
            Self::Workflow(_) => StepKind::Workflow,
        }
    }

    /// Starts the work as part of a transaction. The row knows it from then on.
    async fn start(self, shared: &Shared, mut tx: Tx, mut row: Row) -> Result<(Tx, Row)> {
        let (engine, head) = (&shared.engine, &shared.of.head);
        row.awaited = Some(match self {
            Self::Job(job) => {
                let never = millis(UNIX_EPOCH + LATEST);
                let wakes = engine.resume(&mut tx, head, None, never).await?;
                let job = job.into_new(shared, wakes);
                let pushed = engine.jobs.push_in(&mut tx, job).await?;
                pushed.into_id().to_string()
            }
            Self::Workflow(mut new) => {
                row.attempts += 1;
                let again = if row.attempts > 1 {
                    format!("/{}", row.attempts)
                } else {
                    String::new()
                };
                let id = FlowId::new(format_args!("{}/{}{again}", head.id, row.name));
                new.parent = Some(head.number);
                new.traceparent.clone_from(&head.traceparent);
                match engine.start(&mut tx, &id, &new).await {
                    Ok(_) => id.to_string(),
                    // A workflow that was not started by this one has the id.
                    Err(error) if error.is::<FlowError>() => {
                        return Ok((tx, row.failed(error.to_string(), engine.now())));
                    }
                    Err(error) => return Err(error),
                }
            }
        });
        Ok((tx, row))
    }
}

/// Starts other work, unless that was done before, and waits for its end.
pub(crate) async fn other(shared: &Arc<Shared>, mut row: Row, active: Active, other: Other) -> Row {
    if row.awaited.is_none() {
        let start = async |tx, row| other.start(shared, tx, row).await;
        row = shared.store(row, start).await;
    }
    if row.has_ended() {
        return row;
    }
    let (mut active, mut changes) = (Some(active), shared.changes());
    let ending = loop {
        match ending(&shared.engine, &row).await {
            Ok(Some(ending)) => break ending,
            Ok(None) => {}
            Err(error) => return shared.halt(Stop::Engine(error)).await,
        }
        drop(active.take());
        shared.wait_for(&mut changes, None).await;
        active = Some(shared.active());
    };
    let now = shared.engine.now();
    let row = match ending {
        Ok(result) => row.done(result, now),
        Err(error) => row.failed(error, now),
    };
    shared.keep(row).await
}

/// The result of what a step waits for, as JSON, or its error.
pub(crate) type Ending = Result<String, String>;

/// How the work has ended that a step waits for, if it has.
pub(crate) async fn ending(engine: &Engine, row: &Row) -> Result<Option<Ending>> {
    let id = row.awaited.as_deref().unwrap_or_default();
    if row.kind == StepKind::Job.code() {
        job_end(engine, &JobId::new(id)).await
    } else {
        child_end(engine, &FlowId::new(id)).await
    }
}

async fn job_end(engine: &Engine, id: &JobId) -> Result<Option<Ending>> {
    let Some(job) = engine.jobs.find(id).await? else {
        return Ok(Some(Err(format!("there is no job {id} any more"))));
    };
    Ok(match job.state {
        JobState::Done => Some(Ok(job.result.unwrap_or_default().to_string())),
        JobState::Dead => Some(Err(job.error.unwrap_or_default())),
        JobState::Cancelled => Some(Err(format!("the job {id} was cancelled"))),
        _ => None,
    })
}

async fn child_end(engine: &Engine, id: &FlowId) -> Result<Option<Ending>> {
    let Some(child) = engine.status(id).await? else {
        return Ok(Some(Err(format!("there is no workflow {id} any more"))));
    };
    Ok(match child.state {
        FlowState::Done => Some(Ok(child.result.unwrap_or_default().to_string())),
        FlowState::Failed => Some(Err(child.error.unwrap_or_default())),
        state if state.has_ended() => Some(Err(format!("the workflow {id} ended as {state}"))),
        _ => None,
    })
}
