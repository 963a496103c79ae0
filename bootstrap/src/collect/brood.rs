//! Declared children: plugins that others register while they load, and that say so.

use crate::base::key::{TypeMap, TypeSet};
use crate::collect::inventory;
use crate::collect::roster::{DeclaredChild, Member};
use crate::declare::Declaration;

/// Which plugin is declared to register which, of everything that is linked. Empty, and without an
/// allocation, in a binary that declares no children.
#[derive(Default)]
pub(crate) struct Brood {
    /// By the parent.
    children: TypeMap<Vec<&'static Declaration>>,
    /// By the child.
    parents: TypeMap<Vec<&'static Declaration>>,
}

impl Brood {
    pub(crate) fn linked() -> Self {
        let mut brood = Self::default();
        for kin in inventory::linked_kin() {
            if let Some(parent) = &kin.child_of {
                brood.add(parent.plugin.declaration(), kin);
            }
            // A replacement that is registered by hand is not looked for, and can't be.
            let is_found = kin.replaces.is_none() || kin.behaviour.build.is_some();
            for child in kin.children.iter().filter(|_| is_found) {
                brood.add(kin, child.plugin.declaration());
            }
        }
        brood
    }

    fn add(&mut self, parent: &'static Declaration, child: &'static Declaration) {
        insert(self.children.entry(parent.plugin.id).or_default(), child);
        insert(self.parents.entry(child.plugin.id).or_default(), parent);
    }

    /// The children that a plugin is declared to register itself, by name. One that nothing says
    /// so of in the binary, an instance of a generic plugin, may list them all the same.
    fn children(&self, of: &'static Declaration) -> Vec<&'static Declaration> {
        let known = self.children.get(&of.plugin.id);
        let mut children = known.cloned().unwrap_or_default();
        for child in of.children {
            insert(&mut children, child.plugin.declaration());
        }
        children
    }

    /// The plugins that are declared to register a plugin, by name.
    pub(crate) fn parents(&self, of: &Declaration) -> &[&'static Declaration] {
        self.parents.get(&of.plugin.id).map_or(&[], Vec::as_slice)
    }

    fn has_children(&self, declaration: &Declaration) -> bool {
        let is_known = || self.children.contains_key(&declaration.plugin.id);
        !declaration.children.is_empty() || (!self.children.is_empty() && is_known())
    }

    /// Everything that a plugin is declared to bring with it, each once, with the place of the one
    /// that it stands below.
    pub(crate) fn descendants(
        &self,
        of: &'static Declaration,
    ) -> Vec<(Option<usize>, &'static Declaration)> {
        if !self.has_children(of) {
            return Vec::new();
        }
        let mut seen = TypeSet::default();
        seen.insert(of.plugin.id);
        let mut found = Vec::new();
        let mut followed = None;
        loop {
            let next = followed.map_or(of, |place: usize| {
                let (_, declaration): (_, &'static Declaration) = found[place];
                declaration
            });
            let mut children = self.children(next);
            children.retain(|child| seen.insert(child.plugin.id));
            found.extend(children.into_iter().map(|child| (followed, child)));
            let place = followed.map_or(0, |place| place + 1);
            if place == found.len() {
                return found;
            }
            followed = Some(place);
        }
    }

    /// What the members of an app are declared to bring with them, in their order.
    pub(super) fn of_members(&self, members: &[Member]) -> Vec<DeclaredChild> {
        let mut children = Vec::new();
        for (member, declaration) in (0..).zip(members.iter().map(|it| it.descriptor.declaration()))
        {
            let Some(declaration) = declaration.filter(|it| self.has_children(it)) else {
                continue;
            };
            let first = children.len();
            let place = |place: usize| u32::try_from(first + place).ok();
            let descendants = self.descendants(declaration).into_iter();
            children.extend(descendants.map(|(under, declaration)| DeclaredChild {
                member,
                under: under.and_then(place),
                declaration,
            }));
        }
        children
    }

    /// Which plugin has to join for one to be there: itself, or, if it is only ever registered by
    /// another one, that.
    pub(super) fn joins_for(&self, plugin: &'static Declaration) -> &'static Declaration {
        let mut at = plugin;
        // No way up is longer, unless it is a cycle.
        for _ in 0..self.parents.len() {
            match self.parents(at) {
                [parent] if at.behaviour.build.is_none() => at = parent,
                _ => return at,
            }
        }
        at
    }
}

/// Adds a declaration to a list by name, unless it is there.
fn insert(list: &mut Vec<&'static Declaration>, declaration: &'static Declaration) {
    if list.iter().all(|known| known.plugin != declaration.plugin) {
        let key = |it: &Declaration| (it.name, it.location);
        let place = list.partition_point(|known| key(known) < key(declaration));
        list.insert(place, declaration);
    }
}
