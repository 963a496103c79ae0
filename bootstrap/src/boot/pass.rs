//! Load and ready: the passes forwards over the graph.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::{Instant, sleep_until};

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::panic::guard;
use crate::base::phase::Phase;
use crate::base::text;
use crate::base::time::later;
use crate::boot::failure::{Failure, Troubles, Why};
use crate::declare::AppHook;
use crate::declare::{AppContext, Home, LoadContext, Plugin, ReadyContext, StateValue, States};
use crate::drive::GRACE;
use crate::drive::{self, Direction, End, Ending, Flow, Limits, Scheduler, Start, Timing};
use crate::live::{Nodes, SLOW_BOOT, Settings, Within, cause_of};
use crate::report::{Cause, Outcome, PluginError};

/// Loads everything, then runs the `ready` hooks, then those of the app.
///
/// # Errors
///
/// If a hook fails, the time is up, or the app is asked to stop. Nothing has been closed then.
pub(crate) async fn boot(
    nodes: &Arc<Nodes>,
    settings: &Settings,
    on_start: Vec<AppHook>,
) -> Result<(), Failure> {
    let until = settings
        .boot_timeout
        .map(|limit| later(nodes.began(), limit));
    let boot = Boot {
        nodes,
        settings,
        until,
        part: None,
    };
    let mut on_start = on_start.into_iter();
    let booted = boot.run(&mut on_start).await;
    on_start.for_each(AppHook::discard);
    if booted.is_err() {
        nodes.cancel_boot();
    }
    nodes.boot_is_over();
    booted
}

/// Loads a part again, then runs its `ready` hooks.
///
/// # Errors
///
/// As with a boot.
pub(crate) async fn load_again(
    nodes: &Arc<Nodes>,
    settings: &Settings,
    part: &[bool],
) -> Result<(), Failure> {
    let boot = Boot {
        nodes,
        settings,
        until: None,
        part: Some(part),
    };
    boot.load(&Arc::default()).await
}

struct Boot<'a> {
    nodes: &'a Arc<Nodes>,
    settings: &'a Settings,
    until: Option<Instant>,
    /// Which nodes to load; all, if it is the boot.
    part: Option<&'a [bool]>,
}

impl Boot<'_> {
    async fn run(&self, on_start: &mut std::vec::IntoIter<AppHook>) -> Result<(), Failure> {
        let troubles = Arc::new(Troubles::default());
        self.load(&troubles).await?;
        for hook in on_start.by_ref() {
            self.start(hook, &troubles).await?;
        }
        Ok(())
    }

    async fn load(&self, troubles: &Arc<Troubles>) -> Result<(), Failure> {
        let load = Arc::new(Load {
            nodes: Arc::clone(self.nodes),
            limit: self.settings.load_timeout,
            hook_limit: self.settings.hook_timeout,
            attempts: Mutex::default(),
            tries: AtomicBool::new(false),
            troubles: Arc::clone(troubles),
        });
        let ending = self.forwards(Arc::clone(&load)).await;
        load.settle();
        self.judge(ending, troubles)?;
        let plan = &self.nodes.plan;
        let is_ready_hook = |node: u32| plan.member(node).descriptor.hook_set().ready;
        if plan.requires.nodes().any(is_ready_hook) {
            let ready = Arc::new(Ready {
                nodes: Arc::clone(self.nodes),
                limit: self.settings.load_timeout,
                troubles: Arc::clone(troubles),
            });
            let ending = self.forwards(ready).await;
            self.judge(ending, troubles)?;
        }
        Ok(())
    }

    async fn forwards<P: drive::Phase>(&self, phase: Arc<P>) -> Ending {
        let plan = &self.nodes.plan;
        let all = || vec![true; plan.len()];
        let to_begin = self.part.map_or_else(all, <[bool]>::to_vec);
        let scheduler = Scheduler::new(
            Arc::clone(plan),
            Direction::Forwards,
            self.settings.max_concurrency,
            to_begin,
        );
        let limits = Limits {
            deadline: self.until,
            interrupt: Some(self.nodes.life.stop_token()),
            patient_until: None,
            remind_after: SLOW_BOOT,
        };
        drive::run(phase, scheduler, limits).await.ending
    }

    fn judge(&self, ending: Ending, troubles: &Troubles) -> Result<(), Failure> {
        let life = &self.nodes.life;
        let why = match ending {
            Ending::Expired => Why::TimeIsUp(self.settings.boot_timeout.unwrap_or_default()),
            Ending::Interrupted => Why::Interrupted(life.reason()),
            // The wish came so late that everything was done before it was seen.
            Ending::OfItself if life.is_stopping() => Why::Interrupted(life.reason()),
            Ending::OfItself => Why::Hooks,
        };
        match (why, troubles.take()) {
            (Why::Hooks, troubles) if troubles.is_empty() => Ok(()),
            (why, troubles) => Err(Failure { why, troubles }),
        }
    }

    async fn start(&self, hook: AppHook, troubles: &Troubles) -> Result<(), Failure> {
        let within = Within {
            limit: self.settings.load_timeout,
            until: self.until,
            interrupt: Some(self.nodes.life.stop_token()),
            patience: GRACE,
        };
        let ran = hook.run(self.nodes, Phase::Start, within).await;
        if let Some(error) = ran.error {
            troubles.push(self.nodes, Instant::now(), 0, error);
        }
        self.judge(ran.ending, troubles)
    }
}

