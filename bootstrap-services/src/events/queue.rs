//! A bounded queue with one reader, whose writers never wait.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::task::coop;
use tokio_util::sync::CancellationToken;

use crate::clock::{Busy, Clock};

/// A queue of at most `capacity` items. A channel of tokio either waits or refuses when it is full; this one also drops
/// the oldest item, and reports to the reader how many it missed.
pub(crate) struct Queue<T> {
    capacity: usize,
    /// That of a reader whose work a virtual clock waits for.
    clock: Option<Clock>,
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    items: VecDeque<T>,
    /// How many items were dropped since the reader last took one.
    missed: u64,
    /// How many items were ever pushed.
    pushed: u64,
    is_closed: bool,
    reader: Option<Waker>,
    /// Whether the reader has found nothing, and works on nothing.
    is_idle: bool,
    /// From the item that ends the idleness of the reader until the reader has seen it.
    busy: Option<Busy>,
}

/// What the reader gets.
#[derive(Debug)]
pub(crate) enum Next<T> {
    Item(T),
    /// So many items were dropped.
    Missed(u64),
    Closed,
}

/// What is left to do after a push, without the locks of the caller: both run code of others.
pub(crate) struct Pushed<T> {
    pub(crate) reader: Option<Waker>,
    pub(crate) dropped: Option<T>,
}

/// Why a queue takes no item.
#[cfg(feature = "sse")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

impl<T> std::fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            clock: None,
            inner: Mutex::new(Inner {
                items: VecDeque::new(),
                missed: 0,
                pushed: 0,
                is_closed: false,
                reader: None,
                is_idle: true,
                busy: None,
            }),
        }
    }

    /// A queue whose items are work for `clock` until the reader has [seen](Self::seen) them.
    pub(crate) fn of_work(capacity: usize, clock: Clock) -> Self {
        let clock = Some(clock);
        Self {
            clock,
            ..Self::new(capacity)
        }
    }

    /// The reader has marked its item as work.
    pub(crate) fn seen(&self) {
        let busy = self.lock().busy.take();
        drop(busy);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item; drops the oldest one if the queue is full, and this one if it is closed.
    pub(crate) fn push(&self, item: T) -> Pushed<T> {
        let mut inner = self.lock();
        if inner.is_closed {
            return Pushed {
                reader: None,
                dropped: Some(item),
            };
        }
        let mut dropped = None;
        if inner.items.len() >= self.capacity {
            dropped = inner.items.pop_front();
            inner.missed += 1;
        }
        if inner.is_idle {
            inner.is_idle = false;
            inner.busy = self.clock.as_ref().map(Clock::busy);
        }
        inner.items.push_back(item);
        inner.pushed += 1;
        let reader = inner.reader.take();
        Pushed { reader, dropped }
    }

    /// Adds an item, unless the queue is full or closed. Returns the reader to wake.
    #[cfg(feature = "sse")]
    pub(crate) fn offer(&self, item: T) -> Result<Option<Waker>, Refused> {
        let mut inner = self.lock();
        if inner.is_closed {
            return Err(Refused::Closed);
        }
        if inner.items.len() >= self.capacity {
            return Err(Refused::Full);
        }
        inner.items.push_back(item);
        Ok(inner.reader.take())
    }

    /// How many items were ever pushed.
    pub(crate) fn pushed(&self) -> u64 {
        self.lock().pushed
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Takes no more items. The reader gets those that are there, and then the end.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        let (reader, busy) = (inner.reader.take(), inner.busy.take());
        drop(inner);
        drop(busy);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// What is there, without waiting.
    pub(crate) fn try_next(&self) -> Option<Next<T>> {
        match self.poll_inner(&Context::from_waker(Waker::noop())) {
            Poll::Ready(next) => Some(next),
            Poll::Pending => None,
        }
    }

    fn poll_inner(&self, cx: &Context<'_>) -> Poll<Next<T>> {
        let mut inner = self.lock();
        if inner.missed > 0 {
            return Poll::Ready(Next::Missed(std::mem::take(&mut inner.missed)));
        }
        if let Some(item) = inner.items.pop_front() {
            return Poll::Ready(Next::Item(item));
        }
        inner.is_idle = true;
        if inner.is_closed {
            return Poll::Ready(Next::Closed);
        }
        let is_same = |reader: &Waker| reader.will_wake(cx.waker());
        if !inner.reader.as_ref().is_some_and(is_same) {
            inner.reader = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The next item. A reader that always has one still lets other tasks run.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next<T>> {
        let budget = ready!(coop::poll_proceed(cx));
        let next = self.poll_inner(cx);
        if next.is_ready() {
            budget.made_progress();
        }
        next
    }

    pub(crate) async fn next(&self) -> Next<T> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next item; `None` once `stopped` is cancelled and nothing waits.
    pub(crate) async fn next_before(&self, stopped: &CancellationToken) -> Option<Next<T>> {
        tokio::select! {
            biased;
            next = self.next() => Some(next),
            () = stopped.cancelled() => None,
        }
    }
}

/// What pushes to several queues leave to do.
pub(crate) struct After<T> {
    reader: Option<Waker>,
    /// All but the first: most events have one reader at most, and no list is allocated.
    readers: Vec<Waker>,
    dropped: Vec<T>,
}

impl<T> After<T> {
    pub(crate) const fn new() -> Self {
        Self {
            reader: None,
            readers: Vec::new(),
            dropped: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, pushed: Pushed<T>) {
        self.wake(pushed.reader);
        self.dropped.extend(pushed.dropped);
    }

    pub(crate) fn wake(&mut self, reader: Option<Waker>) {
        if self.reader.is_none() {
            self.reader = reader;
        } else {
            self.readers.extend(reader);
        }
    }

    /// Wakes readers. To be called without locks.
    pub(crate) fn finish(self) {
        let readers = self.reader.into_iter().chain(self.readers);
        readers.for_each(Waker::wake);
    }
}
