//! The `load` hook of every plugin, in as many attempts as it has.

use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::{Instant, sleep_until};

use crate::base::inside::{Inside, Place, within};
use crate::base::key::StateKey;
use crate::base::log::log;
use crate::base::panic::guard;
use crate::base::phase::Phase;
use crate::base::text;
use crate::base::time::later;
use crate::boot::attempts::{Attempts, Doing};
use crate::boot::failure::Troubles;
use crate::boot::rollback::Rollback;
use crate::boot::scopes::ScopeLimits;
use crate::declare::{BarrierKind, LoadContext, Plugin, StateValue, States};
use crate::drive::{self, End, Flow, Grow, Slow, Start, Timing};
use crate::live::{Absorber, CleanUp, Done, Kept, Nodes, Settings, cause_of};
use crate::report::{HookFailure, Mistake, Outcome, chain};
use crate::run::Tasks;

pub(super) struct Load {
    nodes: Arc<Nodes>,
    limit: Option<Duration>,
    /// How long each clean-up between two attempts may take.
    hook_limit: Duration,
    attempts: Attempts,
    rollback: Rollback,
    scopes: ScopeLimits,
    troubles: Arc<Troubles>,
    /// Whether a part of an app that runs is loaded again.
    restarts: bool,
    /// For what goes on in tasks of its own.
    me: Weak<Self>,
}

/// The plugin comes back from a `load` that succeeded.
type Loaded = (Option<Arc<dyn Plugin>>, Result<States>);

type Job = drive::JobFuture<Loaded>;

