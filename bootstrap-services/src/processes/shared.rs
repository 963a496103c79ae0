//! What the tasks of the service share.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::child;
use crate::clock::Clock;
use crate::processes::entry::{Entry, Request};
use crate::processes::folder::Folder;
use crate::processes::store::Store;
#[cfg(feature = "testing")]
use crate::processes::testing::Fakes;
use crate::processes::{Definition, ProcessError, ProcessEvent, ProcessEvents, ProcessId};

/// How many events a subscription may be behind.
const BEHIND: usize = 1024;

/// How often what processes use is measured.
const MEASURE: Duration = Duration::from_secs(5);

/// How often processes that ended long ago are forgotten.
const PURGE: Duration = Duration::from_hours(1);

/// How long a process that ended is remembered.
const KEEP: Duration = Duration::from_hours(7 * 24);

/// What the service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Loaded,
    Open,
    Closing,
}

pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) folder: Folder,
    pub(super) tasks: TaskTracker,
    pub(super) closing: CancellationToken,
    /// Held by `ensure`, so that two calls spawn one process.
    pub(super) ensuring: tokio::sync::Mutex<()>,
    #[cfg(feature = "testing")]
    pub(super) fakes: Fakes,
    definitions: Mutex<HashMap<String, Arc<Definition>>>,
    entries: Mutex<Entries>,
    /// `None` once the service has closed.
    events: Mutex<Option<broadcast::Sender<ProcessEvent>>>,
    /// Notified when a process is supervised.
    added: Notify,
}

struct Entries {
    phase: Phase,
    by_id: BTreeMap<ProcessId, Arc<Entry>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(
        store: Store,
        clock: Clock,
        folder: Folder,
        #[cfg(feature = "testing")] fakes: Fakes,
    ) -> Self {
        let entries = Entries {
            phase: Phase::Loaded,
            by_id: BTreeMap::new(),
        };
        Self {
            store,
            clock,
            folder,
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            ensuring: tokio::sync::Mutex::default(),
            #[cfg(feature = "testing")]
            fakes,
            definitions: Mutex::default(),
            entries: Mutex::new(entries),
            events: Mutex::new(Some(broadcast::channel(BEHIND).0)),
            added: Notify::new(),
        }
    }

    pub(super) fn define(&self, name: &str, definition: Definition) -> Result<(), ProcessError> {
        definition.check(name)?;
        let name = name.to_owned();
        let mut definitions = lock(&self.definitions);
        if definitions.contains_key(&name) {
            return Err(ProcessError::Defined { name });
        }
        definitions.insert(name, Arc::new(definition));
        Ok(())
    }

    pub(super) fn undefine(&self, name: &str) {
        lock(&self.definitions).remove(name);
    }

    pub(super) fn definition(&self, name: &str) -> Result<Arc<Definition>, ProcessError> {
        let found = lock(&self.definitions).get(name).cloned();
        let name = name.to_owned();
        found.ok_or(ProcessError::Undefined { name })
    }

    pub(super) fn open(&self) {
        lock(&self.entries).phase = Phase::Open;
    }

    /// Refuses to spawn before the processes of earlier instances are known, and when the app closes.
    pub(super) fn check_open(&self) -> Result<(), ProcessError> {
        check_open(lock(&self.entries).phase)
    }

    /// Adds a process that is supervised, unless the app closes.
    pub(super) fn insert(&self, entry: &Arc<Entry>) -> Result<(), ProcessError> {
        let mut entries = lock(&self.entries);
        if entries.phase == Phase::Closing {
            return check_open(entries.phase);
        }
        entries.by_id.insert(entry.id, entry.clone());
        drop(entries);
        self.added.notify_one();
        Ok(())
    }

