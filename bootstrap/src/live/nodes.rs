//! One cell for each node of the plan.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::base::key::{StateKey, TypeMap};
use crate::base::name::PluginName;
use crate::base::panic::guard;
use crate::base::phase::Phase;
use crate::base::text;
use crate::collect::{Found, Registry, Source};
use crate::declare::{
    AnySlot, AppHook, Bind, Bound, Fields, Home, Plugin, Site, Spawn, StateError, StateValue,
    States, TaskRequest,
};
use crate::drive::{End, Timing};
use crate::life::Life;
use crate::live::listeners::Listeners;
use crate::plan::Plan;
use crate::report::{
    Cause, Closing, MoreReport, Outcome, PluginError, PluginReport, Progress, Report, Step,
};

/// Every plugin of an app that boots, runs or closes.
pub(crate) struct Nodes {
    pub(crate) plan: Arc<Plan>,
    pub(crate) life: Arc<Life>,
    cells: Vec<Mutex<Cell>>,
    /// How many have loaded and not closed.
    loaded: AtomicUsize,
    /// How many hooks are owed to all of them.
    owed: AtomicUsize,
    /// Whether no more of them are taken.
    is_shut: AtomicBool,
    /// Everything that went wrong so far, should nobody come to tell it.
    known: Mutex<Vec<PluginError>>,
    /// Whether any hook has told of its progress.
    tells: AtomicBool,
    /// Where the tasks are; gone when the app has ended.
    spawner: OnceLock<Weak<dyn Spawn>>,
    listeners: Listeners,
    began: Instant,
    boot_took: OnceLock<Duration>,
    closing: OnceLock<Closing>,
    boot_cancelled: CancellationToken,
    providers: OnceLock<TypeMap<Vec<u32>>>,
}

#[derive(Default)]
struct Cell {
    /// Not there before a collected plugin is built, while it loads, and after it has closed.
    plugin: Option<Arc<dyn Plugin>>,
    /// There from the end of `load` until it has closed.
    states: Option<States>,
    slots: Vec<Arc<dyn AnySlot>>,
    load: Step,
    close: Step,
    /// Most plugins have no other hooks.
    others: Option<Box<Others>>,
}

/// The hooks that few plugins have.
#[derive(Default)]
struct Others {
    ready: Option<Step>,
    run: Option<Step>,
    drain: Option<Step>,
    stop: Option<Step>,
    /// What is to be done when the plugin has closed, the last one first.
    owed: Vec<AppHook>,
    /// What a hook said last, and when.
    progress: Option<Told>,
    outlived: Vec<StateKey>,
    restarts: u32,
    generation: u32,
    /// Whether one of `owed` is being done.
    cleaning: bool,
}

/// How far a hook said that it was.
struct Told {
    phase: Phase,
    text: Cow<'static, str>,
    at: Instant,
}

/// A plugin that can be called, from any hook but `load`.
pub(crate) type Hook = Arc<dyn Plugin>;

