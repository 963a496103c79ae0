//! The `ready` hooks of plugins, providers first.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use crate::base::inside::Place;
use crate::base::phase::Phase;
use crate::boot::failure::Troubles;
use crate::declare::ReadyContext;
use crate::drive::{self, End, Flow, Slow, Start, Timing};
use crate::live::{Nodes, cause_of};
use crate::report::HookFailure;

pub(super) struct Ready {
    pub(super) nodes: Arc<Nodes>,
    /// For each that has no limit of its own.
    pub(super) limit: Option<Duration>,
    pub(super) troubles: Arc<Troubles>,
}

impl drive::Phase for Ready {
    type Output = Result<()>;

    fn app(&self) -> usize {
        self.nodes.life.mark()
    }

    fn place(&self) -> Place {
        self.nodes.place(Phase::Ready)
    }

    fn start(&self, node: u32, began: Instant, released_by: Option<u32>) -> Start<Result<()>> {
        if !self.nodes.member(node).descriptor.hook_set().ready {
            return Start::Done;
        }
        let Some(plugin) = self.nodes.hook(node) else {
            return Start::Done;
        };
        self.nodes.begin(node, Phase::Ready, began, released_by);
        let cx = ReadyContext::new(self.nodes.site(node, Phase::Ready));
        let span = || tracing::info_span!("ready", plugin = %self.nodes.name(node));
        Start::Job(drive::job(span, async move { plugin.ready(&cx).await }))
    }

    fn limit(&self, node: u32, _: Instant) -> Option<Duration> {
        let descriptor = &self.nodes.member(node).descriptor;
        let own = descriptor.load_limit().or(self.limit);
        own.filter(|_| descriptor.hook_set().ready)
    }

    fn progressed(&self, node: u32) -> Option<Instant> {
        self.nodes.progressed(node, Phase::Ready)
    }

    fn is_slow(&self, slow: &[Slow]) {
        let limit = |node, began| self.limit(node, began);
        self.nodes.warn_of_slow(Phase::Ready, slow, limit);
    }

    fn end(&self, node: u32, end: End<Result<()>>, timing: Timing) -> Flow {
        let ended = cause_of(end, timing).and_then(|result| result.map_err(HookFailure::Error));
        let outcome = HookFailure::outcome_of(&ended);
        self.nodes.note(node, Phase::Ready, outcome, timing);
        let Err(cause) = ended else {
            return Flow::GoOn;
        };
        let error = self.nodes.boot_error(node, Phase::Ready, cause, timing);
        self.troubles.push(&self.nodes, timing.ended, node, error);
        Flow::Stop
    }
}
