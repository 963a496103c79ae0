//! What a child sends: its connections, one after the other, and its events.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow, bail, ensure};
use futures_util::FutureExt as _;
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::child::Lines;
use crate::database::Tx;
use crate::processes::definition::Handler;
use crate::processes::entry::Entry;
use crate::processes::protocol::{self, FromChild, ToChild};
use crate::processes::shared::Shared;
use crate::processes::{ChildEvent, ProcessEvent, metrics, store};

/// How long a connection may take to send its token.
const AUTHENTICATION: Duration = Duration::from_secs(5);

/// The most connections that have not sent their token.
const MOST_UNAUTHENTICATED: usize = 16;

/// How long events of a process that has ended are handled.
const LAST_EVENTS: Duration = Duration::from_secs(3);

/// The most events in one transaction.
const BATCH: usize = 64;

/// The most commands that wait to be written.
pub(super) const COMMANDS: usize = 64;

/// The pauses between attempts to handle an event.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Listens for a process from its start to its end.
#[derive(Debug)]
pub(super) struct Server {
    task: JoinHandle<()>,
    child_ended: CancellationToken,
    is_left: CancellationToken,
}

impl Server {
    pub(super) fn start(
        shared: Arc<Shared>,
        entry: Arc<Entry>,
        token: String,
        listener: UnixListener,
    ) -> Self {
        let (child_ended, is_left) = (CancellationToken::new(), CancellationToken::new());
        let child = Child {
            shared,
            entry,
            token,
            is_left: is_left.clone(),
            handled: AtomicU64::new(0),
        };
        let serving = Arc::new(child).serve(listener, child_ended.clone());
        Self {
            task: tokio::spawn(serving),
            child_ended,
            is_left,
        }
    }

    /// Handles what the process sent before it ended.
    pub(super) async fn finish(mut self) {
        self.child_ended.cancel();
        if timeout(LAST_EVENTS, &mut self.task).await.is_err() {
            tracing::warn!(
                "the last events of a process that has ended were not handled in {LAST_EVENTS:?}, and are lost"
            );
        }
    }
}

