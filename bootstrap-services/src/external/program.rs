//! The programs that run, and the handlers that wait for what they say.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::jobs::{JobContext, JobId, JobState, Jobs};
use crate::processes::{ChildEvent, ProcessId};

/// The pauses between looks whether the end of a job is stored, in real time: nothing else happens until then.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The handlers that wait for what processes say.
pub(super) struct Board {
    jobs: Jobs,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: HashSet<String>,
    waiting: HashMap<ProcessId, Waiting>,
}

/// A handler that waits for what a process says.
struct Waiting {
    said: UnboundedSender<Message>,
    attempt: Attempt,
}

/// What a process said. The sender is used once the handler has read it.
type Message = (ChildEvent, oneshot::Sender<()>);

/// A run of a job.
#[derive(Clone)]
struct Attempt {
    job: JobId,
    number: u32,
}

impl Board {
    pub(super) fn new(jobs: Jobs) -> Self {
        Self {
            jobs,
            state: Mutex::default(),
        }
    }

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

    /// Hands on what a process says. For the end of a job, it returns when that is stored.
    ///
    /// An error if no handler reads it: the process keeps what it said, and it comes again.
    pub(super) async fn hand_on(&self, event: ChildEvent) -> Result<()> {
        let id = event.id;
        let is_end = matches!(event.event.as_str(), "completed" | "failed");
        let unread =
            || format!("no handler waits for the process {id}: its job has not begun again yet");
        let (reader, read) = oneshot::channel();
        let attempt = {
            let state = self.state();
            let waiting = state.waiting.get(&id).with_context(unread)?;
            let sent = waiting.said.send((event, reader));
            sent.ok().with_context(unread)?;
            waiting.attempt.clone()
        };
        if is_end {
            read.await.ok().with_context(unread)?;
            self.stored(&attempt).await;
        }
        Ok(())
    }

    /// Waits until the end of an attempt is stored.
    async fn stored(&self, attempt: &Attempt) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.jobs.find(&attempt.job).await {
                Ok(Some(job)) if job.state != JobState::Running => return,
                // The next attempt runs.
                Ok(Some(job)) if job.failures >= attempt.number => return,
                Ok(None) => return,
                // An error is that of the database: another look follows.
                Ok(Some(_)) | Err(_) => tokio::time::sleep(pause).await,
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// Waits for what a process says about a job, until what is returned is dropped.
    pub(super) fn attach(&self, id: ProcessId, cx: &JobContext) -> Attached<'_> {
        let (sender, said) = unbounded_channel();
        let attempt = Attempt {
            job: cx.id().clone(),
            number: cx.attempt(),
        };
        let waiting = Waiting {
            said: sender,
            attempt,
        };
        self.state().waiting.insert(id, waiting);
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
    said: UnboundedReceiver<Message>,
}

impl Attached<'_> {
    pub(super) async fn next(&mut self) -> Option<ChildEvent> {
        self.said.recv().await.map(read)
    }

    /// What was said before the process ended.
    pub(super) fn rest(&mut self) -> Option<ChildEvent> {
        self.said.try_recv().ok().map(read)
    }
}

fn read((event, reader): Message) -> ChildEvent {
    // An error is that the connection has ended meanwhile.
    let _ = reader.send(());
    event
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        self.board.state().waiting.remove(&self.id);
    }
}
