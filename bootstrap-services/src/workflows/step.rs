//! Steps: work that is done once, retried and undone.

use std::fmt;
use std::panic::AssertUnwindSafe;
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
use crate::workflows::workflow::StepPolicy;
use crate::workflows::{Flow, StepKind, metrics};

type Work<'a, T> = Box<dyn FnMut() -> BoxFuture<'a, Result<T>> + Send + 'a>;
type Undo<'a, T> = Box<dyn FnMut(T) -> BoxFuture<'a, Result<()>> + Send + 'a>;

/// A step that is done when this is awaited: see [`Flow::step`].
#[must_use = "nothing is done until this is awaited"]
pub struct Step<'a, T> {
    flow: &'a Flow,
    name: String,
    work: Work<'a, T>,
    undo: Option<Undo<'a, T>>,
    policy: StepPolicy,
}

impl<'a, T> Step<'a, T> {
    pub(crate) fn new(flow: &'a Flow, name: String, work: Work<'a, T>) -> Self {
        Self {
            flow,
            name,
            work,
            undo: None,
            policy: flow.shared.policy.clone(),
        }
    }

    /// How many times the step is attempted, at least 1. Between attempts the workflow is suspended.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.policy.attempts = attempts;
        self
    }

    /// How long an attempt may take. Then its future is dropped, and the attempt has failed. It holds for undoing the step as well.
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
    /// It is done once, and may be done again if the process dies before that is stored.
    pub fn undo<F>(mut self, mut undo: impl FnMut(T) -> F + Send + 'a) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'a,
    {
        self.undo = Some(Box::new(move |result| Box::pin(undo(result))));
        self
    }
}

impl<T: Serialize + DeserializeOwned> Step<'_, T> {
    async fn run(mut self) -> Result<T> {
        let shared = &self.flow.shared;
        let (row, active) = match shared.reach(&self.name, StepKind::Step).await {
            Reached::Ended(row) => return ended(row),
            Reached::Undo(row, active) => return self.run_undo(row, active).await,
            Reached::Open(row, active) => (row, active),
        };
        let mut active = Some(active);
        let engine = &shared.engine;
        let mut row = row.unwrap_or_else(|| Row::new(&self.name, StepKind::Step, engine.now()));
        loop {
            if let Some(due) = row.due_at.filter(|due| *due > engine.now()) {
                active = None;
                shared.wait_until(due).await;
            }
            active.get_or_insert_with(|| shared.active());
            let done = self.attempt().await;
            row.attempts += 1;
            row = match done {
                Ok(result) => {
                    row.undo = if self.undo.is_some() {
                        undo::POSSIBLE
                    } else {
                        undo::NOTHING
                    };
                    row.done(result, engine.now())
                }
                Err(error) => self.after_failure(row, &error),
            };
            row = shared.keep(row).await;
            if row.has_ended() {
                let outcome = if row.error.is_none() {
                    "done"
                } else {
                    "failed"
                };
                metrics::step(shared.name, outcome);
                return ended(row);
            }
        }
    }

    /// Does the work. Returns its result as JSON which can be read again.
    async fn attempt(&mut self) -> Result<String> {
        let result = attempt(&self.flow.shared, self.policy.timeout, || (self.work)()).await?;
        let what = || format!("the result of the step `{}`", self.name);
        let text = encode(&result, what).map_err(JobFailure::fatal)?;
        decode::<T>(&text, what).map_err(JobFailure::fatal)?;
        Ok(text)
    }

    fn after_failure(&self, mut row: Row, error: &anyhow::Error) -> Row {
        let now = self.flow.shared.engine.now();
        match again(&self.policy, row.attempts, error) {
            Some(again) => {
                let (step, id) = (&self.name, self.flow.id());
                tracing::warn!(step, id, attempt = row.attempts, error = %format_args!("{error:#}"), "a step failed, and is attempted again");
                row.error = Some(stored(error));
                row.due_at = Some(now.saturating_add(length(again)));
                row
            }
            None => row.failed(stored(error), now),
        }
    }

    /// Undoes the step. The pass ends with it.
    async fn run_undo(&mut self, mut row: Row, _active: Active) -> Result<T> {
        let shared = &self.flow.shared;
        let undone = match &mut self.undo {
            Some(undo) => {
                let result: Result<T> = ended(row.clone());
                match result {
                    Ok(result) => attempt(shared, self.policy.timeout, || undo(result)).await,
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
                match again(&self.policy, row.undo_attempts, &error) {
                    Some(again) => {
                        row.due_at = Some(shared.engine.now().saturating_add(length(again)));
                    }
                    None => row.undo = undo::FAILED,
                }
                if row.undo == undo::FAILED {
                    let context = format!("the step `{}` was not undone", self.name);
                    shared.engine.report(&shared.of, error.context(context));
                }
            }
        }
        shared.keep(row).await;
        shared.halt(Stop::Undone).await
    }
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

impl<'a, T: Serialize + DeserializeOwned + Send + 'a> IntoFuture for Step<'a, T> {
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
