//! What an app has been told so far.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::collect::assemble::{Mode, choose};
use crate::collect::brood::Brood;
use crate::collect::conditions::{Gate, Reason, Verdicts};
use crate::collect::entry::Entry;
use crate::collect::inventory;
use crate::collect::roster::{Member, Off, Order, Roster, Source, Want};
use crate::collect::scopes::Scopes;
use crate::collect::unused::Unused;
use crate::collect::without::{Without, absent};
use crate::declare::{
    Adjust, AnySlot, Declaration, Handle, Home, Identity, Origin, Plugin, Policies, Retry,
    Supervision,
};
use crate::life::Target;
#[cfg(feature = "config")]
use crate::values::Configuration;

/// Every registration of one app.
pub(crate) struct Registry {
    app: u64,
    /// For handles, which tell by it that the app has gone.
    alive: Arc<()>,
    mode: Mode,
    entries: Vec<Entry>,
    scopes: Scopes,
    expected: Vec<&'static str>,
    /// Linked plugins that join, with what they require, in an app that does not collect.
    roots: Vec<&'static str>,
    unused: Unused,
    /// Types of plugins that are disabled, and why.
    without: Vec<Without>,
    #[cfg(feature = "config")]
    configuration: Option<Arc<Configuration>>,
    has_barriers: bool,
    /// Entries that are to load after a plugin of another app: a mistake.
    foreign_orders: Vec<(u32, PluginName)>,
    /// Once the app has booted: where the states are now.
    booted: Option<Booted>,
}

struct Booted {
    home: Weak<dyn Home>,
    node_of_entry: Vec<Option<u32>>,
}

/// A registration that joins an app which boots.
pub(crate) struct Joining {
    pub(crate) app: u64,
    pub(crate) member: Member,
    pub(crate) wants: Vec<Want>,
    /// Entries that it loads after.
    pub(crate) after: Vec<u32>,
    pub(crate) plugin: Option<Arc<dyn Plugin>>,
    pub(crate) slots: Vec<Arc<dyn AnySlot>>,
}

/// What a boot takes from a registration.
pub(crate) struct Taken {
    pub(crate) plugin: Arc<dyn Plugin>,
    pub(crate) slots: Vec<Arc<dyn AnySlot>>,
}

impl Registry {
    pub(crate) fn new(mode: Mode) -> Self {
        static APPS: AtomicU64 = AtomicU64::new(0);
        Self {
            app: APPS.fetch_add(1, Ordering::Relaxed),
            alive: Arc::new(()),
            mode,
            entries: Vec::new(),
            scopes: Scopes::default(),
            expected: Vec::new(),
            roots: Vec::new(),
            unused: Unused::default(),
            without: Vec::new(),
            #[cfg(feature = "config")]
            configuration: None,
            has_barriers: false,
            foreign_orders: Vec::new(),
            booted: None,
        }
    }

    /// Adds an entry; returns its number.
    pub(crate) fn add(&mut self, entry: Entry) -> u32 {
        let number = index(self.entries.len());
        self.has_barriers |= entry.barrier.is_some();
        self.entries.push(entry);
        number
    }

    /// Opens a scope in another one; returns its number.
    pub(crate) fn open_scope(&mut self, parent: u32, name: Arc<str>, at: Location) -> u32 {
        self.scopes.add(parent, name, at)
    }

    /// The names on the way to a scope; none for the app itself.
    pub(crate) fn scope_path(&self, scope: u32) -> Option<String> {
        self.scopes.path(scope).map(str::to_owned)
    }

    pub(crate) fn limit_scope(&mut self, scope: u32, limit: Duration) {
        self.scopes.limit(scope, limit);
    }

    pub(crate) fn expect(&mut self, names: impl IntoIterator<Item = &'static str>) {
        self.expected.extend(names);
    }

    pub(crate) fn root(&mut self, names: impl IntoIterator<Item = &'static str>) {
        self.roots.extend(names);
    }

