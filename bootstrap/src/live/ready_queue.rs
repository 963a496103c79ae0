//! The hooks that run once everything is ready: those of the app, and those that plugins add while
//! they load.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use tokio::runtime::Handle;

use crate::base::lock::lock;
use crate::base::task::spawn_apart;
use crate::declare::AppHook;

/// Hooks in the order in which they were added, each of which runs once.
#[derive(Default)]
pub(crate) struct ReadyQueue(Mutex<VecDeque<Queued>>);

/// A hook, and the node that added it.
pub(crate) struct Queued {
    /// The node whose `load` did, unless it is one of the app.
    pub(crate) by: Option<u32>,
    pub(crate) hook: AppHook,
    /// Whether it runs before those of the app.
    is_first: bool,
}

impl ReadyQueue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Queued>> {
        lock(&self.0)
    }

    /// Adds a hook at the end, or in front of all that are not first if it is one of the first.
    pub(crate) fn push(&self, by: Option<u32>, hook: AppHook, is_first: bool) {
        let mut queue = self.lock();
        let place = if is_first {
            queue.iter().take_while(|queued| queued.is_first).count()
        } else {
            queue.len()
        };
        queue.insert(place, Queued { by, hook, is_first });
    }

    pub(crate) fn pop(&self) -> Option<Queued> {
        self.lock().pop_front()
    }

    /// Forgets what the `load` of a node has added, because it failed: what the hooks hold may
    /// block in its drop, so that happens elsewhere.
    pub(crate) fn forget(&self, node: u32) {
        let mut queue = self.lock();
        if !queue.iter().any(|queued| queued.by == Some(node)) {
            return;
        }
        let all = std::mem::take(&mut *queue);
        let (forgotten, kept) = all.into_iter().partition(|queued| queued.by == Some(node));
        *queue = kept;
        drop(queue);
        let forgotten: VecDeque<Queued> = forgotten;
        let discard = move || {
            for queued in forgotten {
                queued.hook.discard();
            }
        };
        match Handle::try_current() {
            Ok(runtime) => drop(spawn_apart(&runtime, async move { discard() })),
            Err(_) => discard(),
        }
    }

    /// Takes out all that have not run.
    pub(crate) fn take(&self) -> Vec<AppHook> {
        let all = std::mem::take(&mut *self.lock());
        all.into_iter().map(|queued| queued.hook).collect()
    }
}