impl Load {
    pub(super) fn new(
        nodes: &Arc<Nodes>,
        settings: &Settings,
        tasks: &Arc<Tasks>,
        troubles: &Arc<Troubles>,
        restarts: bool,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            nodes: Arc::clone(nodes),
            limit: settings.load_timeout,
            hook_limit: settings.close_timeout,
            attempts: Attempts::default(),
            rollback: Rollback::new(nodes, settings, tasks),
            scopes: ScopeLimits::default(),
            troubles: Arc::clone(troubles),
            restarts,
            me: Weak::clone(me),
        })
    }

    /// What a plugin that was made at run time promised, and did not keep. What `#[plugin]`
    /// declares was checked by the compiler.
    fn broken_promise(&self, node: u32, states: &States) -> Option<HookFailure> {
        let descriptor = &self.nodes.member(node).descriptor;
        if descriptor.declaration().is_some() {
            return None;
        }
        let promised = descriptor.states();
        let mut missing = promised.iter().copied();
        if let Some(state) = missing.find(|state| states.find(*state).is_none()) {
            return Some(self.states_differ(node, state, true));
        }
        let made: Vec<StateKey> = states.values().iter().map(StateValue::key).collect();
        let extra = made
            .iter()
            .enumerate()
            .find(|(place, state)| !promised.contains(state) || made[..*place].contains(state));
        extra.map(|(_, state)| self.states_differ(node, *state, false))
    }

    fn states_differ(&self, node: u32, state: StateKey, is_missing: bool) -> HookFailure {
        HookFailure::Refused(Box::new(Mistake::StatesDiffer {
            place: self.nodes.location(node),
            state,
            is_missing,
        }))
    }

    /// The job that loads.
    fn load(&self, node: u32, taken: Result<Arc<dyn Plugin>>) -> Job {
        let mut cx = LoadContext::new(self.nodes.site(node, Phase::Load));
        let span = || tracing::info_span!("load", plugin = %self.nodes.name(node));
        let may_be_tried_again = self.nodes.member(node).retry().is_some()
            || self.restarts
            || self.nodes.absorber(node).is_some();
        let load = async move {
            let mut plugin = match taken {
                Ok(plugin) => plugin,
                Err(error) => return (None, Err(error)),
            };
            let loaded = match Arc::get_mut(&mut plugin) {
                Some(plugin) => plugin.load(&mut cx).await,
                None => Err(anyhow!("something else holds the plugin")),
            };
            if loaded.is_err() && !may_be_tried_again {
                // It is not called again. A panic in its drop matters less than
                // what its `load` said.
                let _ = guard(|| drop((plugin, cx)));
                return (None, loaded);
            }
            let loaded = loaded.map(|states| Arc::clone(&plugin).own_ports(states));
            (Some(plugin), loaded)
        };
        if self.nodes.parent(node).is_none() {
            return drive::job(span, load);
        }
        // It must not wait for what it is part of.
        let child = Inside::Child(self.nodes.life.mark(), node);
        drive::job(span, within(child, None, load))
    }

    /// What comes between two attempts, and then the next one: each a job with its own limit.
    fn go_on(&self, node: u32) -> Job {
        if let Some(clean_up) = self.nodes.begin_clean_up(node) {
            self.attempts.now_does(node, Doing::CleanUp);
            return Box::pin(async move { (None, clean_up.await.map(|()| States::new())) });
        }
        // Behind that: it had waited for them, and may still need them.
        if self.attempts.take_brought(node) {
            let closed = self.rollback.of_attempt(node);
            self.attempts.now_does(node, Doing::RollBack);
            return Box::pin(async move {
                closed.await;
                (None, Ok(States::new()))
            });
        }
        if let Some(wait) = self.attempts.take_wait(node) {
            self.attempts.now_does(node, Doing::Wait);
            return Box::pin(async move {
                sleep_until(later(Instant::now(), wait)).await;
                (None, Ok(States::new()))
            });
        }
        self.attempts.now_does(node, Doing::Load);
        // What the last attempt has spawned may have added more.
        self.nodes.ready_queue.forget(node);
        self.load(node, self.nodes.take_to_try_again(node))
    }

    /// Something between two attempts has ended.
    fn end_between(&self, node: u32, end: End<Loaded>, timing: Timing) -> Flow {
        let ended = cause_of(end, timing).and_then(|(_, it)| it.map_err(HookFailure::Error));
        match self.nodes.end_clean_up(node, ended) {
            CleanUp::WasNone(Ok(_)) | CleanUp::Done => Flow::Again,
            CleanUp::WasNone(Err(cause)) => self.fail(node, cause, timing),
            CleanUp::Failed(error) => {
                // No reason to give up.
                self.nodes.tell(&error);
                log(|| tracing::warn!(target: "bootstrap", "between two attempts: {error}"));
                Flow::Again
            }
        }
    }

    /// A load has failed; whether it is tried again.
    fn tries_again(
        &self,
        node: u32,
        plugin: Arc<dyn Plugin>,
        error: &anyhow::Error,
        at: Timing,
    ) -> bool {
        self.nodes.discard_registered(node);
        let has_brought = self.nodes.has_brought(node);
        let retry = self.nodes.member(node).retry();
        let (made, wait) = self.attempts.failed(node, at.began, retry, has_brought);
        // If it is not tried again, it is let go of with what never loaded.
        self.nodes.put_back(node, plugin);
        let Some(wait) = wait else {
            return false;
        };
        self.nodes.emit(node, Phase::Load, Outcome::Failed);
        self.nodes.ready_queue.forget(node);
        // Also what has joined since.
        self.cut(&self.nodes.undone_below(node));
        let (error, again) = (said(error), text::duration(wait));
        let error = text::line(&error);
        let words = format!("attempt {made} failed: {error}");
        LoadContext::new(self.nodes.site(node, Phase::Load)).progress(words);
        log(|| {
            tracing::warn!(
                target: "bootstrap",
                "[{}] attempt {made} to load failed, the next one is in {again}: {error}",
                self.nodes.name(node),
            );
        });
        true
    }

    /// Waits for what is still being closed, and notes what the end of the pass kept from another
    /// attempt.
    pub(super) async fn settle(&self) {
        self.rollback.all_done().await;
        self.nodes.end_growth();
        for (node, began) in self.attempts.take() {
            if self.nodes.is_loading(node) {
                let timing = Timing {
                    began,
                    ended: Instant::now(),
                    was_due: false,
                };
                self.fail(node, HookFailure::Cancelled, timing);
            }
        }
        // Those may have failed others, which are closed now.
        self.rollback.all_done().await;
    }

    /// From the beginning of the first attempt.
    fn whole(&self, node: u32, timing: Timing) -> Timing {
        Timing {
            began: self.attempts.began(node).unwrap_or(timing.began),
            ..timing
        }
    }

    fn own_limit(&self, node: u32) -> Option<Duration> {
        let own = self.nodes.member(node).descriptor.load_limit();
        own.or(self.limit)
    }

    /// Why a load was cut, if its own time was not up.
    fn blame(&self, node: u32, cause: HookFailure, timing: Timing) -> HookFailure {
        let own = |node| self.own_limit(node);
        match cause {
            HookFailure::TimedOut { limit, .. } => {
                self.scopes.blame(&self.nodes, node, limit, timing, own)
            }
            cause => cause,
        }
    }

    fn fail(&self, node: u32, cause: HookFailure, timing: Timing) -> Flow {
        self.nodes.note(node, Phase::Load, cause.outcome(), timing);
        self.nodes.ready_queue.forget(node);
        let is_cancelled = matches!(cause, HookFailure::Cancelled);
        let is_cut = is_cancelled && (self.nodes.is_cut(node) || self.is_given_back(node));
        let error = self.nodes.boot_error(node, Phase::Load, cause, timing);
        let at = timing.ended;
        let with_the_boot = is_cancelled && !is_cut;
        let absorber = self.nodes.absorber(node).filter(|_| !with_the_boot);
        let Some(absorber) = absorber else {
            // What it has heard of and lived with is over, if it was only cancelled.
            let failed = if is_cancelled {
                self.nodes.take_untold(node)
            } else {
                self.nodes.take_failures(node)
            };
            self.troubles.keep_all(&self.nodes, failed);
            self.troubles.push(&self.nodes, at, node, error);
            return Flow::Stop;
        };
        if is_cut {
            return self.absorb(absorber, node, self.nodes.take_untold(node));
        }
        self.nodes.tell(&error);
        let mut failed = self.nodes.take_failures(node);
        failed.push(Kept { at, node, error });
        self.absorb(absorber, node, failed)
    }

    /// Whether a node was brought by an attempt that has failed.
    fn is_given_back(&self, node: u32) -> bool {
        let mut parents = self.nodes.parents(node);
        parents.any(|parent| self.attempts.gives_back(parent))
    }

    /// Whether a node that has loaded only saw what went wrong before it.
    fn passes_on(&self, node: u32) -> bool {
        let observes = self.nodes.member(node).barrier == Some(BarrierKind::Observe);
        observes && self.nodes.has_failures(node)
    }

    /// Failures that were seen and not handled: they go on to the next handler.
    fn pass_on(&self, node: u32, failed: Vec<Kept>) -> Flow {
        if let Some(absorber) = self.nodes.absorber(node) {
            return self.absorb(absorber, node, failed);
        }
        self.troubles.keep_all(&self.nodes, failed);
        Flow::Stop
    }

    /// A failure that has a handler. What stands beside the node goes with it.
    fn absorb(&self, absorber: Absorber, node: u32, failed: Vec<Kept>) -> Flow {
        let is_first = match self.nodes.keep_failures(absorber, failed) {
            Ok(is_first) => is_first,
            Err(failed) => return self.pass_on(node, failed),
        };
        let mut gone = self.nodes.undone_below(node);
        if is_first {
            gone.extend(self.nodes.cut_boundary(absorber));
        }
        gone.retain(|other| *other != node);
        let done = self.nodes.lose(absorber.top, node);
        // Before others hear of it: what waited for a node of the region must not begin.
        self.cut(&gone);
        self.announce(done, Some(node))
    }

    fn cut(&self, nodes: &[u32]) {
        let Some(pass) = self.nodes.pass().filter(|_| !nodes.is_empty()) else {
            return;
        };
        let waits = |node: &&u32| self.nodes.skip_barrier(**node);
        // What stands behind a barrier still waits for all before it.
        let (_, nodes): (Vec<u32>, Vec<u32>) = nodes.iter().partition(waits);
        for skipped in pass.cut(&nodes) {
            let done = self.nodes.skip(skipped);
            self.announce(done, Some(skipped));
        }
    }

    /// Announces the nodes that are done; whether `node` is among them, whose job has just ended.
    fn announce(&self, mut done: Done, node: Option<u32>) -> Flow {
        let mut flow = Flow::Stay;
        loop {
            let lost = done.lost.pop();
            if self.tell(done, node) {
                flow = Flow::GoOn;
            }
            let Some(top) = lost else {
                return flow;
            };
            let Some(closing) = self.rollback.of_unit(top) else {
                done = self.nodes.rolled_back(top);
                continue;
            };
            let me = Weak::clone(&self.me);
            self.rollback.spawn(async move {
                closing.await;
                if let Some(load) = me.upgrade() {
                    let done = load.nodes.rolled_back(top);
                    // Its own job is long over: whatever is done is released.
                    load.announce(done, None);
                }
            });
            return flow;
        }
    }

    /// Waiters go on, and the pass receives the ends of nodes other than `node`, whose end it receives
    /// in any case. Whether that is done.
    fn tell(&self, done: Done, node: Option<u32>) -> bool {
        let is_done = node.is_some_and(|node| done.nodes.contains(&node));
        if let Some(pass) = self.nodes.pass() {
            for parent in &done.go_on {
                pass.reclaim(*parent);
            }
            for other in done.nodes.iter().filter(|other| Some(**other) != node) {
                pass.release(*other);
            }
        }
        for waiter in done.waiters {
            // The waiter may have been dropped.
            let _ = waiter.send(());
        }
        is_done
    }
}

