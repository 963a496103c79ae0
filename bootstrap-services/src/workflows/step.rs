//! Steps: work that is done once, retried and undone.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::database::times::length;
use crate::jobs::{Again, JobFailure, panicked, stored};
use crate::workflows::journal::{Row, undo};
use crate::workflows::pass::{Active, Reached, Shared, Stop, decode, encode, ended};
use crate::workflows::wait::{self, Other};
use crate::workflows::workflow::StepPolicy;
use crate::workflows::{Flow, FlowError, StepKind, metrics};

/// Returns its result as JSON.
type Call<'a> = Box<dyn FnMut() -> BoxFuture<'a, Result<String>> + Send + 'a>;
type Undo<'a, T> = Box<dyn FnMut(T) -> BoxFuture<'a, Result<()>> + Send + 'a>;

/// What a step does.
pub(crate) enum Work<'a> {
    Call(Call<'a>),
    Other(Other),
}

impl<'a> Work<'a> {
    pub(crate) fn call<T, F>(step: &str, mut work: impl FnMut() -> F + Send + 'a) -> Self
    where
        T: Serialize + DeserializeOwned + 'a,
        F: Future<Output = Result<T>> + Send + 'a,
    {
        let what = format!("the result of the step `{step}`");
        Self::Call(Box::new(move || {
            let (work, what) = (work(), what.clone());
            Box::pin(async move {
                let what = || what.clone();
                let text = encode(&work.await?, what).map_err(JobFailure::fatal)?;
                // So that it can be read again.
                decode::<T>(&text, what).map_err(JobFailure::fatal)?;
                Ok(text)
            })
        }))
    }

    const fn kind(&self) -> StepKind {
        match self {
            Self::Call(_) => StepKind::Step,
            Self::Other(other) => other.kind(),
        }
    }
}

/// A step that is done when this is awaited: see [`Flow::step`], [`Flow::job`] and [`Flow::child`].
#[must_use = "nothing is done until this is awaited"]
pub struct Step<'a, T> {
    flow: &'a Flow,
    name: String,
    work: Result<Work<'a>, FlowError>,
    undo: Option<Undo<'a, T>>,
    policy: StepPolicy,
}

impl<'a, T> Step<'a, T> {
    pub(crate) fn new(flow: &'a Flow, name: String, work: Result<Work<'a>, FlowError>) -> Self {
        Self {
            flow,
            name,
            work,
            undo: None,
            policy: flow.shared.policy.clone(),
        }
    }

    /// How many times the step is attempted: 5 unless the policy says otherwise, at least 1. Between attempts the workflow is suspended. With a job or a workflow it holds for undoing alone.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.policy.attempts = attempts;
        self
    }

    /// How long an attempt may take: 5 minutes unless the policy says otherwise. Then its future is dropped, and the attempt has failed. It holds for undoing the step as well.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.policy.timeout = timeout;
        self
    }

    /// How long the step waits after its first failure, and how long at most. Each further failure doubles the time; half of it is random.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.policy.backoff = (first, longest);
        self
    }

    /// What undoes the step if it is done and the workflow fails, times out or is cancelled afterwards. Steps are undone one by one, the last that was done
    /// first. It gets what the step has returned, and is attempted as often as the step. If no attempt is left, the error is reported, and the
    /// steps before are undone all the same.
    ///
    /// A step that runs when the workflow is cancelled or times out, or when its branch is dropped, ends first, within its timeout, so that it can be undone. If the app
    /// stops or the process dies in the middle of a step, nothing knows what the step has done: it is done again if the workflow goes on, and not undone if the workflow was
    /// cancelled meanwhile.
    ///
    /// It is done once, and may be done again if the process dies before that is stored.
    pub fn undo<F>(mut self, mut undo: impl FnMut(T) -> F + Send + 'a) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'a,
    {
        self.undo = Some(Box::new(move |result| Box::pin(undo(result))));
        self
    }
}

impl<T: DeserializeOwned> Step<'_, T> {
    async fn run(self) -> Result<T> {
        let (work, shared) = (self.work?, &self.flow.shared);
        let (row, active) = match shared.reach(&self.name, work.kind()).await {
            Reached::Ended(row) => return ended(row),
            Reached::Undo(row, active) => {
                return run_undo(shared, &self.policy, row, active, self.undo).await;
            }
            Reached::Open(row, active) => (row, active),
        };
        let new = || Row::new(&self.name, work.kind(), shared.engine.now());
        let row = row.unwrap_or_else(new);
        let undo = if self.undo.is_some() {
            undo::POSSIBLE
        } else {
            undo::NOTHING
        };
        let row = match work {
            Work::Call(work) => run_call(shared, &self.policy, row, active, (work, undo)).await,
            Work::Other(other) => wait::other(shared, Row { undo, ..row }, active, other).await,
        };
        ended(row)
    }
}

