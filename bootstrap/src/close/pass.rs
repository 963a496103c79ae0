//! Drain, stop, close: the passes backwards over the graph.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::base::inside::Place;
use crate::base::panic::guard;
use crate::base::phase::Phase;
use crate::base::task::spawn_apart;
use crate::base::time::later;
use crate::close::budget::Budget;
use crate::close::log::Log;
use crate::close::stop::Stop;
use crate::declare::AppHook;
use crate::declare::{CloseContext, DrainContext};
use crate::drive::{self, Direction, End, Flow, Limits, Scheduler, Slow, Start, Timing};
use crate::drive::{GRACE, LAST_CHANCE};
use crate::life::{ShutdownReason, Status};
use crate::live::{CleanUp, Hook, Nodes, Owner, Part, SLOW_CLOSE, Settings, Within, cause_of};
use crate::report::{HookError, HookFailure};
use crate::run::Tasks;

/// What to close, and how.
pub(crate) struct Closing<'a> {
    pub(crate) nodes: &'a Arc<Nodes>,
    pub(crate) settings: &'a Settings,
    pub(crate) reason: ShutdownReason,
    pub(crate) after: After,
    /// Which nodes to close; all, if the app ends.
    pub(crate) part: Option<&'a Part>,
    pub(crate) tasks: Arc<Tasks>,
    /// The app's own hooks, in the order in which they run.
    pub(crate) hooks: Vec<AppHook>,
}

/// What comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Run,
    FailedBoot,
    /// A part is closed to be loaded again: the app goes on, and plugins are kept.
    Restart,
    /// A part did not load, or not again.
    FailedPart,
}

/// Closes everything that is loaded. Returns what went wrong, in the order in which it did.
pub(crate) async fn close(closing: Closing<'_>) -> Vec<HookError> {
    let Closing {
        nodes,
        settings,
        reason,
        after,
        part,
        tasks,
        hooks,
    } = closing;
    let ends = part.is_none();
    let mut clock = Clock(Instant::now());
    let mut parts = crate::report::Closing::default();
    let log = Arc::new(Log::default());
    let walk = Walk {
        nodes,
        tasks: &tasks,
        budget: Budget {
            hook: settings.close_timeout,
            whole: settings.shutdown_timeout,
            until: later(clock.0, settings.shutdown_timeout),
        },
        limit: settings.max_concurrency,
        reason: &reason,
        log: &log,
        part,
    };
    if ends {
        nodes.closing_ends(walk.budget.until);
    }
    // What has failed already comes before what fails because of it.
    walk.take_failures();
    if matches!(after, After::Run | After::Restart) {
        if ends {
            nodes.life.set_status(Status::Draining);
        }
        walk.drain().await;
        parts.drain = clock.lap();
    }
    if ends {
        nodes.life.set_status(Status::Closing);
    }
    walk.stop().await;
    parts.stop = clock.lap();
    if after == After::Run {
        walk.run_hooks(hooks).await;
        parts.hooks = clock.lap();
    } else {
        hooks.into_iter().for_each(AppHook::discard);
    }
    walk.close().await;
    walk.take_failures();
    if ends {
        nodes.all_told(walk.budget.patience()).await;
        parts.close = clock.lap();
        nodes.close_is_over(parts);
    }
    log.take()
}

/// Tells how long each part took.
struct Clock(Instant);

impl Clock {
    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.0, now)
    }
}

/// The hooks that go backwards over the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hooks {
    Drain,
    Close,
}

struct Walk<'a> {
    nodes: &'a Arc<Nodes>,
    tasks: &'a Arc<Tasks>,
    budget: Budget,
    limit: usize,
    reason: &'a ShutdownReason,
    log: &'a Arc<Log>,
    part: Option<&'a Part>,
}

