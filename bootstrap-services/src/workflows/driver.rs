//! What a job does that resumes a workflow: it runs the code until that ends or only waits.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::jobs::{Handler, JobContext, JobId, JobPolicy, panicked, stored};
use crate::workflows::engine::{Claimed, Engine, Resume, Signs};
use crate::workflows::info::{ACTIVE, UNDOING};
use crate::workflows::journal::{Journal, Row, undo};
use crate::workflows::pass::{Mode, Shared, Stop, encode};
use crate::workflows::workflow::StepPolicy;
use crate::workflows::{
    Flow, FlowError, FlowId, FlowState, Runs, StepKind, Workflow, Workflows, metrics, wait,
};

/// How many times the process may die in a row before the workflow has done another step.
const MOST_CRASHES: i64 = 3;
/// A job that resumes a workflow has no time limit of its own: workflows and steps have.
const ENDLESS: Duration = Duration::from_hours(24 * 36_500);

type Call = dyn Fn(u16, String, Flow) -> BoxFuture<'static, Result<String>> + Send + Sync;

/// The code of a workflow, without its types.
struct Program {
    name: &'static str,
    policy: StepPolicy,
    call: Box<Call>,
}

/// The handler of the jobs that resume workflows of one type.
#[doc(hidden)]
pub fn handler<W: Workflow, H: Runs<W>>(workflows: &Workflows, handler: Arc<H>) -> Handler {
    let policy = W::policy();
    let call = move |version, input: String, flow: Flow| -> BoxFuture<'static, Result<String>> {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            let input = read::<W>(version, &input)?;
            let output = handler.run(input, &flow).await?;
            Ok(encode(&output, || {
                format!("the result of the workflow `{}`", W::NAME)
            })?)
        })
    };
    let program = Arc::new(Program {
        name: W::NAME,
        policy: policy.step,
        call: Box::new(call),
    });
    let engine = Arc::clone(&workflows.0);
    let of_job = JobPolicy::new()
        .queue(policy.queue)
        .timeout(ENDLESS)
        .backoff(Duration::from_secs(1), Duration::from_mins(1));
    Handler::new(W::NAME, W::VERSION, of_job, move |_, payload, cx| {
        let (program, engine) = (Arc::clone(&program), Arc::clone(&engine));
        Box::pin(async move { resume(&program, &engine, &payload, &cx).await })
    })
}

/// Reads a stored input.
fn read<W: Workflow>(version: u16, input: &str) -> Result<W> {
    let read = if version == W::VERSION {
        serde_json::from_str(input).map_err(anyhow::Error::from)
    } else {
        serde_json::from_str(input)
            .map_err(anyhow::Error::from)
            .and_then(|old| W::upgrade(version, old))
            .and_then(|new| Ok(serde_json::from_value(new)?))
    };
    read.with_context(|| format!("the input of version {version} can't be read"))
}

async fn resume(
    program: &Program,
    engine: &Arc<Engine>,
    payload: &str,
    cx: &JobContext,
) -> Result<()> {
    let resume: Resume = serde_json::from_str(payload)?;
    while run(program, engine, &resume, cx).await? == Next::Again {}
    Ok(())
}

async fn run(
    program: &Program,
    engine: &Arc<Engine>,
    resume: &Resume,
    cx: &JobContext,
) -> Result<Next> {
    // Before the claim, so that no cancellation is missed.
    let live = Live::new(engine, resume.flow, cx.id());
    let Some(of) = engine.claim(resume, cx.id().as_str()).await? else {
        return Ok(Next::Ended);
    };
    let ran = run_claimed(program, engine, of, &live, cx).await;
    if ran.is_err() {
        engine.failed().insert(resume.flow);
    }
    ran
}

async fn run_claimed(
    program: &Program,
    engine: &Arc<Engine>,
    of: Claimed,
    live: &Live<'_>,
    cx: &JobContext,
) -> Result<Next> {
    let journal = Journal::load(engine.database.read(), of.head.number).await?;
    let shared = Shared::new(
        Arc::clone(engine),
        of,
        (program.name, program.policy.clone()),
        journal,
        live.signs.woken.clone(),
    );
    let run = Run {
        program,
        shared,
        cancelled: &live.signs.cancelled,
        cx,
    };
    run.drive().await
}

