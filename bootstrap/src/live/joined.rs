//! Nodes that join the app while it boots: what a `load` registers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::Error;

use crate::base::inside::{Inside, inside_of};
use crate::base::name::{PluginName, is_name};
use crate::base::panic::guard;
use crate::collect::{Scopes, Want, with_registry};
use crate::declare::{Asks, Identity};
use crate::drive::Join;
use crate::live::cell::Cell;
use crate::live::family::Done;
use crate::live::growth::{Growth, Joined, Kept, Links};
use crate::live::nodes::Nodes;
use crate::plan::{Binding, number};
use crate::report::{NameKind, Outcome};

/// A node on its way to join.
struct Newcomer {
    node: u32,
    /// Without what was put before it.
    own_name: PluginName,
    app: u64,
    wants: Vec<Want>,
    after: Vec<u32>,
    links: Result<Links, Error>,
}

impl Nodes {
    /// Whether a node may bring others with it now.
    pub(super) fn takes_children(&self, growth: &Growth, parent: u32) -> bool {
        if growth.is_over {
            return false;
        }
        let is_loading = self.cell(parent).load.outcome == Outcome::Started;
        is_loading || growth.family.is_waited_for(parent)
    }

    /// What a node has registered joins, up to an entry or all of it.
    pub(super) fn join(
        &self,
        growth: &mut Growth,
        parent: u32,
        up_to: Option<u32>,
        is_awaited: bool,
    ) {
        let entries = growth.family.take_registered(parent, up_to);
        let entries = self.without_disabled(parent, entries);
        if entries.is_empty() {
            return;
        }
        let batch = is_awaited.then_some(growth.batches);
        growth.batches += 1;
        if let Some(batch) = batch {
            self.open_boundary(growth, parent, batch);
        }
        let entries = entries.into_iter();
        let newcomers = entries.map(|entry| self.enter(growth, parent, batch, entry));
        let mut newcomers: Vec<Newcomer> = newcomers.collect();
        self.link(growth, parent, &mut newcomers);
        self.cut_cycles(growth, parent, &mut newcomers);
        let settled = newcomers.into_iter().map(|it| self.settle_in(it));
        let joins = settled.collect();
        if let Some(pass) = growth.pass() {
            pass.join(joins);
        }
    }

    /// Leaves out what was disabled where it was registered.
    fn without_disabled(&self, parent: u32, entries: Vec<u32>) -> Vec<u32> {
        let is_enabled = |entry: &u32| {
            let off = with_registry(&self.registry, |registry| registry.disabled(*entry));
            if let Some((name, reason)) = &off {
                self.log_disabled(parent, name, reason);
            }
            off.is_none()
        };
        entries.into_iter().filter(is_enabled).collect()
    }

    /// An entry becomes a node, so that others can find it.
    fn enter(&self, growth: &mut Growth, parent: u32, batch: Option<u32>, entry: u32) -> Newcomer {
        let node = number(self.len());
        let joining = with_registry(&self.registry, |registry| registry.join(entry, node));
        growth.family.join(parent, entry, node);
        let mut member = joining.member;
        // It is seen where its parent is, if it is declared to the plugins there.
        let is_shown = self.member(parent).exported && self.is_declared_child(parent, &member);
        member.exported |= is_shown;
        for state in member.descriptor.states() {
            growth.providers.entry(state.id()).or_default().push(node);
        }
        let own_name = member.name.clone();
        growth.know_names(self.all().map(|node| self.name(node)));
        let has_name = if member.named {
            growth.take_name(&member.name)
        } else {
            let around = self.around(parent, member.scope);
            member.name = growth.name(&around, &member.name);
            true
        };
        let around = self.path(parent).unwrap_or(std::slice::from_ref(&parent));
        let path: Arc<[u32]> = around.iter().copied().chain([node]).collect();
        self.joined.push(Joined {
            member,
            links: OnceLock::new(),
            parent,
            batch,
            path,
            fails_with: AtomicU32::new(node),
            haste: OnceLock::new(),
            has_name,
            has_gone: AtomicBool::new(false),
            is_replaced: AtomicBool::new(false),
            cell: Mutex::new(Cell {
                plugin: joining.plugin,
                slots: joining.slots,
                ..Cell::default()
            }),
        });
        Newcomer {
            node,
            own_name,
            app: joining.app,
            wants: joining.wants,
            after: joining.after,
            links: Ok(Links::default()),
        }
    }

