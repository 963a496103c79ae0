//! `Events`: where events are published and subscribed to.

use std::any::TypeId;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bootstrap::State;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::events::board::{Board, EventQueue, Handled};
use crate::events::bridge::Bridge;
use crate::events::event::EventTypes;
use crate::events::published::Foreign;
use crate::events::queue::{After, Queue};
use crate::events::subscription::{Receive, Subscription};
use crate::events::{Event, Pattern, PatternError, Published, metrics};

/// Publishes events, and subscribes to them: the state of [`EventsPlugin`](crate::events::EventsPlugin).
///
/// Publishing never waits. Each subscription and each plugin that handles events has a queue of its own, with
/// `events.queue` places (1,024 by default). A queue that is full drops its oldest event, and its reader gets the
/// number of events that it missed.
///
/// All readers get events in the same order.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::ClockPlugin;
/// use bootstrap_services::events::{Event, Events, EventsPlugin};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Event, Serialize, Deserialize)]
/// #[event(name = "user.created")]
/// struct UserCreated {
///     id: u32,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(ClockPlugin).with(EventsPlugin::default());
/// let running = app.boot().await?;
/// let events = running.try_get::<State<Events>>()?;
/// let mut created = events.on::<UserCreated>();
/// assert_eq!(events.publish(UserCreated { id: 7 }), 1);
/// assert_eq!(created.recv().await?.id, 7);
/// # drop((created, events));
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Events(Arc<Shared>);

pub(super) struct Shared {
    clock: State<Clock>,
    /// How many events each queue holds.
    queue: usize,
    types: EventTypes,
    board: Mutex<Board>,
    bridge: Option<Arc<Bridge<Published>>>,
}

impl Events {
    pub(super) fn new(
        clock: State<Clock>,
        types: EventTypes,
        (queue, remembered): (usize, usize),
        bridge: Option<Arc<Bridge<Published>>>,
    ) -> Self {
        Self(Arc::new(Shared {
            clock,
            queue,
            types,
            board: Mutex::new(Board::new(remembered)),
            bridge,
        }))
    }

    /// Publishes an event, without waiting, and returns the number of subscriptions and handlers of this process that
    /// get it.
    ///
    /// Handlers are attached once the plugin `event-handlers` has loaded: publish from `ready` on. After the app has
    /// closed nothing is published, and the result is 0.
    pub fn publish<E: Event>(&self, event: E) -> usize {
        metrics::published::<E>();
        let published = Published {
            at: self.0.clock.now(),
            is_remote: false,
            payload: Arc::new(event),
        };
        self.0.deliver(TypeId::of::<E>(), E::NAME, published)
    }

    /// Subscribes to the events of one type that are published from now on.
    pub fn on<E: Event>(&self) -> Subscription<E> {
        let queue = self.new_queue();
        self.attach(TypeId::of::<E>(), E::NAME, &queue);
        Subscription::new(self, queue)
    }

