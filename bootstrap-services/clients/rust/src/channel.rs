//! Numbered messages, each kept until it is acknowledged.

use std::collections::VecDeque;
use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Error;

const LONGEST_LINE: usize = 1 << 20;
const MOST: usize = 10_000;
const MOST_BYTES: usize = 16 << 20;
const DEEPEST: usize = 100;

/// How many messages are written at once.
const BATCH: usize = 64;

/// The pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Numbered messages to the service, each kept until it is acknowledged, over connections that are made for ever. It knows nothing of events
/// and commands.
pub struct Channel(Arc<Shared>);

struct Shared {
    path: PathBuf,
    token: String,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The messages from `last + 1 - kept.len()` to `last`.
    kept: VecDeque<Vec<u8>>,
    bytes: usize,
    last: u64,
    /// The last message that was sent over this connection.
    sent: u64,
    connection: Option<Arc<UnixStream>>,
    closed: bool,
}

impl Channel {
    /// Starts to connect. `received` gets each message that is not one of the channel itself, on the thread that reads.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if a thread can't be started.
    pub fn start(
        path: PathBuf,
        token: String,
        heartbeat: Option<Duration>,
        received: impl FnMut(Value) + Send + 'static,
    ) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            path,
            token,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let channel = Self(shared.clone());
        let reader = shared.clone();
        thread::Builder::new().spawn(move || reader.read_for_ever(received))?;
        thread::Builder::new().spawn(move || shared.write_for_ever(heartbeat))?;
        Ok(channel)
    }

    /// Keeps a message, to be sent until it is acknowledged. Returns its number. `fields` is an object, to which its type and its number are added.
    ///
    /// # Errors
    ///
    /// [`Error::Full`], [`Error::TooLarge`], or [`Error::NotJson`].
    pub fn post(&self, kind: &str, mut fields: Value) -> Result<u64, Error> {
        check_depth(&fields)?;
        let mut state = self.0.lock();
        fields["type"] = kind.into();
        fields["seq"] = (state.last + 1).into();
        let line = line(&fields);
        if line.len() > LONGEST_LINE + 1 {
            return Err(Error::TooLarge(line.len() - 1));
        }
        if state.closed || state.kept.len() >= MOST || state.bytes + line.len() > MOST_BYTES {
            return Err(Error::Full);
        }
        state.last += 1;
        state.bytes += line.len();
        state.kept.push_back(line);
        self.0.changed.notify_all();
        Ok(state.last)
    }

    /// Waits until all messages are acknowledged. Returns whether they are.
    pub fn flush(&self, timeout: Duration) -> bool {
        let is_waiting = |state: &mut State| !state.kept.is_empty();
        let waited = self
            .0
            .changed
            .wait_timeout_while(self.0.lock(), timeout, is_waiting);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.kept.is_empty()
    }
}

