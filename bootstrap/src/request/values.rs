//! The values of one scope, in the order in which they were set.

use std::sync::{Arc, Mutex, PoisonError};

use crate::base::key::StateKey;
use crate::base::lock::lock;
use crate::base::log::log;
use crate::base::panic::guard;
use crate::base::text;
use crate::declare::StateValue;

pub(super) type CleanUp = Box<dyn FnOnce() + Send>;

/// What a scope holds. A scope has few values: a walk over them costs less than a map.
#[derive(Default)]
pub(super) struct Values(Mutex<Held>);

/// The scope has ended.
pub(super) struct Ended;

#[derive(Default)]
struct Held {
    items: Vec<Item>,
    ended: bool,
}

enum Item {
    Value(StateValue),
    CleanUp(CleanUp),
}

impl Held {
    fn place(&self, key: StateKey) -> Option<usize> {
        let is_it = |item: &Item| matches!(item, Item::Value(value) if value.key() == key);
        self.items.iter().position(is_it)
    }

    fn remove(&mut self, key: StateKey) -> Option<StateValue> {
        match self.items.remove(self.place(key)?) {
            Item::Value(value) => Some(value),
            Item::CleanUp(_) => None,
        }
    }
}

impl Values {
    /// The value, if there is one; an error if the scope has ended.
    pub(super) fn get<T: Send + Sync + 'static>(&self) -> Result<Option<Arc<T>>, Ended> {
        let held = lock(&self.0);
        if held.ended {
            return Err(Ended);
        }
        let key = StateKey::of::<T>();
        Ok(held.items.iter().find_map(|item| match item {
            Item::Value(value) if value.key() == key => value.get(),
            _ => None,
        }))
    }

    /// Sets a value. Returns the one from before, or this one if the scope has ended: the caller drops
    /// it does so without the lock.
    pub(super) fn set(&self, value: StateValue) -> Result<Option<StateValue>, StateValue> {
        let mut held = lock(&self.0);
        if held.ended {
            return Err(value);
        }
        let before = held.remove(value.key());
        held.items.push(Item::Value(value));
        Ok(before)
    }

    /// Sets a value, unless there is one, which is returned with the value.
    pub(super) fn set_first(
        &self,
        value: StateValue,
    ) -> Result<(), (StateValue, Option<StateValue>)> {
        let mut held = lock(&self.0);
        if held.ended {
            return Err((value, None));
        }
        if let Some(Item::Value(there)) = held.place(value.key()).map(|it| &held.items[it]) {
            let there = there.clone();
            return Err((value, Some(there)));
        }
        held.items.push(Item::Value(value));
        Ok(())
    }

    pub(super) fn take(&self, key: StateKey) -> Option<StateValue> {
        lock(&self.0).remove(key)
    }

    /// Keeps something to be done at the end; gives it back if that has come.
    pub(super) fn on_end(&self, clean_up: CleanUp) -> Result<(), CleanUp> {
        let mut held = lock(&self.0);
        if held.ended {
            return Err(clean_up);
        }
        held.items.push(Item::CleanUp(clean_up));
        Ok(())
    }

    pub(super) fn has_ended(&self) -> bool {
        lock(&self.0).ended
    }

    /// Drops the values and does what was left to be done.
    pub(super) fn end(&self) {
        let mut held = lock(&self.0);
        held.ended = true;
        let items = std::mem::take(&mut held.items);
        drop(held);
        end_all(items);
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        // Nothing else has it any more: no lock is needed.
        let held = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !held.items.is_empty() {
            end_all(std::mem::take(&mut held.items));
        }
    }
}

/// The last one first. Runs the user's code: one that panics keeps no other from going.
fn end_all(items: Vec<Item>) {
    for item in items.into_iter().rev() {
        let ended = guard(|| match item {
            Item::Value(value) => drop(value),
            Item::CleanUp(clean_up) => clean_up(),
        });
        if let Err(message) = ended {
            let message = text::line(&message);
            log(|| {
                tracing::error!(
                    target: "bootstrap",
                    "the end of a request scope panicked: {message}"
                );
            });
        }
    }
}
