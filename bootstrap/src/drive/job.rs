//! What a pass does at one node, and how that can end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Weak;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use crate::base::inside::Place;
use crate::base::log;
use crate::drive::scheduler::Join;

/// One hook of one plugin, under way.
pub(crate) type JobFuture<O> = Pin<Box<dyn Future<Output = O> + Send>>;

/// Boxes a job, within a span if anybody listens to it.
pub(crate) fn job<O>(
    span: impl FnOnce() -> Span,
    future: impl Future<Output = O> + Send + 'static,
) -> JobFuture<O> {
    let span = log::span(span);
    if span.is_disabled() {
        Box::pin(future)
    } else {
        Box::pin(future.instrument(span))
    }
}

/// A pass that is under way, as a phase and its jobs see it.
pub(crate) trait Grow: Send + Sync {
    /// Adds nodes that were not known before.
    fn join(&self, joins: Vec<Join>);

    /// The job of a node waits for others that have to run: they may have its place.
    fn lend(&self, node: u32);

    /// A node that lent its place goes on.
    fn reclaim(&self, node: u32);

    /// A node that stayed is done.
    fn release(&self, node: u32);

    /// Cancels those of the nodes that run, and skips those that have not begun; returns the
    /// latter.
    fn cut(&self, nodes: &[u32]) -> Vec<u32>;
}

/// What a pass does at each node. Called by drivers, never under the lock of the board.
pub(crate) trait Phase: Send + Sync + 'static {
    /// What a job returns.
    type Output: Send + 'static;

    /// Called once, before anything else: how to reach the pass.
    fn attach(&self, pass: Weak<dyn Grow>) {
        let _ = pass;
    }

    /// The mark of the app, inside of which jobs run.
    fn app(&self) -> usize;

    /// The place of its jobs, at whatever node.
    fn place(&self) -> Place;

    /// Begins the work at a node. `released_by` is the node that it waited for last.
    fn start(&self, node: u32, began: Instant, released_by: Option<u32>) -> Start<Self::Output>;

    /// How long the job at a node that starts now may take.
    fn limit(&self, node: u32, now: Instant) -> Option<Duration>;

    /// When the job at a node has to end at the latest, however far it gets.
    fn ends_by(&self, node: u32) -> Option<Instant> {
        let _ = node;
        None
    }

    /// Whether the job at a node that starts now may go on when the pass ends early.
    fn spares(&self, node: u32) -> bool {
        let _ = node;
        false
    }

    /// When the job at a node last told that it gets on: its limit counts from then.
    fn progressed(&self, node: u32) -> Option<Instant>;

    /// Says that jobs take long.
    fn is_slow(&self, slow: &[Slow]);

    /// Keeps how the job ended. Called once for each job that was started.
    fn end(&self, node: u32, end: End<Self::Output>, timing: Timing) -> Flow;
}

/// A job that takes long.
pub(crate) struct Slow {
    pub(crate) node: u32,
    /// How long it has taken so far.
    pub(crate) since: Duration,
    /// The nodes that wait for it, the nearest first.
    pub(crate) waiting: Vec<u32>,
}

/// The beginning of the work at a node.
pub(crate) enum Start<O> {
    /// A job, which is polled at once.
    Job(JobFuture<O>),
    /// Nothing to wait for: the node is done.
    Done,
}

/// How a job ended.
pub(crate) enum End<O> {
    Returned(O),
    Panicked(String),
    /// It was dropped, because it took longer than this.
    TimedOut(Duration),
    /// It was dropped, because the pass has to end.
    Cancelled,
    /// It does not let go of its thread, although it should have ended: it is left behind.
    Abandoned,
}

/// When a job began and ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    /// Whether its own time was up.
    pub(crate) was_due: bool,
}

impl Timing {
    pub(crate) fn took(self) -> Duration {
        self.ended.saturating_duration_since(self.began)
    }
}

/// Whether a pass goes on after a job has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    GoOn,
    /// The job is over, and the node is not done: [`Grow::release`](super::Grow::release) says
    /// when it is.
    Stay,
    /// There is more to do at this node before it is done: start it again, with a new limit.
    Again,
    /// Start nothing more, and cancel what runs.
    Stop,
}