struct Load {
    nodes: Arc<Nodes>,
    limit: Option<Duration>,
    troubles: Arc<Troubles>,
    /// How long each clean-up between two attempts may take.
    hook_limit: Duration,
    /// Plugins whose `load` has failed at least once.
    attempts: Mutex<HashMap<u32, Attempt>>,
    /// Whether there are any: most boots never ask further.
    tries: AtomicBool,
}

/// The plugin comes back from a `load` that succeeded.
type Loaded = (Option<Arc<dyn Plugin>>, Result<States>);

impl Load {
    fn fail(&self, node: u32, cause: Cause, timing: Timing) -> Flow {
        self.nodes.note(node, Phase::Load, cause.outcome(), timing);
        let error = self.nodes.error(node, Phase::Load, cause);
        self.troubles.push(&self.nodes, timing.ended, node, error);
        Flow::Stop
    }

    /// What a plugin that was made at run time promised, and did not keep. What `#[plugin]`
    /// declares was checked by the compiler.
    fn broken_promise(&self, node: u32, states: &States) -> Option<Cause> {
        let descriptor = &self.nodes.plan.member(node).descriptor;
        if descriptor.declaration().is_some() {
            return None;
        }
        let promised = descriptor.states();
        let mut missing = promised.iter().copied();
        if let Some(state) = missing.find(|state| states.find(*state).is_none()) {
            return Some(Cause::StateNotMade { state });
        }
        let made: Vec<StateKey> = states.values().iter().map(StateValue::key).collect();
        let extra = made
            .iter()
            .enumerate()
            .find(|(place, state)| !promised.contains(state) || made[..*place].contains(state));
        extra.map(|(_, state)| Cause::StateNotDeclared { state: *state })
    }
}

/// What an error says, unless its words panic.
fn said(error: &anyhow::Error) -> String {
    guard(|| format!("{error:#}")).unwrap_or_else(|message| format!("panicked: {message}"))
}

/// A plugin between two attempts to load it.
struct Attempt {
    /// How many there were.
    made: u32,
    /// When the first one began.
    began: Instant,
    /// How long to wait before the next one, once all is cleaned up.
    wait: Option<Duration>,
    doing: Doing,
}

/// What the job at a node does.
#[derive(Clone, Copy)]
enum Doing {
    Load,
    /// Something that the last attempt left to be done, as said there.
    CleanUp(Location),
    Wait,
}

impl Load {
    fn attempts(&self) -> MutexGuard<'_, HashMap<u32, Attempt>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the attempts at a node, if one has failed.
    fn attempt<T>(&self, node: u32, ask: impl FnOnce(&mut Attempt) -> T) -> Option<T> {
        if !self.tries.load(Ordering::Relaxed) {
            return None;
        }
        self.attempts().get_mut(&node).map(ask)
    }

    /// The job that loads.
    fn load(&self, node: u32, taken: Result<Arc<dyn Plugin>>) -> drive::JobFuture<Loaded> {
        let mut cx = LoadContext::new(self.nodes.site(node, Phase::Load));
        let span = || tracing::info_span!("load", plugin = %self.nodes.plan.name(node));
        let may_be_tried_again = self.nodes.plan.member(node).retry().is_some();
        drive::job(span, async move {
            let mut plugin = match taken {
                Ok(plugin) => plugin,
                Err(error) => return (None, Err(error)),
            };
            let loaded = match Arc::get_mut(&mut plugin) {
                Some(plugin) => plugin.load(&mut cx).await,
                None => Err(anyhow!("something else holds the plugin")),
            };
            if loaded.is_err() && !may_be_tried_again {
                // Nobody will call it again. What it says by panicking in its drop is less than
                // what its `load` said.
                let _ = guard(|| drop((plugin, cx)));
                return (None, loaded);
            }
            (Some(plugin), loaded)
        })
    }

