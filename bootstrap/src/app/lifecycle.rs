//! The life of one app, as one task: boot, run, close.
//!
//! It is a task of its own so that it goes on when the future of `boot` is dropped, and so that
//! no caller that waits for an app holds it up.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::app::logged;
use crate::app::restart::Restart;
use crate::base::pulse::Pulse;
use crate::boot::{self, BootError};
use crate::close::{self, After, Closing};
use crate::life::{End, Life, RestartRequest, ShutdownReason, Status};
use crate::live::{AppHooks, Nodes, Settings};
use crate::report::{CloseError, HookError, Report};
use crate::run::Tasks;

/// Everything that the life of an app needs.
pub(super) struct Lifecycle {
    pub(super) nodes: Arc<Nodes>,
    pub(super) settings: Settings,
    pub(super) hooks: AppHooks,
    pub(super) restarts: UnboundedReceiver<RestartRequest>,
    pub(super) end: EndOfLife,
    /// When the boot began, which planning is a part of.
    pub(super) began: Instant,
}

impl Lifecycle {
    /// Boots, tells `booted`, waits until the app is asked to stop, and closes.
    pub(super) async fn live(mut self, booted: oneshot::Sender<Result<(), BootError>>) {
        let life = Arc::clone(&self.nodes.life);
        let tasks = Tasks::new(&self.nodes);
        let on_close = std::mem::take(&mut self.hooks.on_close);
        let pulse = Pulse::begin();
        let started = boot::boot(&self.nodes, &self.settings, &tasks, self.hooks, self.began).await;
        let closing = |after, hooks| Closing {
            after,
            part: None,
            nodes: &self.nodes,
            settings: &self.settings,
            reason: life.reason(),
            tasks: Arc::clone(&tasks),
            hooks,
        };
        match started {
            Ok(()) => {
                // Nothing begins in an app that an `on_start` hook, or a signal, has asked to stop.
                if !life.is_stopping() {
                    tasks.spawn_hooks(None);
                }
                if booted.send(Ok(())).is_err() {
                    life.request_stop(ShutdownReason::Dropped);
                }
                let restart = Restart {
                    nodes: &self.nodes,
                    settings: &self.settings,
                    tasks: &tasks,
                };
                // What runs now has no limit.
                drop(pulse);
                restart.as_asked(self.restarts).await;
                let _pulse = Pulse::begin();
                let errors = close::close(closing(After::Run, on_close)).await;
                let outcome = outcome(errors, self.nodes.report());
                self.end.now(Status::Closed, outcome);
            }
            Err(failure) => {
                let rollback = close::close(closing(After::FailedBoot, Vec::new())).await;
                let report = self.nodes.report();
                let outcome = outcome(rollback.clone(), report.clone());
                let error = BootError::new(failure, rollback, report, &self.nodes);
                self.end.now(Status::Failed, outcome);
                if let Err(Err(error)) = booted.send(Err(error)) {
                    // The future of `boot` was dropped, which would have logged it.
                    logged::boot_error(&error);
                }
            }
        }
    }
}

fn outcome(errors: Vec<HookError>, report: Report) -> End {
    End {
        close_error: (!errors.is_empty()).then(|| CloseError::new(errors, report.clone())),
        report,
    }
}

/// Ends the life of an app that nothing else ends any more, so that no waiter hangs for ever: its
/// runtime was shut down, or a subscriber of the log has panicked.
pub(super) struct EndOfLife {
    life: Arc<Life>,
    nodes: Option<Arc<Nodes>>,
}

impl EndOfLife {
    pub(super) fn new(life: Arc<Life>) -> Self {
        Self { life, nodes: None }
    }

    /// From now on there are plugins to let go of.
    pub(super) fn holds(&mut self, nodes: &Arc<Nodes>) {
        self.nodes = Some(Arc::clone(nodes));
    }

    pub(super) fn now(mut self, status: Status, outcome: End) {
        self.nodes = None;
        self.life.end(status, outcome);
    }
}

impl Drop for EndOfLife {
    fn drop(&mut self) {
        if self.life.status().is_final() {
            return;
        }
        self.life.request_stop(ShutdownReason::RuntimeShutDown);
        let outcome = match &self.nodes {
            Some(nodes) => outcome(nodes.give_up(), nodes.report()),
            None => End::default(),
        };
        self.life.end(Status::Failed, outcome);
    }
}
