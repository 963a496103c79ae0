//! The keys of a limit in memory: at most a fixed number of them.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use governor::nanos::Nanos;
use governor::state::keyed::{DashMapStateStore, ShrinkableKeyedStateStore};
use governor::state::{InMemoryState, NotKeyed, StateStore};

/// How many keys a limit keeps.
pub(super) const MOST_KEYS: usize = 100_000;

/// A key as its hash, which has a secret of its own for each limit. So all keys have one size, however long they are. Two keys with one hash would
/// share their quota: with 100,000 keys the odds are 1 to 3,000,000,000, and no client can choose them.
pub(super) type Hashed = u64;

/// The state of each key: when it will have its whole burst again.
pub(super) struct Keys {
    map: DashMapStateStore<Hashed, BuildHasherDefault<AsItIs>>,
    /// Counted here, as the map has to lock all its parts to count.
    count: AtomicUsize,
    most: usize,
    /// The time in which one comes back, in nanoseconds.
    interval: u64,
    forgets: Mutex<()>,
}

impl Keys {
    pub(super) fn new(most: usize, interval: u64) -> Self {
        Self {
            map: DashMapStateStore::default(),
            count: AtomicUsize::new(0),
            most,
            interval,
            forgets: Mutex::new(()),
        }
    }

    /// Forgets keys that have most of their burst: those that have used one, then those with up to two, with up to four, and so on, until an eighth of the
    /// room is free. `next` is when a key that is new now will have its whole burst again.
    fn make_room(&self, next: Nanos) {
        // Another caller does it.
        let Ok(_forgets) = self.forgets.try_lock() else {
            return;
        };
        let now = next.as_u64().saturating_sub(self.interval);
        for doublings in 0..=u32::BITS {
            if self.count.load(Ordering::Relaxed) <= self.most / 8 * 7 {
                return;
            }
            let used = self.interval.saturating_mul(1 << doublings);
            self.retain_recent(Nanos::new(now.saturating_add(used)));
        }
    }
}

impl StateStore for Keys {
    type Key = Hashed;

    fn measure_and_replace<T, F, E>(&self, key: &Hashed, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        if let Some(state) = self.map.get(key) {
            return state.measure_and_replace(&NotKeyed::NonKey, measure);
        }
        if self.count.load(Ordering::Relaxed) >= self.most
            && let Ok((_, next)) = measure(None)
        {
            self.make_room(next);
        }
        let state = self.map.entry(*key).or_insert_with(|| {
            self.count.fetch_add(1, Ordering::Relaxed);
            InMemoryState::default()
        });
        state.measure_and_replace(&NotKeyed::NonKey, measure)
    }
}

impl ShrinkableKeyedStateStore<Hashed> for Keys {
    fn retain_recent(&self, drop_below: Nanos) {
        self.map.retain_recent(drop_below);
        self.count.store(self.map.len(), Ordering::Relaxed);
    }

    fn shrink_to_fit(&self) {
        self.map.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Hashes what is a hash already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