impl Drop for Channel {
    /// Closes the connection. What is not acknowledged is lost.
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        let connection = state.connection.take();
        drop(state);
        self.0.changed.notify_all();
        if let Some(connection) = connection {
            // A service that does not read does not hold this up.
            let _ = connection.set_nonblocking(true);
            let _ = (&*connection).write_all(&line(&json!({ "type": "disconnecting" })));
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_for_ever(&self, mut received: impl FnMut(Value)) {
        let mut pause = FIRST_PAUSE;
        while !self.lock().closed {
            if self.read(&mut received) {
                pause = FIRST_PAUSE;
            }
            self.lock().connection = None;
            let closed = |state: &mut State| !state.closed;
            let _ = self.changed.wait_timeout_while(self.lock(), pause, closed);
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// Connects, and reads until the connection ends. Returns whether the service has accepted it.
    fn read(&self, received: &mut impl FnMut(Value)) -> bool {
        let Ok(connection) = UnixStream::connect(&self.path) else {
            return false;
        };
        let connection = Arc::new(connection);
        if (&*connection).write_all(&self.hello()).is_err() {
            return false;
        }
        let mut is_accepted = false;
        for text in BufReader::new(&*connection).split(b'\n') {
            let message = text
                .ok()
                .and_then(|text| serde_json::from_slice(&text).ok());
            let Some(message): Option<Value> = message else {
                break;
            };
            let number = |key: &str| message[key].as_u64().unwrap_or(0);
            match message["type"].as_str() {
                Some("welcome") => {
                    is_accepted = true;
                    let mut state = self.lock();
                    if state.closed {
                        break;
                    }
                    state.acknowledged(number("acknowledged"));
                    state.sent = number("acknowledged");
                    state.connection = Some(connection.clone());
                }
                Some("acknowledged") => self.lock().acknowledged(number("seq")),
                _ => {
                    received(message);
                    continue;
                }
            }
            self.changed.notify_all();
        }
        is_accepted
    }

    fn hello(&self) -> Vec<u8> {
        let state = self.lock();
        let first = state.first();
        let last = state.last;
        line(&json!({ "type": "connected", "token": self.token, "first": first, "last": last }))
    }

    fn write_for_ever(&self, heartbeat: Option<Duration>) {
        let mut beat = Instant::now();
        loop {
            let pause = heartbeat.map(|_| beat.saturating_duration_since(Instant::now()));
            let mut state = self.wait_for_work(pause);
            if state.closed {
                return;
            }
            let Some(connection) = state.connection.clone() else {
                drop(state);
                // Only a heartbeat is due.
                beat = Instant::now() + heartbeat.unwrap_or(LONGEST_PAUSE);
                continue;
            };
            let mut lines = state.next_lines();
            drop(state);
            if let Some(interval) = heartbeat
                && beat <= Instant::now()
            {
                beat = Instant::now() + interval;
                lines.extend(line(&json!({ "type": "heartbeat" })));
            }
            if (&*connection).write_all(&lines).is_err() {
                // The thread that reads connects again.
                let _ = connection.shutdown(Shutdown::Both);
                self.lock().forget(&connection);
            }
        }
    }

    fn wait_for_work(&self, pause: Option<Duration>) -> MutexGuard<'_, State> {
        let is_idle = |state: &mut State| !state.has_work();
        let state = self.lock();
        if let Some(pause) = pause {
            let waited = self.changed.wait_timeout_while(state, pause, is_idle);
            waited.unwrap_or_else(PoisonError::into_inner).0
        } else {
            let waited = self.changed.wait_while(state, is_idle);
            waited.unwrap_or_else(PoisonError::into_inner)
        }
    }
}

impl State {
    /// The number of the first message that is kept, or of the next one.
    fn first(&self) -> u64 {
        self.last + 1 - self.kept.len() as u64
    }

    /// Forgets a connection that failed, unless there is a new one by now.
    fn forget(&mut self, connection: &Arc<UnixStream>) {
        let is_it = |found: &mut Arc<UnixStream>| Arc::ptr_eq(found, connection);
        self.connection.take_if(is_it);
    }

    fn has_work(&self) -> bool {
        self.closed || (self.connection.is_some() && self.sent < self.last)
    }

    fn acknowledged(&mut self, seq: u64) {
        while self.first() <= seq
            && let Some(line) = self.kept.pop_front()
        {
            self.bytes -= line.len();
        }
    }

    fn next_lines(&mut self) -> Vec<u8> {
        let start = usize::try_from((self.sent + 1).saturating_sub(self.first()));
        let lines = self
            .kept
            .iter()
            .skip(start.unwrap_or(usize::MAX))
            .take(BATCH);
        self.sent += lines.len() as u64;
        lines.flatten().copied().collect()
    }
}

fn line(message: &Value) -> Vec<u8> {
    let mut line = message.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// Refuses what the service could not read: it would close the connection each time that the message is sent again.
fn check_depth(value: &Value) -> Result<(), Error> {
    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(items) => 1 + items.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }
    if depth(value) > DEEPEST {
        let error = <serde_json::Error as serde::ser::Error>::custom("it is nested too deeply");
        return Err(error.into());
    }
    Ok(())
}

impl fmt::Debug for Channel {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("path", &self.0.path)
            .finish_non_exhaustive()
    }
}