impl Nodes {
    /// Takes the plugins of the plan out of the registry.
    pub(crate) fn new(
        plan: Plan,
        registry: &mut Registry,
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
            plan: Arc::new(plan),
            life,
            cells,
            loaded: AtomicUsize::new(0),
            owed: AtomicUsize::new(0),
            is_shut: AtomicBool::new(false),
            known: Mutex::default(),
            tells: AtomicBool::new(false),
            spawner: OnceLock::new(),
            listeners,
            began: Instant::now(),
            boot_took: OnceLock::new(),
            closing: OnceLock::new(),
            boot_cancelled: CancellationToken::new(),
            providers: OnceLock::new(),
        }
    }

    /// The cell of a node. User code never runs under its lock, except for cheap clones.
    fn cell(&self, node: u32) -> MutexGuard<'_, Cell> {
        let cell = &self.cells[node as usize];
        cell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn site(self: &Arc<Self>, node: u32, phase: Phase) -> Site {
        Site::new(Arc::clone(self) as Arc<dyn Home>, node, phase)
    }

    /// Notes that a `load` has begun, and takes the plugin out for it, with its fields bound.
    pub(crate) fn take_to_load(
        &self,
        node: u32,
        began: Instant,
        released_by: Option<u32>,
    ) -> Result<Arc<dyn Plugin>> {
        let mut cell = self.cell(node);
        let is_first = cell.load.outcome == Outcome::NotStarted;
        cell.load = self.begun(began, released_by);
        if !is_first {
            cell.begin_again();
        }
        let there = cell.plugin.take();
        drop(cell);
        let mut plugin = match (there, self.plan.member(node).source) {
            (Some(plugin), _) => plugin,
            (None, Source::Collected(declaration)) => {
                let build = declaration.behaviour.build;
                build.context("the plugin can't be built by default")?()
            }
            (None, _) => bail!("its last hook was cut short, so it can't be loaded again"),
        };
        if !is_first {
            let held = "a hook that was abandoned still holds the plugin";
            Arc::get_mut(&mut plugin).context(held)?.reset();
        }
        self.bind_fields(node, &mut plugin)?;
        Ok(plugin)
    }

    /// Puts back a plugin whose `load` failed: for another attempt, or to be let go of.
    pub(crate) fn put_back(&self, node: u32, plugin: Arc<dyn Plugin>) {
        self.cell(node).plugin = Some(plugin);
    }

    /// Takes a plugin out for another attempt.
    pub(crate) fn take_to_try_again(&self, node: u32) -> Result<Arc<dyn Plugin>> {
        let there = self.cell(node).plugin.take();
        let mut plugin = there.context("the plugin is not there")?;
        let held = "something else holds the plugin";
        Arc::get_mut(&mut plugin).context(held)?.reset();
        self.bind_fields(node, &mut plugin)?;
        Ok(plugin)
    }

    fn bind_fields(&self, node: u32, plugin: &mut Arc<dyn Plugin>) -> Result<()> {
        let mut bindings = self.plan.bindings(node).iter();
        if bindings.len() == 0 {
            return Ok(());
        }
        let mut bind = |_: &'static str, field: &mut dyn Bind| {
            let state = bindings.next().and_then(|binding| {
                let provider = self.cell(binding.provider?);
                provider.states.as_ref()?.find(binding.state).cloned()
            });
            field.bind(state.as_ref().map(Bound::new));
        };
        let plugin = Arc::get_mut(plugin).context("something else holds the plugin")?;
        plugin.fields(&mut Fields::new(&mut bind));
        Ok(())
    }

    /// A step that has begun.
    fn begun(&self, began: Instant, released_by: Option<u32>) -> Step {
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
    }

    /// Notes how a hook has ended.
    pub(crate) fn note(&self, node: u32, phase: Phase, outcome: Outcome, timing: Timing) {
        if let Some(step) = self.cell(node).step(phase) {
            step.outcome = outcome;
            step.took = Some(timing.took());
        }
    }

    /// Keeps a plugin that has loaded, and hands its states to whoever waits for them.
    pub(crate) fn keep(&self, node: u32, plugin: Arc<dyn Plugin>, states: States, timing: Timing) {
        let mut cell = self.cell(node);
        for slot in cell.slots.drain(..) {
            if let Some(value) = states.find(slot.key()) {
                slot.fill(value);
            }
        }
        cell.plugin = Some(plugin);
        cell.states = Some(states);
        self.loaded.fetch_add(1, Ordering::Relaxed);
        cell.load.outcome = Outcome::Done;
        cell.load.took = Some(timing.took());
    }

    /// Which nodes have loaded and not closed.
    pub(crate) fn loaded(&self) -> Vec<bool> {
        self.which(|cell| cell.states.is_some())
    }

    /// Which nodes have anything that must be let go of: also a plugin that never loaded.
    pub(crate) fn held(&self) -> Vec<bool> {
        self.which(|cell| cell.states.is_some() || cell.plugin.is_some() || cell.owes())
    }

    /// Which nodes have a `close` coming, or a hook that they left for it.
    pub(crate) fn owed(&self) -> Vec<bool> {
        self.which(|cell| cell.states.is_some() || cell.owes())
    }

    /// From now on nothing more is taken to be done: nobody would do it.
    pub(crate) fn close_the_door(&self) {
        self.is_shut.store(true, Ordering::SeqCst);
    }

    /// Takes away what nodes of a part have left to be done which nobody did; returns the nodes.
    pub(crate) fn let_go_of_owed(&self, part: Option<&[bool]>) -> Vec<u32> {
        if self.owed.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let is_here = |node: &u32| part.is_none_or(|part| part[*node as usize]);
        let nodes = self.plan.requires.nodes().filter(is_here);
        nodes.filter(|node| self.discard_owed(*node)).collect()
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

    /// The next thing to be done of those that a node has left.
    pub(crate) fn next_owed(&self, node: u32) -> Option<AppHook> {
        if self.owed.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut cell = self.cell(node);
        let others = cell.others.as_mut()?;
        let hook = others.owed.pop()?;
        others.cleaning = true;
        self.owed.fetch_sub(1, Ordering::SeqCst);
        Some(hook)
    }

    /// What a node had left has been done, or not.
    pub(crate) fn cleaned(&self, node: u32) {
        if let Some(others) = &mut self.cell(node).others {
            others.cleaning = false;
        }
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

    fn which(&self, is_so: impl Fn(&Cell) -> bool) -> Vec<bool> {
        if self.loaded.load(Ordering::Relaxed) == self.cells.len() {
            return vec![true; self.cells.len()];
        }
        let nodes = self.plan.requires.nodes();
        nodes.map(|node| is_so(&self.cell(node))).collect()
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

    /// Drops a plugin and its states. Runs the user's code.
    pub(crate) fn release(&self, node: u32) {
        self.drop_released(node, self.take_out(node));
    }

    /// Takes out what has to be dropped when a plugin has closed.
    pub(crate) fn take_out(&self, node: u32) -> Released {
        let mut cell = self.cell(node);
        let states = cell.states.take();
        if states.is_some() {
            self.loaded.fetch_sub(1, Ordering::Relaxed);
        }
        Released(cell.plugin.take(), states.unwrap_or_default())
    }

    /// Drops the states of a plugin that will be loaded again; the plugin itself stays.
    pub(crate) fn release_states(&self, node: u32) {
        let mut cell = self.cell(node);
        let states = cell.states.take();
        if states.is_some() {
            self.loaded.fetch_sub(1, Ordering::Relaxed);
        }
        drop(cell);
        self.drop_released(node, Released(None, states.unwrap_or_default()));
    }

    /// A node and everything that depends on it.
    pub(crate) fn part(&self, node: u32) -> Vec<bool> {
        let mut part = vec![false; self.cells.len()];
        part[node as usize] = true;
        // Dependents have greater numbers.
        for node in self.plan.requires.nodes() {
            let needs = self.plan.requires.targets(node);
            part[node as usize] |= needs.iter().any(|needed| part[*needed as usize]);
        }
        part
    }

    /// A plugin of a part that can't be loaded again.
    pub(crate) fn once_in(&self, part: &[bool]) -> Option<u32> {
        let is_once = |node: &u32| {
            let cell = self.cell(*node);
            cell.plugin.as_ref().is_some_and(|plugin| plugin.is_once())
        };
        let mut nodes = self.plan.requires.nodes();
        nodes.find(|node| part[*node as usize] && is_once(node))
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

    /// Keeps an error in case that nobody comes to tell it.
    pub(crate) fn know(&self, error: &PluginError) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.push(error.clone());
    }

    /// Lets go of everything that nobody will close. Returns what went wrong before, and what was
    /// owed: a `close`, or something that was left to be done.
    pub(crate) fn give_up(&self) -> Vec<PluginError> {
        self.close_the_door();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut errors = std::mem::take(&mut *known);
        drop(known);
        for node in self.plan.requires.nodes().rev() {
            let cell = self.cell(node);
            let is_cleaning = cell.others.as_ref().is_some_and(|it| it.cleaning);
            let is_closing = cell.close.outcome == Outcome::Started;
            let mut owed = cell.states.is_some() || is_cleaning || is_closing;
            drop(cell);
            owed |= self.discard_owed(node);
            let _ = guard(|| self.release(node));
            if owed {
                errors.push(self.error(node, Phase::Close, Cause::RuntimeShutDown));
            }
        }
        errors
    }

    /// Closes a plugin that has no hook for it: drops it and its states. Runs the user's code.
    ///
    /// One that never loaded has nothing to close, and is only dropped.
    pub(crate) fn close(&self, node: u32, began: Instant, released_by: Option<u32>, keeps: bool) {
        let mut cell = self.cell(node);
        let states = cell.states.take();
        if states.is_some() {
            self.loaded.fetch_sub(1, Ordering::Relaxed);
            cell.close = Step {
                outcome: Outcome::Done,
                took: Some(Duration::ZERO),
                ..self.begun(began, released_by)
            };
        }
        let plugin = if keeps { None } else { cell.plugin.take() };
        drop(cell);
        self.drop_released(node, Released(plugin, states.unwrap_or_default()));
    }

    pub(crate) fn error(&self, node: u32, phase: Phase, cause: Cause) -> PluginError {
        let member = self.plan.member(node);
        let declared = member.descriptor.location();
        PluginError::new(member.name.clone(), declared, phase, cause)
    }

    /// Warns of hooks that take long.
    pub(crate) fn warn_of_slow(&self, phase: Phase, running: &[(u32, Duration)], waiting: usize) {
        let shown = running.iter().take(10).map(|(node, since)| {
            let (name, since) = (self.plan.name(*node), text::duration(*since));
            let cell = self.cell(*node);
            let progress = cell.others.as_ref().and_then(|it| it.progress.as_ref());
            match progress {
                Some(told) => format!("`{name}` for {since} ({})", told.text),
                None => format!("`{name}` for {since}"),
            }
        });
        let shown: Vec<String> = shown.collect();
        let more = match running.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {}", text::count(more, "other plugin")),
        };
        let waiting = match waiting {
            0 => String::new(),
            waiting => format!("; {} not begun", text::count(waiting, "plugin")),
        };
        tracing::warn!(
            target: "bootstrap",
            "still in `{phase}`: {}{more}{waiting}",
            shown.join(", ")
        );
    }

    /// An error of a task, which has a name of its own.
    pub(crate) fn task_error(&self, node: u32, name: PluginName, cause: Cause) -> PluginError {
        let declared = self.plan.member(node).descriptor.location();
        PluginError::new(name, declared, Phase::Run, cause)
    }

    pub(crate) fn set_spawner(&self, spawner: Weak<dyn Spawn>) {
        let _ = self.spawner.set(spawner);
    }

    /// Tells whoever listens that something went wrong.
    pub(crate) fn tell(self: &Arc<Self>, error: &PluginError) {
        let home = Arc::clone(self) as Arc<dyn Home>;
        self.listeners.tell(&home, error);
    }

    /// Waits a moment for those who were told something.
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

    /// What has happened so far.
    pub(crate) fn report(&self) -> Report {
        let plugins = self.plan.order().map(|plugin| {
            let cell = self.cell(plugin.number());
            let more = cell
                .others
                .as_ref()
                .map(|it| Box::new(it.report(self.began)));
            PluginReport::new(
                plugin.name().clone(),
                plugin.declared(),
                cell.load,
                cell.close,
                more,
            )
        });
        let closing = self.closing.get().copied();
        Report {
            boot: self.boot_took.get().copied(),
            close: closing.map(|it| it.drain + it.stop + it.hooks + it.close),
            closing,
            plugins: plugins.collect(),
        }
    }

    /// The nodes that provide each state.
    fn providers(&self) -> &TypeMap<Vec<u32>> {
        self.providers.get_or_init(|| {
            let mut providers: TypeMap<Vec<u32>> = TypeMap::default();
            for plugin in self.plan.order() {
                for state in plugin.provides() {
                    providers
                        .entry(state.id())
                        .or_default()
                        .push(plugin.number());
                }
            }
            providers
        })
    }
}

impl Others {
    fn report(&self, began: Instant) -> MoreReport {
        let progress = self.progress.as_ref().map(|told| Progress {
            text: told.text.clone(),
            at: told.at.saturating_duration_since(began),
        });
        MoreReport {
            ready: self.ready,
            run: self.run,
            generation: self.generation,
            restarts: self.restarts,
            drain: self.drain,
            stop: self.stop,
            progress,
            outlived: self.outlived.clone(),
        }
    }
}

/// What is dropped of a plugin that has closed.
pub(crate) struct Released(Option<Arc<dyn Plugin>>, States);

impl Cell {
    /// Forgets what the last generation of the plugin did.
    fn begin_again(&mut self) {
        self.close = Step::default();
        let others = self.others.get_or_insert_default();
        let (owed, generation) = (std::mem::take(&mut others.owed), others.generation + 1);
        **others = Others {
            owed,
            generation,
            ..Others::default()
        };
    }

    /// Whether it has closed, and nothing of it is under way.
    fn is_done(&self) -> bool {
        let is_cleaning = self.others.as_ref().is_some_and(|it| it.cleaning);
        let has_closed = !matches!(self.close.outcome, Outcome::NotStarted | Outcome::Started);
        has_closed && !is_cleaning
    }

    fn owes(&self) -> bool {
        self.others.as_ref().is_some_and(|it| !it.owed.is_empty())
    }

    fn step(&mut self, phase: Phase) -> Option<&mut Step> {
        match phase {
            Phase::Load => return Some(&mut self.load),
            Phase::Close => return Some(&mut self.close),
            _ => {}
        }
        let others = self.others.get_or_insert_default();
        let other = match phase {
            Phase::Ready => &mut others.ready,
            Phase::Run => &mut others.run,
            Phase::Drain => &mut others.drain,
            Phase::Stop => &mut others.stop,
            Phase::Load | Phase::Close | Phase::Start => return None,
        };
        Some(other.get_or_insert_default())
    }
}

impl Home for Nodes {
    fn life(&self) -> &Arc<Life> {
        &self.life
    }

    fn name_of(&self, node: u32) -> PluginName {
        self.plan.name(node).clone()
    }

    fn states_of(&self, node: u32) -> States {
        self.cell(node).states.clone().unwrap_or_default()
    }

    fn fill(&self, node: u32, slot: Arc<dyn AnySlot>) {
        let mut cell = self.cell(node);
        match &cell.states {
            Some(states) => {
                if let Some(value) = states.find(slot.key()) {
                    slot.fill(value);
                }
            }
            None => cell.slots.push(slot),
        }
    }

    fn find_state(&self, from: Option<u32>, state: StateKey) -> Result<StateValue, StateError> {
        let providers = self.providers().get(&state.id()).map_or(&[][..], |all| all);
        let names = |nodes: &[u32]| nodes.iter().map(|node| self.name_of(*node)).collect();
        match self.plan.find(from, providers) {
            Found::None if providers.is_empty() => Err(StateError::Missing { state }),
            Found::None => Err(StateError::Hidden {
                state,
                plugins: names(providers),
            }),
            Found::One(provider) => {
                let cell = self.cell(provider);
                let value = cell.states.as_ref().and_then(|states| states.find(state));
                value.cloned().ok_or_else(|| StateError::NotLoaded {
                    state,
                    plugin: self.name_of(provider),
                })
            }
            Found::Several(nodes) => Err(StateError::Ambiguous {
                state,
                plugins: names(&nodes),
            }),
        }
    }

    fn errors_before(&self, _: u32) -> Vec<PluginError> {
        // A barrier is only reached if everything before it has loaded.
        Vec::new()
    }

    fn boot_cancelled(&self) -> &CancellationToken {
        &self.boot_cancelled
    }

    fn owe(&self, node: u32, hook: AppHook) {
        let mut cell = self.cell(node);
        if self.is_shut.load(Ordering::SeqCst) || cell.is_done() {
            drop(cell);
            return hook.discard();
        }
        self.owed.fetch_add(1, Ordering::SeqCst);
        cell.others.get_or_insert_default().owed.push(hook);
    }

    fn spawn(&self, node: u32, task: TaskRequest) {
        match self.spawner.get().and_then(Weak::upgrade) {
            Some(spawner) => spawner.spawn(node, task),
            // The app has ended; what the task holds is the user's.
            None => drop(guard(|| drop(task))),
        }
    }

    fn progress(&self, node: u32, phase: Phase, text: Cow<'static, str>) {
        self.tells.store(true, Ordering::Relaxed);
        tracing::debug!(target: "bootstrap", "`{}`: {text}", self.plan.name(node));
        let at = Instant::now();
        let mut cell = self.cell(node);
        cell.others.get_or_insert_default().progress = Some(Told { phase, text, at });
    }
}

/// Why a job counts as failed, unless it returned.
pub(crate) fn cause_of<O>(end: End<O>, timing: Timing) -> Result<O, Cause> {
    match end {
        End::Returned(output) => Ok(output),
        End::Panicked(message) => Err(Cause::Panic(message)),
        End::TimedOut(limit) => Err(Cause::TimedOut { limit }),
        End::Cancelled => Err(Cause::Cancelled),
        End::Abandoned => Err(Cause::Abandoned {
            after: timing.took(),
        }),
    }
}
