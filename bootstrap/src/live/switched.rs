//! Plugins that join while the app boots, and are disabled.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;

use crate::base::log::log;
use crate::base::name::PluginName;
use crate::base::text;
use crate::collect::{Entry, Reason, Why, ask_one, with_registry};
use crate::declare::{Descriptor, LoadContext, Plugin, States};
use crate::live::nodes::Nodes;
use crate::report::{Found, Mistake, PluginLocation};

/// What becomes of a plugin that a load registers.
pub(super) enum Switched {
    /// It joins; or, if its condition has no answer, a stand-in that fails.
    On(Entry),
    /// It does not.
    Off(Entry, Reason),
}

impl Nodes {
    /// Whether a plugin that a load registers is disabled. Runs the user's code.
    pub(super) fn switched(self: &Arc<Self>, parent: u32, entry: Entry) -> Switched {
        let by_type = with_registry(&self.registry, |registry| registry.off_for_all(&entry));
        let by_itself = || match entry.declaration() {
            Some(declaration) => ask_one(declaration, &self.outside()),
            None => Ok(None),
        };
        match by_type.map_or_else(by_itself, |reason| Ok(Some(reason))) {
            Ok(None) => Switched::On(entry),
            Ok(Some(reason)) => {
                self.log_disabled(parent, entry.name(), &reason);
                Switched::Off(entry, reason)
            }
            Err(why) => {
                let parent = self.name(parent).clone();
                Switched::On(entry.replaced_by(|descriptor| {
                    Arc::new(Undecided {
                        descriptor,
                        parent,
                        why,
                    })
                }))
            }
        }
    }

    /// Logs that a plugin does not join, and why.
    pub(super) fn log_disabled(&self, parent: u32, name: impl fmt::Display, reason: &Reason) {
        let (parent, because) = (self.name(parent), text::line(&reason.because));
        log(|| {
            tracing::info!(target: "bootstrap", "disabled: {parent}/{name} because {because}");
        });
    }
}

impl Nodes {
    /// The mistake of a parent that awaits a child which is disabled.
    pub(super) fn awaits_disabled(
        &self,
        parent: u32,
        child: PluginName,
        reason: Reason,
    ) -> Mistake {
        Mistake::AwaitsDisabled {
            child,
            parent: self.name(parent).clone(),
            because: reason.because,
            help: reason.help,
        }
    }
}

/// Stands where a plugin would be whose condition has no answer, and fails in its place.
struct Undecided {
    descriptor: Descriptor,
    parent: PluginName,
    why: Why,
}

impl Undecided {
    fn mistake(&self, name: PluginName) -> Mistake {
        let found = Found::Load {
            parent: Some(self.parent.clone()),
        };
        match &self.why {
            Why::Panicked {
                predicate,
                at,
                message,
            } => Mistake::ConditionPanicked {
                place: PluginLocation {
                    plugin: name,
                    declared: self.descriptor.location(),
                    registered: None,
                },
                predicate: (*predicate).to_owned(),
                at: *at,
                message: message.clone(),
                found,
            },
            #[cfg(feature = "config")]
            Why::Fault(fault) => Mistake::Configuration {
                fault: fault.clone().of_plugin(&name),
                found,
            },
        }
    }
}

#[async_trait]
impl Plugin for Undecided {
    fn descriptor(&self) -> Descriptor {
        self.descriptor.clone()
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        Err(self.mistake(cx.name()).into())
    }
}