impl Server {
    /// Handles what was read, and closes the connection: the process connects to the next instance.
    pub(super) async fn leave(self) {
        self.is_left.cancel();
        self.finish().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A process that may connect.
struct Child {
    shared: Arc<Shared>,
    entry: Arc<Entry>,
    token: String,
    is_left: CancellationToken,
    /// The last event for which a handler outside of the transaction has returned `Ok`. It is not called again if only the acknowledgement fails.
    handled: AtomicU64,
}

/// A connection that has sent the token.
struct Authenticated {
    lines: Lines<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    first: u64,
    last: u64,
}

/// Another connection or program has changed the row of the process.
#[derive(Debug, thiserror::Error)]
#[error("its row was changed by another program")]
struct RowChanged;

impl Child {
    async fn serve(self: Arc<Self>, listener: UnixListener, child_ended: CancellationToken) {
        let mut unauthenticated = JoinSet::new();
        // One at most.
        let mut connection = JoinSet::new();
        let mut is_replaced = self.is_left.child_token();
        let mut has_ended = false;
        loop {
            if has_ended {
                while let Some(Ok((stream, _))) = listener.accept().now_or_never() {
                    unauthenticated.spawn(self.clone().authenticate(stream));
                }
                if unauthenticated.is_empty() && connection.is_empty() {
                    return;
                }
            }
            let may_accept = !has_ended && unauthenticated.len() < MOST_UNAUTHENTICATED;
            tokio::select! {
                Some(authenticated) = unauthenticated.join_next() => match authenticated {
                    Ok(Ok(authenticated)) => {
                        // The child has closed the last connection. What is being handled there is finished: it would be handled
                        // again.
                        is_replaced.cancel();
                        connection.join_next().await;
                        is_replaced = self.is_left.child_token();
                        connection.spawn(self.clone().serve_connection(authenticated, is_replaced.clone()));
                    }
                    Ok(Err(error)) => self.rejected(&error),
                    Err(_) => {}
                },
                Some(_) = connection.join_next() => {}
                accepted = listener.accept(), if may_accept => match accepted {
                    Ok((stream, _)) => {
                        unauthenticated.spawn(self.clone().authenticate(stream));
                    }
                    Err(error) => {
                        self.rejected(&error.into());
                        // If there are no more files, an attempt at once would fail as well.
                        sleep(FIRST_PAUSE).await;
                    }
                },
                () = child_ended.cancelled(), if !has_ended => has_ended = true,
            }
        }
    }

    fn rejected(&self, error: &anyhow::Error) {
        let (id, name) = (self.entry.id.0, &self.entry.name);
        metrics::rejected(name);
        tracing::warn!(id, name, "a connection of a process was closed: {error:#}");
    }

    async fn authenticate(self: Arc<Self>, stream: UnixStream) -> Result<Authenticated> {
        let (reader, writer) = stream.into_split();
        let mut lines = Lines::new(reader);
        let first = timeout(AUTHENTICATION, lines.next()).await;
        let first = first.map_err(|_| anyhow!("it sent nothing for {AUTHENTICATION:?}"))??;
        let Some(FromChild::Connected { token, first, last }) = first else {
            bail!("its first message is not `connected`");
        };
        ensure!(
            protocol::is_same(&self.token, &token),
            "it sent a wrong token"
        );
        Ok(Authenticated {
            lines,
            writer,
            first,
            last,
        })
    }

    /// Returns the last event that was handled, if the child counts its events as this side does.
    async fn acknowledged(&self, first: u64, last: u64) -> Result<u64> {
        let found = self
            .shared
            .store
            .acknowledged(self.entry.id, &self.token)
            .await?;
        let found = found.ok_or(RowChanged)?;
        ensure!(
            last >= found,
            "it counts {last} events, and {found} were handled: use one client in a process"
        );
        ensure!(
            first <= last.saturating_add(1),
            "it keeps events from {first} on, and counts {last}"
        );
        if first <= found + 1 {
            return Ok(found);
        }
        let (id, name) = (self.entry.id.0, &self.entry.name);
        tracing::error!(
            id,
            name,
            "the events {} to {} of a process were acknowledged, and are not in the database: was it restored?",
            found + 1,
            first - 1
        );
        self.acknowledge(found, first - 1).await?;
        Ok(first - 1)
    }

    async fn acknowledge(&self, from: u64, to: u64) -> Result<()> {
        self.shared
            .store
            .database
            .write(async |tx| self.acknowledge_in(tx, from, to).await)
            .await
    }

    async fn acknowledge_in(&self, mut tx: Tx, from: u64, to: u64) -> Result<()> {
        let is_ours = store::acknowledge(&mut tx, self.entry.id, &self.token, from, to);
        ensure!(is_ours.await?, RowChanged);
        Ok(())
    }

    async fn serve_connection(
        self: Arc<Self>,
        authenticated: Authenticated,
        end: CancellationToken,
    ) {
        if let Err(error) = self.exchange(authenticated, &end).await {
            // The health check reports it until an event is handled: a child that sends garbage connects again and again.
            let name = &self.entry.name;
            if self
                .entry
                .set_fault(&format!("a connection of `{name}` was closed: {error:#}"))
            {
                self.rejected(&error);
            }
        }
    }

    async fn exchange(&self, authenticated: Authenticated, end: &CancellationToken) -> Result<()> {
        // Only now: the last connection has ended, and handles nothing more.
        let acknowledged = self
            .acknowledged(authenticated.first, authenticated.last)
            .await?;
        let (commands, queue) = mpsc::channel(COMMANDS);
        let (acks, acked) = watch::channel(acknowledged);
        let _connected = Connected::new(self, commands, acknowledged);
        tokio::select! {
            read = self.read(authenticated.lines, acks, end) => read,
            () = write(authenticated.writer, queue, acked) => Ok(()),
        }
    }

    async fn read(
        &self,
        mut lines: Lines<OwnedReadHalf>,
        acks: watch::Sender<u64>,
        end: &CancellationToken,
    ) -> Result<()> {
        loop {
            let message = tokio::select! {
                biased;
                () = end.cancelled() => return Ok(()),
                message = lines.next() => message?,
            };
            let Some(message) = message else {
                return Ok(());
            };
            self.entry.view().note_message(self.shared.clock.elapsed());
            let mut events = Vec::new();
            let mut message = Ok(Some(message));
            // What was read already shares a transaction.
            while let Ok(Some(FromChild::Event { seq, event, data })) = message {
                let expected = *acks.borrow() + 1 + events.len() as u64;
                if seq > expected {
                    self.handle(events, &acks, end).await?;
                    bail!("event {expected} is missing: the next one is {seq}");
                }
                if seq == expected {
                    events.push(self.event(seq, event, data));
                }
                message = match events.len() {
                    BATCH => Ok(None),
                    _ => lines.buffered(),
                };
            }
            self.handle(events, &acks, end).await?;
            match message? {
                Some(FromChild::Disconnecting) => return Ok(()),
                Some(FromChild::Connected { .. }) => bail!("it sent `connected` twice"),
                _ => {}
            }
        }
    }

    fn event(&self, seq: u64, event: String, data: serde_json::Value) -> ChildEvent {
        ChildEvent {
            id: self.entry.id,
            name: self.entry.name.clone(),
            seq,
            event,
            data,
        }
    }

    /// Handles events, for as long as it takes, and acknowledges them.
    async fn handle(
        &self,
        mut events: Vec<ChildEvent>,
        acks: &watch::Sender<u64>,
        end: &CancellationToken,
    ) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let _handling = Handling::new(self);
        let mut size = BATCH;
        let mut pause = FIRST_PAUSE;
        while !events.is_empty() {
            let part = &events[..size.min(events.len())];
            let from = *acks.borrow();
            let (handled, result) = self.handle_part(part, from).await;
            if handled > 0 {
                self.handled(events.drain(..handled), acks);
                pause = FIRST_PAUSE;
            }
            match result {
                Ok(()) => self.entry.view().fault = None,
                Err(error) if error.is::<RowChanged>() => return Err(error),
                // Of several events one has failed, and the others are handled without it.
                Err(_) if handled == 0 && size.min(events.len()) > 1 => size = 1,
                Err(error) => {
                    size = 1;
                    self.failed(&error);
                    tokio::select! {
                        () = end.cancelled() => return Ok(()),
                        () = self.shared.clock.sleep(pause) => {}
                    }
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
            }
        }
        Ok(())
    }

    fn handled(&self, events: impl Iterator<Item = ChildEvent>, acks: &watch::Sender<u64>) {
        for event in events {
            acks.send_replace(event.seq);
            self.entry.view().acknowledged = event.seq;
            metrics::emitted(&self.entry.name);
            self.shared.emit(ProcessEvent::Emitted(event));
        }
    }

    fn failed(&self, error: &anyhow::Error) {
        let (id, name) = (self.entry.id.0, &self.entry.name);
        let fault = format!("events of `{name}` are not handled: {error:#}");
        if self.entry.set_fault(&fault) {
            tracing::warn!(
                id,
                name,
                "an event of a process was not handled; another attempt follows: {error:#}"
            );
        }
    }

    /// Handles events, and stores that. Returns how many were handled, also if one has failed.
    async fn handle_part(&self, events: &[ChildEvent], from: u64) -> (usize, Result<()>) {
        let definition = self.shared.definition(&self.entry.name);
        let handler = match &definition {
            Ok(definition) => definition.handler.clone(),
            Err(_) => None,
        };
        match handler {
            Some(Handler::InTransaction(handler)) => {
                let handle = |event, tx| guarded(|| handler(event, tx));
                let result = self.handle_in_transaction(events, from, handle).await;
                (if result.is_ok() { events.len() } else { 0 }, result)
            }
            Some(Handler::Alone(handler)) => {
                let handle = |event| guarded(|| handler(event));
                self.handle_alone(events, from, handle).await
            }
            None => {
                let result = self.acknowledge(from, from + events.len() as u64).await;
                (if result.is_ok() { events.len() } else { 0 }, result)
            }
        }
    }

    async fn handle_in_transaction<F>(
        &self,
        events: &[ChildEvent],
        from: u64,
        handle: impl Fn(ChildEvent, Tx) -> F,
    ) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let database = &self.shared.store.database;
        let work = async |mut tx: Tx| {
            for event in events {
                let lender = tx.lender();
                handle(event.clone(), tx).await?;
                tx = lender.lend()?;
            }
            let to = from + events.len() as u64;
            self.acknowledge_in(tx, from, to).await
        };
        database.write(work).await
    }

    async fn handle_alone<F>(
        &self,
        events: &[ChildEvent],
        from: u64,
        handle: impl Fn(ChildEvent) -> F,
    ) -> (usize, Result<()>)
    where
        F: Future<Output = Result<()>>,
    {
        let mut handled = 0;
        let mut result = Ok(());
        for event in events {
            if event.seq > self.handled.load(Ordering::Relaxed) {
                result = handle(event.clone()).await;
                if result.is_err() {
                    break;
                }
                self.handled.store(event.seq, Ordering::Relaxed);
            }
            handled += 1;
        }
        if handled == 0 {
            return (0, result);
        }
        match self.acknowledge(from, from + handled as u64).await {
            Ok(()) => (handled, result),
            Err(error) => (0, Err(error)),
        }
    }
}

/// Turns a panic of a handler into an error.
async fn guarded<F: Future<Output = Result<()>>>(call: impl FnOnce() -> F) -> Result<()> {
    let called = AssertUnwindSafe(async { call().await }).catch_unwind();
    called.await.unwrap_or_else(|panic| {
        let text = crate::panic::message(&*panic).unwrap_or("no text");
        Err(anyhow!("the handler panicked: {text}"))
    })
}

/// Writes acknowledgements and commands until it is dropped. If the child reads nothing more, there may still be something to read from it.
async fn write(
    writer: OwnedWriteHalf,
    mut commands: mpsc::Receiver<Vec<u8>>,
    mut acked: watch::Receiver<u64>,
) {
    let mut writer = BufWriter::new(writer);
    let acknowledged = *acked.borrow_and_update();
    let mut line = ToChild::Welcome { acknowledged }.line();
    while writer.write_all(&line).await.is_ok() && writer.flush().await.is_ok() {
        line = tokio::select! {
            Some(command) = commands.recv() => command,
            Ok(()) = acked.changed() => {
                let seq = *acked.borrow_and_update();
                ToChild::Acknowledged { seq }.line()
            }
            else => break,
        };
    }
    std::future::pending::<()>().await;
}

/// A process is connected while this exists.
struct Connected<'a>(&'a Child);

impl<'a> Connected<'a> {
    fn new(child: &'a Child, commands: mpsc::Sender<Vec<u8>>, acknowledged: u64) -> Self {
        let mut view = child.entry.view();
        view.commands = Some(commands);
        view.note_message(child.shared.clock.elapsed());
        view.acknowledged = acknowledged;
        drop(view);
        let id = child.entry.id;
        child.shared.emit(ProcessEvent::Connected { id });
        Self(child)
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.entry.view().commands = None;
        let id = self.0.entry.id;
        self.0.shared.emit(ProcessEvent::Disconnected { id });
    }
}

/// Nothing of the process is read while this exists.
struct Handling<'a>(&'a Child);

impl<'a> Handling<'a> {
    fn new(child: &'a Child) -> Self {
        child.entry.view().handling = Some(child.shared.clock.elapsed());
        Self(child)
    }
}

impl Drop for Handling<'_> {
    fn drop(&mut self) {
        let mut view = self.0.entry.view();
        view.handling = None;
        view.note_message(self.0.shared.clock.elapsed());
    }
}
