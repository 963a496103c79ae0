//! The app as contexts see it.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::lock::lock;
use crate::base::log::log;
use crate::base::name::PluginName;
use crate::base::panic::guard;
use crate::base::phase::Phase;
use crate::base::text;
use crate::collect::{Entry, Found, with_registry};
#[cfg(feature = "config")]
use crate::declare::Outside;
use crate::declare::{
    Adjust, AnySlot, AppHook, Home, Origin, Plugin, StateValue, States, TaskRequest,
};
use crate::life::Life;
use crate::live::cell::Told;
use crate::live::growth::Region;
use crate::live::nodes::Nodes;
use crate::live::switched::Switched;
use crate::report::{HookError, LookupError, LookupFailure, Mistake, Outcome};

impl Home for Nodes {
    fn life(&self) -> &Arc<Life> {
        &self.life
    }

    fn name_of(&self, node: u32) -> PluginName {
        self.name(node).clone()
    }

    fn states_of(&self, node: u32) -> States {
        self.cell(node).states.clone().unwrap_or_default()
    }

    fn fill(&self, node: u32, slot: Arc<dyn AnySlot>) {
        let mut cell = self.cell(node);
        let is_open = cell.is_open;
        match &cell.states {
            Some(states) if is_open => {
                if let Some(value) = states.find(slot.key()) {
                    slot.fill(value);
                }
            }
            _ => cell.slots.push(slot),
        }
    }

    fn shown(&self, from: Option<u32>, state: StateKey) -> Option<StateValue> {
        self.shown_to(from, state)
    }

    fn find_state(&self, from: Option<u32>, state: StateKey) -> Result<StateValue, LookupError> {
        let is_kept = self.is_plain(from);
        let providers = self.all_providers(state);
        let names = |nodes: &[u32]| nodes.iter().map(|node| self.name_of(*node)).collect();
        match self.meant_by(from, &providers) {
            Found::None if providers.is_empty() => {
                Err(LookupError::state(state, LookupFailure::Missing))
            }
            Found::None => {
                let plugins = names(&providers);
                Err(LookupError::state(state, LookupFailure::Hidden { plugins }))
            }
            Found::One(provider) if is_kept => self.show_and_keep(provider, state),
            Found::One(provider) => self.shown_by(provider, state),
            Found::Several(nodes) => {
                let plugins = names(&nodes);
                Err(LookupError::state(
                    state,
                    LookupFailure::Ambiguous { plugins },
                ))
            }
        }
    }

    fn find_all(&self, from: Option<u32>, port: StateKey) -> Vec<(PluginName, StateValue)> {
        let value = |node: u32| {
            let value = self.shown_by(node, port).ok()?;
            Some((self.name_of(node), value))
        };
        let seen = self.all_seen_by(from, port).into_iter();
        seen.filter(|node| Some(*node) != from)
            .filter_map(value)
            .collect()
    }

    fn remaining(&self, node: u32, phase: Phase) -> Option<Duration> {
        self.time_left(node, phase)
    }

    fn report_error(&self, source: Option<u32>, phase: Phase, error: anyhow::Error) {
        if let (Some(node), Some(nodes)) = (source, self.own.get().and_then(Weak::upgrade)) {
            nodes.report_hook(node, phase, error);
        }
    }

    fn is_in_load(&self, node: u32) -> bool {
        // What a barrier stands behind has loaded.
        self.is_loading(node) && self.member(node).barrier.is_none()
    }

    fn errors_before(&self, node: u32) -> Vec<HookError> {
        let mut kept = self.kept(Region::Barrier(node));
        kept.sort_by_key(|kept| kept.at);
        kept.into_iter().map(|kept| kept.error).collect()
    }

    fn open_scope(&self, parent: u32, around: Option<u32>, name: Arc<str>, at: Location) -> u32 {
        let around = around.unwrap_or(self.member(parent).scope);
        let opened = self
            .opened
            .get_or_init(|| Mutex::new(self.plan.scopes.clone()));
        let mut scopes = lock(opened);
        scopes.add(around, name, at)
    }

    #[cfg(feature = "config")]
    fn told(&self) -> Outside {
        self.outside()
    }

