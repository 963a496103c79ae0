//! One cell for each node of the plan, and of what joined it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::base::inside::Place;
use crate::base::key::TypeMap;
use crate::base::lock::lock;
use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::collect::{Member, Registry, Scopes, SharedRegistry, Source};
use crate::declare::{Around, Home, Outside, Plugin, Site, Spawn, States};
use crate::drive::{End, Timing};
use crate::life::Life;
use crate::live::cell::{Cell, Told};
use crate::live::events::Observers;
use crate::live::growth::{Growth, Joined, Part};
use crate::live::limits::Limits;
use crate::live::listeners::Listeners;
use crate::live::provided::Provided;
use crate::live::ready_queue::ReadyQueue;
#[cfg(feature = "testing")]
use crate::live::rig::Rig;
use crate::plan::{Binding, Plan, number};
use crate::report::{Closing, HookError, HookFailure, Outcome, Step};

/// Every plugin of an app that boots, runs or closes.
pub(crate) struct Nodes {
    pub(crate) plan: Arc<Plan>,
    pub(crate) life: Arc<Life>,
    cells: Vec<Mutex<Cell>>,
    /// What joined while the app booted; their numbers come after those of the plan.
    pub(super) joined: boxcar::Vec<Joined>,
    growth: Mutex<Growth>,
    /// The scopes of the plan and those that were opened since, if any were.
    pub(super) opened: OnceLock<Mutex<Scopes>>,
    /// Whether anything has ever been registered to join: most apps never ask further.
    pub(super) grows: AtomicBool,
    pub(super) registry: SharedRegistry,
    /// Itself, for holders that must not keep it alive.
    pub(super) own: OnceLock<Weak<Nodes>>,
    /// Whether every load of the boot has ended.
    pub(super) has_loaded: AtomicBool,
    /// How many loads have ended well.
    returns: AtomicU32,
    /// How many have loaded and not closed.
    pub(super) loaded: AtomicUsize,
    /// How many hooks are owed to all of them.
    pub(super) owed: AtomicUsize,
    /// Whether no more of them are taken.
    pub(super) is_shut: AtomicBool,
    /// Everything that went wrong so far, in case that nothing reports it.
    pub(super) known: Mutex<Vec<HookError>>,
    /// Whether any hook has told of its progress.
    pub(super) tells: AtomicBool,
    /// Where the tasks are; gone when the app has ended.
    pub(super) spawner: OnceLock<Weak<dyn Spawn>>,
    listeners: Listeners,
    pub(super) observers: Observers,
    #[cfg(feature = "testing")]
    pub(crate) rig: Rig,
    pub(crate) ready_queue: ReadyQueue,
    pub(super) began: Instant,
    pub(super) limits: Limits,
    pub(super) boot_took: OnceLock<Duration>,
    pub(super) closing: OnceLock<Closing>,
    pub(super) boot_cancelled: CancellationToken,
    pub(super) providers: OnceLock<TypeMap<Provided>>,
    /// What the app is told from outside; a restart reads it anew.
    outside: Mutex<Outside>,
}

/// A plugin that can be called, from any hook but `load`.
pub(crate) type Hook = Arc<dyn Plugin>;

