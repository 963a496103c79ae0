//! What the beginning of a boot needs.

use std::time::Duration;

use tokio::runtime;

use crate::base::panic;
use crate::base::task::spawn_apart;
use crate::collect::{SharedRegistry, with_registry};
use crate::life::{Life, ShutdownReason};
use crate::plan::Plan;

/// Drops the plugins that are not part of the plan, which runs the user's code.
pub(super) fn let_go_of_skipped(registry: &SharedRegistry, plan: &Plan) {
    if plan.skipped().is_empty() && plan.disabled().is_empty() {
        return;
    }
    let skipped = with_registry(registry, |registry| {
        registry.take_skipped(&plan.node_of_entry)
    });
    spawn_apart(&runtime::Handle::current(), async move {
        for plugin in skipped {
            let _ = panic::guard(|| drop(plugin));
        }
    });
}

/// Whether the runtime around has timers. It can only be asked by making one, which panics.
pub(super) fn has_timers() -> bool {
    panic::guard(|| drop(tokio::time::sleep(Duration::ZERO))).is_ok()
}

/// Interrupts a boot whose future is dropped.
pub(super) struct Interrupt<'a>(Option<&'a Life>);

impl<'a> Interrupt<'a> {
    pub(super) fn new(life: &'a Life) -> Self {
        Self(Some(life))
    }

    /// The boot has ended by itself.
    pub(super) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Interrupt<'_> {
    fn drop(&mut self) {
        if let Some(life) = self.0 {
            life.request_stop(ShutdownReason::Dropped);
        }
    }
}