/// What an error says, unless its words panic.
fn said(error: &anyhow::Error) -> String {
    guard(|| chain(error).join(": ")).unwrap_or_else(|message| format!("panicked: {message}"))
}

impl drive::Phase for Load {
    type Output = Loaded;

    fn attach(&self, pass: Weak<dyn Grow>) {
        self.nodes.begin_growth(pass);
    }

    fn app(&self) -> usize {
        self.nodes.life.mark()
    }

    fn place(&self) -> Place {
        self.nodes.place(Phase::Load)
    }

    fn start(&self, node: u32, began: Instant, released_by: Option<u32>) -> Start<Loaded> {
        if self.attempts.is_tried(node) {
            return Start::Job(self.go_on(node));
        }
        if self.nodes.is_skipped(node) {
            // A barrier that was cut off. What it would have heard of goes on.
            let failed = self.nodes.take_untold(node);
            if !failed.is_empty() {
                self.pass_on(node, failed);
            }
            return Start::Done;
        }
        let released_by = released_by.or_else(|| self.nodes.parent(node));
        let taken = self.nodes.take_to_load(node, began, released_by);
        Start::Job(self.load(node, taken))
    }

    fn limit(&self, node: u32, now: Instant) -> Option<Duration> {
        let descriptor = &self.nodes.member(node).descriptor;
        if self.attempts.is_tried(node) {
            if self.nodes.owes(node) {
                return Some(descriptor.close_limit().unwrap_or(self.hook_limit));
            }
            if self.attempts.brought(node) || self.attempts.waits(node) {
                return None;
            }
        }
        let own = |node| self.own_limit(node);
        let of_parents = self.nodes.parent_in_haste(node, own);
        let of_scopes = self.scopes.end(&self.nodes, node, now);
        let ends = of_parents.map(|(end, ..)| end).into_iter().chain(of_scopes);
        let left = ends.map(|end| end.saturating_duration_since(now));
        own(node).into_iter().chain(left).min()
    }

