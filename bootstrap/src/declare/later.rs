//! What is looked up when it is needed, and not when its plugin is loaded.

use std::sync::Weak;

use crate::base::key::StateKey;
use crate::declare::value::StateValue;
use crate::report::{LookupError, LookupFailure};

/// An app that is asked for values after it has loaded.
pub(crate) trait Resolve: Send + Sync {
    /// What a node provides now.
    fn resolve(&self, provider: u32, key: StateKey) -> Result<StateValue, LookupError>;
}

/// What will be looked up, and where.
#[derive(Clone)]
pub(crate) struct Later {
    pub(crate) app: Weak<dyn Resolve>,
    pub(crate) provider: u32,
    pub(crate) key: StateKey,
}

impl Later {
    pub(crate) fn resolve(&self) -> Result<StateValue, LookupError> {
        let gone = || LookupError::state(self.key, LookupFailure::AppEnded);
        let app = self.app.upgrade().ok_or_else(gone)?;
        app.resolve(self.provider, self.key)
    }
}