/// Does the work until it is done, or no attempt is left.
async fn run_call(
    shared: &Arc<Shared>,
    policy: &StepPolicy,
    mut row: Row,
    active: Active,
    (mut work, undo): (Call<'_>, i64),
) -> Row {
    let (mut active, engine) = (Some(active), &shared.engine);
    loop {
        if let Some(due) = row.due_at.filter(|due| *due > engine.now()) {
            active = None;
            shared.wait_until(due).await;
        }
        active.get_or_insert_with(|| shared.active());
        let running = shared.begin_work(undo == undo::POSSIBLE).await;
        let done = attempt(shared, policy.timeout, &mut work).await;
        row.attempts += 1;
        row = match done {
            Ok(result) => Row { undo, ..row }.done(result, engine.now()),
            Err(error) => after_failure(shared, policy, row, &error),
        };
        row = shared.keep(row).await;
        drop(running);
        if row.has_ended() {
            let outcome = if row.error.is_none() {
                "done"
            } else {
                "failed"
            };
            metrics::step(shared.name, outcome);
            return row;
        }
    }
}

fn after_failure(shared: &Shared, policy: &StepPolicy, mut row: Row, error: &anyhow::Error) -> Row {
    let now = shared.engine.now();
    match again(policy, row.attempts, error) {
        Some(again) => {
            let (step, id) = (&row.name, &shared.of.head.id);
            tracing::warn!(step, id, attempt = row.attempts, error = %format_args!("{error:#}"), "a step failed, and is attempted again");
            row.error = Some(stored(error));
            row.due_at = Some(now.saturating_add(length(again)));
            row
        }
        None => row.failed(stored(error), now),
    }
}

/// Undoes the step. The pass ends with it.
async fn run_undo<T: DeserializeOwned>(
    shared: &Arc<Shared>,
    policy: &StepPolicy,
    mut row: Row,
    _active: Active,
    undo: Option<Undo<'_, T>>,
) -> Result<T> {
    let undone = match undo {
        Some(mut undo) => {
            let result: Result<T> = ended(row.clone());
            match result {
                Ok(result) => attempt(shared, policy.timeout, || undo(result)).await,
                Err(error) => Err(JobFailure::fatal(error)),
            }
        }
        None => Err(JobFailure::fatal(anyhow!(
            "the step has no `undo` any more"
        ))),
    };
    row.undo_attempts += 1;
    row.due_at = None;
    match undone {
        Ok(()) => row.undo = undo::DONE,
        Err(error) => {
            row.error = Some(stored(&error));
            if let Some(again) = again(policy, row.undo_attempts, &error) {
                row.due_at = Some(shared.engine.now().saturating_add(length(again)));
            } else {
                row.undo = undo::FAILED;
                let context = format!("the step `{}` was not undone", row.name);
                shared.engine.report(&shared.of, error.context(context));
            }
        }
    }
    shared.keep(row).await;
    shared.halt(Stop::Undone).await
}

/// When the next attempt begins, if there is one.
fn again(policy: &StepPolicy, failures: u32, error: &anyhow::Error) -> Option<Duration> {
    match JobFailure::of(error) {
        _ if failures >= policy.attempts => None,
        Again::Never => None,
        Again::After(time) => Some(time),
        Again::ByPolicy => Some(policy.backoff_after(failures)),
    }
}

/// Calls code of the workflow within a time limit. A panic is an error.
async fn attempt<'a, T>(
    shared: &Shared,
    timeout: Duration,
    work: impl FnOnce() -> BoxFuture<'a, Result<T>>,
) -> Result<T> {
    // The call itself may panic before there is a future.
    let work = AssertUnwindSafe(async { work().await }).catch_unwind();
    tokio::select! {
        biased;
        result = work => result.unwrap_or_else(|panic| Err(panicked(&*panic))),
        () = shared.engine.clock.limit(timeout) => {
            Err(anyhow!("it did not end within its timeout of {timeout:?}"))
        }
    }
}

impl<'a, T: DeserializeOwned + Send + 'a> IntoFuture for Step<'a, T> {
    type Output = Result<T>;
    type IntoFuture = BoxFuture<'a, Result<T>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T> fmt::Debug for Step<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("name", &self.name)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