    pub(crate) fn unused(&mut self, policy: Unused) {
        self.unused = policy;
    }

    /// Disables every plugin of a type.
    pub(crate) fn disable(&mut self, plugin: Identity, because: &str, at: Location) {
        let reason = Reason::said(because, ".disable(..)", at);
        self.without.push(Without { plugin, reason, at });
    }

    /// Disables one registration.
    pub(super) fn disable_entry(&mut self, entry: u32, because: &str, at: Location) {
        let reason = Reason::said(because, ".enabled(false, ..)", at);
        self.entries[entry as usize].off = Some(Box::new(reason));
    }

    #[cfg(feature = "config")]
    pub(super) fn configure_from(&mut self, entry: u32, prefix: Arc<str>) {
        self.entries[entry as usize].prefix = Some(prefix);
    }

    #[cfg(feature = "config")]
    pub(crate) fn configure(&mut self, configuration: Configuration) {
        self.configuration = Some(Arc::new(configuration));
    }

    #[cfg(feature = "config")]
    pub(crate) fn configuration(&self) -> Option<Arc<Configuration>> {
        self.configuration.clone()
    }

    /// Why a plugin that nothing replaces is disabled, if it is.
    pub(crate) fn off(&self, entry: &Entry, verdicts: &Verdicts) -> Option<Reason> {
        if entry.supplied || entry.barrier.is_some() {
            return None;
        }
        let declaration = entry.descriptor.declaration();
        let by_type = || self.off_by_type(entry.identity);
        let by_itself = || verdicts.off(declaration?, entry.prefix.as_ref());
        let off = entry.off.as_deref().or_else(by_type).or_else(by_itself);
        off.cloned()
    }

    /// Why the type of a plugin is disabled, if it is.
    pub(crate) fn off_for_all(&self, entry: &Entry) -> Option<Reason> {
        self.off_by_type(entry.identity).cloned()
    }

    fn off_by_type(&self, plugin: Identity) -> Option<&Reason> {
        let mut without = self.without.iter();
        let found = without.find(|it| it.plugin == plugin);
        found.map(|it| &it.reason)
    }

    pub(super) fn rename(&mut self, entry: u32, name: PluginName) {
        self.entries[entry as usize].name = Some(name);
    }

    pub(super) fn retry(&mut self, entry: u32, retry: Retry) {
        self.policies(entry).retry = Some(retry);
    }

    pub(super) fn export(&mut self, entry: u32) {
        self.entries[entry as usize].exported = true;
    }

    pub(super) fn make_primary(&mut self, entry: u32) {
        self.entries[entry as usize].is_primary = true;
    }

    fn policies(&mut self, entry: u32) -> &mut Policies {
        let policies = &mut self.entries[entry as usize].policies;
        policies.get_or_insert_default()
    }

    pub(super) fn supervise(&mut self, entry: u32, supervision: Supervision) {
        self.policies(entry).supervision = Some(supervision);
    }

    pub(super) fn order_after(&mut self, entry: u32, earlier: u32) {
        self.entries[entry as usize].after.push(earlier);
    }

    pub(super) fn order_after_foreign(&mut self, entry: u32, earlier: PluginName) {
        self.foreign_orders.push((entry, earlier));
    }

    pub(super) fn name(&self, entry: u32) -> PluginName {
        let entry = &self.entries[entry as usize];
        let own = entry.name();
        match self.scopes.path(entry.scope) {
            Some(path) => own.within(path),
            None => own,
        }
    }

    /// A handle to what an entry provides: bound if the plugin has loaded, else aimed at it.
    pub(super) fn handle<H: Handle>(&mut self, number: u32) -> H {
        H::in_slot(&self.slot(number, &mut H::slot))
    }

