//! What a connection is doing, and until when it may.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::server::faulty::Fault;
use crate::server::limits::Limits;
use crate::server::shared::{Flag, Shared};

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// It has not received anything.
    Nothing,
    /// It has received a part of the head of a request.
    Reading,
    /// A request is being answered.
    Answering,
    /// It waits for the next request.
    Idling,
}

impl Doing {
    fn of(number: u8) -> Self {
        match number {
            0 => Self::Nothing,
            1 => Self::Reading,
            2 => Self::Answering,
            _ => Self::Idling,
        }
    }
}

/// The state of a connection, shared by its stream, its requests and what drives it.
#[derive(Debug)]
pub(super) struct Phase {
    began: Instant,
    limits: Arc<Limits>,
    doing: AtomicU8,
    /// In milliseconds since the beginning.
    deadline: AtomicU64,
    /// The requests that are being answered: several with HTTP/2.
    requests: AtomicUsize,
    /// The connections of the server that answer requests.
    busy: Arc<AtomicUsize>,
    /// Whether the server closes.
    closing: Arc<Flag>,
    is_http2: AtomicBool,
    /// Of these, how many wait for the client to take what they have given.
    given: AtomicUsize,
    /// The bytes that the client has taken.
    written: AtomicU64,
    /// Cancelled when what has taken over the connection has to end.
    upgraded: OnceLock<CancellationToken>,
}

/// No deadline.
const NEVER: u64 = u64::MAX;

/// A deadline whose time begins when it is looked at: after the poll of the connection, which may already have done what it
/// limits.
const FROM_NOW: u64 = u64::MAX - 1;

impl Phase {
    pub(super) fn new(shared: &Shared) -> Arc<Self> {
        let deadline = millis(shared.limits.first_byte);
        Arc::new(Self {
            began: Instant::now(),
            limits: Arc::clone(&shared.limits),
            doing: AtomicU8::new(Doing::Nothing as u8),
            deadline: AtomicU64::new(deadline),
            requests: AtomicUsize::new(0),
            busy: Arc::clone(&shared.busy),
            closing: Arc::clone(&shared.closing),
            is_http2: AtomicBool::new(false),
            given: AtomicUsize::new(0),
            written: AtomicU64::new(0),
            upgraded: OnceLock::new(),
        })
    }

    fn doing(&self) -> Doing {
        Doing::of(self.doing.load(Ordering::Relaxed))
    }

    /// When it has to do something else, if that is limited here.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let mut deadline = self.deadline.load(Ordering::Relaxed);
        if deadline == FROM_NOW {
            let limit = match self.doing() {
                Doing::Nothing => self.limits.first_byte,
                Doing::Reading => self.limits.header,
                Doing::Idling => self.limits.idle,
                Doing::Answering => return None,
            };
            deadline = millis(self.began.elapsed() + limit);
            // It has turned to something else meanwhile, with HTTP/2.
            let relaxed = Ordering::Relaxed;
            let _ = self
                .deadline
                .compare_exchange(FROM_NOW, deadline, relaxed, relaxed);
        }
        (deadline != NEVER).then(|| self.began + Duration::from_millis(deadline))
    }

    /// What the client has done wrong, if the time is up.
    pub(super) fn fault(&self) -> Option<Fault> {
        match self.doing() {
            Doing::Nothing => Some(Fault::FirstByteTimeout),
            Doing::Reading => Some(Fault::HeaderTimeout),
            Doing::Answering | Doing::Idling => None,
        }
    }

    fn turn(&self, doing: Doing, deadline: u64) {
        self.doing.store(doing as u8, Ordering::Relaxed);
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    /// Whether there is no request, and nothing of one has arrived. HTTP/2 itself asks the client for requests that are on
    /// their way, once it has had one.
    pub(super) fn is_unused(&self) -> bool {
        match self.doing() {
            Doing::Nothing => true,
            Doing::Idling => !self.is_http2.load(Ordering::Relaxed),
            Doing::Reading | Doing::Answering => false,
        }
    }

    /// Sets a limit for the first byte of a request, unless it has arrived.
    pub(super) fn end_if_unused(&self, limit: Duration) {
        if self.is_unused() {
            self.turn(self.doing(), millis(self.began.elapsed() + limit));
        }
    }

    /// Whether a response is to be the last one of its connection. HTTP/2 has a message of its own for that.
    pub(super) fn is_last_response(&self) -> bool {
        self.closing.is_raised() && !self.is_http2.load(Ordering::Relaxed)
    }

    /// Notes that bytes have arrived.
    pub(super) fn received(&self) {
        let begins = matches!(self.doing(), Doing::Nothing | Doing::Idling);
        // Pings of HTTP/2 begin no request.
        if begins && !self.is_http2.load(Ordering::Relaxed) {
            self.turn(Doing::Reading, FROM_NOW);
        }
    }

    /// Notes that a request is being answered, until the guard is dropped.
    pub(super) fn answers(self: &Arc<Self>, is_http2: bool) -> Answers {
        if is_http2 {
            self.is_http2.store(true, Ordering::Relaxed);
        }
        if self.requests.fetch_add(1, Ordering::AcqRel) == 0 {
            self.busy.fetch_add(1, Ordering::Relaxed);
            self.turn(Doing::Answering, NEVER);
        }
        Answers {
            phase: Arc::clone(self),
            has_given: false,
        }
    }

    /// Notes that the client has taken bytes.
    pub(super) fn written(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// With HTTP/2, how many bytes the client has taken, if all requests wait for it. A socket that takes pings
    /// does not show that.
    pub(super) fn waits_for_client(&self) -> Option<u64> {
        let requests = self.requests.load(Ordering::Relaxed);
        let waits = self.is_http2.load(Ordering::Relaxed)
            && requests > 0
            && self.given.load(Ordering::Relaxed) >= requests;
        waits.then(|| self.written.load(Ordering::Relaxed))
    }

    /// Notes that something else takes the connection over.
    pub(super) fn upgrade(&self, end: CancellationToken) {
        let _ = self.upgraded.set(end);
    }

    pub(super) fn upgraded(&self) -> Option<&CancellationToken> {
        self.upgraded.get()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).map_or(FROM_NOW - 1, |millis| millis.min(FROM_NOW - 1))
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Answers {
    phase: Arc<Phase>,
    has_given: bool,
}

impl Answers {
    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Notes whether the request waits for the client, and not for its handler. With HTTP/1 the stream knows that.
    pub(super) fn give(&mut self, has_given: bool) {
        if self.has_given == has_given || !self.phase.is_http2.load(Ordering::Relaxed) {
            return;
        }
        self.has_given = has_given;
        if has_given {
            self.phase.given.fetch_add(1, Ordering::Relaxed);
        } else {
            self.phase.given.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.give(false);
        let phase = &self.phase;
        if phase.requests.fetch_sub(1, Ordering::AcqRel) == 1 {
            phase.busy.fetch_sub(1, Ordering::Relaxed);
            phase.turn(Doing::Idling, FROM_NOW);
        }
    }
}
