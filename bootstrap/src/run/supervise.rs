//! One task, from its start to its last end: what happens in between is for its policies to say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::base::lock::lock;
use crate::base::log::log;
use crate::base::name::PluginName;
use crate::base::panic::{guard, guard_future};
use crate::base::phase::Phase;
use crate::base::text;
use crate::declare::{How, MakeTask, Policy, Restarts, RunContext, Supervision};
use crate::drive::Timing;
use crate::life::ShutdownReason;
use crate::live::Nodes;
use crate::report::{HookError, HookFailure, Outcome};

/// The failures of tasks that count, with their times.
#[derive(Default)]
pub(super) struct Failures {
    all: Mutex<Vec<(Instant, HookError)>>,
    /// Whether tasks that are stopped end with the app, and not for a restart of their plugin.
    app_ends: AtomicBool,
}

impl Failures {
    pub(super) fn push(&self, at: Instant, error: HookError) {
        let mut failures = lock(&self.all);
        failures.push((at, error));
    }

    pub(super) fn take(&self) -> Vec<(Instant, HookError)> {
        std::mem::take(&mut *lock(&self.all))
    }

    pub(super) fn set_app_ends(&self) {
        self.app_ends.store(true, Ordering::Relaxed);
    }
}

/// Looks after one task.
pub(super) struct Supervisor {
    pub(super) nodes: Arc<Nodes>,
    pub(super) failures: Arc<Failures>,
    pub(super) node: u32,
    /// What messages call the task.
    pub(super) name: PluginName,
    /// Whether it is the `run` hook, which reports know.
    pub(super) is_hook: bool,
    pub(super) supervision: Supervision,
    pub(super) stop: CancellationToken,
    pub(super) began: Instant,
}

/// What comes after an end.
enum Next {
    Again(Duration),
    Over,
}

impl Supervisor {
    /// Does the work, as often as the policies say.
    pub(super) async fn work(self, mut make: MakeTask) {
        let mut restarts = Restarts::default();
        loop {
            let cx = RunContext::new(self.nodes.site(self.node, Phase::Run), self.stop.clone());
            let ended = match guard_future(async { make(cx).await }).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(HookFailure::Error(error)),
                Err(message) => Err(HookFailure::Panic(message)),
            };
            match self.judge(ended, &mut restarts) {
                Next::Again(wait) if self.waits(wait).await => {
                    if self.is_hook {
                        self.nodes.count_restart(self.node);
                    } else {
                        let nodes = &self.nodes;
                        nodes.emit_as(Some(self.node), &self.name, Phase::Run, Outcome::Started);
                    }
                }
                _ => break,
            }
        }
        // The plugin is dropped before the end is reported: a waiter may need to be its only owner.
        if let Err(message) = guard(|| drop(make)) {
            self.fail(HookFailure::Panic(message));
        }
    }

    /// Waits before a restart; false if the app stops meanwhile.
    async fn waits(&self, wait: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = self.nodes.life.stop_token().cancelled() => false,
            () = sleep(wait) => true,
        }
    }

    fn judge(&self, ended: Result<(), HookFailure>, restarts: &mut Restarts) -> Next {
        let now = Instant::now();
        let outcome = ended
            .as_ref()
            .err()
            .map_or(Outcome::Done, HookFailure::outcome);
        if self.is_hook {
            let timing = Timing {
                began: self.began,
                ended: now,
                was_due: false,
            };
            self.nodes.note(self.node, Phase::Run, outcome, timing);
        } else {
            let nodes = &self.nodes;
            nodes.emit_as(Some(self.node), &self.name, Phase::Run, outcome);
        }
        let how = match &ended {
            Ok(()) => How::Returned,
            Err(HookFailure::Panic(_)) => How::Panicked,
            Err(_) => How::Failed,
        };
        // What ends while the app stops is not started again, and what fails then is not lost.
        let app_ends =
            self.nodes.life.is_stopping() || self.failures.app_ends.load(Ordering::Relaxed);
        let is_stopping = app_ends || self.stop.is_cancelled();
        match (self.supervision.after(how), ended) {
            (_, Ok(())) if is_stopping => Next::Over,
            (_, Err(cause)) if app_ends => self.fail(cause),
            (_, Err(cause)) if is_stopping => {
                self.tell(cause, "its plugin restarts all the same");
                Next::Over
            }
            (Policy::Ignore, Ok(())) => Next::Over,
            (Policy::Ignore, Err(cause)) => {
                self.tell(cause, "the app does without it");
                Next::Over
            }
            (Policy::StopApp, Ok(())) => {
                let reason = ShutdownReason::TaskEnded(self.name.clone());
                self.nodes.life.request_stop(reason);
                Next::Over
            }
            (Policy::StopApp, Err(cause)) => self.fail(cause),
            (Policy::Restart(restart), ended) => match (restarts.next(restart, now), ended) {
                (Some(wait), Ok(())) => Next::Again(wait),
                (Some(wait), Err(cause)) => {
                    self.tell(cause, &format!("starts again in {}", text::duration(wait)));
                    Next::Again(wait)
                }
                (None, ended) => {
                    let ended = ended.err().unwrap_or_else(|| {
                        HookFailure::Error(anyhow::anyhow!(
                            "it ended too often to be started again"
                        ))
                    });
                    self.fail(ended)
                }
            },
        }
    }

    fn error(&self, cause: HookFailure) -> HookError {
        let name = self.name.clone();
        self.nodes.task_error(self.node, name, cause)
    }

    /// A failure that ends the app.
    fn fail(&self, cause: HookFailure) -> Next {
        let error = self.error(cause);
        self.failures.push(Instant::now(), error.clone());
        let reason = ShutdownReason::TaskFailed(self.name.clone());
        self.nodes.life.request_stop(reason);
        self.nodes.tell(&error);
        self.nodes.know(&error);
        log(|| tracing::error!(target: "bootstrap", "{error}"));
        Next::Over
    }

    /// A failure that the app goes on after.
    fn tell(&self, cause: HookFailure, what_next: &str) {
        let error = self.error(cause);
        self.nodes.tell(&error);
        log(|| tracing::warn!(target: "bootstrap", "{error}; {what_next}"));
    }
}
