//! A child in process, for tests.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::child::{Exit, Lines};
use crate::processes::entry::Entry;
use crate::processes::shared::Shared;

/// A child that is a task of the test: [`ProcessesPlugin::fake`](crate::processes::ProcessesPlugin::fake). It uses the protocol of
/// processes, is restarted as they are, and is dropped when the service kills it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap::prelude::*;
/// use bootstrap_services::processes::{Definition, ProcessEvent, Processes, ProcessesPlugin};
/// use bootstrap_services::testing;
///
/// #[plugin(name = "ocr")]
/// struct Ocr {
///     processes: State<Processes>,
/// }
///
/// impl Hooks for Ocr {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         self.processes.define("ocr", Definition::new("ocr"))?;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let (app, time) = testing::only(Ocr::default());
/// let app = app.with(ProcessesPlugin::default().fake("ocr", async |mut child| {
///     child.emit("page", &child.metadata().clone()).await.unwrap();
///     child.terminated().await;
///     0
/// }));
/// let running = app.boot().await?;
/// let processes = running.try_get::<State<Processes>>()?;
/// let mut events = processes.events();
/// let id = processes.spawn("ocr", &7).await?;
/// loop {
///     if let Some(ProcessEvent::Emitted(event)) = events.next().await {
///         assert_eq!((event.id, event.event.as_str(), event.data), (id, "page", 7.into()));
///         break;
///     }
/// }
/// # drop((processes, events));
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FakeChild {
    metadata: Value,
    lines: Lines<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    seq: u64,
    commands: VecDeque<(String, Value)>,
    terminated: CancellationToken,
}

impl FakeChild {
    async fn connect(
        shared: Arc<Shared>,
        entry: Arc<Entry>,
        token: String,
        terminated: CancellationToken,
    ) -> Result<Self> {
        let stream = UnixStream::connect(shared.folder.socket(entry.id)).await?;
        let (reader, writer) = stream.into_split();
        let mut child = Self {
            metadata: serde_json::from_str(&entry.metadata)?,
            lines: Lines::new(reader),
            writer,
            seq: 0,
            commands: VecDeque::new(),
            terminated,
        };
        let hello = json!({ "type": "connected", "token": token, "first": 1, "last": 0 });
        child.write(&hello).await?;
        child.read().await?;
        Ok(child)
    }

    /// Returns what the process was spawned with.
    pub fn metadata(&self) -> &Value {
        &self.metadata
    }

    /// Emits an event, and returns when it was handled and acknowledged.
    ///
    /// # Errors
    ///
    /// An error if the data can't be written as JSON, or if the service has closed the connection.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the event may have been emitted, and a part of it written: emit nothing more.
    pub async fn emit(&mut self, event: &str, data: &impl Serialize) -> Result<()> {
        self.seq += 1;
        let seq = self.seq;
        let message = json!({ "type": "event", "seq": seq, "event": event, "data": data });
        self.write(&message).await?;
        while self.read().await? < seq {}
        Ok(())
    }

    /// Sends a heartbeat.
    ///
    /// # Errors
    ///
    /// An error if the service has closed the connection.
    pub async fn heartbeat(&mut self) -> Result<()> {
        self.write(&json!({ "type": "heartbeat" })).await
    }

    /// Waits for the next command, and returns its name and its data.
    ///
    /// # Errors
    ///
    /// An error if the service has closed the connection.
    ///
    /// # Cancel safety
    ///
    /// No command is lost if the future is dropped.
    pub async fn command(&mut self) -> Result<(String, Value)> {
        loop {
            if let Some(command) = self.commands.pop_front() {
                return Ok(command);
            }
            self.read().await?;
        }
    }

    /// Waits until the service asks the process to end, as `SIGTERM` does.
    pub async fn terminated(&self) {
        self.terminated.cancelled().await;
    }

    async fn write(&mut self, message: &Value) -> Result<()> {
        let line = format!("{message}\n");
        Ok(self.writer.write_all(line.as_bytes()).await?)
    }

    /// Reads a message, and returns the number that it acknowledges.
    async fn read(&mut self) -> Result<u64> {
        let message: Value = self
            .lines
            .next()
            .await?
            .context("the connection is closed")?;
        match message["type"].as_str() {
            Some("command") => {
                let name = message["name"].as_str().unwrap_or_default().to_owned();
                self.commands.push_back((name, message["data"].clone()));
                Ok(0)
            }
            Some("acknowledged") => Ok(message["seq"].as_u64().unwrap_or(0)),
            Some("welcome") => Ok(0),
            _ => bail!("the service sent {message}"),
        }
    }
}

type Program = Arc<dyn Fn(FakeChild) -> BoxFuture<'static, i32> + Send + Sync>;

/// The functions that run in place of programs.
#[derive(Clone, Default)]
pub(super) struct Fakes(HashMap<String, Program>);

impl Fakes {
    pub(super) fn add<F, Fut>(&mut self, name: &str, program: F)
    where
        F: Fn(FakeChild) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = i32> + Send + 'static,
    {
        let program = Arc::new(move |child| program(child).boxed());
        self.0.insert(name.to_owned(), program);
    }

    /// Starts the function of a process, if it has one.
    pub(super) fn start(
        &self,
        shared: &Arc<Shared>,
        entry: &Arc<Entry>,
        token: &str,
    ) -> Option<Fake> {
        let program = self.0.get(&entry.name)?.clone();
        let terminated = CancellationToken::new();
        let (shared, entry) = (shared.clone(), entry.clone());
        let connect = FakeChild::connect(shared, entry, token.to_owned(), terminated.clone());
        let task = tokio::spawn(async move {
            match connect.await {
                Ok(child) => program(child).await,
                Err(_) => 1,
            }
        });
        Some(Fake { task, terminated })
    }
}

impl fmt::Debug for Fakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A function that runs.
#[derive(Debug)]
pub(super) struct Fake {
    task: JoinHandle<i32>,
    terminated: CancellationToken,
}

impl Fake {
    pub(super) async fn ended(&mut self) -> Exit {
        match (&mut self.task).await {
            Ok(code) => Exit::Code(code),
            // As a panic of `main`, and `SIGKILL`.
            Err(error) if error.is_panic() => Exit::Code(101),
            Err(_) => Exit::Signal(9),
        }
    }

    pub(super) fn terminate(&self) {
        self.terminated.cancel();
    }

    pub(super) fn kill(&self) {
        self.task.abort();
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}