/// An entry in the list of what runs in this process, until it is dropped.
struct Live<'a> {
    engine: &'a Engine,
    key: (i64, String),
    signs: Signs,
}

impl<'a> Live<'a> {
    fn new(engine: &'a Engine, flow: i64, job: &JobId) -> Self {
        let (key, signs) = ((flow, job.to_string()), Signs::default());
        engine.running().insert(key.clone(), signs.clone());
        Self { engine, key, signs }
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.engine.running().remove(&self.key);
    }
}

/// What follows a run.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// The job is done: the workflow has ended or is suspended, or another job runs it.
    Ended,
    /// The next run begins, as if the process had died.
    #[cfg_attr(
        not(feature = "testing"),
        allow(dead_code, reason = "a test makes runs crash")
    )]
    Again,
}

/// How a pass over the code ended.
enum Passed {
    Returned(Result<String>),
    Stopped(Stop),
    /// Nothing is left but waits, and this is the end of the first.
    Idle(Option<i64>),
    /// The workflow was cancelled, or its time is over, and no step runs any more.
    Early(FlowState),
    /// The app stops, or the job is not to run any more.
    Closing,
}

/// One run of one workflow.
struct Run<'a> {
    program: &'a Program,
    shared: Arc<Shared>,
    cancelled: &'a CancellationToken,
    cx: &'a JobContext,
}

/// How a workflow ends that has not succeeded, and why.
type Ending = (FlowState, Option<String>);

