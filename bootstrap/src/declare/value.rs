//! A state value without its type, on its way from `load` to the fields that asked.

use std::any::Any;
use std::sync::Arc;

use crate::base::key::{AtPort, StateKey};
#[cfg(feature = "testing")]
use crate::base::key::{IsHeld, is_held};

/// One state as its provider made it, shared and type-erased.
#[derive(Clone)]
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct StateValue {
    key: StateKey,
    value: Arc<dyn Any + Send + Sync>,
}

impl StateValue {
    pub(crate) fn new<T: Send + Sync + 'static>(value: T) -> Self {
        Self::shared(Arc::new(value))
    }

    /// One that is shared already.
    pub(crate) fn shared<T: Send + Sync + 'static>(value: Arc<T>) -> Self {
        Self {
            key: StateKey::of::<T>(),
            value,
        }
    }

    /// What is provided at a port.
    pub(crate) fn port<T: ?Sized + Send + Sync + 'static>(value: Arc<T>) -> Self {
        Self {
            key: StateKey::port::<T>(),
            value: Arc::new(AtPort::new(value)),
        }
    }

    pub(crate) fn key(&self) -> StateKey {
        self.key
    }

    /// Whether others than this hold the value: asked before it is in an app, those outside of it.
    #[cfg(feature = "testing")]
    pub(crate) fn is_shared(&self) -> bool {
        let owners = match self.value.downcast_ref::<AtPort>() {
            Some(port) => port.owners(),
            None => self.handles(),
        };
        owners > 1
    }

    /// Watches the value: what is at a port may be held without the port.
    #[cfg(feature = "testing")]
    pub(crate) fn watch(&self) -> IsHeld {
        match self.value.downcast_ref::<AtPort>() {
            Some(port) => port.watch(),
            None => is_held(&self.value),
        }
    }

    /// How many handles there are, this one included.
    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.value)
    }

    /// Where the value lies.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.value).addr()
    }

    /// The value under its type; `None` where another type is asked for.
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.value).downcast().ok()
    }

    /// The same of a value that is not needed any more.
    pub(crate) fn into_shared<T: Send + Sync + 'static>(self) -> Option<Arc<T>> {
        self.value.downcast().ok()
    }
}
