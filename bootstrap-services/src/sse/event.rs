//! Events, and their text on the wire.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::sse::SseError;

/// The most bytes of data.
const LARGEST: usize = 1 << 20;
/// The most bytes of a name.
const LONGEST_NAME: usize = 200;
/// What clients wait for before they connect again, in milliseconds.
const RETRY: u32 = 3000;

/// An event for the clients of a channel: data as JSON, and a name.
///
/// # Examples
///
/// ```
/// use bootstrap_services::sse::SseEvent;
///
/// let event = SseEvent::json(&[1, 2, 3])?.named("numbers")?;
/// # Ok::<(), bootstrap_services::sse::SseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SseEvent {
    name: Option<String>,
    data: String,
}

impl SseEvent {
    /// An event with this data and no name, which browsers call `message`.
    ///
    /// # Errors
    ///
    /// If the data can't be serialized as JSON, or is larger than 1 MiB.
    pub fn json<T: Serialize + ?Sized>(data: &T) -> Result<Self, SseError> {
        let data = serde_json::to_string(data)?;
        Self { name: None, data }.checked()
    }

    /// Sets the name, by which a page listens to the event.
    ///
    /// # Errors
    ///
    /// If the name is empty, longer than 200 bytes, has control characters, or is `reset` or `lagged`, which the hub sends.
    pub fn named(mut self, name: impl Into<String>) -> Result<Self, SseError> {
        self.name = Some(name.into());
        self.checked()
    }

    /// The rules of an event, also for one of another process.
    pub(super) fn checked(self) -> Result<Self, SseError> {
        if self.data.len() > LARGEST {
            return Err(SseError::TooLarge(self.data.len()));
        }
        match &self.name {
            Some(name) if !is_name(name) => Err(SseError::EventName(name.clone())),
            // JSON on one line has none. In the data of another process it would end the event.
            _ if self.data.contains(['\n', '\r']) => Err(SseError::Data(line_break())),
            _ => Ok(self),
        }
    }

    pub(super) fn to_wire(&self, id: &str) -> Bytes {
        wire(id, self.name.as_deref(), &self.data)
    }
}

fn line_break() -> serde_json::Error {
    serde::ser::Error::custom("the data has a line break")
}

fn is_name(name: &str) -> bool {
    let is_of_hub = matches!(name, "reset" | "lagged");
    let length = 1..=LONGEST_NAME;
    length.contains(&name.len()) && !name.chars().any(char::is_control) && !is_of_hub
}

fn wire(id: &str, name: Option<&str>, data: &str) -> Bytes {
    let name = name.map_or_else(String::new, |name| format!("event: {name}\n"));
    format!("id: {id}\n{name}data: {data}\n\n").into()
}

/// The first lines of a stream. A client without an id gets the one of the last event, so that it misses nothing if it
/// connects again before the next one.
pub(super) fn hello(id: Option<&str>) -> Bytes {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    format!("{id}retry: {RETRY}\n\n").into()
}

/// Events before this one are not known any more.
pub(super) fn reset(id: &str) -> Bytes {
    wire(id, Some("reset"), "{}")
}

/// The client was too slow. It keeps the id of the last event that it got.
pub(super) fn lagged() -> Bytes {
    // Without data a browser ignores an event.
    Bytes::from_static(b"event: lagged\ndata: {}\n\n")
}

pub(super) fn heartbeat() -> Bytes {
    Bytes::from_static(b":\n\n")
}
