//! One pass over the code of a workflow, from its beginning: what its steps share, and how it ends.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::database::Tx;
use crate::database::times::time;
use crate::workflows::engine::{Claimed, Engine};
use crate::workflows::info::{ACTIVE, UNDOING};
use crate::workflows::journal::{Fault, Journal, LONGEST_NAME, Row, undo};
use crate::workflows::workflow::StepPolicy;
use crate::workflows::{FlowError, FlowState, StepKind, metrics};

/// The most bytes of an input, of a result, and of the value of a signal.
const LARGEST: usize = 1 << 20;
/// How soon a result that was not stored is tried again.
const STORE_AGAIN: Duration = Duration::from_secs(1);
/// How often that may fail before the run ends.
const MOST_FAILURES: u32 = 30;
/// How long futures beside a step may wait for something that is no step, as a lock, before they are taken to wait for good.
const PATIENCE: Duration = Duration::from_millis(250);
/// How often they are looked at meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What a pass is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Forward,
    /// To reach this step, and to undo it.
    Undo(String),
}

/// Why a pass ends before the code returns.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Another run has taken over, or a caller has ended it.
    Superseded,
    /// The database failed: the job is retried.
    Engine(anyhow::Error),
    /// The code does not fit its journal, or its rules.
    Broken(FlowError),
    /// A step was undone, or that failed.
    Undone,
    /// A test ends this run here, as if its process had died.
    #[cfg(feature = "testing")]
    Crashed,
}

pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) of: Claimed,
    pub(crate) name: &'static str,
    pub(crate) policy: StepPolicy,
    /// Something that the workflow may wait for has happened in this process.
    woken: watch::Sender<()>,
    inner: Mutex<Inner>,
}

struct Inner {
    mode: Mode,
    journal: Journal,
    /// How many steps do something that is not only a wait.
    active: usize,
    /// How many steps are in the middle of their work, or of storing its result.
    running: usize,
    /// How many of these can be undone.
    undoable: usize,
    /// How the workflow ends early, once no step is in the middle of its work. Nothing begins meanwhile.
    ending: Option<FlowState>,
    /// Branches are polled that are to be dropped: nothing begins in them.
    is_frozen: bool,
    /// What is waited for: until when, in milliseconds since 1970, by the number of the wait.
    waits: Vec<(u64, Option<i64>)>,
    last_wait: u64,
    /// The step that this pass is to undo has been reached.
    is_caught: bool,
    stop: Option<Stop>,
}

/// A step that the code has reached.
pub(crate) enum Reached {
    /// It goes on, or begins. The row is there if something of it is stored.
    Open(Option<Row>, Active),
    Ended(Row),
    /// It is the one that this pass is to undo.
    Undo(Row, Active),
}

