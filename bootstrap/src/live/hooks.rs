//! The hooks of the app itself: closures that run one after the other.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::base::inside::{self, Inside};
use crate::base::location::Location;
use crate::base::log::log;
use crate::base::name::PluginName;
use crate::base::panic;
use crate::base::phase::Phase;
use crate::base::task::spawn_apart;
use crate::base::time::{cancelled, later, until};
use crate::declare::{AppContext, AppHook, Around, Home};
use crate::drive::Ending;
use crate::live::account;
use crate::live::nodes::Nodes;
use crate::live::settings::{SLOW_BOOT, SLOW_CLOSE};
use crate::report::{Deadline, HookError, HookFailure, Outcome};

/// What errors of hooks that belong to no plugin call their owner.
pub(super) const APP: &str = "app";

/// The hooks of an app, each kind in the order in which they run.
#[derive(Default)]
#[expect(
    clippy::struct_field_names,
    reason = "the names of the methods that add them"
)]
pub(crate) struct AppHooks {
    pub(crate) on_loaded: Vec<AppHook>,
    pub(crate) on_ready: Vec<AppHook>,
    pub(crate) on_start: Vec<AppHook>,
    pub(crate) on_close: Vec<AppHook>,
}

/// The owner of a hook.
pub(crate) struct Owner {
    /// The node that added it, from where it looks states up.
    pub(crate) node: Option<u32>,
    /// What errors call it.
    pub(crate) name: PluginName,
}

impl Owner {
    /// The app itself.
    pub(crate) fn app() -> Self {
        Self {
            node: None,
            name: APP.into(),
        }
    }
}

/// Lets go of hooks that will not run, on a thread that they may block; waits for that, but not for long.
pub(crate) async fn discard_all(hooks: Vec<AppHook>, patience: Duration) {
    if hooks.is_empty() {
        return;
    }
    let discard = async move { hooks.into_iter().for_each(AppHook::discard) };
    let discarded = spawn_apart(&tokio::runtime::Handle::current(), discard);
    let _ = timeout(patience, discarded).await;
}

impl AppHook {
    /// What to say of a hook of the app that there is no time for.
    pub(crate) fn out_of_time(self, phase: Phase) -> HookError {
        let error = HookError::new(
            PluginName::from(APP),
            self.at(),
            phase,
            HookFailure::OutOfTime,
        );
        self.discard();
        error
    }

    /// Runs the hook as a task of its own, so that one that blocks its thread can be left behind.
    pub(crate) async fn run(
        self,
        nodes: &Arc<Nodes>,
        owner: Owner,
        phase: Phase,
        within: Within<'_>,
    ) -> Ran {
        let at = self.at();
        let name = owner.name.clone();
        nodes.emit_as(None, &name, phase, Outcome::Started);
        let ran = self.run_at(at, nodes, owner, phase, within).await;
        let ended = ran.error.as_ref().map(|error| error.failure().outcome());
        nodes.emit_as(None, &name, phase, ended.unwrap_or(Outcome::Done));
        ran
    }

    async fn run_at(
        self,
        at: Location,
        nodes: &Arc<Nodes>,
        Owner { node, name: of }: Owner,
        phase: Phase,
        within: Within<'_>,
    ) -> Ran {
        let is_slow = warn_if_slow(of.clone(), phase, within.limit);
        let home = Arc::clone(nodes) as Arc<dyn Home>;
        let place = Around::hook(Arc::clone(&home), node, phase, of.clone());
        let error = |cause, is_late| HookError::new(of, at, phase, cause).after_stop(is_late);
        let began = Instant::now();
        let cx = AppContext::new(home, node);
        let inside = Inside::Hook(nodes.life.mark());
        let hook = inside::within(inside, Some(place), async move { self.call(cx).await });
        let mut task = Task(spawn_apart(&tokio::runtime::Handle::current(), hook));
        let (ending, cut) = tokio::select! {
            biased;
            ended = task.ended() => {
                let is_late = nodes.life.was_stopping_before(Instant::now());
                let error = ended.err().map(|cause| error(cause, is_late));
                return Ran { ending: Ending::OfItself, error };
            }
            () = cancelled(within.interrupt) => (Ending::Interrupted, HookFailure::Cancelled),
            () = until(within.until) => (Ending::Expired, HookFailure::Cancelled),
            never = is_slow => match never {},
            limit = passed(began, within.limit) => (Ending::OfItself, cut_by(limit, within.rest_of)),
        };
        task.0.abort();
        let cause = match timeout(within.patience, task.ended()).await {
            Ok(Err(HookFailure::Cancelled)) => Some(cut),
            // It ended by itself in the last moment.
            Ok(ended) => ended.err(),
            Err(_) => Some(HookFailure::Abandoned {
                after: began.elapsed(),
            }),
        };
        let is_late =
            ending == Ending::Interrupted && nodes.life.was_stopping_before(Instant::now());
        let error = cause.map(|cause| error(cause, is_late));
        Ran { ending, error }
    }
}

/// How long a hook may take, and what ends it.
pub(crate) struct Within<'a> {
    /// Its own limit.
    pub(crate) limit: Option<Duration>,
    /// Whose time that is the rest of.
    pub(crate) rest_of: Option<Deadline>,
    /// When everything has to end.
    pub(crate) until: Option<Instant>,
    pub(crate) interrupt: Option<&'a CancellationToken>,
    /// How long a hook that should have ended is waited for.
    pub(crate) patience: Duration,
}

fn cut_by(limit: Duration, rest_of: Option<Deadline>) -> HookFailure {
    HookFailure::TimedOut { limit, rest_of }
}

/// How a hook went.
pub(crate) struct Ran {
    /// Whether something else than the hook and its limit ended it.
    pub(crate) ending: Ending,
    pub(crate) error: Option<HookError>,
}

/// A task that ends when its handle is dropped.
struct Task(JoinHandle<Result<()>>);

impl Task {
    async fn ended(&mut self) -> Result<(), HookFailure> {
        match (&mut self.0).await {
            Ok(returned) => returned.map_err(HookFailure::Error),
            Err(error) => Err(match error.try_into_panic() {
                Ok(payload) => HookFailure::Panic(panic::message(payload)),
                Err(_) => HookFailure::Cancelled,
            }),
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits until so long after `began`.
async fn passed(began: Instant, limit: Option<Duration>) -> Duration {
    until(limit.map(|limit| later(began, limit))).await;
    limit.unwrap_or_default()
}

/// Warns of a hook that takes long, and again after twice the time. Never ends.
async fn warn_if_slow(of: PluginName, phase: Phase, limit: Option<Duration>) -> Infallible {
    let began = Instant::now();
    let mut long = if phase.is_of_boot() {
        SLOW_BOOT
    } else {
        SLOW_CLOSE
    };
    loop {
        sleep_until(later(began, long)).await;
        let words = account::is_slow(&of, phase, long, limit);
        log(|| tracing::warn!(target: "bootstrap", "{words}"));
        long = long.saturating_mul(2);
    }
}
