//! An app that is under test: asks what the test has put around it.

use std::ops::Range;
use std::sync::{Arc, Weak};

use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::collect::Member;
use crate::declare::{Home, Plugin, States};
use crate::drive::Scheduler;
use crate::live::hooks::APP;
use crate::live::nodes::Nodes;
use crate::live::rig::{Stage, Unmet};
use crate::report::{HookError, HookFailure};

impl Stage for Nodes {
    fn mark(&self) -> usize {
        self.life.mark()
    }

    fn all(&self) -> Range<u32> {
        self.all()
    }

    fn member(&self, node: u32) -> &Member {
        self.member(node)
    }

    fn requires(&self, node: u32) -> &[u32] {
        self.requires(node)
    }

    fn states(&self, node: u32) -> States {
        self.states_of(node)
    }

    fn is_answered_for(&self, node: u32) -> bool {
        self.absorber(node).is_some()
    }

    fn has_no_tasks(&self) -> bool {
        self.rig.without_tasks
    }
}

impl Nodes {
    pub(crate) fn rig_up(self: &Arc<Self>) {
        if let Some(wrap) = &self.rig.wrap {
            let stage = Arc::downgrade(self);
            wrap.attach(stage as Weak<dyn Stage>);
        }
    }

    pub(super) fn rigged(&self, node: u32, plugin: Arc<dyn Plugin>) -> Arc<dyn Plugin> {
        match &self.rig.wrap {
            Some(wrap) => wrap.wrap(self.member(node), node, self.rig.seed, plugin),
            None => plugin,
        }
    }

    pub(crate) fn check_rig(&self) -> Result<(), HookError> {
        let Some(wrap) = &self.rig.wrap else {
            return Ok(());
        };
        let failed = |Unmet { at, error }| {
            let app = PluginName::from(APP);
            HookError::new(app, at, Phase::Loaded, HookFailure::Error(error))
        };
        wrap.check(self).map_err(failed)
    }

    pub(crate) fn in_seeded_order(&self, mut scheduler: Scheduler) -> Scheduler {
        if let Some(seed) = self.rig.seed {
            scheduler.shuffle(seed);
        }
        scheduler
    }
}
