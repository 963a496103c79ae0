//! The state `ExternalJobs`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::clock::Clock;
use crate::external::message::{Said, Task, Ticket, failure};
use crate::external::program::{Attached, Board};
use crate::jobs::{Job, JobContext, Jobs};
use crate::processes::{
    Definition, Exit, OnClose, ProcessError, ProcessEvent, ProcessEvents, ProcessId, ProcessInfo,
    ProcessStatus, Processes, RestartPolicy,
};

/// How often a handler looks at its process, in case that it missed an event.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long a process that an earlier instance has left may wait for its job to begin again.
const ABANDONED: Duration = Duration::from_mins(2);

/// Runs jobs in programs of any language: the state of [`ExternalJobsPlugin`](crate::external::ExternalJobsPlugin).
///
/// Clones are handles to the same.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap::extend::async_trait;
/// use bootstrap::prelude::*;
/// use bootstrap_services::external::ExternalJobs;
/// use bootstrap_services::jobs::{Handles, Job, JobContext, job_handler};
/// use bootstrap_services::processes::Definition;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Resize {
///     file: String,
///     width: u32,
/// }
///
/// impl Job for Resize {
///     const NAME: &'static str = "resize";
/// }
///
/// #[job_handler(Resize)]
/// struct Resizes {
///     external: State<ExternalJobs>,
/// }
///
/// impl Hooks for Resizes {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         let program = Definition::new("python3").args(["resize.py"]).heartbeat(Duration::from_secs(30));
///         self.external.define::<Resize>(program)?;
///         Ok(())
///     }
/// }
///
/// #[async_trait]
/// impl Handles<Resize> for Resizes {
///     async fn handle(&self, job: Resize, cx: &JobContext) -> Result<()> {
///         self.external.run(&job, cx).await
///     }
/// }
/// ```
#[derive(Clone)]
pub struct ExternalJobs {
    inner: Arc<Inner>,
}

struct Inner {
    processes: Processes,
    clock: Clock,
    board: Arc<Board>,
}

