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
use crate::workflows::journal::Row;
use crate::workflows::pass::{Active, Reached, Shared, Stop, ended};
use crate::workflows::{Flow, FlowError, FlowId, FlowState, StepKind};

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
    pub(crate) fn of<J: Job>(payload: String) -> Self {
        Self {
            name: J::NAME,
            version: J::VERSION,
            payload,
            policy: J::policy(),
        }
    }

    fn into_new(self, shared: &Shared, wakes: JobId) -> NewJob {
        NewJob {
            name: self.name.to_owned(),
            version: self.version,
            payload: self.payload,
            run_at: shared.engine.clock.now(),
            priority: self.policy.priority,
            attempts: self.policy.attempts.max(1),
            crashes: self.policy.crashes,
            unique: None,
            traceparent: shared.of.head.traceparent.clone(),
            wakes: Some(wakes),
            resumes: None,
        }
    }
}

/// Enqueues a job, and waits for its end.
pub(crate) async fn job(shared: &Arc<Shared>, name: &str, job: ChildJob) -> Row {
    let (row, active) = match shared.reach(name, StepKind::Job).await {
        Reached::Open(row, active) => (row, active),
        Reached::Ended(row) => return row,
        Reached::Undo(..) => pending().await,
    };
    let row = if let Some(row) = row.filter(|row| row.awaited.is_some()) {
        row
    } else {
        let row = Row::new(name, StepKind::Job, shared.engine.now());
        let enqueue = async |tx, row| enqueue(shared, tx, row, job).await;
        shared.store(row, enqueue).await
    };
    let id = JobId::new(row.awaited.as_deref().unwrap_or_default());
    until_ended(shared, row, active, async || job_end(shared, &id).await).await
}

/// How a job has ended, if it has.
async fn job_end(shared: &Shared, id: &JobId) -> Result<Option<Ending>> {
    let Some(job) = shared.engine.jobs.find(id).await? else {
        return Ok(Some(Err(format!("there is no job {id} any more"))));
    };
    Ok(match job.state {
        JobState::Done => Some(Ok(job.result.unwrap_or_default().to_string())),
        JobState::Dead => Some(Err(job.error.unwrap_or_default())),
        JobState::Cancelled => Some(Err(format!("the job {id} was cancelled"))),
        _ => None,
    })
}

/// The result of what a step waits for, as JSON, or its error.
type Ending = Result<String, String>;

/// Waits until what a step waits for has ended, and stores how.
async fn until_ended<F>(
    shared: &Arc<Shared>,
    row: Row,
    active: Active,
    look: impl Fn() -> F + Send,
) -> Row
where
    F: Future<Output = Result<Option<Ending>>> + Send,
{
    let (mut active, mut changes) = (Some(active), shared.changes());
    let ending = loop {
        match look().await {
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

async fn enqueue(shared: &Shared, mut tx: Tx, mut row: Row, job: ChildJob) -> Result<(Tx, Row)> {
    let never = millis(UNIX_EPOCH + LATEST);
    let wakes = shared
        .engine
        .resume(&mut tx, &shared.of.head, None, never)
        .await?;
    let job = job.into_new(shared, wakes);
    let id = shared.engine.jobs.push_in(&mut tx, job).await?.into_id();
    row.awaited = Some(id.to_string());
    Ok((tx, row))
}

/// Starts another workflow, and waits for its end.
pub(crate) async fn child(shared: &Arc<Shared>, name: &str, new: New) -> Row {
    let (row, active) = match shared.reach(name, StepKind::Workflow).await {
        Reached::Open(row, active) => (row, active),
        Reached::Ended(row) => return row,
        Reached::Undo(..) => pending().await,
    };
    let row = match row {
        Some(row) if row.awaited.is_some() => row,
        row => {
            let mut row =
                row.unwrap_or_else(|| Row::new(name, StepKind::Workflow, shared.engine.now()));
            row.attempts += 1;
            shared
                .store(row, async |tx, row| start(shared, tx, row, new).await)
                .await
        }
    };
    if row.has_ended() {
        return row;
    }
    let id = FlowId::new(row.awaited.as_deref().unwrap_or_default());
    until_ended(shared, row, active, async || child_end(shared, &id).await).await
}

/// How a workflow has ended, if it has.
async fn child_end(shared: &Shared, id: &FlowId) -> Result<Option<Ending>> {
    let Some(child) = shared.engine.status(id).await? else {
        return Ok(Some(Err(format!("there is no workflow {id} any more"))));
    };
    Ok(match child.state {
        FlowState::Done => Some(Ok(child.result.unwrap_or_default().to_string())),
        FlowState::Failed => Some(Err(child.error.unwrap_or_default())),
        state if state.has_ended() => Some(Err(format!("the workflow {id} ended as {state}"))),
        _ => None,
    })
}

async fn start(shared: &Shared, mut tx: Tx, mut row: Row, mut new: New) -> Result<(Tx, Row)> {
    let again = if row.attempts > 1 {
        format!("/{}", row.attempts)
    } else {
        String::new()
    };
    let id = FlowId::new(format_args!("{}/{}{again}", shared.of.head.id, row.name));
    new.parent = Some(shared.of.head.number);
    new.traceparent.clone_from(&shared.of.head.traceparent);
    match shared.engine.start(&mut tx, &id, &new).await {
        Ok(_) => row.awaited = Some(id.to_string()),
        // A workflow that was not started by this one has the id.
        Err(error) if error.is::<FlowError>() => {
            row = row.failed(error.to_string(), shared.engine.now());
        }
        Err(error) => return Err(error),
    }
    Ok((tx, row))
}
