//! Sees to it that an app does what it promises, event by event, and that resources are given back.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use crate::base::inside::{Inside, inside_of};
use crate::base::key::{IsHeld, StateKey};
use crate::base::lock::lock;
use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::base::text;
use crate::collect::Source;
use crate::declare::StateValue;
use crate::live::{Observe, Stage};
use crate::report::{Event, HookError, HookFailure, Outcome};
use crate::testing::finding::{FindingKind, Fresh};

/// What happens in one run of an app.
pub(super) struct Watch {
    /// Where something goes wrong on purpose.
    fault: Option<(String, Phase)>,
    stage: OnceLock<Weak<dyn Stage>>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The mark of the app.
    app: usize,
    plugins: BTreeMap<u32, Known>,
    /// Hooks that have begun and not ended.
    open: Vec<(PluginName, Phase)>,
    /// Hooks that have begun, by the place of their plugin, and whether they ever waited.
    hooks: BTreeMap<(u32, Phase), Hook>,
    resources: Vec<Held>,
    /// Plugins whose `load` failed, with no handler but the boot.
    missed: BTreeSet<String>,
    findings: Vec<Fresh>,
}

/// A hook that a fault may happen in.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    pub(super) plugin: String,
    pub(super) phase: Phase,
    pub(super) waits: bool,
}

/// What is known of a plugin.
#[derive(Default)]
struct Known {
    name: String,
    requires: Vec<u32>,
    /// Whether it has loaded and its `close` has not ended.
    is_loaded: bool,
    /// Whether its `close` has begun since it loaded.
    closes: bool,
    /// What its loads have made.
    states: Vec<(StateKey, IsHeld)>,
}

/// A resource, as [`resource`](super::resource) made it.
struct Held {
    name: String,
    by: Option<u32>,
    /// Whether it was open when the `load` of its plugin returned.
    is_lasting: bool,
    is_open: bool,
}