    /// Subscribes to all events whose name matches a [`Pattern`], and that are published from now on.
    ///
    /// # Errors
    ///
    /// If `pattern` is not a pattern.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// # use bootstrap_services::events::Events;
    /// async fn log(events: State<Events>) -> Result<()> {
    ///     let mut users = events.matching("user.*")?;
    ///     while let Ok(event) = users.recv().await {
    ///         println!("{}: {}", event.name(), event.payload()?);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn matching(&self, pattern: &str) -> Result<Subscription<Published>, PatternError> {
        let queue = self.new_queue();
        self.attach_pattern(pattern.parse()?, &queue);
        Ok(Subscription::new(self, queue))
    }

    /// Returns the last events whose name matches a [`Pattern`], at most `most` of them, the oldest one first.
    ///
    /// The last `events.history` events (1,000 by default) of this process are kept, also those that other processes
    /// have published.
    ///
    /// # Errors
    ///
    /// If `pattern` is not a pattern.
    pub fn history(&self, pattern: &str, most: usize) -> Result<Vec<Published>, PatternError> {
        let pattern: Pattern = pattern.parse()?;
        let board = self.0.lock();
        let matching = board.history.iter().rev();
        let matching = matching.filter(|event| pattern.matches(event.name()));
        let mut matching: Vec<_> = matching.take(most).cloned().collect();
        matching.reverse();
        Ok(matching)
    }

    /// Waits until every handler has handled what was published before this call.
    ///
    /// A handler that calls this waits for itself.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn flush(&self) {
        for (pushed, mut done) in self.0.unhandled() {
            // An error is the end of its handler.
            let _ = done.wait_for(|done| *done >= pushed).await;
        }
    }

    pub(super) fn check_bus(&self) -> anyhow::Result<()> {
        match &self.0.bridge {
            Some(bridge) => bridge.check(),
            None => Ok(()),
        }
    }

    pub(super) fn new_queue(&self) -> EventQueue {
        Arc::new(Queue::new(self.0.queue))
    }

    /// A queue for a handler: a virtual clock waits until its events are handled.
    pub(super) fn new_queue_of_handler(&self) -> EventQueue {
        let clock = Clock::clone(&self.0.clock);
        Arc::new(Queue::of_work(self.0.queue, clock))
    }

    /// Adds a reader of one type.
    pub(super) fn attach(&self, event: TypeId, name: &'static str, queue: &EventQueue) {
        let mut board = self.0.lock();
        if board.is_closed {
            return queue.close();
        }
        let topic = board.topic(event, name);
        if !topic.readers.iter().any(|it| Arc::ptr_eq(it, queue)) {
            topic.readers.push(Arc::clone(queue));
        }
    }

    pub(super) fn attach_pattern(&self, pattern: Pattern, queue: &EventQueue) {
        let mut board = self.0.lock();
        if board.is_closed {
            return queue.close();
        }
        for topic in board.topics.values_mut() {
            if pattern.matches(topic.name) {
                topic.readers.push(Arc::clone(queue));
            }
        }
        board.patterns.push((pattern, Arc::clone(queue)));
    }

    pub(super) fn add_handler(&self, queue: &EventQueue, done: watch::Receiver<u64>) {
        let queue = Arc::clone(queue);
        self.0.lock().handlers.push(Handled { queue, done });
    }

    /// Removes a reader.
    pub(super) fn detach(&self, queue: &EventQueue) {
        let is_other = |other: &EventQueue| !Arc::ptr_eq(other, queue);
        let mut board = self.0.lock();
        for topic in board.topics.values_mut() {
            topic.readers.retain(is_other);
        }
        board.patterns.retain(|(_, it)| is_other(it));
        board.handlers.retain(|it| is_other(&it.queue));
    }

    /// Delivers an event of another process to local readers.
    pub(super) fn deliver_remote(&self, remote: Remote) -> anyhow::Result<()> {
        let at = remote.at;
        let known = self.0.types.get(remote.name.as_str());
        let known = known.filter(|it| it.version == remote.version);
        let Some(known) = known else {
            let payload = Arc::new(Foreign {
                name: remote.name,
                version: remote.version,
                value: remote.payload,
            });
            self.0.deliver_foreign(Published {
                at,
                is_remote: true,
                payload,
            });
            return Ok(());
        };
        let payload = (known.decode)(remote.payload)?;
        let published = Published {
            at,
            is_remote: true,
            payload,
        };
        self.0.deliver((known.id)(), known.name, published);
        Ok(())
    }

    /// Ends all subscriptions.
    pub(super) fn close(&self) {
        let mut board = self.0.lock();
        board.is_closed = true;
        let topics = std::mem::take(&mut board.topics);
        let patterns = std::mem::take(&mut board.patterns);
        drop(board);
        let readers = topics.into_values().flat_map(|it| it.readers);
        let readers = readers.chain(patterns.into_iter().map(|(_, queue)| queue));
        readers.for_each(|queue| queue.close());
    }
}

/// An event as another process has sent it.
pub(super) struct Remote {
    pub(super) name: String,
    pub(super) version: u16,
    pub(super) at: SystemTime,
    pub(super) payload: serde_json::Value,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For each handler, how many events it has got, and how many it has handled.
    fn unhandled(&self) -> Vec<(u64, watch::Receiver<u64>)> {
        let board = self.lock();
        let handlers = board.handlers.iter();
        let handlers = handlers.map(|it| (it.queue.pushed(), it.done.clone()));
        handlers.collect()
    }

    fn deliver(&self, event: TypeId, name: &'static str, published: Published) -> usize {
        let mut after = After::new();
        let mut board = self.lock();
        if board.is_closed {
            drop(board);
            return 0;
        }
        let readers = &board.topic(event, name).readers;
        let receivers = readers.len();
        for reader in readers {
            after.add(reader.push(published.clone()));
        }
        self.finish(board, published, after);
        receivers
    }

    /// Delivers an event without a type.
    fn deliver_foreign(&self, published: Published) {
        let mut after = After::new();
        let board = self.lock();
        for (pattern, reader) in &board.patterns {
            if pattern.matches(published.name()) {
                after.add(reader.push(published.clone()));
            }
        }
        self.finish(board, published, after);
    }

    fn finish(
        &self,
        mut board: MutexGuard<'_, Board>,
        published: Published,
        mut after: After<Published>,
    ) {
        if let Some(bridge) = self.bridge.as_ref().filter(|_| !published.is_remote) {
            after.add(bridge.push(published.clone()));
        }
        let forgotten = board.remember(published);
        drop(board);
        // Without the lock: both run code of others.
        after.finish();
        drop(forgotten);
    }
}

impl<T: Receive> Subscription<T> {
    fn new(events: &Events, queue: EventQueue) -> Self {
        Self::of(events.clone(), queue)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