    /// What comes between two attempts, and then the next one: each a job with its own limit.
    fn go_on(&self, node: u32) -> drive::JobFuture<Loaded> {
        if let Some(hook) = self.nodes.next_owed(node) {
            self.now_does(node, Doing::CleanUp(hook.at()));
            let cx = AppContext::new(Arc::clone(&self.nodes) as Arc<dyn Home>);
            let span = || tracing::info_span!("on_close", plugin = %self.nodes.plan.name(node));
            return drive::job(span, async move {
                (None, hook.call(cx).await.map(|()| States::new()))
            });
        }
        let wait = self.attempt(node, |it| it.wait.take());
        if let Some(wait) = wait.flatten() {
            self.now_does(node, Doing::Wait);
            return Box::pin(async move {
                sleep_until(later(Instant::now(), wait)).await;
                (None, Ok(States::new()))
            });
        }
        self.now_does(node, Doing::Load);
        self.load(node, self.nodes.take_to_try_again(node))
    }

    fn now_does(&self, node: u32, doing: Doing) {
        self.attempt(node, |it| it.doing = doing);
    }

    fn does(&self, node: u32) -> Doing {
        self.attempt(node, |it| it.doing).unwrap_or(Doing::Load)
    }

    /// Something between two attempts has ended.
    fn end_between(&self, node: u32, end: End<Loaded>, timing: Timing) -> Flow {
        let doing = self.does(node);
        let ended = cause_of(end, timing).and_then(|(_, it)| it.map_err(Cause::Error));
        let Doing::CleanUp(at) = doing else {
            return match ended {
                Ok(_) => Flow::Again,
                Err(cause) => self.fail(node, cause, timing),
            };
        };
        self.nodes.cleaned(node);
        let Err(cause) = ended else {
            return Flow::Again;
        };
        let name = self.nodes.plan.name(node).clone();
        let error = PluginError::new(name, at, Phase::Close, cause);
        // No reason to give up.
        self.nodes.tell(&error);
        let _ = guard(|| {
            tracing::warn!(target: "bootstrap", "between two attempts: {error}");
        });
        Flow::Again
    }

    /// A load has failed; whether it is tried again.
    fn tries_again(
        &self,
        node: u32,
        plugin: Arc<dyn Plugin>,
        error: &anyhow::Error,
        at: Timing,
    ) -> bool {
        self.tries.store(true, Ordering::Relaxed);
        let mut attempts = self.attempts();
        let attempt = attempts.entry(node).or_insert(Attempt {
            made: 0,
            began: at.began,
            wait: None,
            doing: Doing::Load,
        });
        attempt.made += 1;
        let made = attempt.made;
        let retry = self.nodes.plan.member(node).retry();
        attempt.wait = retry.and_then(|retry| retry.wait(made));
        let wait = attempt.wait;
        drop(attempts);
        // If it is not tried again, it is let go of with what never loaded.
        self.nodes.put_back(node, plugin);
        let Some(wait) = wait else {
            return false;
        };
        let (error, again) = (said(error), text::duration(wait));
        let words = format!("attempt {made} failed: {error}");
        let site = self.nodes.site(node, Phase::Load);
        let _ = guard(|| {
            LoadContext::new(site).progress(words);
            tracing::warn!(
                target: "bootstrap",
                "[{}] attempt {made} to load failed, the next one is in {again}: {error}",
                self.nodes.plan.name(node),
            );
        });
        true
    }

    /// Notes what the end of the pass kept from another attempt.
    fn settle(&self) {
        for (node, attempt) in std::mem::take(&mut *self.attempts()) {
            if self.nodes.is_loading(node) {
                let ended = Instant::now();
                let began = attempt.began;
                self.fail(node, Cause::Cancelled, Timing { began, ended });
            }
        }
    }

    /// From the beginning of the first attempt.
    fn whole(&self, node: u32, timing: Timing) -> Timing {
        let first = self.attempt(node, |it| it.began);
        Timing {
            began: first.unwrap_or(timing.began),
            ..timing
        }
    }
}