    fn ends_by(&self, node: u32) -> Option<Instant> {
        self.scopes.end(&self.nodes, node, Instant::now())
    }

    /// What was acquired is given back, also if the boot ends meanwhile.
    fn spares(&self, node: u32) -> bool {
        self.attempts.is_tried(node) && (self.nodes.owes(node) || self.attempts.brought(node))
    }

    fn progressed(&self, node: u32) -> Option<Instant> {
        self.nodes.progressed(node, Phase::Load)
    }

    fn is_slow(&self, slow: &[Slow]) {
        let limit = |node, began| self.limit(node, began);
        self.nodes.warn_of_slow(Phase::Load, slow, limit);
    }

    fn end(&self, node: u32, end: End<Loaded>, timing: Timing) -> Flow {
        if !self.attempts.loads(node) {
            return self.end_between(node, end, timing);
        }
        let attempt = timing;
        let timing = self.whole(node, timing);
        let cause = match cause_of(end, timing) {
            Ok((Some(plugin), Ok(states))) => {
                let broken = self.broken_promise(node, &states);
                // It has loaded all the same, so its `close` is owed.
                self.nodes.keep(node, plugin, states, timing);
                match broken {
                    None if self.passes_on(node) => {
                        return self.pass_on(node, self.nodes.take_failures(node));
                    }
                    None if self.nodes.has_grown() => {
                        let gives_back = |parent| self.attempts.gives_back(parent);
                        return match self.nodes.end_load(node, gives_back) {
                            Ok(done) => self.announce(done, Some(node)),
                            Err(unheard) => self.pass_on(node, unheard),
                        };
                    }
                    None => return Flow::GoOn,
                    Some(cause) => cause,
                }
            }
            Ok((Some(plugin), Err(error))) => {
                if self.tries_again(node, plugin, &error, timing) {
                    return Flow::Again;
                }
                HookFailure::of_error(error)
            }
            Ok((None, Err(error))) => HookFailure::of_error(error),
            Ok((None, Ok(_))) => return Flow::GoOn,
            Err(cause) => self.blame(node, cause, attempt),
        };
        self.fail(node, cause, timing)
    }
}
