//! The hooks of the app itself while it boots: one after the other, until one fails.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::base::phase::Phase;
use crate::boot::failure::Troubles;
use crate::declare::AppHook;
use crate::drive::{Ending, GRACE};
use crate::live::{Nodes, Owner, Queued, Within};

/// What hooks of an app that boots have in common.
pub(super) struct AppStage<'a> {
    pub(super) nodes: &'a Arc<Nodes>,
    /// How long each may take that has no limit of its own.
    pub(super) limit: Option<Duration>,
    /// When the boot has to end.
    pub(super) until: Option<Instant>,
    pub(super) troubles: &'a Troubles,
}

impl AppStage<'_> {
    /// Runs hooks up to the first one that goes wrong. Returns how the last of them ended, if any
    /// has run.
    pub(super) async fn run(&self, hooks: &mut Vec<AppHook>, phase: Phase) -> Option<Ending> {
        // Those that do not run stay here, to be let go of elsewhere.
        hooks.reverse();
        self.all(phase, || Some((hooks.pop()?, Owner::app(), self.limit)))
            .await
    }

    /// The same with hooks that wait for everything to be ready, also those that are added
    /// meanwhile.
    pub(super) async fn run_queue(&self) -> Option<Ending> {
        let next = || {
            let Queued { by, hook, .. } = self.nodes.ready_queue.pop()?;
            let (owner, limit) = self.owner(by);
            Some((hook, owner, limit))
        };
        self.all(Phase::OnReady, next).await
    }

    async fn all(
        &self,
        phase: Phase,
        mut next: impl FnMut() -> Option<(AppHook, Owner, Option<Duration>)>,
    ) -> Option<Ending> {
        let mut ending = None;
        while self.goes_on(ending) {
            let Some((hook, owner, limit)) = next() else {
                break;
            };
            ending = Some(self.hook(hook, owner, phase, limit).await);
        }
        ending
    }

    /// The owner of a queued hook, and how long it may take.
    fn owner(&self, by: Option<u32>) -> (Owner, Option<Duration>) {
        let Some(node) = by else {
            return (Owner::app(), self.limit);
        };
        let own = self.nodes.member(node).descriptor.load_limit();
        let (node, name) = (Some(node), self.nodes.name(node).clone());
        (Owner { node, name }, own.or(self.limit))
    }

    /// Whether there is a reason to run another hook after one that ended like this.
    fn goes_on(&self, ending: Option<Ending>) -> bool {
        match ending {
            None => true,
            Some(Ending::OfItself) => self.troubles.is_empty() && !self.nodes.life.is_stopping(),
            Some(_) => false,
        }
    }

    async fn hook(
        &self,
        hook: AppHook,
        owner: Owner,
        phase: Phase,
        limit: Option<Duration>,
    ) -> Ending {
        let within = Within {
            limit,
            rest_of: None,
            until: self.until,
            interrupt: Some(self.nodes.life.stop_token()),
            patience: GRACE,
        };
        let ran = hook.run(self.nodes, owner, phase, within).await;
        if let Some(error) = ran.error {
            self.troubles.push(self.nodes, Instant::now(), 0, error);
        }
        ran.ending
    }
}