impl drive::Phase for Load {
    type Output = Loaded;

    fn start(&self, node: u32, began: Instant, released_by: Option<u32>) -> Start<Loaded> {
        if self.attempt(node, |_| ()).is_some() {
            return Start::Job(self.go_on(node));
        }
        let taken = self.nodes.take_to_load(node, began, released_by);
        Start::Job(self.load(node, taken))
    }

    fn limit(&self, node: u32, _: Instant) -> Option<Duration> {
        let descriptor = &self.nodes.plan.member(node).descriptor;
        if let Some(waits) = self.attempt(node, |it| it.wait.is_some()) {
            if self.nodes.owes(node) {
                return Some(descriptor.close_limit().unwrap_or(self.hook_limit));
            }
            if waits {
                return None;
            }
        }
        descriptor.load_limit().or(self.limit)
    }

    /// What was acquired is given back, also if the boot ends meanwhile.
    fn spares(&self, node: u32) -> bool {
        self.attempt(node, |_| ()).is_some() && self.nodes.owes(node)
    }

    fn progressed(&self, node: u32) -> Option<Instant> {
        self.nodes.progressed(node, Phase::Load)
    }

    fn is_slow(&self, running: &[(u32, Duration)], waiting: usize) {
        self.nodes.warn_of_slow(Phase::Load, running, waiting);
    }

    fn end(&self, node: u32, end: End<Loaded>, timing: Timing) -> Flow {
        if !matches!(self.does(node), Doing::Load) {
            return self.end_between(node, end, timing);
        }
        let timing = self.whole(node, timing);
        let cause = match cause_of(end, timing) {
            Ok((Some(plugin), Ok(states))) => {
                let broken = self.broken_promise(node, &states);
                // It has loaded all the same, so its `close` is owed.
                self.nodes.keep(node, plugin, states, timing);
                match broken {
                    None => return Flow::GoOn,
                    Some(cause) => cause,
                }
            }
            Ok((Some(plugin), Err(error))) => {
                if self.tries_again(node, plugin, &error, timing) {
                    return Flow::Again;
                }
                Cause::Error(error)
            }
            Ok((None, Err(error))) => Cause::Error(error),
            Ok((None, Ok(_))) => return Flow::GoOn,
            Err(cause) => cause,
        };
        self.fail(node, cause, timing)
    }
}

struct Ready {
    nodes: Arc<Nodes>,
    limit: Option<Duration>,
    troubles: Arc<Troubles>,
}

impl drive::Phase for Ready {
    type Output = Result<()>;

    fn start(&self, node: u32, began: Instant, released_by: Option<u32>) -> Start<Result<()>> {
        if !self.nodes.plan.member(node).descriptor.hook_set().ready {
            return Start::Done;
        }
        let Some(plugin) = self.nodes.hook(node) else {
            return Start::Done;
        };
        self.nodes.begin(node, Phase::Ready, began, released_by);
        let cx = ReadyContext::new(self.nodes.site(node, Phase::Ready));
        let span = || tracing::info_span!("ready", plugin = %self.nodes.plan.name(node));
        Start::Job(drive::job(span, async move { plugin.ready(&cx).await }))
    }

    fn limit(&self, node: u32, _: Instant) -> Option<Duration> {
        let descriptor = &self.nodes.plan.member(node).descriptor;
        let own = descriptor.load_limit().or(self.limit);
        own.filter(|_| descriptor.hook_set().ready)
    }

    fn progressed(&self, node: u32) -> Option<Instant> {
        self.nodes.progressed(node, Phase::Ready)
    }

    fn is_slow(&self, running: &[(u32, Duration)], waiting: usize) {
        self.nodes.warn_of_slow(Phase::Ready, running, waiting);
    }

    fn end(&self, node: u32, end: End<Result<()>>, timing: Timing) -> Flow {
        let ended = cause_of(end, timing).and_then(|result| result.map_err(Cause::Error));
        let outcome = ended.as_ref().err().map_or(Outcome::Done, Cause::outcome);
        self.nodes.note(node, Phase::Ready, outcome, timing);
        let Err(cause) = ended else {
            return Flow::GoOn;
        };
        let error = self.nodes.error(node, Phase::Ready, cause);
        self.troubles.push(&self.nodes, timing.ended, node, error);
        Flow::Stop
    }
}