    /// What the name of a child begins with: its parent, and the scopes that this opened for it.
    fn around(&self, parent: u32, scope: u32) -> String {
        let outer = self.member(parent).scope;
        self.with_scopes(|scopes| {
            let inner = scopes.outwards(scope).take_while(|it| *it != outer);
            let names = inner.filter_map(|it| scopes[it as usize].name.clone());
            let mut names: Vec<Arc<str>> = names.collect();
            names.push(Arc::from(self.name(parent).to_string()));
            names.reverse();
            names.join("/")
        })
    }

    fn link(&self, growth: &Growth, parent: u32, newcomers: &mut [Newcomer]) {
        for newcomer in newcomers {
            newcomer.links = self.links(growth, parent, newcomer);
        }
    }

    fn links(&self, growth: &Growth, parent: u32, of: &Newcomer) -> Result<Links, Error> {
        self.check_name(of)?;
        let mut links = Links::default();
        for want in &of.wants {
            if want.asks == Asks::All {
                let all = self.find_all_providers(growth, parent, of.node, want.state);
                links.bindings.extend(Binding::all(want.state, &all));
                links.requires.extend(all);
                continue;
            }
            let provider = self.provider_for(growth, of, want)?;
            links
                .bindings
                .push(Binding::new(want.state, want.asks, provider));
            let Some(provider) = provider.filter(|_| want.asks.waits()) else {
                continue;
            };
            if self.is_or_is_below(parent, provider) {
                return Err(self.of_ancestor(of.node, want.field, want.state, provider));
            }
            links.requires.push(provider);
        }
        for entry in &of.after {
            links
                .requires
                .extend(with_registry(&self.registry, |it| it.node_of(*entry)));
        }
        links.requires.extend(self.before(of.node));
        links.requires.sort_unstable();
        links.requires.dedup();
        Ok(links)
    }

    /// The provider of what a field of a newcomer requires; none, if it can do without.
    fn provider_for(
        &self,
        growth: &Growth,
        of: &Newcomer,
        want: &Want,
    ) -> Result<Option<u32>, Error> {
        let (state, field) = (want.state, want.field);
        let provider = match &want.aim {
            Some(aim) if aim.app == of.app => {
                let node = with_registry(&self.registry, |it| it.node_of(aim.entry));
                Some(node.ok_or_else(|| self.not_there(of.node, field, state))?)
            }
            Some(aim) => return Err(self.foreign(of.node, field, state, Some(aim))),
            None => match want.held {
                Some(held) => {
                    let provider = self.provider_at(growth, state, held);
                    Some(provider.ok_or_else(|| self.foreign(of.node, field, state, None))?)
                }
                None => self.find_provider(growth, of.node, want)?,
            },
        };
        if provider.is_none() && want.asks.is_required() {
            return Err(self.missing(of.node, field, state));
        }
        Ok(provider)
    }

    /// The nodes that the declaration of a newcomer puts before it: every instance that it sees.
    fn before(&self, node: u32) -> Vec<u32> {
        let member = self.member(node);
        let after = member.descriptor.after();
        let earlier = after.iter().map(|after| after.plugin.declaration().plugin);
        let earlier: Vec<Identity> = earlier.collect();
        if earlier.is_empty() {
            return Vec::new();
        }
        let is_meant = |other: &u32| {
            let it = self.member(*other);
            let sees = |scopes: &Scopes| scopes.sees(member.scope, it.scope, it.exported);
            let is_named = earlier.contains(&it.identity) && self.with_scopes(sees);
            is_named && !self.has_gone(*other) && !self.is_or_is_below(node, *other)
        };
        self.all().filter(is_meant).collect()
    }

    /// Refuses a name that messages can't show, or that is another's. Names that were not chosen were
    /// made to be unique.
    fn check_name(&self, of: &Newcomer) -> Result<(), Error> {
        let own_name = of.own_name.base();
        if !is_name(own_name) {
            return Err(self.bad_name(of.node, own_name, NameKind::OfPlugin));
        }
        if !self.is_scope_named(of.node) {
            return Err(self.bad_name(of.node, own_name, NameKind::OfScope));
        }
        if self.joined_as(of.node).is_some_and(|it| !it.has_name) {
            return Err(self.taken_name(of.node));
        }
        Ok(())
    }