impl Nodes {
    /// Takes the plugins of the plan out of the registry.
    pub(crate) fn new(
        plan: Plan,
        registry: &mut Registry,
        shared: SharedRegistry,
        life: Arc<Life>,
        listeners: Listeners,
    ) -> Self {
        let mut cell = |source: Source| match source {
            Source::Registered { entry, .. } | Source::Supplied { entry, .. } => {
                registry.take(entry).map(|taken| Cell {
                    plugin: Some(taken.plugin),
                    slots: taken.slots,
                    ..Cell::default()
                })
            }
            Source::Collected(_) => None,
        };
        let mut cells: Vec<Mutex<Cell>> = plan
            .order()
            .map(|plugin| Mutex::new(cell(plan.member(plugin.number()).source).unwrap_or_default()))
            .collect();
        // Handles that were taken from a registration which another one replaces.
        for (entry, node) in (0_u32..).zip(&plan.node_of_entry) {
            if let Some(node) = node {
                let slots = registry.take_slots(entry);
                if let (false, Ok(cell)) = (slots.is_empty(), cells[*node as usize].get_mut()) {
                    cell.slots.extend(slots);
                }
            }
        }
        Self {
            outside: Mutex::new(plan.outside.clone()),
            plan: Arc::new(plan),
            life,
            cells,
            joined: boxcar::Vec::new(),
            growth: Mutex::default(),
            opened: OnceLock::new(),
            grows: AtomicBool::new(false),
            registry: shared,
            own: OnceLock::new(),
            has_loaded: AtomicBool::new(false),
            returns: AtomicU32::new(0),
            loaded: AtomicUsize::new(0),
            owed: AtomicUsize::new(0),
            is_shut: AtomicBool::new(false),
            known: Mutex::default(),
            tells: AtomicBool::new(false),
            spawner: OnceLock::new(),
            listeners,
            observers: Observers::default(),
            #[cfg(feature = "testing")]
            rig: Rig::default(),
            ready_queue: ReadyQueue::default(),
            began: Instant::now(),
            limits: Limits::default(),
            boot_took: OnceLock::new(),
            closing: OnceLock::new(),
            boot_cancelled: CancellationToken::new(),
            providers: OnceLock::new(),
        }
    }

    /// Shares them.
    pub(crate) fn share(self) -> Arc<Self> {
        let shared = Arc::new(self);
        let _ = shared.own.set(Arc::downgrade(&shared));
        shared
    }

