//! Loads that are under way: one for each key.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::cache::error::LoadError;

pub(super) type Outcome<V> = Result<Arc<V>, LoadError>;

/// The load of one key. The cell runs the load of one caller at a time: of the first one, or of the next one if that panics or
/// is dropped.
struct Flight<V> {
    cell: OnceCell<Outcome<V>>,
    /// How many seats there are. Changed under the lock of the flights.
    seats: AtomicUsize,
}

/// The loads of a region, by key.
///
/// A removal detaches the loads that have begun before it: their callers get what they load, but it is not kept, as it may be
/// older than the removal.
pub(super) struct Flights<K, V>(Mutex<HashMap<K, Arc<Flight<V>>>>);

/// The part of one caller in a load.
pub(super) struct Seat<'f, K: Hash + Eq, V> {
    flights: &'f Flights<K, V>,
    pub(super) key: K,
    flight: Arc<Flight<V>>,
}

impl<K: Hash + Eq, V> Flights<K, V> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Joins the load of a key, or begins one.
    pub(super) fn join(&self, key: K) -> Seat<'_, K, V>
    where
        K: Clone,
    {
        let mut flying = self.flying();
        let flight = flying.entry(key.clone()).or_insert_with(|| {
            let (cell, seats) = (OnceCell::new(), AtomicUsize::new(0));
            Arc::new(Flight { cell, seats })
        });
        flight.seats.fetch_add(1, Ordering::Relaxed);
        let flight = Arc::clone(flight);
        drop(flying);
        Seat {
            flights: self,
            key,
            flight,
        }
    }

    pub(super) fn detach<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.flying().remove(key);
    }

    pub(super) fn detach_all(&self) {
        self.flying().clear();
    }

    fn flying(&self) -> MutexGuard<'_, HashMap<K, Arc<Flight<V>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V> Seat<'_, K, V> {
    /// The outcome of the load, which is that of `load` if no other caller loads.
    pub(super) async fn outcome(&self, load: impl Future<Output = Outcome<V>>) -> Outcome<V> {
        self.flight.cell.get_or_init(|| load).await.clone()
    }

    /// Ends the load: callers from now on begin another. Calls `keep`, unless the load is detached. Returns whether it was called.
    ///
    /// `keep` runs under the lock, so that a removal comes either before it, and detaches the load, or after it, and removes what was
    /// kept.
    pub(super) fn land(&self, keep: impl FnOnce()) -> bool {
        let mut flying = self.flights.flying();
        let is_attached = self.is_in(&flying);
        if is_attached {
            flying.remove(&self.key);
            keep();
        }
        is_attached
    }

    /// Calls `keep` as [`land`](Self::land) does, and leaves the load to its other callers.
    pub(super) fn keep(&self, keep: impl FnOnce()) {
        let flying = self.flights.flying();
        if self.is_in(&flying) {
            keep();
        }
    }

    fn is_in(&self, flying: &HashMap<K, Arc<Flight<V>>>) -> bool {
        let own = flying.get(&self.key);
        own.is_some_and(|own| Arc::ptr_eq(own, &self.flight))
    }
}

impl<K: Hash + Eq, V> Drop for Seat<'_, K, V> {
    fn drop(&mut self) {
        let mut flying = self.flights.flying();
        let is_last = self.flight.seats.fetch_sub(1, Ordering::Relaxed) == 1;
        // A load that panics or is dropped does not land. The last of its callers removes it.
        if is_last && self.is_in(&flying) {
            flying.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn callers_that_leave_at_one_time_leave_no_load_behind() {
        const ROUNDS: u32 = 20_000;
        let flights: Flights<u32, ()> = Flights::new();
        let together = Barrier::new(2);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for key in 0..ROUNDS {
                        let seat = flights.join(key);
                        together.wait();
                        drop(seat);
                    }
                });
            }
        });
        assert_eq!(flights.flying().len(), 0);
    }
}