    /// Whether messages can show the scopes that were opened for a newcomer.
    fn is_scope_named(&self, node: u32) -> bool {
        let is_named = |name: &Arc<str>| is_name(name) && !name.contains('/');
        self.with_scopes(|scopes| {
            let around = scopes.outwards(self.member(node).scope);
            let mut names = around.filter_map(|it| scopes[it as usize].name.as_ref());
            names.all(is_named)
        })
    }

    /// Whether `node` is `ancestor`, or was brought by it.
    pub(super) fn is_or_is_below(&self, node: u32, ancestor: u32) -> bool {
        let depth = self.path(ancestor).map_or(0, |path| path.len() - 1);
        let at_its_depth = self.path(node).and_then(|path| path.get(depth));
        node == ancestor || at_its_depth == Some(&ancestor)
    }

    /// Refuses newcomers that wait for a node that waits for them.
    fn cut_cycles(&self, growth: &Growth, parent: u32, newcomers: &mut [Newcomer]) {
        for place in 0..newcomers.len() {
            let Ok(links) = &newcomers[place].links else {
                continue;
            };
            let from = newcomers[place].node;
            let way = links
                .requires
                .iter()
                .find_map(|next| self.way_back(growth, parent, from, *next, newcomers));
            if let Some(way) = way {
                let error = self.cycle(from, &links.bindings, &way);
                newcomers[place].links = Err(error);
            }
        }
    }

    /// How `next` waits for `from`, or for a node that waits for it to load.
    fn way_back(
        &self,
        growth: &Growth,
        parent: u32,
        from: u32,
        next: u32,
        newcomers: &[Newcomer],
    ) -> Option<Vec<u32>> {
        let mut came_from: HashMap<u32, u32> = HashMap::new();
        let mut ahead = vec![next];
        while let Some(node) = ahead.pop() {
            if node == from || self.is_or_is_below(parent, node) {
                let mut way = vec![node];
                let mut at = node;
                while let Some(before) = came_from.get(&at).filter(|_| at != next) {
                    way.push(*before);
                    at = *before;
                }
                way.reverse();
                return Some(way);
            }
            let newcomer = place_of(node, newcomers).map(|place| &newcomers[place]);
            let waits_for = match newcomer.map(|newcomer| &newcomer.links) {
                Some(Ok(links)) => links.requires.clone(),
                Some(Err(_)) => Vec::new(),
                None => self.waits_for(growth, node),
            };
            for other in waits_for {
                if other != next && !came_from.contains_key(&other) {
                    came_from.insert(other, node);
                    ahead.push(other);
                }
            }
        }
        None
    }

    /// The nodes that a node waits for at the moment.
    fn waits_for(&self, growth: &Growth, node: u32) -> Vec<u32> {
        let (outcome, is_open) = {
            let cell = self.cell(node);
            (cell.load.outcome, cell.is_open)
        };
        match outcome {
            Outcome::NotStarted => self.requires(node).to_vec(),
            Outcome::Started => growth.family.undone(node),
            Outcome::Done if !is_open => growth.family.undone(node),
            _ => Vec::new(),
        }
    }

    /// A newcomer is linked, or refused.
    fn settle_in(&self, newcomer: Newcomer) -> Join {
        let node = newcomer.node;
        let links = newcomer.links.unwrap_or_else(|error| {
            self.cell(node).others.get_or_insert_default().refused = Some(error);
            Links::default()
        });
        let after = links.requires.clone();
        let joined = self.joined_as(node);
        let path = joined.map_or_else(
            || Arc::from([node]),
            |joined| {
                let _ = joined.links.set(links);
                Arc::clone(&joined.path)
            },
        );
        Join { node, after, path }
    }

    /// Before a node is loaded again: what it brought with it has gone.
    pub(super) fn forget_brought(&self, node: u32) {
        if self.has_grown() {
            let entries = self.growth().family.forget(node);
            self.discard(entries);
        }
    }

    /// Lets go of what a node has registered, and never joined.
    pub(crate) fn discard_registered(&self, node: u32) {
        if self.has_grown() {
            let entries = self.growth().family.take_registered(node, None);
            self.discard(entries);
        }
    }

