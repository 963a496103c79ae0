//! A process that is supervised, as other tasks see it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::child::{Exit, Usage};
use crate::processes::{ProcessError, ProcessId, ProcessInfo, ProcessStatus};

/// How long a handler may work before the health check reports it.
const LONGEST_HANDLING: Duration = Duration::from_mins(1);

/// What a supervisor is asked to do.
#[derive(Debug)]
pub(super) enum Request {
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
    pub(super) requests: mpsc::UnboundedSender<Request>,
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
    pub(super) last_message: Duration,
    /// Since when its events are handled: meanwhile nothing that it sends is read.
    pub(super) handling: Option<Duration>,
    pub(super) is_missed: bool,
    /// It was asked to end, and is not started again.
    pub(super) is_unwanted: bool,
    /// What is wrong with its connection or with what handles its events.
    pub(super) fault: Option<String>,
}

impl View {
    /// Notes that the process sent something.
    pub(super) fn note_message(&mut self, now: Duration) {
        self.last_message = now;
        self.is_missed = false;
    }
}

impl Entry {
    pub(super) fn new(
        id: ProcessId,
        name: String,
        metadata: String,
        restarts: u32,
        requests: mpsc::UnboundedSender<Request>,
    ) -> Self {
        let view = View {
            status: ProcessStatus::Starting,
            pid: None,
            restarts,
            exit: None,
            usage: None,
            acknowledged: 0,
            commands: None,
            last_message: Duration::ZERO,
            handling: None,
            is_missed: false,
            is_unwanted: false,
            fault: None,
        };
        Self {
            id,
            name,
            metadata,
            requests,
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

    /// Returns whether the process runs, or is about to.
    pub(super) fn is_there(&self) -> bool {
        let view = self.view();
        let has_ended = matches!(view.status, ProcessStatus::Stopped | ProcessStatus::Crashed);
        !has_ended && !view.is_unwanted
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

    /// Notes what is wrong, and returns whether that is new.
    pub(super) fn set_fault(&self, fault: &str) -> bool {
        let mut view = self.view();
        let is_new = view.fault.as_deref() != Some(fault);
        view.fault = Some(fault.to_owned());
        is_new
    }

    /// Returns what is wrong with the process.
    pub(super) fn fault(&self, now: Duration) -> Option<String> {
        let view = self.view();
        let name = &self.name;
        if view.status == ProcessStatus::Crashed {
            return Some(format!("`{name}` has crashed for good"));
        }
        if view.is_missed {
            return Some(format!("`{name}` sends no heartbeat"));
        }
        let handling = view.handling.map(|since| now.saturating_sub(since));
        if let Some(time) = handling
            && time > LONGEST_HANDLING
        {
            return Some(format!(
                "an event of `{name}` has been handled for {time:?}"
            ));
        }
        view.fault.clone()
    }
}
