//! What is read from the log.

use std::fmt::Display;
use std::time::SystemTime;

use serde_json::Value;

/// The most entries of a page.
pub(super) const LARGEST_PAGE: u32 = 1_000;

/// Which entries [`Audit::query`](crate::audit::Audit::query) returns: all, newest first, 100 at a time, unless it is restricted.
///
/// # Examples
///
/// ```
/// use bootstrap_services::audit::Filter;
///
/// let deletions_by_ada = Filter::new().actor(1).action("user.delete").limit(20);
/// # drop(deletions_by_ada);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub(super) action: Option<String>,
    pub(super) actions: Option<String>,
    pub(super) actor: Option<String>,
    pub(super) target_kind: Option<String>,
    pub(super) target: Option<String>,
    pub(super) request: Option<String>,
    pub(super) since: Option<SystemTime>,
    pub(super) until: Option<SystemTime>,
    pub(super) before: Option<i64>,
    pub(super) limit: Option<u32>,
}

impl Filter {
    /// Creates a filter that all entries pass.
    pub fn new() -> Self {
        Self::default()
    }

    /// Restricts to an action.
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.action = Some(action.into());
        self
    }

    /// Restricts to actions that begin with a text, as `user.`.
    pub fn actions(mut self, prefix: impl Into<String>) -> Self {
        self.actions = Some(prefix.into());
        self
    }

    /// Restricts to entries of an actor.
    pub fn actor(mut self, actor: impl Display) -> Self {
        self.actor = Some(actor.to_string());
        self
    }

    /// Restricts to entries about one thing.
    pub fn target(mut self, kind: impl Into<String>, id: impl Display) -> Self {
        self.target = Some(id.to_string());
        self.target_kind(kind)
    }

    /// Restricts to entries about a kind of things.
    pub fn target_kind(mut self, kind: impl Into<String>) -> Self {
        self.target_kind = Some(kind.into());
        self
    }

    /// Restricts to entries of one request.
    pub fn request(mut self, id: impl Display) -> Self {
        self.request = Some(id.to_string());
        self
    }

    /// Restricts to entries at this time or later.
    pub fn since(mut self, time: SystemTime) -> Self {
        self.since = Some(time);
        self
    }

    /// Restricts to entries before this time.
    pub fn until(mut self, time: SystemTime) -> Self {
        self.until = Some(time);
        self
    }

    /// Continues after a page, with its [`next`](Page::next).
    pub fn page(mut self, next: i64) -> Self {
        self.before = Some(next);
        self
    }

    /// Sets the number of entries of a page: 100 by default; values outside 1 to 1,000 count as the nearest of them.
    pub fn limit(mut self, entries: u32) -> Self {
        self.limit = Some(entries);
        self
    }

    pub(super) fn entries(&self) -> u32 {
        self.limit.unwrap_or(100).clamp(1, LARGEST_PAGE)
    }
}

/// Entries of the log, newest first.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// The entries.
    pub entries: Vec<Recorded>,
    /// What [`Filter::page`] takes to read the entries after these; `None` if there are none.
    pub next: Option<i64>,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recorded {
    /// A number that grows with each entry.
    pub id: i64,
    /// When it was recorded, in whole milliseconds.
    pub at: SystemTime,
    /// What was done.
    pub action: String,
    /// The author of the change.
    pub actor: Option<String>,
    /// The kind of thing to which it was done.
    pub target_kind: Option<String>,
    /// To which of its kind it was done.
    pub target: Option<String>,
    /// The request in which it was done.
    pub request: Option<String>,
    /// The details: an object, or `null`.
    pub details: Value,
}
