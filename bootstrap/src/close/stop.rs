//! The end of the tasks.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::base::inside::Place;
use crate::base::phase::Phase;
use crate::close::budget::Budget;
use crate::close::log::Log;
use crate::drive::{self, End, Flow, Slow, Start, Timing};
use crate::live::{Nodes, cause_of};
use crate::report::HookFailure;
use crate::run::{self, Tasks};

/// The end of every `run` task, dependents first.
pub(super) struct Stop {
    pub(super) tasks: Arc<Tasks>,
    pub(super) nodes: Arc<Nodes>,
    pub(super) budget: Budget,
    pub(super) log: Arc<Log>,
}

impl drive::Phase for Stop {
    type Output = ();

    fn app(&self) -> usize {
        self.nodes.life.mark()
    }

    fn place(&self) -> Place {
        self.nodes.place(Phase::Stop)
    }

    fn start(&self, node: u32, began: Instant, released_by: Option<u32>) -> Start<()> {
        let tasks = self.tasks.dismiss(node);
        if tasks.is_empty() {
            return Start::Done;
        }
        self.nodes.begin(node, Phase::Stop, began, released_by);
        Start::Job(Box::pin(run::stopped(tasks)))
    }

    fn limit(&self, node: u32, now: Instant) -> Option<Duration> {
        let own = self.nodes.member(node).descriptor.close_limit();
        self.tasks.has(node).then(|| self.budget.limit(own, now))
    }

    fn progressed(&self, node: u32) -> Option<Instant> {
        // Its tasks tell how far they are as what they are: `run` hooks.
        self.nodes.progressed(node, Phase::Run)
    }

    fn is_slow(&self, slow: &[Slow]) {
        let limit = |node, began| self.limit(node, began);
        self.nodes.warn_of_slow(Phase::Stop, slow, limit);
    }

    fn end(&self, node: u32, end: End<()>, timing: Timing) -> Flow {
        let own = self.nodes.member(node).descriptor.close_limit();
        let ended = cause_of(end, timing).map_err(|cause| self.budget.blame(own, cause));
        let outcome = HookFailure::outcome_of(&ended);
        self.nodes.note(node, Phase::Stop, outcome, timing);
        if let Err(cause) = ended {
            for name in self.tasks.abort(node) {
                let error = self.nodes.task_error(node, name, same(&cause));
                self.log.push(&self.nodes, timing.ended, error);
            }
        }
        Flow::GoOn
    }
}

/// Why the tasks of a plugin did not end, for one after the other.
fn same(cause: &HookFailure) -> HookFailure {
    match cause {
        HookFailure::TimedOut { limit, rest_of } => HookFailure::TimedOut {
            limit: *limit,
            rest_of: rest_of.clone(),
        },
        HookFailure::Abandoned { after } => HookFailure::Abandoned { after: *after },
        _ => HookFailure::Cancelled,
    }
}