    #[cfg(feature = "config")]
    fn key_of(&self, node: u32, key: &str) -> String {
        let member = self.member(node);
        let declaration = member.descriptor.declaration();
        let mut settings = declaration.into_iter().flat_map(|it| it.settings);
        let is_option = settings.any(|setting| {
            let below = key.strip_prefix(&setting.key(None).to_string());
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        match &member.prefix {
            Some(prefix) if is_option => format!("{prefix}.{key}"),
            _ => key.to_owned(),
        }
    }

    fn enroll(
        self: Arc<Self>,
        parent: u32,
        scope: Option<u32>,
        plugin: Arc<dyn Plugin>,
        at: Location,
    ) -> Result<u32, Box<Mistake>> {
        // Asks the plugin about itself, which runs the user's code: before the locks.
        let scope = scope.unwrap_or(self.member(parent).scope);
        let entry = Entry::new(plugin, scope, at, false);
        let entry = match self.switched(parent, entry) {
            Switched::On(entry) => entry,
            Switched::Off(entry, reason) => {
                let mistake = self.awaits_disabled(parent, entry.name(), reason);
                let _ = guard(|| drop(entry));
                return Err(Box::new(mistake));
            }
        };
        let mut growth = self.growth();
        if !self.takes_children(&growth, parent) {
            drop(growth);
            let mistake = self.too_late(parent, &entry.name());
            self.refuse(parent, mistake.clone());
            let _ = guard(|| drop(entry));
            return Err(Box::new(mistake));
        }
        let entry = with_registry(&self.registry, |registry| registry.add(entry));
        self.grows.store(true, Ordering::SeqCst);
        growth.family.register(parent, entry);
        if growth.family.is_over(parent) {
            self.join(&mut growth, parent, None, false);
        }
        Ok(entry)
    }

    fn adjust(&self, entry: u32, change: Adjust) {
        with_registry(&self.registry, |registry| registry.adjust(entry, change));
    }

    fn slot(
        &self,
        entry: u32,
        make: &mut dyn FnMut(Origin) -> Arc<dyn AnySlot>,
    ) -> Arc<dyn AnySlot> {
        with_registry(&self.registry, |registry| registry.slot(entry, make))
    }

    fn load_registered(
        self: Arc<Self>,
        parent: u32,
        up_to: Option<u32>,
    ) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> {
        Box::pin(async move { self.load_children(parent, up_to).await })
    }

    fn states_of_entry(&self, parent: u32, entry: u32) -> anyhow::Result<Option<States>> {
        let (node, disabled) = with_registry(&self.registry, |registry| {
            (registry.node_of(entry), registry.disabled(entry))
        });
        match (node, disabled) {
            (Some(node), _) => Ok(self.cell(node).states.clone()),
            (None, Some((name, reason))) => Err(self.awaits_disabled(parent, name, reason).into()),
            (None, None) => Ok(None),
        }
    }

    fn boot_cancelled(&self) -> &CancellationToken {
        &self.boot_cancelled
    }

    fn owe(&self, node: u32, hook: AppHook) {
        let mut cell = self.cell(node);
        if self.is_shut.load(Ordering::SeqCst) || cell.is_done() {
            drop(cell);
            let at = hook.at();
            hook.discard();
            let name = self.name(node);
            return log(|| {
                tracing::warn!(
                    target: "bootstrap",
                    "[{name}] has closed: its `on_close` hook ({at}) will not run"
                );
            });
        }
        self.owed.fetch_add(1, Ordering::SeqCst);
        cell.others.get_or_insert_default().owed.push(hook);
    }

    fn queue_ready(&self, node: u32, hook: AppHook, is_first: bool) {
        let cell = self.cell(node);
        if cell.load.outcome == Outcome::Started {
            // Still under the lock: a load that ends here and fails forgets this one as well.
            self.ready_queue.push(Some(node), hook, is_first);
            return;
        }
        drop(cell);
        let at = hook.at();
        hook.discard();
        let name = self.name(node);
        log(
            || tracing::warn!(target: "bootstrap", "[{name}] is not in its `load`: its `{}` hook ({at}) will not run", if is_first { "on_all_ready" } else { "on_ready" }),
        );
    }

    fn spawn(&self, node: u32, task: TaskRequest) {
        if let Some(spawner) = self.spawner.get().and_then(Weak::upgrade) {
            return spawner.spawn(node, task);
        }
        let name = format!("{}/{}", self.name(node), task.name);
        // What the task holds is the user's.
        let _ = guard(|| drop(task));
        log(|| {
            tracing::warn!(
                target: "bootstrap",
                "[{name}] will not run: it was spawned when the app had ended"
            );
        });
    }

    fn progress(&self, node: u32, phase: Phase, text: Cow<'static, str>) {
        self.tells.store(true, Ordering::Relaxed);
        let words = text::line(&text);
        log(|| tracing::debug!(target: "bootstrap", "`{}`: {words}", self.name(node)));
        let at = Instant::now();
        // The parents of this one wait for it: its progress is theirs.
        if self.parent(node).is_some() {
            let of_child: Arc<str> = format!("{}: {text}", self.name(node)).into();
            for parent in self.parents(node) {
                let text = Arc::clone(&of_child);
                self.told(parent, Told { phase, text, at });
            }
        }
        let text = Arc::from(text);
        self.told(node, Told { phase, text, at });
    }
}
