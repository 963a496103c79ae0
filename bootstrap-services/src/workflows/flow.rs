//! What the code of a workflow works with.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::database::times::{millis, time};
use crate::jobs::Job;
use crate::workflows::engine::random_id;
use crate::workflows::journal::{Journal, Row};
use crate::workflows::pass::{Reached, Shared, encode, ended};
use crate::workflows::step::{Step, Work};
use crate::workflows::wait::{self, Other, Signal};
use crate::workflows::{StepKind, Workflow};

/// The steps of one workflow: what [`Runs::run`](crate::workflows::Runs::run) gets.
///
/// Each method that takes a name is a step. Names are those of the journal, 1 to 200 bytes, and no two steps of a workflow have the same. What a step
/// has returned is stored before it is returned, and returned again whenever the workflow goes on. A workflow has at most 10,000 steps.
///
/// While a workflow waits, for a time, a signal, a job or another attempt, it is suspended: nothing of it is in memory.
pub struct Flow {
    pub(crate) shared: Arc<Shared>,
}

impl Flow {
    /// The id of the workflow.
    pub fn id(&self) -> &str {
        &self.shared.of.head.id
    }

    /// A step: `work` is done once, and its result is stored as JSON of at most 1 MiB. Await it, after setting how it is retried and undone.
    ///
    /// `work` may be done again if the process dies before its result is stored: make it repeatable, for example with a key of [`random_id`](Self::random_id).
    ///
    /// # Errors
    ///
    /// The error [`StepFailed`](crate::workflows::FlowError::StepFailed), when no attempt is left.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, `work` is as well, and nothing is stored.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use anyhow::Result;
    /// # use bootstrap_services::workflows::Flow;
    /// # struct Bank;
    /// # impl Bank {
    /// #     async fn charge(&self, cents: u64) -> Result<String> { Ok(cents.to_string()) }
    /// #     async fn refund(&self, receipt: &str) -> Result<()> { Ok(()) }
    /// # }
    /// async fn pay(cx: &Flow, bank: &Bank, cents: u64) -> Result<String> {
    ///     cx.step("charge", || bank.charge(cents))
    ///         .attempts(8)
    ///         .timeout(Duration::from_secs(20))
    ///         .undo(|receipt: String| async move { bank.refund(&receipt).await })
    ///         .await
    /// }
    /// ```
    pub fn step<'a, T, F>(
        &'a self,
        name: impl Into<String>,
        work: impl FnMut() -> F + Send + 'a,
    ) -> Step<'a, T>
    where
        T: Serialize + DeserializeOwned + 'a,
        F: Future<Output = Result<T>> + Send + 'a,
    {
        let name = name.into();
        let work = Work::call(&name, work);
        Step::new(self, name, Ok(work))
    }

    /// Waits for a time. The workflow is suspended meanwhile, and a restart of the process does not make the wait longer.
    ///
    /// # Errors
    ///
    /// None of its own: it is a `Result` so that it can be a branch beside steps.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the wait is over.
    pub async fn sleep(&self, name: impl Into<String>, duration: Duration) -> Result<()> {
        wait::sleep(&self.shared, &name.into(), duration).await
    }

    /// Waits for a signal with this name, which [`Workflows::signal`](crate::workflows::Workflows::signal) sends. Signals that were sent before the wait
    /// are kept, the oldest first.
    ///
    /// # Errors
    ///
    /// An error if the value of the signal is not a `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use anyhow::{Context as _, Result};
    /// # use bootstrap_services::workflows::Flow;
    /// async fn paid(cx: &Flow) -> Result<u64> {
    ///     let cents = cx.signal::<u64>("paid").within(Duration::from_hours(48)).await?;
    ///     cents.context("it was not paid within two days")
    /// }
    /// ```
    pub fn signal<T: DeserializeOwned>(&self, name: impl Into<String>) -> Signal<'_, T> {
        Signal::new(self, name.into())
    }

    /// A step that enqueues a job, and waits until it has ended. Returns what its handler set as its result; `()` if it set none.
    ///
    /// The job is enqueued once. If the workflow is cancelled or fails meanwhile, the job is cancelled; if it succeeds all the same, the `undo` of this step undoes it.
    ///
    /// The attempts, the timeout and the backoff of the job are those of its own policy. Those of the [`Step`] hold for its `undo` alone.
    ///
    /// # Errors
    ///
    /// The error [`StepFailed`](crate::workflows::FlowError::StepFailed) if the job became a dead letter or was cancelled, and if its result is not an `R`.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyhow::Result;
    /// # use bootstrap_services::jobs::Job;
    /// # use bootstrap_services::workflows::Flow;
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Serialize, Deserialize)]
    /// struct PrintLabel { order: u64 }
    ///
    /// impl Job for PrintLabel {
    ///     const NAME: &'static str = "print-label";
    /// }
    ///
    /// async fn label(cx: &Flow, order: u64) -> Result<String> {
    ///     cx.job("label", PrintLabel { order })
    ///         .undo(|label: String| async move { void(&label).await })
    ///         .await
    /// }
    /// # async fn void(_: &str) -> Result<()> { Ok(()) }
    /// ```
    #[allow(clippy::needless_pass_by_value, reason = "the payload is used up")]
    pub fn job<J: Job, R: DeserializeOwned>(&self, name: impl Into<String>, job: J) -> Step<'_, R> {
        Step::new(self, name.into(), Other::job(&job).map(Work::Other))
    }

    /// A step that starts another workflow, and waits until it has ended. Returns its result.
    ///
    /// It is started once, with the id of this one and the name of the step, as `order-7/shipping`. If this workflow is cancelled or fails meanwhile, the other is
    /// cancelled, and undoes what it has done. After it has succeeded, only the `undo` of this step undoes its work.
    ///
    /// The attempts, the timeout and the backoff of the [`Step`] hold for its `undo` alone.
    ///
    /// # Errors
    ///
    /// The error [`StepFailed`](crate::workflows::FlowError::StepFailed) if it failed, timed out or was cancelled.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the other workflow goes on.
    #[allow(clippy::needless_pass_by_value, reason = "the input is used up")]
    pub fn child<W: Workflow>(&self, name: impl Into<String>, input: W) -> Step<'_, W::Output> {
        let work = Other::workflow(&input).map(Work::Other);
        Step::new(self, name.into(), work)
    }

    /// The time of the first call.
    ///
    /// # Errors
    ///
    /// As [`sleep`](Self::sleep).
    pub async fn now(&self, name: impl Into<String>) -> Result<SystemTime> {
        let clock = &self.shared.engine.clock;
        let now: i64 = self.value(&name.into(), || millis(clock.now())).await?;
        Ok(time(now))
    }

    /// An id of 32 random hexadecimal digits, the same each time: a key for a service that must not do something twice.
    ///
    /// It stays the same when [`Workflows::retry`](crate::workflows::Workflows::retry) does a step again that was undone. If the service would return what it did for the key before, as a payment that was
    /// refunded since, make it refuse that, or let the input of the workflow have the key.
    ///
    /// # Errors
    ///
    /// As [`sleep`](Self::sleep).
    pub async fn random_id(&self, name: impl Into<String>) -> Result<String> {
        self.value(&name.into(), || random_id().to_string()).await
    }

    /// The version of a part of the code: the newest one for a workflow that has not come to this part yet, and what was returned then for one that has. Workflows
    /// that were beyond it before the call was written have version 1.
    ///
    /// # Errors
    ///
    /// As [`sleep`](Self::sleep).
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyhow::Result;
    /// # use bootstrap_services::workflows::Flow;
    /// async fn fee(cx: &Flow) -> Result<u64> {
    ///     match cx.version("fee", 2).await? {
    ///         1 => Ok(100),
    ///         _ => cx.step("fee", || async { Ok(120) }).await,
    ///     }
    /// }
    /// ```
    pub async fn version(&self, name: impl fmt::Display, newest: u32) -> Result<u32> {
        let is_beyond = || self.shared.journal(Journal::is_beyond);
        let version = || if is_beyond() { 1 } else { newest };
        self.value(&format!("version {name}"), version).await
    }

    /// Waits for all branches, which run at the same time. Returns their results in their order.
    ///
    /// Branches are steps, or futures with several of them. Those of different types are boxed: `Box::pin(async { .. })`, of the type `BoxFuture` of `futures`.
    ///
    /// # Errors
    ///
    /// The first error. Then the other branches are dropped, each after the step that it is in the middle of, if that can be undone; what they have done is undone if the
    /// workflow fails.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the branches are as well.
    pub async fn all<T>(
        &self,
        branches: impl IntoIterator<Item: IntoFuture<Output = Result<T>>>,
    ) -> Result<Vec<T>> {
        let mut branches = Branches::new(&self.shared, branches);
        std::future::poll_fn(|cx| {
            if !branches.has_failed() || self.shared.holds_branches() {
                branches.poll(cx);
            }
            if self.shared.holds_branches() || branches.has_failed() && branches.drain(cx) {
                return Poll::Pending;
            }
            branches.all()
        })
        .await
    }

    /// Waits for all branches, also if some fail. Returns their results in their order.
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn all_settled<T>(
        &self,
        branches: impl IntoIterator<Item: IntoFuture<Output = Result<T>>>,
    ) -> Vec<Result<T>> {
        let mut branches = Branches::new(&self.shared, branches);
        std::future::poll_fn(|cx| {
            branches.poll(cx);
            branches.settled()
        })
        .await
    }

    /// Waits for the first branch that succeeds, and drops the others. It is a step, which keeps the number of that branch.
    ///
    /// A branch that is in the middle of a step which can be undone ends that step before it is dropped. What other branches have done is undone only if the workflow
    /// fails.
    ///
    /// # Errors
    ///
    /// The last error, if all branches fail; an error if there are none.
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn any<T>(
        &self,
        name: impl Into<String>,
        branches: impl IntoIterator<Item: IntoFuture<Output = Result<T>>>,
    ) -> Result<T> {
        let (name, shared) = (name.into(), &self.shared);
        let mut branches = Branches::new(shared, branches);
        let mut reaching = std::pin::pin!(async {
            match shared.reach(&name, StepKind::Value).await {
                Reached::Ended(row) => Ok(row),
                // While its branches only wait, so does the workflow.
                Reached::Open(row, _) => Err(row),
                Reached::Undo(..) => std::future::pending().await,
            }
        });
        let (mut first, mut row) = (None, None);
        let mut is_reached = false;
        let won = std::future::poll_fn(|cx| {
            // In the first round all branches reach what they have done before, also those that lose.
            match first {
                Some(first) if !shared.holds_branches() && shared.is_forward() => {
                    branches.keep(first);
                    branches.poll_one(first, cx);
                }
                _ => branches.poll(cx),
            }
            if !is_reached && let Poll::Ready(reached) = reaching.as_mut().poll(cx) {
                is_reached = true;
                match reached {
                    Ok(row) => first = Some(number(&row)),
                    Err(open) => row = open,
                }
            }
            match first {
                _ if shared.holds_branches() => Poll::Pending,
                Some(first) => branches.take(first),
                None if is_reached => branches.first(),
                None => Poll::Pending,
            }
        })
        .await;
        std::future::poll_fn(|cx| {
            if shared.holds_branches() {
                branches.poll(cx);
                return Poll::Pending;
            }
            if branches.drain(cx) {
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
        drop(branches);
        let (number, result) = won?;
        if first.is_none() {
            let _active = shared.active();
            let now = shared.engine.now();
            let row = row.unwrap_or_else(|| Row::new(&name, StepKind::Value, now));
            shared.keep(row.done(number.to_string(), now)).await;
        }
        Ok(result)
    }

    /// Keeps a value that may differ the next time.
    async fn value<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        of: impl FnOnce() -> T,
    ) -> Result<T> {
        let row = match self.shared.reach(name, StepKind::Value).await {
            Reached::Ended(row) => row,
            Reached::Open(row, _active) => {
                let text = encode(&of(), || format!("the value `{name}`"))?;
                let now = self.shared.engine.now();
                let row = row.unwrap_or_else(|| Row::new(name, StepKind::Value, now));
                self.shared.keep(row.done(text, now)).await
            }
            Reached::Undo(..) => std::future::pending().await,
        };
        ended(row)
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("name", &self.shared.name)
            .field("id", &self.shared.of.head.id)
            .finish_non_exhaustive()
    }
}

/// The branch that was first.
fn number(row: &Row) -> usize {
    let number = row.result.as_deref().and_then(|it| it.parse().ok());
    number.unwrap_or(usize::MAX)
}

/// Futures that run at the same time. Each is polled in each round, so that a replay reaches the same steps.
struct Branches<'a, F: Future> {
    shared: &'a Shared,
    list: Vec<Branch<F>>,
}