impl ExternalJobs {
    pub(super) fn new(processes: Processes, clock: Clock, jobs: Jobs) -> Self {
        let inner = Inner {
            processes,
            clock,
            board: Arc::new(Board::new(jobs)),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Defines the program that does jobs of a type, in the `load` of their handler. Its environment, its limits, its heartbeat and its patience hold as for other
    /// processes; its restart policy and what happens when the app closes are those of the job, and so is what handles its events.
    ///
    /// # Errors
    ///
    /// As [`Processes::define`]: the process has the name of the job.
    pub fn define<J: Job>(&self, program: Definition) -> Result<(), ProcessError> {
        // Not `inner`, which has the processes: they keep this closure.
        let board = Arc::clone(&self.inner.board);
        let program = program
            .restart(RestartPolicy::Never)
            .on_close(OnClose::Stop)
            .on_event(move |event| {
                let board = Arc::clone(&board);
                async move { board.hand_on(event).await }
            });
        self.inner.processes.define(J::NAME, program)?;
        self.inner.board.add(J::NAME);
        Ok(())
    }

    /// Removes the definition of a program. A handler that can be restarted does this in its `close`, as its `load` defines the program again.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Undefined`] if the job has no program.
    pub async fn undefine<J: Job>(&self) -> Result<(), ProcessError> {
        self.inner.board.remove(J::NAME);
        self.inner.processes.undefine(J::NAME).await
    }

    /// Runs the program for a job, and returns when the program has said how the job ended. If the service died while a program ran, and it still runs, that
    /// one goes on with the job.
    ///
    /// What the program says about the end of the job is acknowledged when that is stored.
    ///
    /// The result of the program is that of the job. Its progress is seen in [`JobInfo::progress`](crate::jobs::JobInfo::progress), and what it logs is in the log of the service.
    ///
    /// # Errors
    ///
    /// - what the program says is wrong
    /// - an error if the program can't be started; if it ends, with whatever code, before it has said how the job ended; and if it says what is no message about a job
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, for example after the timeout of the job, the program is stopped: `SIGTERM`, and `SIGKILL` after its patience.
    pub async fn run<J: Job>(&self, job: &J, cx: &JobContext) -> Result<()> {
        let processes = &self.inner.processes;
        let mut events = processes.events();
        let id = self.find_or_spawn::<J>(cx).await?;
        // From here on the program is stopped, however this ends.
        let run = Run {
            processes: processes.clone(),
            id,
        };
        let mut said = self.inner.board.attach(id, cx);
        let task = Task {
            id: cx.id().as_str(),
            name: J::NAME,
            attempt: cx.attempt(),
            traceparent: cx.traceparent(),
            payload: job,
        };
        let begin = || match processes.send(id, "job", &task) {
            // It gets its job when it connects again.
            Err(ProcessError::NotConnected { .. }) => Ok(()),
            sent => sent,
        };
        if run.info().await?.connected {
            begin()?;
        }
        self.until_ended(&run, cx, (&mut events, &mut said), begin)
            .await
    }

    /// The program that has the job already, or a new one.
    async fn find_or_spawn<J: Job>(&self, cx: &JobContext) -> Result<ProcessId> {
        let ticket = Ticket {
            job: cx.id().to_string(),
        };
        let has_job = |info: &ProcessInfo| {
            let found = serde_json::from_value::<Ticket>(info.metadata.clone());
            info.name == J::NAME && found.is_ok_and(|found| found == ticket)
        };
        let found = self.inner.processes.list().into_iter().find(has_job);
        if let Some(found) = found {
            if found.status == ProcessStatus::Running {
                tracing::info!(job = J::NAME, id = %cx.id(), process = %found.id, "the program of a job goes on after the service was restarted");
                return Ok(found.id);
            }
            // It has crashed, or is about to end.
            self.inner.processes.stop(found.id).await?;
        }
        Ok(self.inner.processes.spawn(J::NAME, &ticket).await?)
    }

    async fn until_ended(
        &self,
        run: &Run,
        cx: &JobContext,
        (events, said): (&mut ProcessEvents, &mut Attached<'_>),
        begin: impl Fn() -> Result<(), ProcessError>,
    ) -> Result<()> {
        let mut is_told = false;
        loop {
            tokio::select! {
                biased;
                Some(event) = said.next() => {
                    if let Some(result) = hear(&Said::read(&event)?, cx) {
                        return result;
                    }
                }
                event = events.next() => match event {
                    // Again after each interruption: the program knows its job by the id.
                    Some(ProcessEvent::Connected { id }) if id == run.id => begin()?,
                    Some(ProcessEvent::Ended { id, .. } | ProcessEvent::Crashed { id }) if id == run.id => {
                        return self.ended(run, said, cx).await;
                    }
                    Some(_) => {}
                    None => return Err(anyhow!("the processes have closed")),
                },
                () = cx.cancelled(), if !is_told => {
                    is_told = true;
                    // One that is not connected is stopped, as all are.
                    let _ = self.inner.processes.send(run.id, "cancel", &());
                }
                () = self.inner.clock.limit(LOOK_AGAIN) => {
                    if run.info().await?.pid.is_none() {
                        return self.ended(run, said, cx).await;
                    }
                }
            }
        }
    }

    /// The outcome of a job whose program has ended: what it said before, or a failure.
    async fn ended(&self, run: &Run, said: &mut Attached<'_>, cx: &JobContext) -> Result<()> {
        while let Some(event) = said.rest() {
            if let Some(result) = hear(&Said::read(&event)?, cx) {
                return result;
            }
        }
        let how = match run.info().await?.exit {
            Some(Exit::Code(code)) => format!("the program ended with the code {code}"),
            Some(Exit::Signal(signal)) => format!("the signal {signal} ended the program"),
            _ => "the program ended".to_owned(),
        };
        Err(anyhow!("{how} before it said `completed` or `failed`"))
    }

    /// Stops the programs that an earlier instance has left and whose jobs do not begin again: others have done them, or they were cancelled.
    pub(super) async fn tend(&self) {
        let mut since = std::collections::HashMap::new();
        loop {
            let now = self.inner.clock.elapsed();
            let list = self.inner.processes.list().into_iter();
            let is_left = |info: &ProcessInfo| {
                self.inner.board.has(&info.name) && !self.inner.board.is_attached(info.id)
            };
            let left: Vec<_> = list.filter(is_left).map(|info| info.id).collect();
            since.retain(|id, _| left.contains(id));
            for id in left {
                let first = *since.entry(id).or_insert(now);
                if now.saturating_sub(first) >= ABANDONED {
                    tracing::warn!(process = %id, "the program of a job is stopped, as its job has not begun again");
                    // An error is that it has ended.
                    let _ = self.inner.processes.stop(id).await;
                }
            }
            let due = self.inner.clock.elapsed() + LOOK_AGAIN;
            self.inner.clock.sleep(LOOK_AGAIN).await;
            // While this service was suspended, no job could begin.
            if self.inner.clock.elapsed() > due + ABANDONED / 2 {
                since.clear();
            }
        }
    }
}

impl fmt::Debug for ExternalJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalJobs").finish_non_exhaustive()
    }
}

/// Does what a message asks for. Returns how the job ended, if it has.
fn hear(said: &Said, cx: &JobContext) -> Option<Result<()>> {
    let (name, id) = (cx.name(), cx.id());
    match said {
        Said::Started => None,
        Said::Progress(text) => {
            cx.progress(text);
            None
        }
        Said::Log(level, text) => {
            match level.as_str() {
                "error" => tracing::error!(job = name, %id, "{text}"),
                "warn" | "warning" => tracing::warn!(job = name, %id, "{text}"),
                "debug" => tracing::debug!(job = name, %id, "{text}"),
                _ => tracing::info!(job = name, %id, "{text}"),
            }
            None
        }
        Said::Completed(result) if result.is_null() => Some(Ok(())),
        Said::Completed(result) => Some(cx.set_result(result).map_err(Into::into)),
        Said::Failed { error, retry } => Some(Err(failure(error.clone(), *retry))),
    }
}

/// A program that does a job: it is stopped when this is dropped.
struct Run {
    processes: Processes,
    id: ProcessId,
}

impl Run {
    async fn info(&self) -> Result<ProcessInfo> {
        let info = self.processes.get(self.id).await?;
        info.ok_or_else(|| anyhow!("the process {} is gone", self.id))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let (processes, id) = (self.processes.clone(), self.id);
        // One that has said how its job ended may need a moment to end itself; an error is that it has.
        tokio::spawn(async move {
            let _ = processes.stop(id).await;
        });
    }
}
