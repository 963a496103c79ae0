//! The state `Processes`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use crate::child::LONGEST_LINE;
use crate::processes::entry::{Entry, Request};
use crate::processes::error::check_size;
use crate::processes::protocol::ToChild;
use crate::processes::shared::Shared;
use crate::processes::supervisor::{Run, Supervisor};
use crate::processes::{
    Definition, ProcessError, ProcessEvents, ProcessId, ProcessInfo, ProcessStatus,
};

/// The largest metadata in bytes: it is a variable of the environment, which Linux limits to 128 KiB.
const LARGEST_METADATA: usize = 64 << 10;

/// The supervised processes of an app: a state of [`ProcessesPlugin`](crate::processes::ProcessesPlugin). Clones are the same.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::processes::{Definition, Processes};
///
/// #[plugin]
/// struct Ocr {
///     processes: State<Processes>,
/// }
///
/// impl Hooks for Ocr {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         let definition = Definition::new("python3").args(["ocr.py"]).on_event(async |event| {
///             println!("{}: {}", event.event, event.data);
///             Ok(())
///         });
///         self.processes.define("ocr", definition)?;
///         Ok(())
///     }
///
///     async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
///         self.processes.ensure("ocr", &()).await?;
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Processes(pub(super) Arc<Shared>);

impl Processes {
    /// Defines what a name means. Do it in the `load` of a plugin: before the first `ready`, processes of an earlier instance of the app are
    /// adopted, and those whose name has no definition are stopped.
    ///
    /// # Errors
    ///
    /// - [`ProcessError::InvalidName`], [`ProcessError::InvalidDefinition`] for a bad argument
    /// - [`ProcessError::Defined`] if the name has a definition
    pub fn define(&self, name: &str, definition: Definition) -> Result<(), ProcessError> {
        self.0.define(name, definition)
    }

    /// Removes a definition, after all of its processes were stopped. A plugin that can be restarted does this in its `close`, as its `load`
    /// defines the name again.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Undefined`] if the name has no definition.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the processes are stopped, and the definition may be there.
    pub async fn undefine(&self, name: &str) -> Result<(), ProcessError> {
        self.0.definition(name)?;
        loop {
            let entries = self.0.entries().into_iter().filter(|it| it.name == name);
            let entries: Vec<_> = entries.collect();
            if entries.is_empty() {
                break;
            }
            for entry in &entries {
                self.request_end(entry, Request::Stop);
            }
            for entry in &entries {
                entry.ended.cancelled().await;
            }
        }
        self.0.undefine(name);
        Ok(())
    }

    /// Starts a process, which is supervised from then on. It gets `metadata` as JSON in its environment.
    ///
    /// Its row is written to the database before it is started. When this returns, it runs; whether it is connected is an
    /// [event](crate::processes::ProcessEvent::Connected).
    ///
    /// # Errors
    ///
    /// - [`ProcessError::Undefined`] if the name has no definition
    /// - [`ProcessError::NotJson`], [`ProcessError::TooLarge`] (over 64 KiB) for bad metadata
    /// - [`ProcessError::Closed`] before the `ready` of the processes, and while the app closes
    /// - [`ProcessError::Start`] if the program can't be started
    /// - [`ProcessError::Database`] if its row can't be written: then it is not started
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the process is started all the same.
    pub async fn spawn(
        &self,
        name: &str,
        metadata: &impl Serialize,
    ) -> Result<ProcessId, ProcessError> {
        self.0.definition(name)?;
        self.0.check_open()?;
        let metadata = json("the metadata", metadata)?;
        check_size("the metadata", metadata.len(), LARGEST_METADATA)?;
        let (shared, name) = (self.0.clone(), name.to_owned());
        self.begin(async move { Supervisor::spawn(&shared, &name, &metadata).await })
            .await
    }

