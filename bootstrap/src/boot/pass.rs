//! Load and ready: the passes forwards over the graph.

use std::sync::Arc;

use tokio::time::Instant;

use crate::base::phase::Phase;
use crate::base::time::later;
use crate::boot::failure::{Failure, Troubles, Why};
use crate::boot::load::Load;
use crate::boot::ready::Ready;
use crate::declare::AppHook;
use crate::drive::GRACE;
use crate::drive::{self, Direction, Ending, Limits, Scheduler, Ways};
use crate::live::{Nodes, SLOW_BOOT, Settings, Within};
use crate::run::Tasks;

/// Loads everything, then runs the `ready` hooks, then those of the app.
///
/// # Errors
///
/// If a hook fails, the time is up, or the app is asked to stop. Nothing has been closed then.
pub(crate) async fn boot(
    nodes: &Arc<Nodes>,
    settings: &Settings,
    tasks: &Arc<Tasks>,
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
        tasks,
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
    tasks: &Arc<Tasks>,
    part: &[bool],
) -> Result<(), Failure> {
    let boot = Boot {
        nodes,
        settings,
        until: None,
        part: Some(part),
        tasks,
    };
    boot.load(&Arc::default()).await
}

struct Boot<'a> {
    nodes: &'a Arc<Nodes>,
    settings: &'a Settings,
    until: Option<Instant>,
    /// Which nodes to load; all, if it is the boot.
    part: Option<&'a [bool]>,
    tasks: &'a Arc<Tasks>,
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
        let load = Load::new(self.nodes, self.settings, self.tasks, troubles);
        let ways = self.nodes.ways_to_load();
        let ending = self.forwards(Arc::clone(&load), ways).await;
        load.settle().await;
        self.judge(ending, troubles)?;
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
        Ok(())
    }

    async fn forwards<P: drive::Phase>(&self, phase: Arc<P>, ways: Ways) -> Ending {
        let all = || vec![true; self.nodes.len()];
        let mut to_begin = self.part.map_or_else(all, <[bool]>::to_vec);
        // What a part has brought with it since.
        to_begin.resize(self.nodes.len(), true);
        let scheduler = Scheduler::new(
            ways,
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
        match (why, troubles.take(self.nodes)) {
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
