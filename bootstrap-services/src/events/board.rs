//! The readers of events, and the history.

use std::any::TypeId;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use tokio::sync::watch;

use crate::events::queue::Queue;
use crate::events::{Pattern, Published};

pub(super) type EventQueue = Arc<Queue<Published>>;

/// The readers and the history. One lock for all of it, so that all readers and the history have one order.
pub(super) struct Board {
    pub(super) topics: HashMap<TypeId, Topic, BuildHasherDefault<TypeIdHasher>>,
    pub(super) patterns: Vec<(Pattern, EventQueue)>,
    pub(super) handlers: Vec<Handled>,
    pub(super) history: VecDeque<Published>,
    /// How many events the history holds.
    remembered: usize,
    pub(super) is_closed: bool,
}

/// The readers of one type of events.
pub(super) struct Topic {
    pub(super) name: &'static str,
    pub(super) readers: Vec<EventQueue>,
}

/// The queue of a plugin that handles events.
pub(super) struct Handled {
    pub(super) queue: EventQueue,
    /// How many of the events that were pushed are handled, or were dropped.
    pub(super) done: watch::Receiver<u64>,
}

/// A `TypeId` is a hash already.
#[derive(Default)]
pub(super) struct TypeIdHasher(u64);

impl Hasher for TypeIdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Board {
    pub(super) fn new(remembered: usize) -> Self {
        Self {
            topics: HashMap::default(),
            patterns: Vec::new(),
            handlers: Vec::new(),
            history: VecDeque::new(),
            remembered,
            is_closed: false,
        }
    }

    pub(super) fn topic(&mut self, event: TypeId, name: &'static str) -> &mut Topic {
        let patterns = &self.patterns;
        self.topics.entry(event).or_insert_with(|| {
            let readers = patterns.iter().filter(|(pattern, _)| pattern.matches(name));
            let readers = readers.map(|(_, queue)| Arc::clone(queue)).collect();
            Topic { name, readers }
        })
    }

    /// Returns the event that the history forgets.
    pub(super) fn remember(&mut self, published: Published) -> Option<Published> {
        if self.remembered == 0 {
            return Some(published);
        }
        let is_full = self.history.len() >= self.remembered;
        let forgotten = if is_full {
            self.history.pop_front()
        } else {
            None
        };
        self.history.push_back(published);
        forgotten
    }
}
