//! The programs that run, and the handlers that wait for what they say.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Result, bail};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::processes::{ChildEvent, ProcessId};

/// The handlers that wait for what processes say.
#[derive(Default)]
pub(super) struct Board {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: HashSet<String>,
    waiting: HashMap<ProcessId, UnboundedSender<ChildEvent>>,
}

impl Board {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that processes of this name do jobs.
    pub(super) fn add(&self, name: &str) {
        self.state().names.insert(name.to_owned());
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.state().names.contains(name)
    }

    pub(super) fn remove(&self, name: &str) {
        self.state().names.remove(name);
    }

    pub(super) fn is_attached(&self, id: ProcessId) -> bool {
        self.state().waiting.contains_key(&id)
    }

    /// Hands on what a process says. An error if no handler waits: the process keeps what it said, and it comes again.
    pub(super) fn hand_on(&self, event: ChildEvent) -> Result<()> {
        let id = event.id;
        let handed = self
            .state()
            .waiting
            .get(&id)
            .map(|waiting| waiting.send(event));
        match handed {
            Some(Ok(())) => Ok(()),
            _ => bail!("no handler waits for the process {id}: its job has not begun again yet"),
        }
    }

    /// Waits for what a process says, until what is returned is dropped.
    pub(super) fn attach(&self, id: ProcessId) -> Attached<'_> {
        let (sender, said) = unbounded_channel();
        self.state().waiting.insert(id, sender);
        Attached {
            board: self,
            id,
            said,
        }
    }
}

/// What a process says.
pub(super) struct Attached<'a> {
    board: &'a Board,
    id: ProcessId,
    said: UnboundedReceiver<ChildEvent>,
}

impl Attached<'_> {
    pub(super) async fn next(&mut self) -> Option<ChildEvent> {
        self.said.recv().await
    }

    /// What was said before the process ended.
    pub(super) fn rest(&mut self) -> Option<ChildEvent> {
        self.said.try_recv().ok()
    }
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        self.board.state().waiting.remove(&self.id);
    }
}