impl Shared {
    pub(crate) fn new(
        engine: Arc<Engine>,
        of: Claimed,
        (name, policy): (&'static str, StepPolicy),
        journal: Journal,
        woken: watch::Sender<()>,
    ) -> Arc<Self> {
        let inner = Inner {
            mode: Mode::Forward,
            journal,
            active: 0,
            running: 0,
            undoable: 0,
            ending: None,
            is_frozen: false,
            waits: Vec::new(),
            last_wait: 0,
            is_caught: false,
            stop: None,
        };
        Arc::new(Self {
            engine,
            of,
            name,
            policy,
            woken,
            inner: Mutex::new(inner),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a pass. What is left of the previous one was dropped.
    pub(crate) fn begin(&self, mode: Mode) {
        let mut inner = self.lock();
        inner.mode = mode;
        (inner.is_caught, inner.stop, inner.ending) = (false, None, None);
        inner.journal.begin_pass();
    }

    /// Takes what is stored for what this run has seen: a step can have been stored while its future was dropped.
    pub(crate) async fn reload(&self) -> Result<()> {
        let journal = Journal::load(self.engine.database.read(), self.of.head.number).await?;
        self.lock().journal = journal;
        Ok(())
    }

    pub(crate) fn is_forward(&self) -> bool {
        self.lock().mode == Mode::Forward
    }

    /// Whether no branch may drop those beside it: the step that this pass is to undo has been reached, or the workflow ends early, and waits for the steps that
    /// run.
    pub(crate) fn holds_branches(&self) -> bool {
        let inner = self.lock();
        inner.is_caught || inner.ending.is_some()
    }

    /// Ends the workflow early: as soon as no step is in the middle of its work.
    pub(crate) fn end_early(&self, ending: FlowState) {
        self.lock().ending.get_or_insert(ending);
    }

    pub(crate) fn ends_early(&self) -> bool {
        self.lock().ending.is_some()
    }

    /// How the workflow ends early, if it does and no step is in the middle of its work any more.
    pub(crate) fn early_end(&self) -> Option<FlowState> {
        let inner = self.lock();
        inner.ending.filter(|_| inner.running == 0)
    }

    /// Lets nothing begin, or lets it again. Returns what held before.
    pub(crate) fn freeze(&self, is_frozen: bool) -> bool {
        std::mem::replace(&mut self.lock().is_frozen, is_frozen)
    }

    /// How many steps that can be undone are in the middle of their work.
    pub(crate) fn undoable(&self) -> usize {
        self.lock().undoable
    }

    fn may_begin(&self) -> bool {
        let inner = self.lock();
        inner.ending.is_none() && !inner.is_frozen
    }

    /// Begins work that ends before the workflow does, unless nothing may begin any more.
    pub(crate) async fn begin_work(self: &Arc<Self>, can_be_undone: bool) -> Running<'_> {
        if !self.may_begin() {
            return self.wait_for_the_end().await;
        }
        self.running(can_be_undone)
    }

    /// Counts as work that ends before the workflow does, until it is dropped.
    fn running(&self, can_be_undone: bool) -> Running<'_> {
        let mut inner = self.lock();
        inner.running += 1;
        inner.undoable += usize::from(can_be_undone);
        Running(self, can_be_undone)
    }

    /// Waits until this future is dropped.
    async fn wait_for_the_end<T>(self: &Arc<Self>) -> T {
        let _wait = self.wait(None);
        pending().await
    }

    pub(crate) fn journal<T>(&self, of: impl FnOnce(&Journal) -> T) -> T {
        of(&self.lock().journal)
    }

    pub(crate) fn take_stop(&self) -> Option<Stop> {
        self.lock().stop.take()
    }

    /// Whether nothing is left but waits.
    pub(crate) fn is_idle(&self) -> bool {
        let inner = self.lock();
        inner.active == 0 && !inner.waits.is_empty()
    }

    /// The end of the first wait, if it has one.
    pub(crate) fn first_wait(&self) -> Option<i64> {
        let inner = self.lock();
        inner.waits.iter().filter_map(|(_, until)| *until).min()
    }

    /// Ends the pass: the driver drops this future.
    pub(crate) async fn halt<T>(&self, stop: Stop) -> T {
        self.lock().stop.get_or_insert(stop);
        pending().await
    }

    /// Ends the pass with an error of the code.
    async fn broken<T>(&self, fault: Fault, step: &str) -> T {
        let step = step.to_owned();
        let error = match fault {
            Fault::NameTwice => FlowError::NameTwice {
                workflow: self.name,
                step,
            },
            Fault::TooMany => FlowError::TooManySteps {
                workflow: self.name,
            },
            Fault::Changed { recorded } => self.changed(format!("the step `{step}`"), recorded),
        };
        self.halt(Stop::Broken(error)).await
    }

    pub(crate) fn changed(&self, reached: String, recorded: String) -> FlowError {
        FlowError::Changed {
            workflow: self.name,
            id: self.of.head.id.clone(),
            reached,
            recorded,
        }
    }

    /// The code reaches a step. A new one begins once the futures beside it have reached theirs.
    pub(crate) async fn reach(self: &Arc<Self>, name: &str, kind: StepKind) -> Reached {
        if !(1..=LONGEST_NAME).contains(&name.len()) {
            let (workflow, bytes) = (self.name.to_owned(), name.len());
            let error = FlowError::InvalidName { workflow, bytes };
            return self.halt(Stop::Broken(error)).await;
        }
        let (reached, mode) = {
            let mut inner = self.lock();
            (inner.journal.reach(name, kind), inner.mode.clone())
        };
        let row = match reached {
            Ok(row) => row,
            Err(fault) => return self.broken(fault, name).await,
        };
        match (row, mode) {
            (Some(row), Mode::Undo(step)) if step == name => {
                let active = self.active();
                self.lock().is_caught = true;
                Reached::Undo(row, active)
            }
            (Some(row), _) if row.has_ended() => {
                metrics::replayed(self.name);
                Reached::Ended(row)
            }
            // A workflow that did more than this was beyond a version that it does not have.
            (None, Mode::Undo(_)) if kind == StepKind::Value && is_version(name) => {
                let now = self.engine.now();
                Reached::Ended(Row::new(name, kind, now).done("1".to_owned(), now))
            }
            // Nothing more is done. Futures beside this one may be on their way to the step that is undone.
            (_, Mode::Undo(_)) => {
                let active = self.active();
                tokio::time::sleep(PATIENCE).await;
                drop(active);
                self.wait_for_the_end().await
            }
            (row, Mode::Forward) => {
                let active = self.active();
                tokio::task::yield_now().await;
                if !self.may_begin() {
                    return self.wait_for_the_end().await;
                }
                if row.is_none()
                    && let Some(recorded) = self.still_unreached().await
                {
                    // The first version of a branch is what the code was without it.
                    return match kind {
                        StepKind::Value if is_version(name) => Reached::Open(None, active),
                        _ => self.broken(Fault::Changed { recorded }, name).await,
                    };
                }
                if !self.may_begin() {
                    return self.wait_for_the_end().await;
                }
                Reached::Open(row, active)
            }
        }
    }

    /// What futures beside this one have not reached, after they had time for it.
    async fn still_unreached(&self) -> Option<String> {
        let began = tokio::time::Instant::now();
        while began.elapsed() < PATIENCE {
            self.unreached()?;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.unreached()
    }

    pub(crate) fn unreached(&self) -> Option<String> {
        self.lock().journal.unreached().map(str::to_owned)
    }

    /// Counts as something that is more than a wait, until it is dropped.
    pub(crate) fn active(self: &Arc<Self>) -> Active {
        self.lock().active += 1;
        Active(Arc::clone(self))
    }

    /// Counts as a wait until it is dropped.
    fn wait(self: &Arc<Self>, until: Option<i64>) -> Wait {
        let mut inner = self.lock();
        inner.last_wait += 1;
        let number = inner.last_wait;
        inner.waits.push((number, until));
        drop(inner);
        Wait(Arc::clone(self), number)
    }

    /// Waits until a time.
    pub(crate) async fn wait_until(self: &Arc<Self>, until: i64) {
        let _wait = self.wait(Some(until));
        self.engine.clock.sleep_until(time(until)).await;
    }

    /// Returns what notices changes from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.woken.subscribe()
    }

    /// Waits for a change. If only waits are left, the workflow is suspended meanwhile; if other branches do something, it may go on in this
    /// run.
    pub(crate) async fn wait_for(
        self: &Arc<Self>,
        changes: &mut watch::Receiver<()>,
        until: Option<i64>,
    ) {
        let _wait = self.wait(until);
        let end = async {
            match until {
                Some(until) => self.engine.clock.sleep_until(time(until)).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = end => {}
            // The sender lives as long as the run.
            _ = changes.changed() => {}
        }
    }

    /// Stores a row, with what `also` writes in the same transaction, if this is still the run that may.
    pub(crate) async fn store<F>(&self, row: Row, also: impl FnOnce(Tx, Row) -> F + Send) -> Row
    where
        F: Future<Output = Result<(Tx, Row)>> + Send,
    {
        let _running = self.running(row.undo == undo::POSSIBLE);
        let row = self.placed(row);
        let stored = self.write(row, also).await;
        self.stored(stored).await
    }

    /// Stores a row. If that fails, it is tried again for a while: the work would be done again otherwise.
    pub(crate) async fn keep(&self, row: Row) -> Row {
        let _running = self.running(row.undo == undo::POSSIBLE);
        let row = self.placed(row);
        let mut failures = 0;
        loop {
            let stored = self.write(row.clone(), async |tx, row| Ok((tx, row))).await;
            match stored {
                Err(error) if failures < MOST_FAILURES => {
                    failures += 1;
                    let (step, id) = (&row.name, &self.of.head.id);
                    tracing::warn!(step, id, error = %format_args!("{error:#}"), "the result of a step was not stored; another attempt follows");
                    self.engine.clock.sleep(STORE_AGAIN).await;
                }
                stored => return self.stored(stored).await,
            }
        }
    }

    /// Gives a row its place in the journal. A step that is undone keeps its own.
    fn placed(&self, mut row: Row) -> Row {
        let mut inner = self.lock();
        if inner.mode == Mode::Forward {
            row.seq = inner.journal.next();
        }
        row
    }

    /// Returns the row as it is stored, and whether the workflow is to be cancelled; nothing if this run may not write any more.
    async fn write<F>(
        &self,
        row: Row,
        also: impl FnOnce(Tx, Row) -> F + Send,
    ) -> Result<Option<(Row, bool)>>
    where
        F: Future<Output = Result<(Tx, Row)>> + Send,
    {
        let state = if self.is_forward() { ACTIVE } else { UNDOING };
        let (name, number) = (row.name.clone(), self.of.head.number);
        let written = self
            .engine
            .database
            .write(async |mut tx| -> Result<Option<(Row, bool)>> {
                let fence = self.engine.fence(&mut tx, &self.of, state).await?;
                let Some(is_unwanted) = fence else {
                    return Ok(None);
                };
                let (mut tx, row) = also(tx, row).await?;
                row.store(&mut tx, number).await?;
                Ok(Some((row, is_unwanted)))
            });
        let context = || format!("the step `{name}` of {} was not stored", self.of.head.id);
        written.await.with_context(context)
    }

    async fn stored(&self, stored: Result<Option<(Row, bool)>>) -> Row {
        match stored {
            Ok(Some((row, is_unwanted))) => {
                self.lock().journal.keep(row.clone());
                // Another process has cancelled it.
                if is_unwanted && self.is_forward() {
                    self.end_early(FlowState::Cancelled);
                }
                #[cfg(feature = "testing")]
                self.crash(&row).await;
                row
            }
            Ok(None) => self.halt(Stop::Superseded).await,
            Err(error) => self.halt(Stop::Engine(error)).await,
        }
    }

    #[cfg(feature = "testing")]
    async fn crash(&self, row: &Row) {
        let is_undone = self.lock().mode != Mode::Forward;
        let crashes_here = {
            let mut crashes = self
                .engine
                .crashes
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if is_undone {
                let was_attempted = row.undo != undo::POSSIBLE || row.undo_attempts > 0;
                was_attempted && crashes.remove(&format!("undo {}", row.name))
            } else {
                row.has_ended() && crashes.remove(&row.name)
            }
        };
        if crashes_here {
            let () = self.halt(Stop::Crashed).await;
        }
    }
}

/// The result of a step that has ended.
pub(crate) fn ended<T: DeserializeOwned>(row: Row) -> Result<T> {
    let step = row.name;
    match (row.error, row.result) {
        (Some(error), None) => Err(FlowError::StepFailed { step, error }.into()),
        (_, result) => {
            let what = || format!("the result of the step `{step}`");
            Ok(decode(&result.unwrap_or_default(), what)?)
        }
    }
}

pub(crate) fn is_version(name: &str) -> bool {
    name.starts_with("version ")
}

/// Counts as something that is more than a wait.
pub(crate) struct Active(Arc<Shared>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.lock().active -= 1;
    }
}

/// Counts as work that ends before the workflow does; and whether it can be undone.
pub(crate) struct Running<'a>(&'a Shared, bool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.running -= 1;
        inner.undoable -= usize::from(self.1);
    }
}

/// Counts as a wait.
struct Wait(Arc<Shared>, u64);

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.lock().waits.retain(|(number, _)| *number != self.1);
    }
}

/// Writes a value as JSON.
pub(crate) fn encode(
    value: &impl Serialize,
    what: impl Fn() -> String,
) -> Result<String, FlowError> {
    let text = serde_json::to_string(value).map_err(|source| FlowError::Unserializable {
        what: what(),
        source,
    })?;
    let bytes = text.len();
    if bytes > LARGEST {
        let what = what();
        return Err(FlowError::TooLarge { what, bytes });
    }
    Ok(text)
}

/// Reads a value.
pub(crate) fn decode<T: DeserializeOwned>(
    text: &str,
    what: impl FnOnce() -> String,
) -> Result<T, FlowError> {
    serde_json::from_str(text).map_err(|source| FlowError::Unreadable {
        what: what(),
        source,
    })
}
