//! What is stored of workflows, as callers see it.

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;

/// The id of a workflow: what its starter chose, or 32 random hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct FlowId(String);

impl FlowId {
    /// The id with this text.
    pub fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a workflow is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// The workflow was started.
    New(FlowId),
    /// It was not: the same workflow was started with this id before. It may have ended.
    Already(FlowId),
}

impl Started {
    /// The id of the workflow.
    pub fn into_id(self) -> FlowId {
        match self {
            Self::New(id) | Self::Already(id) => id,
        }
    }

    /// Whether the workflow is new.
    pub const fn is_new(&self) -> bool {
        matches!(self, Self::New(_))
    }
}

/// What has become of a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FlowState {
    /// It waits: for a worker, a time, a signal, a job or another workflow.
    Waiting,
    /// A worker runs it.
    Running,
    /// It failed, was cancelled or timed out, and its steps are being undone.
    Undoing,
    /// It succeeded.
    Done,
    /// It failed, and what could be undone was.
    Failed,
    /// It was cancelled, and what could be undone was.
    Cancelled,
    /// It took too long as a whole, and what could be undone was.
    TimedOut,
}

impl FlowState {
    /// Whether the workflow has ended.
    pub const fn has_ended(self) -> bool {
        self.code() > UNDOING
    }

    /// How it is stored: whether it waits is another column.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Waiting | Self::Running => ACTIVE,
            Self::Undoing => UNDOING,
            Self::Done => 2,
            Self::Failed => 3,
            Self::Cancelled => 4,
            Self::TimedOut => 5,
        }
    }

    pub(crate) const fn of(code: i64, is_suspended: bool) -> Option<Self> {
        Some(match code {
            ACTIVE if is_suspended => Self::Waiting,
            ACTIVE => Self::Running,
            UNDOING => Self::Undoing,
            2 => Self::Done,
            3 => Self::Failed,
            4 => Self::Cancelled,
            5 => Self::TimedOut,
            _ => return None,
        })
    }
}

pub(crate) const ACTIVE: i64 = 0;
pub(crate) const UNDOING: i64 = 1;

impl fmt::Display for FlowState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Undoing => "undoing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed out",
        })
    }
}

/// A stored workflow.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FlowInfo {
    /// Its id.
    pub id: FlowId,
    /// Its name.
    pub name: String,
    /// The version of its input.
    pub version: u16,
    /// What has become of it.
    pub state: FlowState,
    /// The input.
    pub input: Value,
    /// What it returned.
    pub result: Option<Value>,
    /// Why it failed, with all causes; at most 8 KiB.
    pub error: Option<String>,
    /// When it was started.
    pub started_at: SystemTime,
    /// When it goes on, if that has a time.
    pub due_at: Option<SystemTime>,
    /// When it ended.
    pub ended_at: Option<SystemTime>,
}

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepKind {
    /// Work of the workflow.
    Step,
    /// A pause.
    Sleep,
    /// A wait for a signal.
    Signal,
    /// A job, and the wait for its end.
    Job,
    /// Another workflow, and the wait for its end.
    Workflow,
    /// A value that is kept: a time, a random id, a version, the first of several branches.
    Value,
}

impl StepKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Step,
        Self::Sleep,
        Self::Signal,
        Self::Job,
        Self::Workflow,
        Self::Value,
    ];

    pub(crate) const fn code(self) -> i64 {
        self as i64
    }
}

/// What has become of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepState {
    /// It waits, for another attempt or for what it is a wait for.
    Waiting,
    /// It succeeded.
    Done,
    /// No attempt is left.
    Failed,
    /// It had succeeded, and was undone.
    Undone,
    /// It had succeeded, and could not be undone.
    NotUndone,
}

/// A step of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StepInfo {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: StepKind,
    /// What has become of it.
    pub state: StepState,
    /// How many attempts have ended.
    pub attempts: u32,
    /// What it returned.
    pub result: Option<Value>,
    /// Why the last attempt failed, or why it was not undone.
    pub error: Option<String>,
    /// When it was first stored or attempted.
    pub began_at: SystemTime,
    /// When it ended.
    pub ended_at: Option<SystemTime>,
}

/// Which workflows [`Workflows::list`](crate::workflows::Workflows::list) returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowFilter {
    pub(crate) name: Option<String>,
    pub(crate) state: Option<FlowState>,
    pub(crate) before: Option<FlowId>,
    pub(crate) limit: u32,
}

impl FlowFilter {
    /// The newest 100 workflows.
    pub const fn new() -> Self {
        Self {
            name: None,
            state: None,
            before: None,
            limit: 100,
        }
    }

    /// Only workflows with this name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only workflows in this state.
    #[must_use]
    pub const fn state(mut self, state: FlowState) -> Self {
        self.state = Some(state);
        self
    }

    /// Only workflows that were started before this one: for the next page.
    #[must_use]
    pub fn before(mut self, id: FlowId) -> Self {
        self.before = Some(id);
        self
    }

    /// At most this many, up to 1,000.
    #[must_use]
    pub const fn limit(mut self, limit: u32) -> Self {
        self.limit = if limit < 1_000 { limit } else { 1_000 };
        self
    }
}

impl Default for FlowFilter {
    fn default() -> Self {
        Self::new()
    }
}
