//! Plugins that join while the app boots, and are switched off.

use std::sync::Arc;

use anyhow::{Error, Result, anyhow};
use async_trait::async_trait;

use crate::base::log::log;
use crate::base::text;
use crate::collect::{Entry, Why, ask_one, with_registry};
use crate::declare::{Descriptor, LoadContext, Plugin, States, under_name};
use crate::live::nodes::Nodes;

/// What becomes of a plugin that a load registers.
pub(super) enum Switched {
    /// It joins, or another one instead that fails because nobody knows.
    On(Entry),
    /// It does not.
    Off(Entry),
}

impl Nodes {
    /// Whether a plugin that a load registers is switched off. Runs the user's code.
    pub(super) fn switched(self: &Arc<Self>, parent: u32, entry: Entry) -> Switched {
        let by_type = with_registry(&self.registry, |registry| registry.off_for_all(&entry));
        let by_itself = || match entry.declaration() {
            Some(declaration) => ask_one(declaration, &self.outside()),
            None => Ok(None),
        };
        match by_type.map_or_else(by_itself, |reason| Ok(Some(reason))) {
            Ok(None) => Switched::On(entry),
            Ok(Some(reason)) => {
                let (parent, name) = (self.name(parent), entry.name());
                let because = text::line(&reason.because);
                log(|| {
                    tracing::info!(target: "bootstrap", "switched off: {parent}/{name} because {because}");
                });
                Switched::Off(entry)
            }
            Err(why) => Switched::On(
                entry.replaced_by(|descriptor| Arc::new(Undecided { descriptor, why })),
            ),
        }
    }
}

/// Why nobody knows whether a plugin is switched on.
fn error(why: &Why) -> Error {
    match why {
        Why::Panicked {
            predicate,
            at,
            message,
        } => anyhow!(
            "`{predicate}` ({at}) was asked whether it is switched on, and panicked: {message}"
        ),
        #[cfg(feature = "config")]
        Why::Fault(fault) => fault.clone().into(),
    }
}

/// Stands where a plugin would be of which nobody knows whether it is switched on.
struct Undecided {
    descriptor: Descriptor,
    why: Why,
}

#[async_trait]
impl Plugin for Undecided {
    fn descriptor(&self) -> Descriptor {
        self.descriptor.clone()
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        Err(under_name(error(&self.why), &cx.name()))
    }
}