impl Walk<'_> {
    async fn drain(&self) {
        let takes_part = self.nodes.loaded(self.part);
        let has_hook = |node: &u32| self.nodes.member(*node).descriptor.hook_set().drain;
        if self.those(&takes_part).any(|node| has_hook(&node)) {
            // Those that have no hook take part as well: they are on the way between others.
            let phase = self.backwards(Hooks::Drain);
            let end = self.budget.end(LAST_CHANCE);
            let not_begun = self.run(phase, takes_part, end).await;
            self.note_out_of_time(Phase::Drain, not_begun.into_iter().filter(has_hook));
        }
    }

    async fn close(&self) {
        let phase = self.backwards(Hooks::Close);
        let owed = self.nodes.owed(self.part);
        let owed: HashSet<u32> = self.those(&owed).collect();
        let end = self.budget.end(GRACE);
        let takes_part = self.nodes.held(self.part);
        let mut left = self.run(phase, takes_part, end).await;
        left.retain(|node| owed.contains(node));
        // Also those that began, and had no time to do all that they left to be done.
        if self.part.is_none() {
            self.nodes.close_the_door();
        }
        left.extend(self.nodes.let_go_of_owed(self.part));
        left.sort_unstable();
        left.dedup();
        self.note_out_of_time(Phase::Close, left.into_iter());
    }

    /// The nodes whose places in the part are marked.
    fn those(&self, marked: &[bool]) -> impl Iterator<Item = u32> {
        let node = |place| self.part.map_or(place, |part| part.nodes()[place as usize]);
        let marked = (0..).zip(marked).filter(|(_, is_marked)| **is_marked);
        marked.map(move |(place, _)| node(place))
    }

    fn backwards(&self, hooks: Hooks) -> Backwards {
        Backwards {
            hooks,
            nodes: Arc::clone(self.nodes),
            budget: self.budget,
            reason: self.reason.clone(),
            log: Arc::clone(self.log),
            keeps: self.part.is_some(),
        }
    }

    async fn stop(&self) {
        let tasks = self.tasks;
        tasks.shut(self.part);
        if tasks.is_empty() {
            return;
        }
        let phase = Stop {
            tasks: Arc::clone(tasks),
            nodes: Arc::clone(self.nodes),
            budget: self.budget,
            log: Arc::clone(self.log),
        };
        let end = self.budget.end(LAST_CHANCE);
        // Also those of a plugin whose load failed.
        let len = self.part.map_or(self.nodes.len(), |it| it.nodes().len());
        for node in self.run(phase, vec![true; len], end).await {
            for name in tasks.abort(node) {
                let error = self.nodes.task_error(node, name, HookFailure::Cancelled);
                self.push(Instant::now(), error);
            }
        }
        let after = self.budget.patience();
        for (node, name) in tasks.unstoppable(self.part, after).await {
            let error = self
                .nodes
                .task_error(node, name, HookFailure::Abandoned { after });
            self.push(Instant::now(), error);
        }
        self.take_failures();
    }

    /// Failures of tasks end the app: they are for its close to tell, and not for that of a part.
    fn take_failures(&self) {
        if self.part.is_none() {
            self.log.extend(self.tasks.take_failures());
        }
    }

    async fn run_hooks(&self, hooks: Vec<AppHook>) {
        let end = self.budget.end(LAST_CHANCE);
        for hook in hooks {
            let now = Instant::now();
            if now >= end {
                self.push(now, hook.out_of_time(Phase::Close));
                continue;
            }
            let within = Within {
                limit: Some(self.budget.limit(None, now)),
                rest_of: self.budget.rest_of(None, now),
                until: Some(end),
                interrupt: None,
                patience: self.budget.patience(),
            };
            let ran = hook
                .run(self.nodes, Owner::app(), Phase::Close, within)
                .await;
            if let Some(error) = ran.error {
                self.push(Instant::now(), error);
            }
        }
    }

    /// Returns the nodes that the pass did not come to.
    async fn run<P: drive::Phase>(
        &self,
        phase: P,
        takes_part: Vec<bool>,
        end: Instant,
    ) -> Vec<u32> {
        let all = || self.nodes.ways();
        let ways = self.part.map_or_else(all, |part| self.nodes.ways_of(part));
        let scheduler = Scheduler::new(ways, Direction::Backwards, self.limit, takes_part);
        #[cfg(feature = "testing")]
        let scheduler = self.nodes.in_seeded_order(scheduler);
        let limits = Limits {
            deadline: Some(end),
            interrupt: None,
            patient_until: Some(self.budget.until),
            remind_after: SLOW_CLOSE,
        };
        drive::run(Arc::new(phase), scheduler, limits)
            .await
            .not_begun
    }

    fn note_out_of_time(&self, phase: Phase, nodes: impl Iterator<Item = u32>) {
        for node in nodes {
            let error = self.nodes.error(node, phase, HookFailure::OutOfTime);
            self.push(Instant::now(), error);
        }
    }

    fn push(&self, at: Instant, error: HookError) {
        self.log.push(self.nodes, at, error);
    }
}

/// `drain` or `close` of every plugin, dependents first.
struct Backwards {
    hooks: Hooks,
    nodes: Arc<Nodes>,
    budget: Budget,
    reason: ShutdownReason,
    log: Arc<Log>,
    /// Whether plugins stay where they are, to be loaded again: the app goes on.
    keeps: bool,
}

impl Backwards {
    fn phase(&self) -> Phase {
        match self.hooks {
            Hooks::Drain => Phase::Drain,
            Hooks::Close => Phase::Close,
        }
    }

    fn has_hook(&self, node: u32) -> bool {
        let hooks = self.nodes.member(node).descriptor.hook_set();
        match self.hooks {
            Hooks::Drain => hooks.drain,
            Hooks::Close => hooks.close,
        }
    }