    /// Returns the first process of a name that is supervised, or [spawns](Self::spawn) one. So a plugin that owns a daemon has one, also if
    /// an earlier instance of the app has left it running. One that is being restarted counts; one that is being stopped, or has crashed for good, does
    /// not.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Cancel safety
    ///
    /// As [`spawn`](Self::spawn).
    pub async fn ensure(
        &self,
        name: &str,
        metadata: &impl Serialize,
    ) -> Result<ProcessId, ProcessError> {
        let _turn = self.0.ensuring.lock().await;
        let entries = self.0.entries();
        let found = entries.iter().find(|it| it.name == name && it.is_there());
        match found {
            Some(entry) => Ok(entry.id),
            None => self.spawn(name, metadata).await,
        }
    }

    /// Stops a process: `SIGTERM` for its group, and `SIGKILL` after its [patience](Definition::patience). When this returns, no process of
    /// the group is left, nor one elsewhere that inherited its environment (on Linux). It is not restarted.
    ///
    /// A process that has crashed for good is dismissed: the health check does not report it any more.
    ///
    /// # Errors
    ///
    /// [`ProcessError::NotFound`] if there is no such process, or [`ProcessError::Database`] if one that has crashed can't be dismissed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the process is stopped all the same.
    pub async fn stop(&self, id: ProcessId) -> Result<(), ProcessError> {
        self.end(id, || Request::Stop).await
    }

    /// Kills a process and its group at once, with `SIGKILL`. It is not restarted.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop).
    ///
    /// # Cancel safety
    ///
    /// As [`stop`](Self::stop).
    pub async fn kill(&self, id: ProcessId) -> Result<(), ProcessError> {
        self.end(id, || Request::Kill).await
    }

    /// Stops a process and starts it again, with the same number and metadata. One that waits for its restart, or has crashed for good,
    /// is started at once. This restart does not count as one of [`max_restarts`](Definition::max_restarts).
    ///
    /// # Errors
    ///
    /// - [`ProcessError::NotFound`] if there is no such process, or if it is stopped meanwhile
    /// - as [`spawn`](Self::spawn) if it can't be started; then it is tried again as after a crash
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the process is restarted all the same.
    pub async fn restart(&self, id: ProcessId) -> Result<(), ProcessError> {
        loop {
            let entry = self.0.entry(id)?;
            if entry.status() == ProcessStatus::Crashed {
                if self.start_again(&entry).await? {
                    return Ok(());
                }
                continue;
            }
            let (reply, done) = oneshot::channel();
            let sent = entry.requests.send(Request::Restart(reply));
            if sent.is_err() && entry.status() != ProcessStatus::Crashed {
                return Err(ProcessError::NotFound { id });
            }
            // Without an answer it has ended, or another call got the error.
            if let Ok(result) = done.await {
                return result;
            }
        }
    }

    /// Sends a command to a process. It returns when the command is queued, which is no proof that the process has read it: let it
    /// answer with an event if you must know.
    ///
    /// # Errors
    ///
    /// - [`ProcessError::NotFound`] if there is no such process
    /// - [`ProcessError::NotConnected`] if it is not connected
    /// - [`ProcessError::NotReading`] if 64 commands wait for it
    /// - [`ProcessError::NotJson`], [`ProcessError::TooLarge`] (over 1 MiB) for bad data
    pub fn send(
        &self,
        id: ProcessId,
        command: &str,
        data: &impl Serialize,
    ) -> Result<(), ProcessError> {
        let what = "the data of a command";
        let data =
            serde_json::to_value(data).map_err(|source| ProcessError::NotJson { what, source })?;
        let name = command;
        let line = ToChild::Command { name, data }.line();
        check_size("a command", line.len() - 1, LONGEST_LINE)?;
        let commands = self.0.entry(id)?.view().commands.clone();
        let commands = commands.ok_or(ProcessError::NotConnected { id })?;
        commands.try_send(line).map_err(|error| match error {
            TrySendError::Full(_) => ProcessError::NotReading { id },
            TrySendError::Closed(_) => ProcessError::NotConnected { id },
        })
    }

    /// Returns the processes that are supervised, and those that have crashed for good.
    pub fn list(&self) -> Vec<ProcessInfo> {
        self.0.entries().iter().map(|entry| entry.info()).collect()
    }

