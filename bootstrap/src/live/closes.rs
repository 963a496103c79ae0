//! How nodes are let go of: what is owed to them, and what they hold.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use crate::base::inside::at_place;
use crate::base::key::StateKey;
use crate::base::lock::lock;
use crate::base::panic::guard;
use crate::base::phase::Phase;
use crate::declare::{AppContext, AppHook, Around, Home, StateValue};
use crate::drive::{self, JobFuture};
use crate::live::cell::{Cell, Released};
use crate::live::growth::Part;
use crate::live::nodes::Nodes;
use crate::report::{HookError, HookFailure, Outcome, Step};

/// How something ended that a node had left to be done.
pub(crate) enum CleanUp<T> {
    /// The job was something else.
    WasNone(Result<T, HookFailure>),
    Done,
    Failed(HookError),
}

impl Nodes {
    /// Which nodes of a part, or of all, have a `close` coming, or a hook that they left for it.
    pub(crate) fn owed(&self, part: Option<&Part>) -> Vec<bool> {
        self.which(part, |cell| cell.states.is_some() || cell.owes())
    }

    /// From now on nothing more is accepted: it would not be run.
    pub(crate) fn close_the_door(&self) {
        self.is_shut.store(true, Ordering::SeqCst);
    }

    /// Removes the hooks that nodes of a part have left and that were not run; returns the nodes.
    pub(crate) fn let_go_of_owed(&self, part: Option<&Part>) -> Vec<u32> {
        if self.owed.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let owes = |node: &u32| self.discard_owed(*node);
        match part {
            Some(part) => part.nodes().iter().copied().filter(owes).collect(),
            None => self.all().filter(owes).collect(),
        }
    }

    /// Drops what a node has left to be done; false if there was nothing.
    fn discard_owed(&self, node: u32) -> bool {
        let mut cell = self.cell(node);
        let left = cell.others.as_mut().map(|it| std::mem::take(&mut it.owed));
        drop(cell);
        let left = left.unwrap_or_default();
        self.owed.fetch_sub(left.len(), Ordering::SeqCst);
        let owes = !left.is_empty();
        left.into_iter().for_each(AppHook::discard);
        owes
    }

    /// Whether a node has left something to be done.
    pub(crate) fn owes(&self, node: u32) -> bool {
        self.owed.load(Ordering::Relaxed) > 0 && self.cell(node).owes()
    }

    /// Begins the next thing to be done of those that a node has left.
    pub(crate) fn begin_clean_up(self: &Arc<Self>, node: u32) -> Option<JobFuture<Result<()>>> {
        if self.owed.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut cell = self.cell(node);
        let others = cell.others.as_mut()?;
        let hook = others.owed.pop()?;
        others.cleaning = Some(hook.at());
        self.owed.fetch_sub(1, Ordering::SeqCst);
        drop(cell);
        let home = Arc::clone(self) as Arc<dyn Home>;
        // Also in a pass of another phase, between two attempts to load.
        let place = Around::task(
            Arc::clone(&home),
            node,
            Phase::Close,
            self.name(node).clone(),
        );
        let cx = AppContext::new(home, Some(node));
        let span = || tracing::info_span!("on_close", plugin = %self.name(node));
        let clean_up = at_place(place, async move { hook.call(cx).await });
        Some(drive::job(span, clean_up))
    }

    /// The job of a node has ended. If it was something that the node had left to be done, returns
    /// what went wrong with that.
    pub(crate) fn end_clean_up<T>(&self, node: u32, ended: Result<T, HookFailure>) -> CleanUp<T> {
        let at = self
            .cell(node)
            .others
            .as_mut()
            .and_then(|it| it.cleaning.take());
        match (at, ended) {
            (None, ended) => CleanUp::WasNone(ended),
            (Some(_), Ok(_)) => CleanUp::Done,
            (Some(at), Err(cause)) => {
                let name = self.name(node).clone();
                CleanUp::Failed(HookError::new(name, at, Phase::Close, cause))
            }
        }
    }

    /// Drops the states of a plugin, and the plugin unless it is loaded again. Runs the user's code.
    pub(crate) fn release(&self, node: u32, keeps: bool) {
        let released = self.take_out(node, &mut self.cell(node), keeps);
        self.let_go(node, released, keeps);
    }

    /// Drops what a plugin had, and what its fields hold if it is loaded again: its providers may be
    /// loaded again as well. The fields come last, because the plugin may be one of its states.
    fn let_go(&self, node: u32, released: Released, keeps: bool) {
        self.drop_released(node, released);
        if keeps {
            self.unbind_fields(node);
        }
    }

    /// Takes out what has to be dropped when a plugin has closed whose hook did not drop it.
    pub(crate) fn take_out_of(&self, node: u32, keeps: bool) -> Released {
        self.take_out(node, &mut self.cell(node), keeps)
    }

    fn take_out(&self, node: u32, cell: &mut Cell, keeps: bool) -> Released {
        let states = cell.states.take();
        cell.is_open = false;
        // Before the lock is free: from then on each look-up is an error.
        if let Some(states) = &states {
            self.hide(node, states);
        }
        if states.is_some() {
            self.loaded.fetch_sub(1, Ordering::Relaxed);
        }
        let plugin = if keeps { None } else { cell.plugin.take() };
        Released(plugin, states.unwrap_or_default())
    }

    /// Runs the user's code. The plugin goes first: it may hold handles to its own states.
    pub(crate) fn drop_released(&self, node: u32, Released(plugin, states): Released) {
        drop(plugin);
        let is_held = |value: &&StateValue| value.handles() > 1;
        let held: Vec<StateKey> = states
            .values()
            .iter()
            .filter(is_held)
            .map(StateValue::key)
            .collect();
        if !held.is_empty() {
            self.cell(node).others.get_or_insert_default().outlived = held;
        }
        drop(states);
    }

    /// Releases everything that is not closed. Returns what went wrong before, and what was
    /// owed: a `close`, or something that was left to be done.
    pub(crate) fn give_up(&self) -> Vec<HookError> {
        self.close_the_door();
        self.ready_queue
            .take()
            .into_iter()
            .for_each(AppHook::discard);
        let mut known = lock(&self.known);
        let mut errors = std::mem::take(&mut *known);
        drop(known);
        for node in self.all().rev() {
            let cell = self.cell(node);
            let is_cleaning = cell.is_cleaning();
            let is_closing = cell.close.outcome == Outcome::Started;
            let mut owed = cell.states.is_some() || is_cleaning || is_closing;
            drop(cell);
            owed |= self.discard_owed(node);
            let _ = guard(|| self.release(node, false));
            if owed {
                errors.push(self.error(node, Phase::Close, HookFailure::RuntimeShutDown));
            }
        }
        errors
    }

    /// Closes a plugin that has no hook for it: drops it and its states. Runs the user's code.
    ///
    /// One that never loaded has nothing to close, and is only dropped.
    pub(crate) fn close(&self, node: u32, began: Instant, released_by: Option<u32>, keeps: bool) {
        let mut cell = self.cell(node);
        let closes = cell.states.is_some();
        if closes {
            cell.close = Step {
                outcome: Outcome::Done,
                took: Some(Duration::ZERO),
                ..self.begun(began, released_by)
            };
        }
        let released = self.take_out(node, &mut cell, keeps);
        drop(cell);
        let emit = |outcome| {
            if closes {
                self.emit(node, Phase::Close, outcome);
            }
        };
        emit(Outcome::Started);
        self.let_go(node, released, keeps);
        emit(Outcome::Done);
    }
}