    /// Puts an entry in the place of another one, unless the app closes. Returns whether the other one was there.
    pub(super) fn replace(&self, old: &Arc<Entry>, new: &Arc<Entry>) -> Result<bool, ProcessError> {
        let mut entries = lock(&self.entries);
        if entries.phase == Phase::Closing {
            check_open(entries.phase)?;
        }
        let found = entries.by_id.get_mut(&old.id);
        let found = found.filter(|found| Arc::ptr_eq(found, old));
        Ok(found.map(|found| *found = new.clone()).is_some())
    }

    /// Removes an entry. Returns whether it was there.
    pub(super) fn remove(&self, entry: &Arc<Entry>) -> bool {
        let mut entries = lock(&self.entries);
        let is_it = |found: &Arc<Entry>| Arc::ptr_eq(found, entry);
        let is_there = entries.by_id.get(&entry.id).is_some_and(is_it);
        if is_there {
            entries.by_id.remove(&entry.id);
        }
        is_there
    }

    pub(super) fn entry(&self, id: ProcessId) -> Result<Arc<Entry>, ProcessError> {
        let found = lock(&self.entries).by_id.get(&id).cloned();
        found.ok_or(ProcessError::NotFound { id })
    }

    pub(super) fn entries(&self) -> Vec<Arc<Entry>> {
        lock(&self.entries).by_id.values().cloned().collect()
    }

    pub(super) fn emit(&self, event: ProcessEvent) {
        if let Some(events) = &*lock(&self.events) {
            // An error is that there is no subscription.
            let _ = events.send(event);
        }
    }

    pub(super) fn subscribe(&self) -> ProcessEvents {
        let events = lock(&self.events);
        let events = events.as_ref().map(broadcast::Sender::subscribe);
        // One whose sender has gone, if the service has closed.
        ProcessEvents(events.unwrap_or_else(|| broadcast::channel(1).1))
    }

    /// Stops or leaves all processes, and waits for their supervisors. A process may take `most` to stop.
    pub(super) async fn close(&self, most: Option<Duration>) {
        lock(&self.entries).phase = Phase::Closing;
        self.closing.cancel();
        for entry in self.entries() {
            let _ = entry.requests.send(Request::Close(most));
        }
        self.tasks.close();
        self.tasks.wait().await;
        lock(&self.events).take();
        self.folder.unlock();
    }

    /// Measures what processes use, and forgets those that ended long ago.
    pub(super) async fn watch(&self) {
        let mut purged = None;
        loop {
            let now = self.clock.elapsed();
            if purged.is_none_or(|at| now.saturating_sub(at) >= PURGE) {
                purged = Some(now);
                self.purge().await;
            }
            if lock(&self.entries).by_id.is_empty() {
                tokio::select! {
                    () = self.added.notified() => {}
                    () = self.clock.sleep(PURGE) => {}
                }
                continue;
            }
            self.clock.sleep(MEASURE).await;
            self.measure().await;
        }
    }

    async fn purge(&self) {
        let Some(before) = self.clock.now().checked_sub(KEEP) else {
            return;
        };
        if let Err(error) = self.store.purge(before).await {
            tracing::warn!(%error, "processes that ended long ago were not deleted from their table");
        }
    }

    async fn measure(&self) {
        // It reads a file of each process of the machine.
        let Ok(usage) = spawn_blocking(child::usage).await else {
            return;
        };
        for entry in self.entries() {
            let pid = entry.view().pid.and_then(|pid| i32::try_from(pid).ok());
            if let Some(usage) = pid.and_then(|pid| usage.get(&pid)) {
                let _ = entry.requests.send(Request::Measured(*usage));
            }
        }
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        let now = self.clock.elapsed();
        let faults: Vec<_> = self
            .entries()
            .iter()
            .filter_map(|it| it.fault(now))
            .collect();
        anyhow::ensure!(faults.is_empty(), "{}", faults.join("; "));
        Ok(())
    }
}

fn check_open(phase: Phase) -> Result<(), ProcessError> {
    let when = match phase {
        Phase::Loaded => "before the app has loaded",
        Phase::Open => return Ok(()),
        Phase::Closing => "while the app closes",
    };
    Err(ProcessError::Closed { when })
}
