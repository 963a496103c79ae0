//! A process that is supervised, as other tasks see it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::child::{Exit, Usage};
use crate::processes::{ProcessError, ProcessId, ProcessInfo, ProcessStatus};

/// What a supervisor is asked to do.
#[derive(Debug)]
pub(super) enum Order {
    Stop,
    Kill,
    Restart(oneshot::Sender<Result<(), ProcessError>>),
    /// The app closes. A process may take this long at most.
    Close(Option<Duration>),
    Measured(Usage),
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: ProcessId,
    pub(super) name: String,
    pub(super) metadata: String,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    /// Cancelled when the supervisor has ended.
    pub(super) ended: CancellationToken,
    view: Mutex<View>,
}

#[derive(Debug)]
pub(super) struct View {
    pub(super) status: ProcessStatus,
    pub(super) pid: Option<u32>,
    pub(super) restarts: u32,
    pub(super) exit: Option<Exit>,
    pub(super) usage: Option<Usage>,
    pub(super) acknowledged: u64,
    /// The queue of the connection.
    pub(super) commands: Option<mpsc::Sender<Vec<u8>>>,
    /// When the process sent something last, by the clock.
    pub(super) heard: Duration,
    /// Whether its events are handled: meanwhile nothing that it sends is read.
    pub(super) is_handling: bool,
    pub(super) is_missed: bool,
    /// Why its events are not handled.
    pub(super) fault: Option<String>,
}

impl View {
    /// Notes that the process sent something.
    pub(super) fn hear(&mut self, now: Duration) {
        self.heard = now;
        self.is_missed = false;
    }
}

impl Entry {
    pub(super) fn new(
        id: ProcessId,
        name: String,
        metadata: String,
        restarts: u32,
        orders: mpsc::UnboundedSender<Order>,
    ) -> Self {
        let view = View {
            status: ProcessStatus::Starting,
            pid: None,
            restarts,
            exit: None,
            usage: None,
            acknowledged: 0,
            commands: None,
            heard: Duration::ZERO,
            is_handling: false,
            is_missed: false,
            fault: None,
        };
        Self {
            id,
            name,
            metadata,
            orders,
            ended: CancellationToken::new(),
            view: Mutex::new(view),
        }
    }

    pub(super) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn status(&self) -> ProcessStatus {
        self.view().status
    }

    pub(super) fn info(&self) -> ProcessInfo {
        let view = self.view();
        ProcessInfo {
            id: self.id,
            name: self.name.clone(),
            status: view.status,
            pid: view.pid,
            connected: view.commands.is_some(),
            restarts: view.restarts,
            exit: view.exit,
            usage: view.usage,
            acknowledged: view.acknowledged,
            metadata: serde_json::from_str(&self.metadata).unwrap_or(Value::Null),
        }
    }

    /// Returns what is wrong with the process.
    pub(super) fn fault(&self) -> Option<String> {
        let view = self.view();
        let name = &self.name;
        if view.status == ProcessStatus::Crashed {
            return Some(format!("`{name}` has crashed for good"));
        }
        if view.is_missed {
            return Some(format!("`{name}` sends no heartbeat"));
        }
        let fault = view.fault.as_ref();
        fault.map(|error| format!("events of `{name}` are not handled: {error}"))
    }
}
