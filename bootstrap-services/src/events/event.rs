//! `Event`: what is published.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::events::published::Payload;

/// A type whose values are published: something that has happened.
///
/// Implemented with `#[derive(Event)]` only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "no `#[derive(Event)]` on this type",
    note = "help: write `#[derive(Event, Serialize, Deserialize)]` and `#[event(name = \"..\")]` on it"
)]
pub trait Event: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name by which patterns and other processes know the event.
    const NAME: &'static str;

    /// The version of the fields. A process that knows another version does not read the event.
    const VERSION: u16;

    #[doc(hidden)]
    const DERIVED: Derived;
}

/// What only the derive has, so that every event is in the list of [`EventType`]s.
#[doc(hidden)]
#[derive(Debug)]
pub struct Derived(());

#[doc(hidden)]
pub const DERIVED: Derived = Derived(());

/// A type of events that is linked into the program.
#[doc(hidden)]
pub struct EventType {
    pub(super) name: &'static str,
    pub(super) version: u16,
    pub(super) id: fn() -> TypeId,
    rust_name: fn() -> &'static str,
    file: &'static str,
    line: u32,
    pub(super) decode: fn(Value) -> serde_json::Result<Arc<dyn Payload>>,
}

inventory::collect!(EventType);

impl EventType {
    #[doc(hidden)]
    pub const fn of<E: Event>(file: &'static str, line: u32) -> Self {
        Self {
            name: E::NAME,
            version: E::VERSION,
            id: TypeId::of::<E>,
            rust_name: type_name::<E>,
            file,
            line,
            decode: |value| {
                let event: E = serde_json::from_value(value)?;
                Ok(Arc::new(event))
            },
        }
    }

    fn place(&self) -> String {
        format!("`{}` ({}:{})", (self.rust_name)(), self.file, self.line)
    }
}

impl std::fmt::Debug for EventType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("EventType").field(&self.name).finish()
    }
}

/// The types of events of a program, by their names.
pub(super) type EventTypes = HashMap<&'static str, &'static EventType>;

/// Two types of events have one name.
#[derive(Debug, thiserror::Error)]
#[error(
    "two types of events have the name `{name}`, {one} and {other}: give one of them another `#[event(name = \"..\")]`"
)]
pub(super) struct NamedTwice {
    name: &'static str,
    one: String,
    other: String,
}

/// All types of events that are linked.
pub(super) fn linked() -> Result<EventTypes, NamedTwice> {
    let mut types = EventTypes::new();
    for event in inventory::iter::<EventType> {
        if let Some(other) = types.insert(event.name, event) {
            let mut places = [event.place(), other.place()];
            // The order of the list is that of the linker.
            places.sort();
            let [one, other] = places;
            let name = event.name;
            return Err(NamedTwice { name, one, other });
        }
    }
    Ok(types)
}

impl<E: Event> Payload for E {
    fn name(&self) -> &str {
        E::NAME
    }

    fn version(&self) -> u16 {
        E::VERSION
    }

    fn event_type(&self) -> Option<TypeId> {
        Some(TypeId::of::<E>())
    }

    fn value(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