    /// Returns a process, also one that ended within the last seven days.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Database`] if the table can't be read.
    pub async fn get(&self, id: ProcessId) -> Result<Option<ProcessInfo>, ProcessError> {
        if let Ok(entry) = self.0.entry(id) {
            return Ok(Some(entry.info()));
        }
        Ok(self.0.store.get(id).await?)
    }

    /// Returns a subscription to what happens to processes from now on.
    pub fn events(&self) -> ProcessEvents {
        self.0.subscribe()
    }

    /// Checks that no process has crashed for good, that none misses its heartbeat, and that events of all are handled.
    ///
    /// # Errors
    ///
    /// An error that names each of those that do not.
    pub async fn check(&self) -> anyhow::Result<()> {
        self.0.check()
    }

    /// Starts a process in a task, which goes on if the caller does not wait.
    async fn begin<F>(&self, start: F) -> Result<ProcessId, ProcessError>
    where
        F: Future<Output = Result<(Supervisor, Run), ProcessError>> + Send + 'static,
    {
        let (reply, begun) = oneshot::channel();
        let task = async move {
            match start.await {
                Ok((supervisor, run)) => {
                    let _ = reply.send(Ok(supervisor.entry().id));
                    supervisor.supervise(Some(run), Duration::ZERO).await;
                }
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            }
        };
        self.0.tasks.spawn(self.0.clock.work(task));
        let when = "while the app closes";
        begun.await.unwrap_or(Err(ProcessError::Closed { when }))
    }

    /// Starts a process again that has crashed for good. Returns whether it still had: another call may have been faster.
    async fn start_again(&self, crashed: &Arc<Entry>) -> Result<bool, ProcessError> {
        let (shared, crashed) = (self.0.clone(), crashed.clone());
        let info = crashed.info();
        let (id, name) = (crashed.id, &crashed.name);
        let mut supervisor = Supervisor::new(&shared, id, name, &crashed.metadata, info.restarts);
        if !shared.replace(&crashed, supervisor.entry())? {
            return Ok(false);
        }
        let begun = self.begin(async move {
            let error = match supervisor.start().await {
                Ok(run) => return Ok((supervisor, run)),
                Err(error) => error,
            };
            // It has still crashed.
            let (status, now) = (ProcessStatus::Crashed, shared.clock.now());
            let noted = shared.store.set(id, status, info.exit, now).await;
            if shared.replace(supervisor.entry(), &crashed).is_err() {
                // The app closes.
                shared.remove(supervisor.entry());
            }
            supervisor.entry().ended.cancel();
            noted.map_err(ProcessError::from).and(Err(error))
        });
        begun.await.map(|_| true)
    }

    async fn end(&self, id: ProcessId, request: impl Fn() -> Request) -> Result<(), ProcessError> {
        let mut entry = self.0.entry(id)?;
        loop {
            if entry.status() == ProcessStatus::Crashed {
                let now = self.0.clock.now();
                let exit = entry.view().exit;
                let noted = self.0.store.set(id, ProcessStatus::Stopped, exit, now);
                noted.await?;
                if self.0.remove(&entry) {
                    return Ok(());
                }
            } else {
                self.request_end(&entry, request());
                entry.ended.cancelled().await;
            }
            // It may have crashed, or been restarted by hand.
            match self.0.entry(id) {
                Ok(found) => entry = found,
                Err(_) => return Ok(()),
            }
        }
    }

    fn request_end(&self, entry: &Arc<Entry>, request: Request) {
        if entry.status() == ProcessStatus::Crashed {
            self.0.remove(entry);
        }
        entry.view().is_unwanted = true;
        // An error is that it has ended.
        let _ = entry.requests.send(request);
    }
}

fn json(what: &'static str, data: &impl Serialize) -> Result<String, ProcessError> {
    serde_json::to_string(data).map_err(|source| ProcessError::NotJson { what, source })
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processes")
            .field("folder", &self.0.folder.path())
            .finish_non_exhaustive()
    }
}
