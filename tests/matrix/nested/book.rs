//! A ledger of lives: each call of a `load` begins one.

use std::sync::{Arc, Mutex};

use crate::ledger::{Event, Ledger};

/// What belongs to the app itself is no life.
pub const APP: usize = usize::MAX;

/// One load of a node, and all that follows from it.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// A node of the case, or a barrier.
    pub node: usize,
    /// The life that registered it.
    pub parent: Option<usize>,
}

/// Shared by everything that happens in one app. In its ledger the numbers are those of lives.
#[derive(Clone)]
pub struct Book {
    pub ledger: Ledger,
    origins: Arc<Mutex<Vec<Origin>>>,
}

impl Book {
    pub fn open() -> Self {
        Self {
            ledger: Ledger::open(),
            origins: Arc::default(),
        }
    }

    /// The number of a new life.
    pub fn begin(&self, node: usize, parent: Option<usize>) -> usize {
        let mut origins = self.origins.lock().unwrap();
        origins.push(Origin { node, parent });
        origins.len() - 1
    }

    pub fn origins(&self) -> Vec<Origin> {
        self.origins.lock().unwrap().clone()
    }

    pub fn events(&self) -> Vec<Event> {
        self.ledger.events()
    }
}