enum Branch<F: Future> {
    /// With how many steps that can be undone it is in the middle of.
    Runs(Pin<Box<F>>, usize),
    Ended(F::Output),
    Taken,
}

impl<'a, F: Future<Output = Result<T>>, T> Branches<'a, F> {
    fn new<I: IntoFuture<IntoFuture = F, Output = Result<T>>>(
        shared: &'a Shared,
        branches: impl IntoIterator<Item = I>,
    ) -> Self {
        let branch = |it: I| Branch::Runs(Box::pin(it.into_future()), 0);
        let list = branches.into_iter().map(branch).collect();
        Self { shared, list }
    }

    /// Drops all branches but one.
    fn keep(&mut self, number: usize) {
        let others = self.list.iter_mut().enumerate();
        for (_, branch) in others.filter(|(it, _)| *it != number) {
            *branch = Branch::Taken;
        }
    }

    fn poll(&mut self, cx: &mut std::task::Context<'_>) {
        for number in 0..self.list.len() {
            self.poll_one(number, cx);
        }
    }

    /// Polls the branches that are in the middle of a step which can be undone, until that has ended, and drops the others: one of them may hold a transaction,
    /// for which the steps would wait. Returns whether there is such a step.
    fn drain(&mut self, cx: &mut std::task::Context<'_>) -> bool {
        let was_frozen = self.shared.freeze(true);
        self.drop_idle();
        self.poll(cx);
        self.drop_idle();
        self.shared.freeze(was_frozen);
        self.is_running()
    }

