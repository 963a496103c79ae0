//! An entry that is about to be recorded.

use std::fmt::Display;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::audit::AuditError;

/// The most bytes of an action.
const LONGEST_ACTION: usize = 200;

/// The most bytes of an entry.
pub(super) const LARGEST: usize = 64 << 10;

/// What was done: an entry for the audit log.
///
/// Details are written as JSON. A secret of [`secrecy`](bootstrap::secrecy) is not `Serialize`, so an entry that has one does not compile:
///
/// ```compile_fail,E0277
/// use bootstrap::secrecy::SecretString;
/// use bootstrap_services::audit::Entry;
///
/// let password = SecretString::from("hunter2");
/// let entry = Entry::new("user.create").detail("password", &password);
/// ```
///
/// # Examples
///
/// ```
/// use bootstrap_services::audit::Entry;
///
/// #[derive(serde::Serialize)]
/// struct User {
///     name: &'static str,
///     admin: bool,
/// }
///
/// let before = User { name: "Ada", admin: false };
/// let after = User { name: "Ada", admin: true };
/// let entry = Entry::new("user.update").actor(1).target("user", 7).diff(&before, &after);
/// # drop(entry);
/// ```
#[derive(Debug)]
#[must_use = "an entry has no effect until it is recorded"]
pub struct Entry {
    pub(super) action: String,
    pub(super) actor: Option<String>,
    pub(super) target: Option<(String, String)>,
    details: Map<String, Value>,
    /// The first detail that is no JSON. It is reported when the entry is recorded.
    fault: Option<(String, serde_json::Error)>,
}

impl Entry {
    /// Creates an entry for an action, 1 to 200 bytes: a kind and a verb, as `user.delete`.
    pub fn new(action: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            actor: None,
            target: None,
            details: Map::new(),
            fault: None,
        }
    }

    /// Sets the author of the change.
    pub fn actor(mut self, actor: impl Display) -> Self {
        self.actor = Some(actor.to_string());
        self
    }

    /// Sets to what it was done: a kind of thing, and which one.
    pub fn target(mut self, kind: impl Into<String>, id: impl Display) -> Self {
        self.target = Some((kind.into(), id.to_string()));
        self
    }

    /// Adds a detail.
    pub fn detail(mut self, name: impl Into<String>, value: &impl Serialize) -> Self {
        let name = name.into();
        match serde_json::to_value(value) {
            Ok(value) => {
                self.details.insert(name, value);
            }
            Err(error) => {
                self.fault.get_or_insert((name, error));
            }
        }
        self
    }

    /// Adds what changed: each field that differs, as `{"changed": {"name": ["before", "after"]}}`. A field that only one of both values has counts
    /// as `null` in the other.
    pub fn diff<T: Serialize>(self, before: &T, after: &T) -> Self {
        let pair = (serde_json::to_value(before), serde_json::to_value(after));
        match pair {
            (Ok(before), Ok(after)) => self.detail("changed", &changed(before, after)),
            // Reports the error.
            (Err(_), _) => self.detail("changed", before),
            (_, Err(_)) => self.detail("changed", after),
        }
    }

    /// Checks the entry, and returns its details as JSON.
    pub(super) fn checked(
        mut self,
        request: Option<&str>,
    ) -> Result<(Self, Option<String>), AuditError> {
        let action = self.action.clone();
        if action.trim().is_empty() || action.len() > LONGEST_ACTION {
            return Err(AuditError::InvalidAction { action });
        }
        if let Some((detail, source)) = self.fault.take() {
            return Err(AuditError::NotJson {
                action,
                detail,
                source,
            });
        }
        let details = (!self.details.is_empty())
            .then(|| Value::Object(std::mem::take(&mut self.details)).to_string());
        let target = self
            .target
            .as_ref()
            .map_or(0, |(kind, id)| kind.len() + id.len());
        let lengths = [self.actor.as_deref(), details.as_deref(), request]
            .map(|text| text.map_or(0, str::len));
        let bytes = action.len() + target + lengths.iter().sum::<usize>();
        if bytes > LARGEST {
            return Err(AuditError::TooLarge {
                action,
                bytes,
                limit: LARGEST,
            });
        }
        Ok((self, details))
    }
}

/// The fields that differ, or both values if they are no objects.
fn changed(before: Value, after: Value) -> Value {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            Value::Object(changed_fields(before, after))
        }
        (before, after) => json!([before, after]),
    }
}

fn changed_fields(mut before: Map<String, Value>, after: Map<String, Value>) -> Map<String, Value> {
    let mut changed = Map::new();
    for (name, after) in after {
        let before = before.remove(&name).unwrap_or(Value::Null);
        if before != after {
            changed.insert(name, json!([before, after]));
        }
    }
    for (name, before) in before {
        if !before.is_null() {
            changed.insert(name, json!([before, null]));
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::changed;

    #[test]
    fn a_diff_has_only_the_fields_that_differ() {
        let before = json!({ "name": "Ada", "admin": false, "old": 1 });
        let after = json!({ "name": "Ada", "admin": true, "new": [2] });
        let expected = json!({ "admin": [false, true], "new": [null, [2]], "old": [1, null] });
        assert_eq!(changed(before, after), expected);
        assert_eq!(changed(json!(1), json!(2)), json!([1, 2]));
        assert_eq!(changed(json!({}), json!({})), json!({}));
    }
}