    /// A child that its parent registers again is not kept.
    fn keeps(&self, node: u32) -> bool {
        self.keeps && !self.nodes.has_gone(node)
    }

    fn drain(&self, node: u32, plugin: Hook) -> drive::JobFuture<Result<()>> {
        let cx = DrainContext::new(self.nodes.site(node, Phase::Drain), self.reason.clone());
        let span = || tracing::info_span!("drain", plugin = %self.nodes.name(node));
        drive::job(span, async move { plugin.drain(&cx).await })
    }

    /// Calls `close` and lets go of the plugin and its states, all as one job: their drops are
    /// the user's code as well.
    fn close(&self, node: u32, plugin: Hook) -> drive::JobFuture<Result<()>> {
        let (nodes, keeps) = (Arc::clone(&self.nodes), self.keeps(node));
        let cx = CloseContext::new(nodes.site(node, Phase::Close), self.reason.clone());
        let span = || tracing::info_span!("close", plugin = %self.nodes.name(node));
        drive::job(span, async move {
            let closed = plugin.close(&cx).await;
            drop((cx, plugin));
            nodes.release(node, keeps);
            closed
        })
    }

    /// Releases the states of a plugin, and it unless it is loaded again: elsewhere, because their
    /// drop may block.
    fn release_elsewhere(&self, node: u32) {
        let nodes = Arc::clone(&self.nodes);
        let released = nodes.take_out_of(node, self.keeps(node));
        spawn_apart(&Handle::current(), async move {
            let _ = guard(|| nodes.drop_released(node, released));
        });
    }

    /// Notes how the hook of the plugin itself has ended.
    fn note_hook(&self, node: u32, ended: Result<(), HookFailure>, timing: Timing) {
        let phase = self.phase();
        let outcome = HookFailure::outcome_of(&ended);
        self.nodes.note(node, phase, outcome, timing);
        if let Err(cause) = ended {
            let error = self.nodes.error(node, phase, cause);
            self.log.push(&self.nodes, timing.ended, error);
        }
    }
}

impl drive::Phase for Backwards {
    type Output = Result<()>;

    fn app(&self) -> usize {
        self.nodes.life.mark()
    }

    fn place(&self) -> Place {
        self.nodes.place(self.phase())
    }

    fn start(&self, node: u32, began: Instant, released_by: Option<u32>) -> Start<Result<()>> {
        let plugin = self.has_hook(node).then(|| self.nodes.hook(node)).flatten();
        match (self.hooks, plugin) {
            (Hooks::Drain, Some(plugin)) => {
                self.nodes.begin(node, Phase::Drain, began, released_by);
                Start::Job(self.drain(node, plugin))
            }
            (Hooks::Drain, None) => Start::Done,
            (Hooks::Close, Some(plugin)) => {
                self.nodes.begin(node, Phase::Close, began, released_by);
                Start::Job(self.close(node, plugin))
            }
            (Hooks::Close, None) => {
                self.nodes.close(node, began, released_by, self.keeps(node));
                match self.nodes.begin_clean_up(node) {
                    Some(clean_up) => Start::Job(clean_up),
                    None => Start::Done,
                }
            }
        }
    }

    fn limit(&self, node: u32, now: Instant) -> Option<Duration> {
        let own = self.nodes.member(node).descriptor.close_limit();
        let has_job = self.has_hook(node) || self.hooks == Hooks::Close && self.nodes.owes(node);
        has_job.then(|| self.budget.limit(own, now))
    }

    fn progressed(&self, node: u32) -> Option<Instant> {
        self.nodes.progressed(node, self.phase())
    }

    fn is_slow(&self, slow: &[Slow]) {
        let limit = |node, began| self.limit(node, began);
        self.nodes.warn_of_slow(self.phase(), slow, limit);
    }

    fn end(&self, node: u32, end: End<Result<()>>, timing: Timing) -> Flow {
        let own = self.nodes.member(node).descriptor.close_limit();
        let ended = cause_of(end, timing).and_then(|result| result.map_err(HookFailure::Error));
        let ended = ended.map_err(|cause| self.budget.blame(own, cause));
        match self.nodes.end_clean_up(node, ended) {
            CleanUp::WasNone(ended) => self.note_hook(node, ended, timing),
            CleanUp::Done => {}
            CleanUp::Failed(error) => self.log.push(&self.nodes, timing.ended, error),
        }
        if self.hooks == Hooks::Drain {
            return Flow::GoOn;
        }
        if self.nodes.is_loaded(node) {
            // Its `close` was cut short or panicked, so it did not release them itself.
            self.release_elsewhere(node);
        }
        if self.nodes.owes(node) {
            return Flow::Again;
        }
        Flow::GoOn
    }
}