    fn drop_idle(&mut self) {
        for branch in &mut self.list {
            if let Branch::Runs(_, 0) = branch {
                *branch = Branch::Taken;
            }
        }
    }

    fn poll_one(&mut self, number: usize, cx: &mut std::task::Context<'_>) {
        let Some(branch) = self.list.get_mut(number) else {
            return;
        };
        if let Branch::Runs(future, undoable) = branch {
            // What begins and ends meanwhile is of this branch.
            let before = self.shared.undoable();
            let polled = future.as_mut().poll(cx);
            *undoable = (*undoable + self.shared.undoable()).saturating_sub(before);
            if let Poll::Ready(result) = polled {
                *branch = Branch::Ended(result);
            }
        }
    }

    fn is_running(&self) -> bool {
        self.list.iter().any(|it| matches!(it, Branch::Runs(..)))
    }

    fn has_failed(&self) -> bool {
        let failed = |it: &Branch<F>| matches!(it, Branch::Ended(Err(_)));
        self.list.iter().any(failed)
    }

    /// The result of a branch, once.
    fn take(&mut self, number: usize) -> Poll<Result<(usize, T)>> {
        let Some(branch) = self.list.get_mut(number) else {
            return Poll::Ready(Err(anyhow::anyhow!("there is no branch {number}")));
        };
        if let Branch::Runs(..) = branch {
            return Poll::Pending;
        }
        match std::mem::replace(branch, Branch::Taken) {
            Branch::Ended(result) => Poll::Ready(result.map(|it| (number, it))),
            _ => Poll::Pending,
        }
    }

    fn settled(&mut self) -> Poll<Vec<Result<T>>> {
        if self.is_running() {
            return Poll::Pending;
        }
        let results = self.list.drain(..).filter_map(|it| match it {
            Branch::Ended(result) => Some(result),
            _ => None,
        });
        Poll::Ready(results.collect())
    }

    fn all(&mut self) -> Poll<Result<Vec<T>>> {
        let failed = |it: &Branch<F>| matches!(it, Branch::Ended(Err(_)));
        if let Some(number) = self.list.iter().position(failed) {
            return self.take(number).map(|it| it.map(|_| Vec::new()));
        }
        self.settled().map(|results| results.into_iter().collect())
    }

    fn first(&mut self) -> Poll<Result<(usize, T)>> {
        let succeeded = |it: &Branch<F>| matches!(it, Branch::Ended(Ok(_)));
        if let Some(number) = self.list.iter().position(succeeded) {
            return self.take(number);
        }
        if self.is_running() {
            return Poll::Pending;
        }
        let last = self.list.len().wrapping_sub(1);
        if last == usize::MAX {
            return Poll::Ready(Err(anyhow::anyhow!(
                "`any` has no branches: give it at least one"
            )));
        }
        self.take(last)
    }
}
