//! Loads that are under way: one for each key.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::cache::error::LoadError;

pub(super) type Outcome<V> = Result<Arc<V>, LoadError>;

/// The load of one key. The cell runs the load of one caller at a time: of the first one, or of the next one if that panics or
/// is dropped.
type Flight<V> = Arc<OnceCell<Outcome<V>>>;

/// The loads of a region, by key.
///
/// A removal detaches the loads that have begun before it: their callers get what they load, but it is not kept, as it may be
/// older than the removal.
pub(super) struct Flights<K, V>(Mutex<HashMap<K, Flight<V>>>);

/// The part of one caller in a load.
pub(super) struct Seat<'f, K: Hash + Eq, V> {
    flights: &'f Flights<K, V>,
    pub(super) key: K,
    flight: Flight<V>,
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
        let flight = Arc::clone(self.flying().entry(key.clone()).or_default());
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

    fn flying(&self) -> MutexGuard<'_, HashMap<K, Flight<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V> Seat<'_, K, V> {
    /// The outcome of the load, which is that of `load` if no other caller loads.
    pub(super) async fn outcome(&self, load: impl Future<Output = Outcome<V>>) -> Outcome<V> {
        self.flight.get_or_init(|| load).await.clone()
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

    fn is_in(&self, flying: &HashMap<K, Flight<V>>) -> bool {
        let own = flying.get(&self.key);
        own.is_some_and(|own| Arc::ptr_eq(own, &self.flight))
    }
}

impl<K: Hash + Eq, V> Drop for Seat<'_, K, V> {
    fn drop(&mut self) {
        let mut flying = self.flights.flying();
        // A load that panics or is dropped does not land. The last of its callers removes it: the map and this seat hold it.
        if self.is_in(&flying) && Arc::strong_count(&self.flight) == 2 {
            flying.remove(&self.key);
        }
    }
}