    /// Lets go of what never joined. Runs the user's code.
    pub(super) fn discard(&self, entries: Vec<u32>) {
        for entry in entries {
            let taken = with_registry(&self.registry, |registry| registry.take(entry));
            let _ = guard(|| drop(taken));
        }
    }

    /// Loads what a node has registered, up to an entry or all of it, and waits for that.
    pub(super) async fn load_children(&self, parent: u32, up_to: Option<u32>) -> Result<(), Error> {
        if let Some(Inside::Child(_, child)) = inside_of(self.life.mark())
            && child != parent
            && self.is_or_is_below(child, parent)
        {
            return Err(self.waits_for_itself(child, parent));
        }
        let (children, done) = {
            let mut growth = self.growth();
            if growth.is_over {
                return Err(self.nothing_to_wait_for(parent));
            }
            let is_over = growth.family.is_over(parent);
            self.join(&mut growth, parent, up_to, !is_over);
            let (children, done) = growth.family.wait(parent, up_to);
            if let (Some(_), false, Some(pass)) = (&done, is_over, growth.pass()) {
                pass.lend(parent);
            }
            (children, done)
        };
        if let Some(done) = done {
            done.await.map_err(|_| self.nothing_to_wait_for(parent))?;
        }
        self.tell_first_error(parent, up_to, &children)
            .map_or(Ok(()), |error| Err(Error::new(error)))
    }

    /// The own `load` of a node has ended well: what it registered joins, and what is done by that
    /// is shown to others. Gives what has failed of that which it brought with it, if it did not
    /// wait until it heard of it; nothing if a node that brought it has failed meanwhile, or is
    /// loaded again, as `gives_back` says: then nothing joins any more.
    pub(crate) fn end_load(
        &self,
        node: u32,
        gives_back: impl Fn(u32) -> bool,
    ) -> Result<Done, Vec<Kept>> {
        let mut growth = self.growth();
        let unheard = self.take_unheard(&mut growth, node);
        let would_join = growth.family.has_registered(node);
        let is_unwanted = would_join && self.is_unwanted(node, gives_back);
        if is_unwanted || !unheard.is_empty() || self.lacks_children(&growth, node) {
            return Err(unheard);
        }
        self.join(&mut growth, node, None, false);
        let done = growth.family.end(node);
        drop(growth);
        self.show(&done);
        Ok(done)
    }

    /// Whether a node that brought this one has failed. For a caller that holds the lock: one that still
    /// loads cuts off what has joined by then, if it fails.
    fn is_unwanted(&self, node: u32, gives_back: impl Fn(u32) -> bool) -> bool {
        for parent in self.parents(node) {
            let outcome = self.cell(parent).load.outcome;
            match outcome {
                _ if gives_back(parent) => return true,
                Outcome::Done => {}
                Outcome::Started => return false,
                _ => return true,
            }
        }
        false
    }

    /// Shows the states of nodes that are done.
    pub(super) fn show(&self, done: &Done) {
        for node in &done.nodes {
            self.open(*node);
        }
    }

    pub(crate) fn has_gone(&self, node: u32) -> bool {
        let joined = self.joined_as(node);
        joined.is_some_and(|it| it.has_gone.load(Ordering::Relaxed))
    }

    /// Nodes have gone for good; others may come in their places.
    pub(super) fn set_gone(&self, nodes: &[u32], is_replaced: bool) {
        let mut growth = self.growth();
        for node in nodes {
            if let Some(joined) = self.joined_as(*node) {
                joined.has_gone.store(true, Ordering::Relaxed);
                if is_replaced
                    && !joined.is_replaced.swap(true, Ordering::Relaxed)
                    && joined.has_name
                {
                    growth.free_name(&joined.member.name);
                }
            }
        }
        drop(growth);
        for node in nodes {
            self.ready_queue.forget(*node);
        }
    }

    /// Whether another one stands for a node.
    pub(super) fn is_replaced(&self, node: u32) -> bool {
        let joined = self.joined_as(node);
        joined.is_some_and(|it| it.is_replaced.load(Ordering::Relaxed))
    }
}

/// Where a node is among newcomers, whose numbers follow each other.
fn place_of(node: u32, newcomers: &[Newcomer]) -> Option<usize> {
    let place = node.checked_sub(newcomers.first()?.node)? as usize;
    (place < newcomers.len()).then_some(place)
}
