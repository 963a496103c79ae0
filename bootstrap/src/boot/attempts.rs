//! Plugins whose `load` has failed and may be tried again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::base::lock::lock;
use crate::declare::Retry;

/// Every node whose `load` has failed at least once.
#[derive(Default)]
pub(super) struct Attempts {
    known: Mutex<HashMap<u32, Attempt>>,
    /// Whether there are any: most boots never ask further.
    any: AtomicBool,
}

/// A plugin between two attempts to load it.
struct Attempt {
    /// How many there were.
    made: u32,
    /// When the first one began.
    began: Instant,
    /// How long to wait before the next one, once all is cleaned up.
    wait: Option<Duration>,
    /// Whether the last one has brought others with it, which are to be closed.
    brought: bool,
    doing: Doing,
}

/// What the job at a node does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Load,
    /// Closes what the last attempt had brought with it.
    RollBack,
    /// Something that the last attempt left to be done.
    CleanUp,
    Wait,
}

impl Attempts {
    fn known(&self) -> MutexGuard<'_, HashMap<u32, Attempt>> {
        lock(&self.known)
    }

    fn ask<T>(&self, node: u32, ask: impl FnOnce(&mut Attempt) -> T) -> Option<T> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        self.known().get_mut(&node).map(ask)
    }

    /// Whether one has failed.
    pub(super) fn is_tried(&self, node: u32) -> bool {
        self.ask(node, |_| ()).is_some()
    }

    /// Whether there is another to come, after a wait.
    pub(super) fn waits(&self, node: u32) -> bool {
        self.ask(node, |it| it.wait.is_some()).unwrap_or(false)
    }

    pub(super) fn take_wait(&self, node: u32) -> Option<Duration> {
        self.ask(node, |it| it.wait.take()).flatten()
    }

    /// Whether the last one has brought others with it, which are to be closed.
    pub(super) fn brought(&self, node: u32) -> bool {
        self.ask(node, |it| it.brought).unwrap_or(false)
    }

    /// Whether what the last one has brought with it has to go, or goes.
    pub(super) fn gives_back(&self, node: u32) -> bool {
        let gives_back = self.ask(node, |it| it.brought || it.doing == Doing::RollBack);
        gives_back.unwrap_or(false)
    }

    pub(super) fn take_brought(&self, node: u32) -> bool {
        let taken = self.ask(node, |it| std::mem::take(&mut it.brought));
        taken.unwrap_or(false)
    }

    pub(super) fn now_does(&self, node: u32, doing: Doing) {
        self.ask(node, |it| it.doing = doing);
    }

    /// Whether the job at a node is its `load`.
    pub(super) fn loads(&self, node: u32) -> bool {
        self.ask(node, |it| it.doing == Doing::Load).unwrap_or(true)
    }

    /// When the first one began.
    pub(super) fn began(&self, node: u32) -> Option<Instant> {
        self.ask(node, |it| it.began)
    }

    /// One has failed. Returns how many there were, and how long to wait for the next, if there is
    /// one.
    pub(super) fn failed(
        &self,
        node: u32,
        began: Instant,
        retry: Option<Retry>,
        brought: bool,
    ) -> (u32, Option<Duration>) {
        self.any.store(true, Ordering::Relaxed);
        let mut known = self.known();
        let attempt = known.entry(node).or_insert(Attempt {
            made: 0,
            began,
            wait: None,
            brought,
            doing: Doing::Load,
        });
        attempt.made += 1;
        attempt.brought = brought;
        attempt.wait = retry.and_then(|retry| retry.wait(attempt.made));
        (attempt.made, attempt.wait)
    }

    /// Forgets them; returns the nodes, and when the first attempt of each began.
    pub(super) fn take(&self) -> Vec<(u32, Instant)> {
        let known = std::mem::take(&mut *self.known());
        known
            .into_iter()
            .map(|(node, it)| (node, it.began))
            .collect()
    }
}
