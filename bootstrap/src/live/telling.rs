//! Where events come from.

use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::live::limits::Limits;
use crate::live::nodes::Nodes;
use crate::live::settings::Settings;
use crate::report::{Event, Outcome};

impl Nodes {
    /// Takes over the observers of events.
    pub(crate) fn attend(&mut self, settings: &Settings) {
        self.observers = settings.observers.clone();
        self.limits = Limits::of(settings);
        #[cfg(feature = "testing")]
        {
            self.rig = settings.rig.clone();
        }
    }

    /// A hook of a plugin has begun or ended. Not to be called under a lock.
    pub(crate) fn emit(&self, node: u32, phase: Phase, outcome: Outcome) {
        self.observers.tell(Some(node), || Event {
            plugin: self.name(node).clone(),
            phase,
            outcome,
        });
    }

    /// The same for a hook or a task that has a name of its own.
    pub(crate) fn emit_as(
        &self,
        node: Option<u32>,
        name: &PluginName,
        phase: Phase,
        outcome: Outcome,
    ) {
        self.observers.tell(node, || Event {
            plugin: name.clone(),
            phase,
            outcome,
        });
    }
}
