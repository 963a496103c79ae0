//! What an app has been told so far.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::collect::assemble::{Mode, choose};
use crate::collect::inventory;
use crate::collect::roster::{Member, Order, Roster, Source, Want};
use crate::declare::{
    Adjust, Aim, AnySlot, Bind, Declaration, Descriptor, Fields, Home, Identity, Origin, Plugin,
    Policies, Retry, Slot, State, Supervision,
};

/// Every registration of one app.
pub(crate) struct Registry {
    app: u64,
    mode: Mode,
    entries: Vec<Entry>,
    expected: Vec<&'static str>,
    /// Entries that are to load after a plugin of another app: a mistake.
    foreign_orders: Vec<(u32, PluginName)>,
    /// Once the app has booted: where the states are now.
    booted: Option<Booted>,
}

struct Booted {
    home: Weak<dyn Home>,
    node_of_entry: Vec<Option<u32>>,
}

/// One registration.
pub(crate) struct Entry {
    descriptor: Descriptor,
    identity: Identity,
    /// The name that the registration chose; without one, the descriptor's holds.
    name: Option<PluginName>,
    at: Location,
    supplied: bool,
    /// What the registration says of it; without that, the descriptor's holds.
    policies: Option<Box<Policies>>,
    /// What the plugin asks for. Its fields can't change any more.
    wants: Vec<Want>,
    /// Entries that this one loads after.
    after: Vec<u32>,
    /// Where handles to this entry's states wait for their values.
    slots: Vec<Arc<dyn AnySlot>>,
    /// Taken by the boot.
    plugin: Option<Arc<dyn Plugin>>,
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
            mode,
            entries: Vec::new(),
            expected: Vec::new(),
            foreign_orders: Vec::new(),
            booted: None,
        }
    }

    /// Adds an entry; returns its number.
    pub(crate) fn add(&mut self, entry: Entry) -> u32 {
        let number = index(self.entries.len());
        self.entries.push(entry);
        number
    }

    pub(crate) fn expect(&mut self, names: impl IntoIterator<Item = &'static str>) {
        self.expected.extend(names);
    }

    pub(super) fn rename(&mut self, entry: u32, name: PluginName) {
        self.entries[entry as usize].name = Some(name);
    }

    pub(super) fn retry(&mut self, entry: u32, retry: Retry) {
        self.policies(entry).retry = Some(retry);
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
        self.entries[entry as usize].name()
    }

    /// A handle to a state of an entry: bound if the plugin has loaded, else aimed at it.
    pub(super) fn state<T: Send + Sync + 'static>(&mut self, number: u32) -> State<T> {
        State::in_slot(&self.slot(number, &mut |origin| Arc::new(Slot::<T>::new(origin))))
    }

    /// Where a handle to a state of an entry comes from.
    fn origin(&self, number: u32) -> Origin {
        Origin {
            aim: Aim {
                app: self.app,
                entry: number,
            },
            plugin: self.name(number),
            declared: self.entries[number as usize].descriptor.location(),
        }
    }

    /// Every plugin of the app, with what it asks for.
    pub(crate) fn roster(&self) -> Roster {
        let mut roster = Roster {
            app: self.app,
            members: Vec::with_capacity(self.entries.len()),
            wants: Vec::new(),
            orders: Vec::new(),
            member_of_entry: Vec::new(),
            foreign_orders: self.foreign_orders.clone(),
            collected: self.mode == Mode::Collect,
            expected: self.expected.clone(),
        };
        let replaced_by = self.stand_ins();
        roster.member_of_entry = vec![None; self.entries.len()];
        for (entry, stand_in) in replaced_by.iter().enumerate() {
            if stand_in.is_none() {
                roster.member_of_entry[entry] = Some(index(roster.members.len()));
                self.enlist(entry, &mut roster);
            }
        }
        for (entry, stand_in) in replaced_by.iter().enumerate() {
            if let Some(stand_in) = stand_in {
                roster.member_of_entry[entry] = roster.member_of_entry[*stand_in as usize];
            }
        }
        for declaration in choose(self.mode, &roster, inventory::linked()) {
            enlist_collected(declaration, &mut roster);
        }
        roster
    }

    /// For each entry, the one that stands in for its plugin.
    fn stand_ins(&self) -> Vec<Option<u32>> {
        let stand_ins: Vec<(Identity, u32)> = (0_u32..)
            .zip(&self.entries)
            .filter_map(|(number, entry)| Some((entry.descriptor.stands_in_for()?, number)))
            .collect();
        let replaces = |entry: &Entry| {
            let of = |(identity, _): &&(Identity, u32)| *identity == entry.identity;
            stand_ins.iter().find(of).map(|(_, number)| *number)
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
        let (entry_number, at) = (index(number), entry.at);
        roster.members.push(Member {
            name: entry
                .name
                .clone()
                .unwrap_or_else(|| entry.descriptor.name()),
            named: entry.name.is_some(),
            descriptor: entry.descriptor.clone(),
            identity: entry.identity,
            policies: entry.policies.clone(),
            source: if entry.supplied {
                Source::Supplied {
                    entry: entry_number,
                    at,
                }
            } else {
                Source::Registered {
                    entry: entry_number,
                    at,
                }
            },
            wants: index(first_want)..index(roster.wants.len()),
            orders: index(first_order)..index(roster.orders.len()),
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
        let own = entry.descriptor.name();
        Joining {
            app,
            member: Member {
                name: entry.name.clone().unwrap_or(own),
                named: entry.name.is_some(),
                descriptor: entry.descriptor.clone(),
                identity: entry.identity,
                policies: entry.policies.clone(),
                source: Source::Registered {
                    entry: number,
                    at: entry.at,
                },
                wants: 0..0,
                orders: 0..0,
            },
            wants: std::mem::take(&mut entry.wants),
            after: std::mem::take(&mut entry.after),
            plugin: entry.plugin.take(),
            slots: std::mem::take(&mut entry.slots),
        }
    }

    /// The node of an entry of an app that boots or runs.
    pub(crate) fn node_of(&self, entry: u32) -> Option<u32> {
        let booted = self.booted.as_ref()?;
        booted.node_of_entry.get(entry as usize).copied().flatten()
    }

    /// Changes what is said of an entry.
    pub(crate) fn adjust(&mut self, entry: u32, change: Adjust) {
        match change {
            Adjust::Name(name) => self.rename(entry, name),
            Adjust::Retry(retry) => self.retry(entry, retry),
            Adjust::Supervision(supervision) => self.supervise(entry, supervision),
            Adjust::After(earlier) => self.order_after(entry, earlier),
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

    /// The handles that wait for the states of an entry.
    pub(crate) fn take_slots(&mut self, entry: u32) -> Vec<Arc<dyn AnySlot>> {
        std::mem::take(&mut self.entries[entry as usize].slots)
    }

    /// The node of an entry, if the app has booted as this one.
    pub(super) fn node_in(&self, home: *const (), entry: u32) -> Option<u32> {
        let booted = self.booted.as_ref()?;
        let is_home = booted.home.as_ptr().cast::<()>() == home;
        let node = booted.node_of_entry.get(entry as usize).copied().flatten();
        node.filter(|_| is_home)
    }

    /// From now on, states are found where the app runs.
    pub(crate) fn booted(&mut self, home: Weak<dyn Home>, node_of_entry: Vec<Option<u32>>) {
        self.booted = Some(Booted {
            home,
            node_of_entry,
        });
    }
}

impl Entry {
    /// Asks a plugin what it is and needs. Runs the user's code.
    pub(crate) fn new(mut plugin: Arc<dyn Plugin>, at: Location, supplied: bool) -> Self {
        let descriptor = plugin.descriptor();
        let declaration = descriptor.declaration();
        let mut wants = Vec::new();
        let mut see = |field: &'static str, slot: &mut dyn Bind| {
            let wish = slot.wish();
            let declared = declaration.and_then(|it| it.requires.get(wants.len()));
            wants.push(Want {
                field,
                state: wish.state,
                optional: wish.optional,
                aim: wish.aim,
                held: wish.held,
                declared,
            });
        };
        // Always: nobody else has had the plugin yet.
        if let Some(plugin) = Arc::get_mut(&mut plugin) {
            plugin.fields(&mut Fields::to_see(&mut see));
        }
        Self {
            descriptor,
            identity: plugin.identity(),
            name: None,
            at,
            supplied,
            policies: None,
            wants,
            after: Vec::new(),
            slots: Vec::new(),
            plugin: Some(plugin),
        }
    }
}

impl Entry {
    /// What the plugin is called.
    pub(crate) fn name(&self) -> PluginName {
        let own = || self.descriptor.name();
        self.name.clone().unwrap_or_else(own)
    }
}

impl Booted {
    /// An entry has become a node.
    fn add(&mut self, entry: u32, node: u32) {
        let len = self.node_of_entry.len().max(entry as usize + 1);
        self.node_of_entry.resize(len, None);
        self.node_of_entry[entry as usize] = Some(node);
    }

    /// Fills the slot now, or when the plugin has loaded.
    fn wait_for(&self, entry: u32, slot: Arc<dyn AnySlot>) {
        let node = self.node_of_entry.get(entry as usize).copied().flatten();
        if let (Some(home), Some(node)) = (self.home.upgrade(), node) {
            home.fill(node, slot);
        }
    }
}

fn enlist_collected(declaration: &'static Declaration, roster: &mut Roster) {
    let first_want = roster.wants.len();
    let wants = declaration.requires.iter().map(|requirement| Want {
        field: requirement.field,
        state: requirement.need.state,
        optional: requirement.need.optional,
        aim: None,
        held: None,
        declared: Some(requirement),
    });
    roster.wants.extend(wants);
    let first_order = roster.orders.len();
    let orders = declaration.after.iter();
    roster
        .orders
        .extend(orders.map(|after| Order::AfterPlugin(after.plugin.declaration().plugin)));
    roster.members.push(Member {
        name: PluginName::from(declaration.name),
        named: false,
        descriptor: Descriptor::declared(declaration),
        identity: declaration.plugin,
        policies: None,
        source: Source::Collected(declaration),
        wants: index(first_want)..index(roster.wants.len()),
        orders: index(first_order)..index(roster.orders.len()),
    });
}

fn index(n: usize) -> u32 {
    u32::try_from(n).expect("no app has 2^32 plugins")
}
