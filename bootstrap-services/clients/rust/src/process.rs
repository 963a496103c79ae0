//! Events and commands.

use std::env;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use signal_hook::consts::SIGTERM;
use signal_hook::low_level::pipe;

use crate::{Channel, Error};

/// A command of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: Value,
}

/// This process, as the service that started it sees it.
#[derive(Debug)]
pub struct Process {
    id: String,
    metadata: Value,
    channel: Channel,
    commands: Mutex<mpsc::Receiver<Command>>,
    stopping: Arc<Stopping>,
}

#[derive(Debug, Default)]
struct Stopping {
    is_stopping: Mutex<bool>,
    changed: Condvar,
}

impl Stopping {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.is_stopping
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    /// Connects to the service that has started this process. From now on `SIGTERM` does not end the process: see
    /// [`wait_stopping`](Self::wait_stopping).
    ///
    /// # Errors
    ///
    /// - [`Error::NotSupervised`] if the service has not started it
    /// - [`Error::System`] if a thread or the handler of the signal can't be started
    pub fn from_env() -> Result<Self, Error> {
        let id = variable("BOOTSTRAP_PROCESS_ID")?;
        let path = variable("BOOTSTRAP_SOCKET_PATH")?.into();
        let token = variable("BOOTSTRAP_TOKEN")?;
        let metadata = variable("BOOTSTRAP_METADATA")?;
        let beat = variable("BOOTSTRAP_HEARTBEAT_MS").ok();
        let beat = beat.and_then(|text| text.parse().ok());
        let stopping = Arc::new(Stopping::default());
        watch_signal(stopping.clone())?;
        let (sender, commands) = mpsc::channel();
        let received = move |mut message: Value| {
            if message["type"] == "command" {
                let name = message["name"].as_str().unwrap_or_default().to_owned();
                let data = message["data"].take();
                // An error is that the process has been dropped.
                let _ = sender.send(Command { name, data });
            }
        };
        Ok(Self {
            id,
            metadata: serde_json::from_str(&metadata)?,
            channel: Channel::start(path, token, beat.map(Duration::from_millis), received)?,
            commands: Mutex::new(commands),
            stopping,
        })
    }

    /// Returns the number that the service has given the process.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns what the process was spawned with.
    pub fn metadata(&self) -> &Value {
        &self.metadata
    }

    /// Emits an event. It returns at once; the service handles the event some time later.
    ///
    /// # Errors
    ///
    /// As [`Channel::post`].
    pub fn emit(&self, event: &str, data: &impl Serialize) -> Result<u64, Error> {
        let data = serde_json::to_value(data)?;
        let fields = json!({ "event": event, "data": data });
        self.channel.post("event", fields)
    }

    /// Waits for the next command. Returns `None` if there is none in time.
    pub fn command(&self, timeout: Duration) -> Option<Command> {
        let commands = self.commands.lock();
        let commands = commands.unwrap_or_else(PoisonError::into_inner);
        commands.recv_timeout(timeout).ok()
    }

    /// Waits until the process is asked to end, by `SIGTERM`. Returns whether it was in time.
    pub fn wait_stopping(&self, timeout: Duration) -> bool {
        let stopping = &self.stopping;
        let goes_on = |is_stopping: &mut bool| !*is_stopping;
        let waited = stopping
            .changed
            .wait_timeout_while(stopping.lock(), timeout, goes_on);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until the service has handled all events. Returns whether it has.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.channel.flush(timeout)
    }

    /// Flushes, and closes the connection. Returns whether all events were handled; the others are lost.
    pub fn close(self, timeout: Duration) -> bool {
        self.flush(timeout)
    }
}

fn variable(name: &'static str) -> Result<String, Error> {
    env::var(name).map_err(|_| Error::NotSupervised(name))
}

/// Notes `SIGTERM`. The handler writes to a pipe, which a thread reads.
fn watch_signal(stopping: Arc<Stopping>) -> Result<(), Error> {
    let (mut signalled, handler) = UnixStream::pair()?;
    pipe::register(SIGTERM, handler)?;
    thread::Builder::new().spawn(move || {
        // An error is the end of the process.
        let _ = signalled.read_exact(&mut [0]);
        *stopping.lock() = true;
        stopping.changed.notify_all();
    })?;
    Ok(())
}
