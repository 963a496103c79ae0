//! What is known about a process.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::processes::{Exit, Usage};

/// The number of a process. It keeps it over restarts, and no other process of the database gets it later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessId(pub(super) i64);

impl ProcessId {
    /// Returns the id with a number, as one that was stored.
    pub fn new(number: i64) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessStatus {
    /// It is being started.
    Starting,
    /// It runs.
    Running,
    /// It has ended, and is restarted after a delay.
    Waiting,
    /// It was asked to end.
    Stopping,
    /// It has ended, and is not restarted: it was stopped, or its policy is so.
    Stopped,
    /// It failed, and is not restarted.
    Crashed,
}

impl ProcessStatus {
    /// As it is stored.
    pub(super) const ALL: [(Self, &'static str); 6] = [
        (Self::Starting, "starting"),
        (Self::Running, "running"),
        (Self::Waiting, "waiting"),
        (Self::Stopping, "stopping"),
        (Self::Stopped, "stopped"),
        (Self::Crashed, "crashed"),
    ];

    pub(super) fn text(self) -> &'static str {
        let found = Self::ALL.iter().find(|(status, _)| *status == self);
        found.map_or("", |(_, text)| text)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, it)| *it == text);
        found.map(|(status, _)| *status)
    }
}

/// A process, as it was at one moment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// Its number.
    pub id: ProcessId,
    /// The name of its definition.
    pub name: String,
    /// What it does.
    pub status: ProcessStatus,
    /// The number that the system gave it, and its group, while it runs.
    pub pid: Option<u32>,
    /// Whether it is connected to the service.
    pub connected: bool,
    /// How often it was restarted.
    pub restarts: u32,
    /// How it ended last.
    pub exit: Option<Exit>,
    /// What its group used at the last measurement, each five seconds. Linux only.
    pub usage: Option<Usage>,
    /// How many of its events were handled since it started last.
    pub acknowledged: u64,
    /// What it was spawned with.
    pub metadata: Value,
}
