//! What happens to processes, and what they report.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::processes::{Exit, ProcessId};

/// An event that a process emitted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChildEvent {
    /// The process.
    pub id: ProcessId,
    /// The name of its definition.
    pub name: String,
    /// The number of the event: 1, 2, 3 and so on from each start of the process.
    pub seq: u64,
    /// What happened.
    pub event: String,
    /// The data of the event.
    pub data: Value,
}

impl ChildEvent {
    /// Returns the data as a type.
    ///
    /// # Errors
    ///
    /// The error of serde if the data is of another type.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.data)
    }
}

/// What a process used too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// Time: [`max_runtime`](crate::processes::Definition::max_runtime).
    Runtime,
    /// Memory: [`max_rss`](crate::processes::Definition::max_rss).
    Rss,
    /// Processors: [`max_cpu`](crate::processes::Definition::max_cpu).
    Cpu,
}

/// Something that happened to a process.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ProcessEvent {
    /// It was started.
    Started {
        /// The process.
        id: ProcessId,
        /// The name of its definition.
        name: String,
        /// The number that the system gave it.
        pid: u32,
    },
    /// It was started by an earlier instance of the app, and still runs.
    Adopted {
        /// The process.
        id: ProcessId,
        /// The name of its definition.
        name: String,
        /// The number that the system gave it.
        pid: u32,
    },
    /// It has connected.
    Connected {
        /// The process.
        id: ProcessId,
    },
    /// Its connection has ended.
    Disconnected {
        /// The process.
        id: ProcessId,
    },
    /// It emitted an event, which was handled and acknowledged.
    Emitted(ChildEvent),
    /// It sent nothing for the time of its [`heartbeat`](crate::processes::Definition::heartbeat).
    HeartbeatMissed {
        /// The process.
        id: ProcessId,
    },
    /// It used more than it may, and is stopped.
    LimitExceeded {
        /// The process.
        id: ProcessId,
        /// What it used.
        limit: Limit,
    },
    /// It has ended.
    Ended {
        /// The process.
        id: ProcessId,
        /// How it ended.
        exit: Exit,
        /// Whether it was asked to.
        stopped: bool,
    },
    /// It is restarted after a delay.
    Restarting {
        /// The process.
        id: ProcessId,
        /// The delay.
        after: Duration,
    },
    /// It failed, and is not restarted.
    Crashed {
        /// The process.
        id: ProcessId,
    },
}

/// A subscription to what happens to processes.
#[derive(Debug)]
pub struct ProcessEvents(pub(super) broadcast::Receiver<ProcessEvent>);

impl ProcessEvents {
    /// Returns the next event, or `None` after the service has closed. A subscription that is more than 1,024 events behind loses the oldest,
    /// with a warning in the log. To lose none of what processes emit, use [`Definition::on_event`](crate::processes::Definition::on_event).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<ProcessEvent> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(lost)) => {
                    tracing::warn!(
                        lost,
                        "a subscription to events of processes is too slow: events were lost"
                    );
                }
            }
        }
    }
}
