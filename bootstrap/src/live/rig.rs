//! What a test does to an app: faults, another order, no tasks.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Weak};

use crate::base::location::Location;
use crate::collect::Member;
use crate::declare::{Plugin, States};

/// The plugins of an app, as a test may ask about them.
pub(crate) trait Stage: Send + Sync {
    /// The mark of the app.
    fn mark(&self) -> usize;
    fn all(&self) -> Range<u32>;
    fn member(&self, node: u32) -> &Member;
    /// What must have loaded before a node.
    fn requires(&self, node: u32) -> &[u32];
    /// What it has made.
    fn states(&self, node: u32) -> States;
    /// Whether something else than the boot handles the failure of a node.
    fn is_answered_for(&self, node: u32) -> bool;
    /// Whether the test starts no background work.
    fn has_no_tasks(&self) -> bool;
}

/// Puts something around every plugin, when it is about to be loaded.
pub(crate) trait Wrap: Any + Send + Sync {
    /// Called once, before anything else.
    fn attach(&self, stage: Weak<dyn Stage>);

    /// Called for every `load`: also with what it has returned itself.
    fn wrap(
        &self,
        member: &Member,
        node: u32,
        seed: Option<u64>,
        plugin: Arc<dyn Plugin>,
    ) -> Arc<dyn Plugin>;

    /// Called once everything has loaded.
    ///
    /// # Errors
    ///
    /// If the test asks for something that can't be.
    fn check(&self, stage: &dyn Stage) -> Result<(), Unmet>;
}

/// Something that a test asks for and that can't be.
pub(crate) struct Unmet {
    /// Where the test asks for it.
    pub(crate) at: Location,
    pub(crate) error: anyhow::Error,
}

/// What is different in a test.
#[derive(Clone, Default)]
pub(crate) struct Rig {
    pub(crate) wrap: Option<Arc<dyn Wrap>>,
    /// What the order follows from among hooks that may run at one time.
    pub(crate) seed: Option<u64>,
    pub(crate) without_tasks: bool,
}

impl fmt::Debug for Rig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rig")
            .field("seed", &self.seed)
            .field("without_tasks", &self.without_tasks)
            .finish_non_exhaustive()
    }
}
