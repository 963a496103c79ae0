//! An event that was published, whatever its type.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use crate::events::Event;

/// An event that was published, whatever its type: what [`Events::matching`](crate::events::Events::matching) and
/// [`Events::history`](crate::events::Events::history) return. Cheap to clone.
#[derive(Clone)]
pub struct Published {
    pub(super) at: SystemTime,
    pub(super) is_remote: bool,
    pub(super) payload: Arc<dyn Payload>,
}

/// An event without its type.
pub(crate) trait Payload: Send + Sync {
    fn name(&self) -> &str;
    fn version(&self) -> u16;
    /// Its Rust type, if this program has one.
    fn event_type(&self) -> Option<TypeId>;
    fn value(&self) -> serde_json::Result<Value>;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// An event of another process for which this program has no type, or one with another version.
#[derive(Debug)]
pub(super) struct Foreign {
    pub(super) name: String,
    pub(super) version: u16,
    pub(super) value: Value,
}

impl Payload for Foreign {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> u16 {
        self.version
    }

    fn event_type(&self) -> Option<TypeId> {
        None
    }

    fn value(&self) -> serde_json::Result<Value> {
        Ok(self.value.clone())
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl Published {
    /// The name of the event.
    pub fn name(&self) -> &str {
        self.payload.name()
    }

    /// The version of its fields.
    pub fn version(&self) -> u16 {
        self.payload.version()
    }

    /// When it was published, by the clock of the process that did: up to 10 ms early, so events may have the same time. The order of
    /// events is that in which readers get them.
    pub fn at(&self) -> SystemTime {
        self.at
    }

    /// Whether another process has published it.
    pub fn is_remote(&self) -> bool {
        self.is_remote
    }

    /// The fields of the event as JSON. They are serialized by each call.
    ///
    /// # Errors
    ///
    /// If its type can't be serialized as JSON, for example a map whose keys are not strings.
    pub fn payload(&self) -> serde_json::Result<Value> {
        self.payload.value()
    }

    /// The event, if it has the type `E`.
    pub fn get<E: Event>(&self) -> Option<Arc<E>> {
        Arc::clone(&self.payload).into_any().downcast().ok()
    }
}

/// The name, without the payload, which may be secret.
impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published")
            .field("name", &self.name())
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