impl Run<'_> {
    fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    fn of(&self) -> &Claimed {
        &self.shared.of
    }

    async fn drive(&self) -> Result<Next> {
        let ending = if self.of().state == ACTIVE {
            match self.forward().await? {
                Forward::Undo(ending) => {
                    self.shared.reload().await?;
                    ending
                }
                Forward::Next(next) => return Ok(next),
            }
        } else {
            let state = self.of().ending.and_then(|code| FlowState::of(code, false));
            (state.unwrap_or(FlowState::Failed), self.of().error.clone())
        };
        self.undo(ending).await
    }

    /// Runs an active workflow, up to its end or to the beginning of its undoing.
    async fn forward(&self) -> Result<Forward> {
        let of = self.of();
        if of.crashes > MOST_CRASHES {
            return self
                .fail(anyhow!(
                    "its process died {MOST_CRASHES} times while it ran"
                ))
                .await;
        }
        if of.is_unwanted {
            return self.undo_as(FlowState::Cancelled, None, None).await;
        }
        self.shared.begin(Mode::Forward);
        match self.pass().await {
            Passed::Returned(Ok(result)) => match self.shared.unreached() {
                Some(recorded) => {
                    let error = self.shared.changed("its end".to_owned(), recorded);
                    self.break_off(error.into()).await
                }
                None => self.succeed(&result).await,
            },
            Passed::Returned(Err(error)) => self.fail(error).await,
            Passed::Early(state) => {
                let is_late = state == FlowState::TimedOut;
                let late = || "it did not end within the time limit of the workflow".to_owned();
                self.undo_as(state, is_late.then(late), None).await
            }
            Passed::Idle(until) => {
                let until = until.into_iter().chain(of.deadline).min();
                self.suspend(ACTIVE, until).await.map(Forward::Next)
            }
            Passed::Closing => self
                .suspend(ACTIVE, Some(self.engine().now()))
                .await
                .map(Forward::Next),
            Passed::Stopped(Stop::Broken(error)) => self.break_off(error.into()).await,
            Passed::Stopped(stop) => after(stop).map(Forward::Next),
        }
    }

    async fn suspend(&self, state: i64, until: Option<i64>) -> Result<Next> {
        self.engine().suspend(self.of(), state, until).await?;
        Ok(Next::Ended)
    }

    async fn succeed(&self, result: &str) -> Result<Forward> {
        let (of, state) = (self.of(), FlowState::Done);
        if self
            .engine()
            .end(of, ACTIVE, state, (Some(result), None))
            .await?
        {
            metrics::ended(self.program.name, state);
            return Ok(Forward::Next(Next::Ended));
        }
        // It was cancelled just before, or another run has taken over.
        self.undo_as(FlowState::Cancelled, None, None).await
    }

    /// Ends a workflow whose code does not fit: its steps can't be undone by that.
    async fn break_off(&self, error: anyhow::Error) -> Result<Forward> {
        let (of, state, why) = (self.of(), FlowState::Failed, stored(&error));
        if self
            .engine()
            .end(of, ACTIVE, state, (None, Some(&why)))
            .await?
        {
            metrics::ended(self.program.name, state);
            self.engine().report(of, error);
        }
        Ok(Forward::Next(Next::Ended))
    }

    async fn fail(&self, error: anyhow::Error) -> Result<Forward> {
        let causes = error.chain().map(<dyn std::error::Error>::downcast_ref);
        let step = causes.flatten().find_map(|cause| match cause {
            FlowError::StepFailed { step, .. } => Some(step.as_str()),
            _ => None,
        });
        let why = Some(stored(&error));
        let undo = self.undo_as(FlowState::Failed, why, step).await?;
        if let Forward::Undo((FlowState::Failed, _)) = undo {
            self.engine().report(self.of(), error);
        }
        Ok(undo)
    }

    async fn undo_as(
        &self,
        state: FlowState,
        error: Option<String>,
        failed_step: Option<&str>,
    ) -> Result<Forward> {
        let begun = self
            .engine()
            .begin_undo(self.of(), state, (error.as_deref(), failed_step))
            .await?;
        Ok(match begun {
            Some(FlowState::Cancelled) => Forward::Undo((FlowState::Cancelled, None)),
            Some(state) => Forward::Undo((state, error)),
            None => Forward::Next(Next::Ended),
        })
    }

    /// Undoes what was done, the last step first, and ends the workflow.
    async fn undo(&self, (state, error): Ending) -> Result<Next> {
        self.cancel_children().await?;
        if let Some(next) = self.settle_children().await? {
            return Ok(next);
        }
        let mut has_crashed = self.of().state == UNDOING && self.of().crashes > MOST_CRASHES;
        while let Some(row) = self.shared.journal(|journal| journal.to_undo().cloned()) {
            if row.due_at.is_some_and(|due| due > self.engine().now()) {
                return self.suspend(UNDOING, row.due_at).await;
            }
            self.shared.begin(Mode::Undo(row.name.clone()));
            let stop = if std::mem::take(&mut has_crashed) {
                let why = format!("its process died {MOST_CRASHES} times while it was undone");
                self.give_up(row, why).await
            } else {
                match self.pass().await {
                    Passed::Stopped(Stop::Broken(error)) => {
                        self.give_up(row, error.to_string()).await
                    }
                    Passed::Stopped(stop) => stop,
                    Passed::Closing => {
                        return self.suspend(UNDOING, Some(self.engine().now())).await;
                    }
                    _ => {
                        self.give_up(row, "the workflow does not reach it any more".to_owned())
                            .await
                    }
                }
            };
            if !matches!(stop, Stop::Undone) {
                return after(stop);
            }
        }
        let why = (None, error.as_deref());
        if self.engine().end(self.of(), UNDOING, state, why).await? {
            metrics::ended(self.program.name, state);
        }
        Ok(Next::Ended)
    }

    /// Jobs and workflows that this one waits for are not needed any more.
    async fn cancel_children(&self) -> Result<()> {
        for row in self.shared.journal(Journal::awaiting) {
            let id = row.awaited.unwrap_or_default();
            if row.kind == StepKind::Job.code() {
                self.engine().jobs.cancel(&JobId::new(id)).await?;
            } else {
                self.engine().cancel(&FlowId::new(id)).await?;
            }
        }
        Ok(())
    }

    /// Stores which of the jobs and workflows that this one waited for are done nevertheless. While one runs, the workflow is suspended: nothing is undone beside it, and its
    /// end resumes the workflow.
    async fn settle_children(&self) -> Result<Option<Next>> {
        for mut row in self.shared.journal(Journal::awaiting) {
            self.shared.begin(Mode::Undo(row.name.clone()));
            row = match wait::ending(self.engine(), &row).await? {
                None => return self.suspend(UNDOING, None).await.map(Some),
                Some(Ok(result)) => row.done(result, self.engine().now()),
                // The code has not seen this failure. A retry starts another one.
                Some(Err(error)) => {
                    (row.awaited, row.error, row.undo) = (None, Some(error), undo::NOTHING);
                    row
                }
            };
            let stop = self.keep(row).await;
            if !matches!(stop, Stop::Undone) {
                return after(stop).map(Some);
            }
        }
        Ok(None)
    }

    /// Stores that a step was not undone.
    async fn give_up(&self, mut row: Row, why: String) -> Stop {
        let error = anyhow!("the step `{}` was not undone: {why}", row.name);
        self.engine().report(self.of(), error);
        (row.undo, row.error, row.due_at) = (undo::FAILED, Some(why), None);
        self.keep(row).await
    }

    /// Stores a row beside the code.
    async fn keep(&self, row: Row) -> Stop {
        let mut keeping = pin!(self.shared.keep(row));
        std::future::poll_fn(|cx| {
            let kept = keeping.as_mut().poll(cx).map(|_| Stop::Undone);
            self.shared.take_stop().map_or(kept, Poll::Ready)
        })
        .await
    }

    /// Runs the code from its beginning.
    async fn pass(&self) -> Passed {
        let (of, shared) = (self.of(), &self.shared);
        let is_forward = of.state == ACTIVE && shared.is_forward();
        let flow = Flow {
            shared: Arc::clone(shared),
        };
        // The call itself may panic before there is a future.
        let call = async { (self.program.call)(of.head.version, of.input.clone(), flow).await };
        let mut call = pin!(AssertUnwindSafe(call).catch_unwind());
        let mut polling = std::future::poll_fn(|cx| {
            let polled = call.as_mut().poll(cx);
            if let Some(stop) = shared.take_stop() {
                return Poll::Ready(Passed::Stopped(stop));
            }
            if let Some(ending) = shared.early_end() {
                return Poll::Ready(Passed::Early(ending));
            }
            match polled {
                Poll::Ready(Ok(result)) => Poll::Ready(Passed::Returned(result)),
                Poll::Ready(Err(panic)) => Poll::Ready(Passed::Returned(Err(panicked(&*panic)))),
                Poll::Pending if shared.is_idle() => Poll::Ready(Passed::Idle(shared.first_wait())),
                Poll::Pending => Poll::Pending,
            }
        });
        let left = of
            .deadline
            .map(|deadline| deadline.saturating_sub(self.engine().now()));
        if is_forward && left.is_some_and(|left| left <= 0) {
            return Passed::Early(FlowState::TimedOut);
        }
        let left = left.map(|left| Duration::from_millis(u64::try_from(left).unwrap_or_default()));
        let mut late = pin!(self.engine().clock.limit(left.unwrap_or_default()));
        loop {
            if let Some(ending) = shared.early_end() {
                return Passed::Early(ending);
            }
            let may_end = is_forward && !shared.ends_early();
            tokio::select! {
                biased;
                () = self.cx.cancelled() => return Passed::Closing,
                () = self.cancelled.cancelled(), if may_end => shared.end_early(FlowState::Cancelled),
                () = &mut late, if may_end && left.is_some() => shared.end_early(FlowState::TimedOut),
                passed = &mut polling => return passed,
            }
        }
    }
}

/// What follows the run of an active workflow.
enum Forward {
    Undo(Ending),
    Next(Next),
}

fn after(stop: Stop) -> Result<Next> {
    match stop {
        Stop::Engine(error) => Err(error),
        #[cfg(feature = "testing")]
        Stop::Crashed => Ok(Next::Again),
        // Its successor goes on, or it has ended.
        Stop::Superseded | Stop::Broken(_) | Stop::Undone => Ok(Next::Ended),
    }
}