    /// The cell of a node. User code never runs under its lock, except for cheap clones.
    pub(super) fn cell(&self, node: u32) -> MutexGuard<'_, Cell> {
        let cell = match self.joined_as(node) {
            None => &self.cells[node as usize],
            Some(joined) => &joined.cell,
        };
        lock(cell)
    }

    pub(super) fn growth(&self) -> MutexGuard<'_, Growth> {
        lock(&self.growth)
    }

    /// Whether anything may have joined.
    pub(crate) fn has_grown(&self) -> bool {
        self.grows.load(Ordering::SeqCst)
    }

    pub(super) fn joined_as(&self, node: u32) -> Option<&Joined> {
        self.joined
            .get((node as usize).checked_sub(self.cells.len())?)
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.cells.len() + self.joined.count()
    }

    /// Every node: those of the plan, then those that joined.
    pub(crate) fn all(&self) -> std::ops::Range<u32> {
        0..number(self.len())
    }

    pub(crate) fn member(&self, node: u32) -> &Member {
        match self.joined_as(node) {
            None => self.plan.member(node),
            Some(joined) => &joined.member,
        }
    }

    pub(crate) fn name(&self, node: u32) -> &PluginName {
        &self.member(node).name
    }

    pub(super) fn bindings(&self, node: u32) -> &[Binding] {
        match self.joined_as(node) {
            None => self.plan.bindings(node),
            Some(joined) => joined.links.get().map_or(&[], |it| &it.bindings),
        }
    }

    /// What must have loaded before a node.
    pub(crate) fn requires(&self, node: u32) -> &[u32] {
        match self.joined_as(node) {
            None => self.plan.requires.targets(node),
            Some(joined) => joined.links.get().map_or(&[], |it| &it.requires),
        }
    }

    /// Looks at the scopes.
    pub(crate) fn with_scopes<T>(&self, look: impl FnOnce(&Scopes) -> T) -> T {
        match self.opened.get() {
            None => look(&self.plan.scopes),
            Some(opened) => look(&lock(opened)),
        }
    }

    /// The node that brought this one with it.
    pub(crate) fn parent(&self, node: u32) -> Option<u32> {
        Some(self.joined_as(node)?.parent)
    }

    /// That, the one that brought that, and so on.
    pub(crate) fn parents(&self, node: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(self.parent(node), |parent| self.parent(*parent))
    }

    /// All of those and the node itself, the node of the plan first; `None` if it is one.
    pub(super) fn path(&self, node: u32) -> Option<&[u32]> {
        Some(&self.joined_as(node)?.path)
    }

    pub(crate) fn site(self: &Arc<Self>, node: u32, phase: Phase) -> Site {
        Site::new(Arc::clone(self) as Arc<dyn Home>, node, phase)
    }

    /// Where hooks of plugins are.
    pub(crate) fn place(self: &Arc<Self>, phase: Phase) -> Place {
        Around::plugins(Arc::clone(self) as Arc<dyn Home>, phase)
    }

    /// What the app is told from outside.
    pub(crate) fn outside(&self) -> Outside {
        lock(&self.outside).clone()
    }

    /// From now on, what loads is told this.
    #[cfg(feature = "config")]
    pub(crate) fn set_outside(&self, outside: Outside) {
        let before = std::mem::replace(&mut *lock(&self.outside), outside);
        // It may hold sources of the user's: dropped when the lock is free.
        drop(before);
    }

    pub(super) fn told(&self, node: u32, told: Told) {
        self.cell(node).others.get_or_insert_default().progress = Some(told);
    }

    /// A step that has begun.
    pub(super) fn begun(&self, began: Instant, released_by: Option<u32>) -> Step {
        Step {
            outcome: Outcome::Started,
            began: Some(began.saturating_duration_since(self.began)),
            took: None,
            released_by: released_by.map(|node| node as usize),
        }
    }

    /// Notes that a hook has begun.
    pub(crate) fn begin(&self, node: u32, phase: Phase, began: Instant, released_by: Option<u32>) {
        if let Some(step) = self.cell(node).step(phase) {
            *step = self.begun(began, released_by);
        }
        self.emit(node, phase, Outcome::Started);
    }

    /// Notes how a hook has ended.
    pub(crate) fn note(&self, node: u32, phase: Phase, outcome: Outcome, timing: Timing) {
        if let Some(step) = self.cell(node).step(phase) {
            step.outcome = outcome;
            step.took = Some(timing.took());
        }
        self.emit(node, phase, outcome);
    }

    /// Keeps a plugin that has loaded. Its states are shown when everything has loaded that it
    /// brought with it.
    pub(crate) fn keep(&self, node: u32, plugin: Arc<dyn Plugin>, states: States, timing: Timing) {
        let mut cell = self.cell(node);
        cell.plugin = Some(plugin);
        cell.states = Some(states);
        cell.returned = self.returns.fetch_add(1, Ordering::Relaxed);
        if !self.has_grown() {
            cell.open();
        }
        self.loaded.fetch_add(1, Ordering::Relaxed);
        cell.load.outcome = Outcome::Done;
        cell.load.took = Some(timing.took());
        drop(cell);
        self.emit(node, Phase::Load, Outcome::Done);
    }

    /// Hands the states of a node to the plugins that wait for them.
    pub(super) fn open(&self, node: u32) {
        self.cell(node).open();
    }

    /// Which nodes of a part, or of all, have loaded and not closed.
    pub(crate) fn loaded(&self, part: Option<&Part>) -> Vec<bool> {
        self.which(part, |cell| cell.states.is_some())
    }

    /// Which of them have anything that must be let go of: also a plugin that never loaded.
    pub(crate) fn held(&self, part: Option<&Part>) -> Vec<bool> {
        self.which(part, |cell| {
            cell.states.is_some() || cell.plugin.is_some() || cell.owes()
        })
    }

    /// When this hook of a node last told of its progress.
    pub(crate) fn progressed(&self, node: u32, phase: Phase) -> Option<Instant> {
        if !self.tells.load(Ordering::Relaxed) {
            return None;
        }
        let cell = self.cell(node);
        let told = cell.others.as_ref()?.progress.as_ref()?;
        (told.phase == phase).then_some(told.at)
    }

    pub(super) fn which(&self, part: Option<&Part>, is_so: impl Fn(&Cell) -> bool) -> Vec<bool> {
        let is_so = |node: u32| is_so(&self.cell(node));
        if let Some(part) = part {
            return part.nodes().iter().map(|node| is_so(*node)).collect();
        }
        let len = self.len();
        if self.loaded.load(Ordering::Relaxed) == len {
            return vec![true; len];
        }
        self.all().map(is_so).collect()
    }

    pub(crate) fn is_loaded(&self, node: u32) -> bool {
        self.cell(node).states.is_some()
    }

    /// Whether its `load` has begun and not ended, in all its attempts.
    pub(crate) fn is_loading(&self, node: u32) -> bool {
        self.cell(node).load.outcome == Outcome::Started
    }

    /// A loaded plugin, to call a hook of it.
    pub(crate) fn hook(&self, node: u32) -> Option<Hook> {
        let cell = self.cell(node);
        cell.states.as_ref()?;
        cell.plugin.clone()
    }

    /// Keeps an error in case that nothing reports it.
    pub(crate) fn know(&self, error: &HookError) {
        let mut known = lock(&self.known);
        known.push(error.clone());
    }

    pub(crate) fn error(&self, node: u32, phase: Phase, cause: HookFailure) -> HookError {
        let member = self.member(node);
        let declared = member.descriptor.location();
        HookError::new(member.name.clone(), declared, phase, cause)
    }

    /// The same of a hook of a boot or a restart, which may have been asked to stop before.
    pub(crate) fn boot_error(
        &self,
        node: u32,
        phase: Phase,
        cause: HookFailure,
        timing: Timing,
    ) -> HookError {
        let is_late = !timing.was_due && self.life.was_stopping_before(timing.ended);
        self.error(node, phase, cause).after_stop(is_late)
    }

    /// An error of a task, which has a name of its own.
    pub(crate) fn task_error(&self, node: u32, name: PluginName, cause: HookFailure) -> HookError {
        let declared = self.member(node).descriptor.location();
        HookError::new(name, declared, Phase::Run, cause)
    }

    pub(crate) fn set_spawner(&self, spawner: Weak<dyn Spawn>) {
        let _ = self.spawner.set(spawner);
    }

    /// Reports an error to the listeners.
    pub(crate) fn tell(self: &Arc<Self>, error: &HookError) {
        let home = Arc::clone(self) as Arc<dyn Home>;
        self.listeners.tell(&home, error);
    }

    /// Waits a moment for the listeners.
    pub(crate) async fn all_told(&self, patience: Duration) {
        self.listeners.all_told(patience).await;
    }

    /// Notes that a `run` hook is started again.
    pub(crate) fn count_restart(&self, node: u32) {
        let mut cell = self.cell(node);
        let others = cell.others.get_or_insert_default();
        others.restarts += 1;
        if let Some(run) = &mut others.run {
            run.outcome = Outcome::Started;
            run.took = None;
        }
        drop(cell);
        self.emit(node, Phase::Run, Outcome::Started);
    }

    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    pub(crate) fn cancel_boot(&self) {
        self.boot_cancelled.cancel();
    }

    pub(crate) fn boot_is_over(&self) {
        let _ = self.boot_took.set(self.began.elapsed());
    }

    pub(crate) fn close_is_over(&self, parts: Closing) {
        let _ = self.closing.set(parts);
    }
}

/// Why a job counts as failed, unless it returned.
pub(crate) fn cause_of<O>(end: End<O>, timing: Timing) -> Result<O, HookFailure> {
    match end {
        End::Returned(output) => Ok(output),
        End::Panicked(message) => Err(HookFailure::Panic(message)),
        End::TimedOut(limit) => Err(HookFailure::TimedOut {
            limit,
            rest_of: None,
        }),
        End::Cancelled => Err(HookFailure::Cancelled),
        End::Abandoned => Err(HookFailure::Abandoned {
            after: timing.took(),
        }),
    }
}
