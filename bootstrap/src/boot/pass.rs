//! Load and ready: the passes forwards over the graph.

use std::sync::Arc;

use tokio::time::Instant;

use crate::base::phase::Phase;
use crate::base::time::later;
use crate::boot::app_hooks::AppStage;
use crate::boot::failure::{Failure, Trouble, Troubles, Why};
use crate::boot::load::Load;
use crate::boot::ready::Ready;
use crate::drive::GRACE;
use crate::drive::{self, Direction, Ending, Limits, Scheduler, Ways};
use crate::life::Status;
use crate::live::{AppHooks, Nodes, Part, SLOW_BOOT, Settings, discard_all};
use crate::report::HookFailure;
use crate::run::Tasks;

/// Loads everything and makes it ready, with the hooks of the app before and after that.
///
/// # Errors
///
/// If a hook fails, the time is up, or the app is asked to stop. Nothing has been closed then.
pub(crate) async fn boot(
    nodes: &Arc<Nodes>,
    settings: &Settings,
    tasks: &Arc<Tasks>,
    mut hooks: AppHooks,
    began: Instant,
) -> Result<(), Failure> {
    let until = settings.boot_timeout.map(|limit| later(began, limit));
    let boot = Boot {
        known: 0,
        nodes,
        settings,
        until,
        part: None,
        tasks,
    };
    for hook in hooks.on_ready.drain(..) {
        nodes.ready_queue.push(None, hook, false);
    }
    let booted = boot.run(&mut hooks).await;
    if booted.is_err() {
        nodes.cancel_boot();
    }
    nodes.boot_is_over();
    let mut left = Vec::new();
    if booted.is_err() {
        left.append(&mut hooks.on_loaded);
        left.extend(nodes.ready_queue.take());
    }
    // Also of an app that was asked to stop once it had started.
    left.append(&mut hooks.on_start);
    discard_all(left, GRACE).await;
    booted
}

/// Loads a part again, then runs its `ready` hooks, and what its loads have added to be run then.
///
/// # Errors
///
/// As with a boot.
pub(crate) async fn load_again(
    nodes: &Arc<Nodes>,
    settings: &Settings,
    tasks: &Arc<Tasks>,
    part: &Part,
) -> Result<(), Failure> {
    let boot = Boot {
        known: nodes.len(),
        nodes,
        settings,
        until: None,
        part: Some(part),
        tasks,
    };
    let troubles = Arc::new(Troubles::default());
    let mut loaded = boot.load(&troubles).await;
    if loaded.is_ok() {
        loaded = boot.get_ready(&troubles).await;
    }
    if loaded.is_err() {
        discard_all(nodes.ready_queue.take(), GRACE).await;
    }
    loaded
}

struct Boot<'a> {
    nodes: &'a Arc<Nodes>,
    settings: &'a Settings,
    until: Option<Instant>,
    /// Which nodes to load; all, if it is the boot.
    part: Option<&'a Part>,
    /// How many nodes there were when the part was drawn up.
    known: usize,
    tasks: &'a Arc<Tasks>,
}

impl Boot<'_> {
    async fn run(&self, hooks: &mut AppHooks) -> Result<(), Failure> {
        let troubles = Arc::new(Troubles::default());
        let app = self.app_stage(&troubles);
        self.load(&troubles).await?;
        self.nodes.loads_are_over();
        #[cfg(feature = "testing")]
        self.check_rig(&troubles)?;
        let ending = app.run(&mut hooks.on_loaded, Phase::Loaded).await;
        self.judge_app(ending, &troubles)?;
        self.get_ready(&troubles).await?;
        // From here on the app has started: a request to stop it closes a running app.
        self.nodes.life.set_status(Status::Ready);
        let ending = app.run(&mut hooks.on_start, Phase::Start).await;
        match ending {
            Some(Ending::Expired) => self.judge(Ending::Expired, &troubles),
            _ => self.judge_started(&troubles),
        }
    }

    /// Judges the hooks of an app that has started: one that was cancelled by a request to stop is no
    /// failure. Of a request to stop and a failure, the first one in time is the cause.
    fn judge_started(&self, troubles: &Troubles) -> Result<(), Failure> {
        let is_failure = |it: &Trouble| !matches!(it.error.failure(), HookFailure::Cancelled);
        let troubles: Vec<Trouble> = troubles.take(self.nodes);
        if troubles.iter().any(is_failure) {
            let life = &self.nodes.life;
            let why = if life.is_stopping() {
                Why::Interrupted(life.reason())
            } else {
                Why::Hooks
            };
            return Err(Failure { why, troubles });
        }
        Ok(())
    }

    /// A fault that could never happen is a mistake of the test.
    #[cfg(feature = "testing")]
    fn check_rig(&self, troubles: &Troubles) -> Result<(), Failure> {
        if let Err(error) = self.nodes.check_rig() {
            troubles.push(self.nodes, Instant::now(), 0, error);
            return self.judge(Ending::OfItself, troubles);
        }
        Ok(())
    }

    fn app_stage<'b>(&'b self, troubles: &'b Troubles) -> AppStage<'b> {
        AppStage {
            nodes: self.nodes,
            limit: self.settings.load_timeout,
            until: self.until,
            troubles,
        }
    }

    async fn load(&self, troubles: &Arc<Troubles>) -> Result<(), Failure> {
        let load = Load::new(
            self.nodes,
            self.settings,
            self.tasks,
            troubles,
            self.part.is_some(),
        );
        let ways = self.nodes.ways_to_load();
        let ending = self.forwards(Arc::clone(&load), ways).await;
        load.settle().await;
        self.judge(ending, troubles)
    }

    /// Runs the `ready` hooks of plugins, and then what waits for everything to be ready.
    async fn get_ready(&self, troubles: &Arc<Troubles>) -> Result<(), Failure> {
        let is_ready_hook = |node: u32| self.nodes.member(node).descriptor.hook_set().ready;
        if self.nodes.all().any(is_ready_hook) {
            let ready = Arc::new(Ready {
                nodes: Arc::clone(self.nodes),
                limit: self.settings.load_timeout,
                troubles: Arc::clone(troubles),
            });
            let ending = self.forwards(ready, self.nodes.ways()).await;
            self.judge(ending, troubles)?;
        }
        let ending = self.app_stage(troubles).run_queue().await;
        self.judge_app(ending, troubles)
    }

    async fn forwards<P: drive::Phase>(&self, phase: Arc<P>, ways: Ways) -> Ending {
        // All, or a part with what that has brought with it since.
        let mut to_begin = vec![self.part.is_none(); self.known];
        to_begin.resize(self.nodes.len(), true);
        for node in self.part.into_iter().flat_map(Part::nodes) {
            to_begin[*node as usize] = true;
        }
        let scheduler = Scheduler::new(
            ways,
            Direction::Forwards,
            self.settings.max_concurrency,
            to_begin,
        );
        #[cfg(feature = "testing")]
        let scheduler = self.nodes.in_seeded_order(scheduler);
        let limits = Limits {
            deadline: self.until,
            interrupt: Some(&self.nodes.life),
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
        match (why, troubles.take(self.nodes)) {
            (Why::Hooks, troubles) if troubles.is_empty() => Ok(()),
            (why, troubles) => Err(Failure { why, troubles }),
        }
    }

    /// The same for hooks of the app, if there were any.
    fn judge_app(&self, ending: Option<Ending>, troubles: &Troubles) -> Result<(), Failure> {
        ending.map_or(Ok(()), |ending| self.judge(ending, troubles))
    }
}