    /// Where a handle to a state of an entry comes from.
    fn origin(&self, number: u32) -> Origin {
        Origin {
            app: self.app,
            entry: number,
            alive: Arc::downgrade(&self.alive),
            plugin: self.name(number),
            declared: self.entries[number as usize].descriptor.location(),
        }
    }

    /// Every plugin of the app, with what it asks for.
    pub(crate) fn roster(&self, gate: &Gate<'_>) -> Roster {
        let mut roster = Roster {
            app: self.app,
            members: Vec::with_capacity(self.entries.len()),
            wants: Vec::new(),
            orders: Vec::new(),
            scopes: self.scopes.clone(),
            member_of_entry: Vec::new(),
            foreign_orders: self.foreign_orders.clone(),
            collected: self.mode == Mode::Collect,
            expected: self.expected.clone(),
            has_barriers: self.has_barriers,
            unused: self.unused,
            children: Vec::new(),
            held: Vec::new(),
            off: Vec::new(),
            absent: Vec::new(),
        };
        let off = |declaration: &'static Declaration| {
            let by_type = self.off_by_type(declaration.plugin);
            let off = by_type.or_else(|| gate.verdicts.off(declaration, None));
            off.cloned()
        };
        let linked: Vec<_> = inventory::linked().collect();
        let mut replaced_by_linked = Vec::new();
        let replaced_by = self.replacements(gate.verdicts);
        roster.member_of_entry = vec![None; self.entries.len()];
        for (entry, replacement) in replaced_by.iter().enumerate() {
            if replacement.is_none() {
                // First, because its handles are bound: one key may disable it and enable the other.
                if let Some(by) = self.collected_replacement(entry, &linked, &off) {
                    replaced_by_linked.push((entry, by));
                    continue;
                }
                if let Some(reason) = self.off(&self.entries[entry], gate.verdicts) {
                    roster.off.push(self.left_out(entry, reason));
                    continue;
                }
                roster.member_of_entry[entry] = Some(index(roster.members.len()));
                self.enlist(entry, &mut roster);
            }
        }
        for (entry, replacement) in replaced_by.iter().enumerate() {
            if let Some(replacement) = replacement {
                roster.member_of_entry[entry] = roster.member_of_entry[*replacement as usize];
            }
        }
        if self.unused != Unused::Load {
            roster.held = self.held(&roster.member_of_entry);
        }
        let brood = Brood::linked();
        let chosen = choose(self.mode, &roster, &brood, &self.roots, &linked, gate, &off);
        for declaration in chosen.plugins {
            roster.enlist(declaration);
        }
        for (entry, by) in replaced_by_linked {
            let mut members = roster.members.iter();
            let member = members.position(|member| member.identity == by.plugin);
            roster.member_of_entry[entry] = member.map(index);
        }
        roster.off.extend(chosen.off);
        roster.off.sort_by(|left, right| left.name.cmp(&right.name));
        roster.children = brood.of_members(&roster.members);
        roster.absent = absent(&self.without, &self.entries, &roster);
        roster
    }

    /// The members to whose states a handle was taken, and the one that the app was made for.
    fn held(&self, member_of_entry: &[Option<u32>]) -> Vec<u32> {
        let entries = self.entries.iter().zip(member_of_entry).enumerate();
        let is_held = |number: usize, entry: &Entry| {
            !entry.slots.is_empty() || (number == 0 && self.mode == Mode::Only)
        };
        let held = entries.filter(|(number, (entry, _))| is_held(*number, entry));
        let mut held: Vec<u32> = held.filter_map(|(_, (_, member))| *member).collect();
        held.sort_unstable();
        held
    }

    /// The collected plugin that replaces a registered one, in an app that holds both.
    fn collected_replacement(
        &self,
        entry: usize,
        linked: &[&'static Declaration],
        off: &dyn Fn(&'static Declaration) -> Option<Reason>,
    ) -> Option<&'static Declaration> {
        if self.mode != Mode::Collect {
            return None;
        }
        let replaced = self.entries[entry].identity;
        let is_registered = |plugin| self.entries.iter().any(|it| it.identity == plugin);
        linked.iter().copied().find(|it| {
            it.replaces
                .is_some_and(|link| link.declaration().plugin == replaced)
                && !is_registered(it.plugin)
                && off(it).is_none()
        })
    }

    fn left_out(&self, number: usize, reason: Reason) -> Off {
        let entry = &self.entries[number];
        let number = index(number);
        Off {
            name: self.name(number),
            descriptor: entry.descriptor.clone(),
            source: Source::Registered {
                entry: number,
                at: entry.at,
            },
            scope: entry.scope,
            exported: entry.exported,
            #[cfg(feature = "config")]
            prefix: entry.prefix.clone(),
            reason,
        }
    }

    /// For each entry, the one that replaces its plugin: in its scope, or in the nearest one
    /// around that has one.
    fn replacements(&self, verdicts: &Verdicts) -> Vec<Option<u32>> {
        let replacements: Vec<(Identity, u32, u32)> = (0_u32..)
            .zip(&self.entries)
            .filter_map(|(number, entry)| Some((entry.descriptor.replaces()?, entry.scope, number)))
            // One that is disabled replaces nothing.
            .filter(|(_, _, number)| {
                self.off(&self.entries[*number as usize], verdicts)
                    .is_none()
            })
            .collect();
        let replaces = |entry: &Entry| {
            let of = |(identity, scope, _): &&(Identity, u32, u32)| {
                *identity == entry.identity && self.scopes.is_inside(entry.scope, *scope)
            };
            let nearest = |(_, scope, _): &&(Identity, u32, u32)| Reverse(*scope);
            let replacement = replacements.iter().filter(of).min_by_key(nearest);
            replacement.map(|(_, _, number)| *number)
        };
        self.entries.iter().map(replaces).collect()
    }

    fn enlist(&self, number: usize, roster: &mut Roster) {
        let entry = &self.entries[number];
        let first_want = roster.wants.len();
        roster.wants.extend_from_slice(&entry.wants);
        let first_order = roster.orders.len();
        let by_type = entry.descriptor.after().iter();
        roster
            .orders
            .extend(by_type.map(|after| Order::AfterPlugin(after.plugin.declaration().plugin)));
        roster
            .orders
            .extend(entry.after.iter().copied().map(Order::AfterEntry));
        let number = index(number);
        roster.members.push(Member {
            wants: index(first_want)..index(roster.wants.len()),
            orders: index(first_order)..index(roster.orders.len()),
            ..entry.member(number, self.name(number))
        });
    }

    /// Hands an entry's plugin over to the boot.
    pub(crate) fn take(&mut self, entry: u32) -> Option<Taken> {
        let entry = &mut self.entries[entry as usize];
        Some(Taken {
            plugin: entry.plugin.take()?,
            slots: std::mem::take(&mut entry.slots),
        })
    }

    /// Hands an entry over to an app that boots, where it becomes a node.
    pub(crate) fn join(&mut self, number: u32, node: u32) -> Joining {
        if let Some(booted) = &mut self.booted {
            booted.add(number, node);
        }
        let app = self.app;
        let entry = &mut self.entries[number as usize];
        Joining {
            app,
            member: entry.member(number, entry.name()),
            wants: std::mem::take(&mut entry.wants),
            after: std::mem::take(&mut entry.after),
            plugin: entry.plugin.take(),
            slots: std::mem::take(&mut entry.slots),
        }
    }

    /// The name of an entry that its registration disabled, and why.
    pub(crate) fn disabled(&self, entry: u32) -> Option<(PluginName, Reason)> {
        let entry = &self.entries[entry as usize];
        Some((entry.name(), entry.off.as_deref()?.clone()))
    }

    /// The number of the app.
    pub(crate) fn app(&self) -> u64 {
        self.app
    }

    /// The node of an entry of an app that boots or runs.
    pub(crate) fn node_of(&self, entry: u32) -> Option<u32> {
        self.booted.as_ref()?.node_of(entry)
    }

    /// Changes what is said of an entry.
    pub(crate) fn adjust(&mut self, entry: u32, change: Adjust) {
        match change {
            Adjust::Name(name) => self.rename(entry, name),
            Adjust::Retry(retry) => self.retry(entry, retry),
            Adjust::Supervision(supervision) => self.supervise(entry, supervision),
            Adjust::After(earlier) => self.order_after(entry, earlier),
            Adjust::Export => self.export(entry),
            Adjust::Primary => self.make_primary(entry),
            Adjust::Disable(reason, at) => self.disable_entry(entry, &reason, at),
            #[cfg(feature = "config")]
            Adjust::ConfigPrefix(prefix) => self.configure_from(entry, prefix),
        }
    }

    /// The slot where handles to a state of an entry wait; the given one if there is none.
    pub(crate) fn slot(
        &mut self,
        entry: u32,
        make: &mut dyn FnMut(Origin) -> Arc<dyn AnySlot>,
    ) -> Arc<dyn AnySlot> {
        let slot = make(self.origin(entry));
        if self.node_of(entry).is_some() {
            if let Some(booted) = &self.booted {
                booted.wait_for(entry, Arc::clone(&slot));
            }
            return slot;
        }
        let slots = &mut self.entries[entry as usize].slots;
        if let Some(known) = slots.iter().find(|known| known.key() == slot.key()) {
            return Arc::clone(known);
        }
        slots.push(Arc::clone(&slot));
        slot
    }

    /// Takes the plugins of entries that are not part of the plan.
    pub(crate) fn take_skipped(&mut self, node_of_entry: &[Option<u32>]) -> Vec<Arc<dyn Plugin>> {
        let entries = self.entries.iter_mut().zip(node_of_entry);
        let skipped = entries.filter(|(_, node)| node.is_none());
        skipped
            .filter_map(|(entry, _)| entry.plugin.take())
            .collect()
    }

    /// The handles that wait for the states of an entry.
    pub(crate) fn take_slots(&mut self, entry: u32) -> Vec<Arc<dyn AnySlot>> {
        std::mem::take(&mut self.entries[entry as usize].slots)
    }

    /// What a restart of an entry means in a booted app.
    pub(super) fn target_in(&self, home: *const (), entry: u32) -> Target {
        let is_home = |it: &&Booted| it.home.as_ptr().cast::<()>() == home;
        let Some(booted) = self.booted.as_ref().filter(is_home) else {
            return Target::Foreign;
        };
        let node = booted.node_of(entry).map(Target::Node);
        node.unwrap_or_else(|| Target::NoNode(self.name(entry)))
    }

    /// From now on, states are found where the app runs.
    pub(crate) fn booted(&mut self, home: Weak<dyn Home>, node_of_entry: Vec<Option<u32>>) {
        self.booted = Some(Booted {
            home,
            node_of_entry,
        });
    }
}

impl Booted {
    fn node_of(&self, entry: u32) -> Option<u32> {
        self.node_of_entry.get(entry as usize).copied().flatten()
    }

    /// An entry has become a node.
    fn add(&mut self, entry: u32, node: u32) {
        let len = self.node_of_entry.len().max(entry as usize + 1);
        self.node_of_entry.resize(len, None);
        self.node_of_entry[entry as usize] = Some(node);
    }

    /// Fills the slot now, or when the plugin has loaded.
    fn wait_for(&self, entry: u32, slot: Arc<dyn AnySlot>) {
        if let (Some(home), Some(node)) = (self.home.upgrade(), self.node_of(entry)) {
            home.fill(node, slot);
        }
    }
}

fn index(n: usize) -> u32 {
    u32::try_from(n).expect("no app has 2^32 plugins")
}
