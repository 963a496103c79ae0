//! What happens, told while it does.

use std::fmt;
use std::sync::Arc;

use crate::report::Event;

/// An observer of every event, when it happens. Called without locks, on whatever
/// thread it happens; what takes long there holds up the app.
pub(crate) trait Observe: Send + Sync {
    /// `node` is the plugin, unless a hook of the app itself has begun or ended.
    fn observe(&self, node: Option<u32>, event: &Event);
}

/// All of them.
#[derive(Clone, Default)]
pub(crate) struct Observers(Vec<Arc<dyn Observe>>);

impl Observers {
    #[cfg(feature = "testing")]
    pub(crate) fn add(&mut self, observer: Arc<dyn Observe>) {
        self.0.push(observer);
    }

    /// Makes an event if anybody wants to know, and tells it.
    pub(super) fn tell(&self, node: Option<u32>, event: impl FnOnce() -> Event) {
        if self.0.is_empty() {
            return;
        }
        let event = event();
        for observer in &self.0 {
            observer.observe(node, &event);
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observers").field(&self.0.len()).finish()
    }
}