thread_local! {
    static RUN: RefCell<Option<Arc<Watch>>> = const { RefCell::new(None) };
    static SPOT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// The run that this thread is about.
pub(super) fn run_here() -> Option<Arc<Watch>> {
    RUN.with_borrow(Option::clone)
}

/// From now on this thread is about a run.
pub(super) fn enter_run(watch: &Arc<Watch>) {
    RUN.set(Some(Arc::clone(watch)));
}

/// Says that a hook of a plugin runs, until it is dropped.
pub(super) struct Spot(Option<u32>);

impl Spot {
    pub(super) fn enter(node: u32) -> Self {
        Self(SPOT.replace(Some(node)))
    }
}

impl Drop for Spot {
    fn drop(&mut self) {
        SPOT.set(self.0);
    }
}

impl Watch {
    pub(super) fn new(fault: Option<(String, Phase)>) -> Arc<Self> {
        Arc::new(Self {
            fault,
            stage: OnceLock::new(),
            seen: Mutex::default(),
        })
    }

    pub(super) fn attach(&self, stage: Weak<dyn Stage>) {
        let _ = self.stage.set(stage);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    pub(super) fn find(&self, kind: FindingKind, plugin: Option<&str>, text: String) {
        self.seen().find(kind, plugin, text);
    }

    /// A hook of a plugin waits for something.
    pub(super) fn waits(&self, node: u32, phase: Phase) {
        if let Some(hook) = self.seen().hooks.get_mut(&(node, phase)) {
            hook.waits = true;
        }
    }

    /// The hooks that have begun, in the order of the plan.
    pub(super) fn hooks(&self) -> Vec<Hook> {
        self.seen().hooks.values().cloned().collect()
    }

    pub(super) fn take_findings(&self) -> Vec<Fresh> {
        std::mem::take(&mut self.seen().findings)
    }

    /// Plugins whose `load` failed, with no handler but the boot.
    pub(super) fn missed(&self) -> BTreeSet<String> {
        self.seen().missed.clone()
    }

    /// Whether these errors say no more than what was found when they happened.
    pub(super) fn has_told(&self, errors: &[HookError]) -> bool {
        let seen = self.seen();
        let is_told = |error: &HookError| {
            // What was returned, or said in a panic, is known from here alone.
            let says_more = matches!(
                error.failure(),
                HookFailure::Error(_) | HookFailure::Panic(_)
            );
            !says_more && seen.has_hung(&error.plugin().to_string())
        };
        !errors.is_empty() && errors.iter().all(is_told)
    }

    /// Where it stands: hooks that have begun and not ended.
    pub(super) fn where_it_stands(&self) -> String {
        let seen = self.seen();
        if seen.open.is_empty() {
            return "no hook is running".to_owned();
        }
        let hooks = seen.open.iter();
        let hooks: Vec<String> = hooks
            .map(|(name, it)| format!("`{it}` of `{name}`"))
            .collect();
        let run = if hooks.len() == 1 { "runs" } else { "run" };
        format!("{} still {run}", hooks.join(", "))
    }

    /// Whether nothing is left of what was made.
    pub(super) fn is_clean(&self) -> bool {
        let seen = self.seen();
        let is_open = |held: &Held| held.is_open;
        let is_alive = |known: &Known| known.states.iter().any(|(_, is_held)| is_held());
        !seen.resources.iter().any(is_open) && !seen.plugins.values().any(is_alive)
    }

    /// Finds what is left when the app has ended.
    pub(super) fn find_what_is_left(&self, excused: Option<&str>) {
        let mut seen = self.seen();
        let mut left = Vec::new();
        for known in seen.plugins.values() {
            if known.is_loaded && !known.closes {
                left.push((known.name.clone(), "has loaded and never closed".to_owned()));
            }
            let alive = known.states.iter().filter(|(_, is_held)| is_held());
            for (state, _) in alive {
                let state = state.described();
                let text = format!("the {state} is still held when the app has ended");
                left.push((known.name.clone(), text));
            }
        }
        let open = seen.resources.iter().filter(|held| held.is_open);
        for held in open {
            let by = held.by.and_then(|node| seen.plugins.get(&node));
            let by = by.map(|known| known.name.clone());
            // One whose `close` was cut short may have had no time for it.
            if by.is_none() || by.as_deref() != excused {
                let text = format!("the resource `{}` was never closed", held.name);
                left.push((by.unwrap_or_default(), text));
            }
        }
        for (plugin, text) in left {
            let plugin = (!plugin.is_empty()).then_some(plugin);
            seen.find(FindingKind::LeftOpen, plugin.as_deref(), text);
        }
    }

    /// Whether a hook is where something goes wrong on purpose, or waits for that.
    fn is_own(&self, event: &Event) -> bool {
        let Some((plugin, phase)) = &self.fault else {
            return false;
        };
        let name = event.plugin.to_string();
        let same_phase = match event.phase {
            Phase::Stop => *phase == Phase::Run,
            other => *phase == other,
        };
        let is_parent = plugin.starts_with(&format!("{name}/"));
        (name == *plugin || is_parent) && same_phase
    }

    /// Opens a resource for the hook that runs.
    pub(super) fn open(&self, name: String) -> usize {
        let mut seen = self.seen();
        let by = SPOT.get().or_else(|| match inside_of(seen.app) {
            Some(Inside::Task(_, node) | Inside::Child(_, node)) => Some(node),
            _ => None,
        });
        seen.resources.push(Held {
            name,
            by,
            is_lasting: false,
            is_open: true,
        });
        seen.resources.len() - 1
    }

    /// Closes a resource. A handle that is dropped says nothing if it was closed before.
    pub(super) fn close(&self, resource: usize, is_drop: bool) {
        let mut seen = self.seen();
        let Some(held) = seen.resources.get_mut(resource) else {
            return;
        };
        let (name, by) = (held.name.clone(), held.by);
        let was_open = std::mem::replace(&mut held.is_open, false);
        let is_lasting = held.is_lasting;
        let plugin = by.and_then(|node| seen.plugins.get(&node));
        let plugin = plugin.map(|known| known.name.clone());
        if !was_open {
            if !is_drop {
                let text = format!("the resource `{name}` is closed a second time");
                seen.find(FindingKind::ClosedTwice, plugin.as_deref(), text);
            }
            return;
        }
        let open = by.map_or_else(Vec::new, |node| seen.dependents_open(node));
        if is_lasting && !open.is_empty() {
            let names = text::names(&open);
            let (depend, are) = match open.len() {
                1 => ("depends", "is"),
                _ => ("depend", "are"),
            };
            let text = format!(
                "the resource `{name}` is closed while {names}, which {depend} on it, {are} still open"
            );
            seen.find(FindingKind::OutOfOrder, plugin.as_deref(), text);
        }
    }
}

impl Seen {
    fn find(&mut self, kind: FindingKind, plugin: Option<&str>, text: String) {
        let fresh = Fresh {
            kind,
            plugin: plugin.map(str::to_owned),
            text,
        };
        if !self.findings.contains(&fresh) {
            self.findings.push(fresh);
        }
    }

    /// Whether it is known of a plugin, or a task, that it hung.
    fn has_hung(&self, name: &str) -> bool {
        let is_it = |it: &Fresh| it.kind == FindingKind::Hung && it.plugin.as_deref() == Some(name);
        self.findings.iter().any(is_it)
    }

    /// That the tasks of a plugin did not stop is told by the one that is cut short for it.
    fn forget_stop(&mut self, node: u32) {
        let name = self.plugins.get(&node).map(|known| known.name.clone());
        let is_stop = |it: &Fresh| it.plugin == name && it.text.starts_with(STOP);
        self.findings.retain(|it| !is_stop(it));
    }

    /// The dependents of a plugin that have loaded and not closed.
    fn dependents_open(&self, node: u32) -> Vec<String> {
        let needs = |known: &&Known| known.is_loaded && known.requires.contains(&node);
        let open = self.plugins.values().filter(needs);
        open.map(|known| known.name.clone()).collect()
    }

    fn began(&mut self, stage: &dyn Stage, node: u32, event: &Event) {
        self.open.push((event.plugin.clone(), event.phase));
        let is_supplied = matches!(stage.member(node).source, Source::Supplied { .. });
        if event.plugin == stage.member(node).name
            && !is_supplied
            && has_hook(stage, node, event.phase)
        {
            let hook = Hook {
                plugin: event.plugin.to_string(),
                phase: event.phase,
                waits: false,
            };
            self.hooks.entry((node, event.phase)).or_insert(hook);
        }
        let known = self.plugins.entry(node).or_default();
        known.name = stage.member(node).name.to_string();
        if event.phase == Phase::Close {
            self.closes(node);
        }
    }

    fn closes(&mut self, node: u32) {
        let open = self.dependents_open(node);
        let known = self.plugins.entry(node).or_default();
        let name = known.name.clone();
        if known.closes || !known.is_loaded {
            let text = "its `close` begins, and it has closed already".to_owned();
            self.find(FindingKind::ClosedTwice, Some(&name), text);
        } else if !open.is_empty() {
            let text = format!("it closes before {}", text::names(&open));
            self.find(FindingKind::OutOfOrder, Some(&name), text);
        }
        if let Some(known) = self.plugins.get_mut(&node) {
            known.closes = true;
        }
    }

    fn has_loaded(&mut self, stage: &dyn Stage, node: u32) {
        let known = self.plugins.entry(node).or_default();
        let member = stage.member(node);
        // A barrier waits for what stands before it, and uses none of that: it stays when a part
        // restarts that it has let through.
        known.requires = match member.barrier {
            Some(_) => Vec::new(),
            None => stage.requires(node).to_vec(),
        };
        known.is_loaded = true;
        known.closes = false;
        let states = stage.states(node);
        let watch = |value: &StateValue| (value.key(), value.watch());
        // What was supplied and has owners outside of the app may outlive it. Those of a restart
        // come besides: the old ones have to go as well.
        if !member.descriptor.is_shared() {
            known.states.extend(states.values().iter().map(watch));
        }
        for held in self
            .resources
            .iter_mut()
            .filter(|held| held.by == Some(node))
        {
            held.is_lasting = held.is_open;
        }
    }
}

fn has_hook(stage: &dyn Stage, node: u32, phase: Phase) -> bool {
    let has = stage.member(node).descriptor.hook_set();
    match phase {
        Phase::Load => true,
        Phase::Ready => has.ready,
        Phase::Run => has.run,
        Phase::Drain => has.drain,
        Phase::Close => has.close,
        _ => false,
    }
}

impl Observe for Watch {
    fn observe(&self, node: Option<u32>, event: &Event) {
        let Some(stage) = self.stage.get().and_then(Weak::upgrade) else {
            return;
        };
        let stage = &*stage;
        let is_own = self.is_own(event);
        let is_missed = event.phase == Phase::Load
            && matches!(event.outcome, Outcome::Failed | Outcome::Panicked)
            && node.is_some_and(|node| {
                !stage.is_answered_for(node) && stage.member(node).retry().is_none()
            });
        let mut seen = self.seen();
        seen.app = stage.mark();
        if event.outcome == Outcome::Started {
            match node {
                Some(node) => seen.began(stage, node, event),
                None => seen.open.push((event.plugin.clone(), event.phase)),
            }
            return;
        }
        let is_it = |it: &(PluginName, Phase)| it.0 == event.plugin && it.1 == event.phase;
        if let Some(place) = seen.open.iter().position(is_it) {
            seen.open.remove(place);
        }
        match (node, event.phase, event.outcome) {
            (Some(node), Phase::Load, Outcome::Done) => seen.has_loaded(stage, node),
            (Some(node), Phase::Close, _) => {
                seen.plugins.entry(node).or_default().is_loaded = false;
            }
            _ => {}
        }
        if is_missed {
            seen.missed.insert(event.plugin.to_string());
        }
        if let (Some((kind, text)), false) = (trouble(event), is_own) {
            if let (Phase::Run, FindingKind::Hung, Some(node)) = (event.phase, kind, node) {
                seen.forget_stop(node);
            }
            seen.find(kind, Some(&event.plugin.to_string()), text);
        }
    }
}

/// What is wrong with a plugin whose tasks don't stop.
const STOP: &str = "what it runs did not end when it was asked to stop";

/// What an event is that does not follow from the order of hooks.
fn trouble(event: &Event) -> Option<(FindingKind, String)> {
    let phase = event.phase;
    let what = match phase {
        Phase::Stop => STOP.to_owned(),
        Phase::Run => "its `run` did not end when it was asked to stop".to_owned(),
        _ => format!("its `{phase}` did not end"),
    };
    let hung = |how| Some((FindingKind::Hung, format!("{what}: it {how}")));
    match event.outcome {
        Outcome::TimedOut => hung("was cut by its limit"),
        Outcome::Abandoned => hung("had to be left behind"),
        Outcome::Cancelled if !phase.is_of_boot() => hung("was cut short"),
        Outcome::Panicked => Some((FindingKind::Panicked, format!("its `{phase}` panicked"))),
        _ => None,
    }
}
